package chaos_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/conformance/chaos"
	"mirnode/conformance/logread"
	"mirnode/conformance/names"
	"mirnode/conformance/peer"
	"mirnode/protocol"
)

// breach is what a federation does wrong. The zero breach is none.
type breach struct {
	takesAnything  bool // forged claims, and those of the future
	refuses        bool // every tenth good claim, with 400
	losesOnKill    bool // the last claim that it acknowledged
	keepsToItself  bool // claims are not told to other nodes
	alters         bool // serves claims with a space more
	wrongReceipts  bool // of another entry
	rewinds        bool // its log, on a kill
	rewrites       bool // its log, on a kill, as long as it was
	freezes        bool // the logs of others
	complains      bool // about others
	tellsOfForks   bool
	servesInvented bool
	neverReady     bool
	doesNotStart   bool
}

// federation is nodes without processes, network or disk. All of it is guarded by mu.
type federation struct {
	breach
	mu    sync.Mutex
	nodes []*fakeNode
	keys  map[string]ed25519.PublicKey // of the domains that issue claims
	cut   [][]int                      // the groups in force; nil: everybody reaches everybody
	done  []string                     // what was asked of it, and when
	began time.Time
	lied  map[string]bool // IDs that liars invented
}

type fakeNode struct {
	url, domain  string
	log          *peer.Peer
	down         bool
	paused       chan struct{} // closed by resume; nil: it runs
	offset       time.Duration
	claims       map[string][]byte
	acknowledged []string // IDs, in the order of the log
	mirrors      map[string]logread.Checkpoint
	signed       *logread.Checkpoint // its head; nil: to be read again
}

// noNames has peers publish nothing: nodes here know each other.
type noNames struct{}

func (noNames) Publish(string, names.Domain) error { return nil }
func (noNames) Handle(string, http.Handler)        {}
func (noNames) HTTPS() netip.AddrPort              { return netip.MustParseAddrPort("127.0.0.1:1") }

func newFederation(t *testing.T, n int, b breach) *federation {
	t.Helper()
	f := &federation{breach: b, keys: make(map[string]ed25519.PublicKey), lied: make(map[string]bool), began: time.Now()}
	var plans []peer.Plan
	for i := range n {
		plans = append(plans, peer.Plan{Domain: fmt.Sprintf("node%d.test", i+1)})
	}
	logs, err := peer.Start(noNames{}, plans, peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plans {
		f.nodes = append(f.nodes, &fakeNode{url: "http://" + p.Domain, domain: p.Domain, log: logs.Get(p.Domain), claims: make(map[string][]byte), mirrors: make(map[string]logread.Checkpoint)})
	}
	return f
}

func (f *federation) publish(domain string, key ed25519.PublicKey) error {
	f.keys[domain] = key
	return nil
}

// note remembers what was asked.
func (f *federation) note(format string, args ...any) {
	f.done = append(f.done, fmt.Sprintf("%v ", time.Since(f.began))+fmt.Sprintf(format, args...))
}

// on does something to a node, from 1, as a fault.
func (f *federation) on(what string, number int, do func(*fakeNode) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("%s %d", what, number)
	return do(f.nodes[number-1])
}

func (f *federation) Kill(_ context.Context, number int) error {
	return f.on("kill", number, func(n *fakeNode) error {
		if n.down {
			return errors.New("it does not run")
		}
		n.down = true
		last := len(n.acknowledged) - 1
		if last < 0 {
			return nil
		}
		if f.losesOnKill {
			delete(n.claims, n.acknowledged[last])
			n.acknowledged = n.acknowledged[:last]
		}
		if f.rewinds || f.rewrites {
			n.signed = nil
			back := int64(1)
			if f.rewinds {
				back = min(10, n.log.Size()) // so far that it is not made up for before somebody looks
			}
			if err := n.log.Rewind(n.log.Size() - back); err != nil {
				return err
			}
		}
		if f.rewrites {
			return n.log.Append(time.Now(), peer.FormlessRecord("claim", []byte("another")))
		}
		return nil
	})
}

func (f *federation) Stop(_ context.Context, number int) error {
	return f.on("stop", number, func(n *fakeNode) error { n.down = true; return nil })
}

func (f *federation) Start(ctx context.Context, number int, offset time.Duration) error {
	timer := time.NewTimer(200 * time.Millisecond) // that long it takes
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.on(fmt.Sprintf("start at %v", offset), number, func(n *fakeNode) error {
		if !n.down {
			return errors.New("it runs")
		}
		if f.doesNotStart {
			return errors.New("it does not start")
		}
		n.down, n.offset = false, offset
		return nil
	})
}

func (f *federation) Pause(_ context.Context, number int) error {
	return f.on("pause", number, func(n *fakeNode) error { n.paused = make(chan struct{}); return nil })
}

func (f *federation) Resume(_ context.Context, number int) error {
	return f.on("resume", number, func(n *fakeNode) error {
		close(n.paused)
		n.paused = nil
		return nil
	})
}

func (f *federation) Partition(_ context.Context, groups [][]int, reset bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("partition %v %v", groups, reset)
	f.cut = groups
	return nil
}

func (f *federation) Heal(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("heal")
	f.cut = nil
	return nil
}

// Do sends a request to a node, as a client.
func (f *federation) Do(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	i := slices.IndexFunc(f.nodes, func(n *fakeNode) bool { return n.domain == r.URL.Host })
	paused := f.nodes[i].paused
	f.mu.Unlock()
	if paused != nil {
		select {
		case <-paused:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[i].down {
		return nil, errors.New("connection refused")
	}
	recorder := httptest.NewRecorder()
	f.serve(recorder, r, f.nodes[i])
	return recorder.Result(), nil
}

// linked tells whether two nodes, from 0, reach each other.
func (f *federation) linked(a, b int) bool {
	return f.cut == nil || slices.ContainsFunc(f.cut, func(g []int) bool { return slices.Contains(g, a+1) && slices.Contains(g, b+1) })
}

// pull brings a node into step with those that it reaches.
func (f *federation) pull(to *fakeNode) {
	for i, from := range f.nodes {
		if from == to || from.down || from.paused != nil || !f.linked(i, slices.Index(f.nodes, to)) {
			continue
		}
		head := from.head()
		if known, ok := to.mirrors[head.Origin]; ok && known.Root == head.Root {
			continue
		}
		to.mirrors[head.Origin] = head
		if !f.keepsToItself {
			for id, raw := range from.claims {
				to.claims[id] = raw
			}
		}
	}
}

func (n *fakeNode) reader() *logread.Log {
	l, err := logread.Open(logread.Options{URL: n.url + "/log", Key: n.log.LogKey(), Client: direct{n.log}})
	if err != nil {
		panic(err)
	}
	return l
}

func (n *fakeNode) head() logread.Checkpoint {
	if n.signed == nil {
		head, err := n.reader().Checkpoint(context.Background())
		if err != nil {
			panic(err)
		}
		n.signed = &head
	}
	return *n.signed
}

// direct sends requests to a handler.
type direct struct{ http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	d.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// serve is the nodes' API, as far as a run asks it.
func (f *federation) serve(w http.ResponseWriter, r *http.Request, n *fakeNode) {
	answer := func(status int, body any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	path := r.URL.Path
	switch id, isClaim := strings.CutPrefix(path, "/claims/"); {
	case path == "/claims":
		body, _ := io.ReadAll(r.Body)
		f.note("POST to %s: %x", n.domain, sha256.Sum256(body))
		answer(f.submit(n, body))
	case isClaim:
		f.pull(n)
		raw, ok := n.claims[id]
		switch {
		case f.servesInvented && f.lied[id]:
			answer(http.StatusOK, map[string]any{"claim": json.RawMessage(`{}`)})
		case !ok:
			answer(http.StatusNotFound, map[string]any{})
		case f.alters:
			_, _ = fmt.Fprintf(w, `{"claim":%s}`, bytes.Replace(raw, []byte(`,`), []byte(`, `), 1))
		default:
			_, _ = fmt.Fprintf(w, `{"claim":%s}`, raw)
		}
	case path == "/node":
		answer(http.StatusOK, map[string]any{"log": map[string]any{"key": n.log.LogKey().String()}})
	case path == "/readyz":
		answer(map[bool]int{false: http.StatusOK, true: http.StatusServiceUnavailable}[f.neverReady], map[string]any{})
	case path == "/log/heads":
		f.pull(n)
		answer(http.StatusOK, map[string]any{"heads": f.heads(n)})
	case path == "/log/forks":
		forks := []any{}
		if f.tellsOfForks {
			forks = append(forks, map[string]any{"proof": logread.Fork{Origin: f.nodes[0].log.Origin()}})
		}
		answer(http.StatusOK, map[string]any{"forks": forks})
	case path == "/peers":
		complaint := map[bool]string{true: "it lies"}[f.complains]
		answer(http.StatusOK, map[string]any{"peers": []any{map[string]any{"domain": f.nodes[0].domain, "complaint": complaint}}})
	case strings.HasPrefix(path, "/log/tile/entries/"):
		_, _ = w.Write(n.bundle(path))
	default:
		n.log.ServeHTTP(w, r)
	}
}

// bundle is the first bundle of a log: there are never enough entries for a second one.
func (n *fakeNode) bundle(path string) (b []byte) {
	width, err := strconv.ParseInt(strings.TrimPrefix(path, "/log/tile/entries/000.p/"), 10, 64)
	if err != nil {
		return nil
	}
	entries, err := n.reader().Entries(context.Background(), 0, width)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e.Line))), e.Line...)
	}
	return b
}

func (f *federation) heads(n *fakeNode) (list []logread.Head) {
	add := func(c logread.Checkpoint, frozen bool) {
		list = append(list, logread.Head{Origin: c.Origin, Size: c.Size, Root: hex.EncodeToString(c.Root[:]), Checkpoint: string(c.Note), Frozen: frozen})
	}
	add(n.head(), false)
	for _, c := range n.mirrors {
		add(c, f.freezes)
	}
	return list
}

// submit is POST /claims.
func (f *federation) submit(n *fakeNode, body []byte) (int, map[string]any) {
	claim, err := protocol.ParseClaim(body)
	if err != nil {
		return http.StatusBadRequest, map[string]any{"code": "INVALID_SCHEMA"}
	}
	if !f.takesAnything {
		switch {
		case !ed25519.Verify(f.keys[claim.Domain], claim.Canonical(), claim.Signature()):
			return http.StatusBadRequest, map[string]any{"code": "INVALID_SIGNATURE"}
		case claim.Time().After(time.Now().Add(n.offset + 5*time.Minute)):
			return http.StatusBadRequest, map[string]any{"code": "CLAIM_EXPIRED"}
		case f.refuses && claim.SigHash()[0] < 26:
			return http.StatusBadRequest, map[string]any{"code": "KEY_NOT_FOUND"}
		}
	}
	record, err := peer.NewRecord("claim", body)
	if err == nil {
		n.signed = nil
		err = n.log.Append(time.Now(), record)
	}
	if err != nil {
		return http.StatusInternalServerError, map[string]any{"error": err.Error()}
	}
	n.claims[claim.ID()] = body
	n.acknowledged = append(n.acknowledged, claim.ID())
	index := n.log.Size() - 1
	receipt, err := f.receipt(n, index)
	if err != nil {
		return http.StatusInternalServerError, map[string]any{"error": err.Error()}
	}
	return http.StatusCreated, map[string]any{"claimId": claim.ID(), "origin": n.log.Origin(), "index": index, "receipt": receipt}
}

func (f *federation) receipt(n *fakeNode, index int64) (string, error) {
	of := index
	if f.wrongReceipts && index > 0 {
		of--
	}
	reader, head := n.reader(), n.head()
	entries, err := reader.Entries(context.Background(), of, of+1)
	if err != nil {
		return "", err
	}
	proof, err := reader.Inclusion(context.Background(), head, index)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n", base64.StdEncoding.EncodeToString(entries[0].Line), index)
	for _, hash := range proof {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(hash[:]))
	}
	return b.String() + "\n" + string(head.Note), nil
}

// fakeLiar lies to a federation.
type fakeLiar struct {
	f *federation
	n int
}

func (l *fakeLiar) Lie(context.Context, string) ([]string, error) {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.n++
	id := fmt.Sprintf("claim_%064x", l.n)
	l.f.lied[id] = true
	return []string{id}, nil
}

func (l *fakeLiar) Honest() error { return nil }

func (l *fakeLiar) Heard() int { return l.n }

var _ chaos.Faults = (*federation)(nil)
