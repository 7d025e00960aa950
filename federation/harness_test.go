package federation_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/cluster"
	"mirnode/internal/pemfile"
	"mirnode/protocol"
	"mirnode/translog"
)

const (
	// patience is when something that must come counts as never coming. It is no measure: machines are slow.
	patience = time.Minute
	// look is how often somebody who waits looks.
	look = 50 * time.Millisecond
	// shops are the domains that sign claims in every world.
	shops = 4
	// maxBatch is the number of claims in one POST /claims/batch.
	maxBatch = 1000
	// logTail is how much of a node's log a failed test shows, in bytes.
	logTail = 4 << 10
)

// program is the built program that every node and command here runs; TestMain sets it once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mir-federation-")
	if err == nil {
		program = filepath.Join(dir, "mir")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", program, "mirnode/cmd/mir").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "build the program:", err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// world is a federation on this machine, and what its users know: the domains' keys. Its methods that take no *testing.T may be called from
// any goroutine.
type world struct {
	t       *testing.T
	c       *cluster.Cluster
	client  *http.Client
	domains []shop
	made    atomic.Int64 // claims that were made
}

// shop is a domain that signs claims.
type shop struct {
	domain string
	key    ed25519.PrivateKey
}

// longKeys lets nodes keep found keys for an hour, as nodes on the internet do; a cluster's forget them after a second.
var longKeys = []string{"--discovery-max-ttl", "1h", "--discovery-default-ttl", "1h", "--discovery-min-ttl", "1h"}

// startWorld starts a cluster whose nodes know the shops' domains, and waits until each node that was started takes claims. o.Flags win over
// longKeys; Dir and Program are set here.
func startWorld(t *testing.T, o cluster.Options) *world {
	t.Helper()
	o.Dir, o.Program = filepath.Join(t.TempDir(), "c"), program
	if flags := o.Flags; flags != nil {
		o.Flags = func(i int) []string { return append(longKeys[:len(longKeys):len(longKeys)], flags(i)...) }
	} else {
		o.Flags = func(int) []string { return longKeys }
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c, err := cluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, c: c, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience}}
	t.Cleanup(w.close)
	for i := range shops {
		w.domains = append(w.domains, w.newShop(fmt.Sprintf("shop%d.example", i+1)))
	}
	for i, n := range c.State().Nodes {
		if n.Status == cluster.Running {
			w.awaitOpen(i)
		}
	}
	return w
}

func (w *world) close() {
	select {
	case <-w.c.Done():
		w.t.Errorf("the cluster ended by itself: %v", w.c.Err())
	default:
	}
	if err := w.c.Close(); err != nil {
		w.t.Error(err)
	}
	w.client.CloseIdleConnections()
	if !w.t.Failed() {
		return
	}
	for _, n := range w.c.State().Nodes {
		log, err := os.ReadFile(n.LogFile)
		w.t.Logf("the end of %s's log (%v):\n%s", n.Name, err, log[max(0, len(log)-logTail):])
	}
}

// newShop makes a domain with a key that it publishes in both channels.
func (w *world) newShop(domain string) shop {
	w.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err == nil {
		err = cluster.UpdatePublished(w.c.State().Dir, func(p *cluster.Published) error {
			p.Domain(domain).SetKey(cluster.Key{
				Public: protocol.EncodePublicKey(key.Public().(ed25519.PublicKey)), Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown},
			})
			return nil
		})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return shop{domain, key}
}

// claimOf makes a claim of the shop that no call gave before.
func (w *world) claimOf(s shop) (*protocol.Claim, error) {
	n := w.made.Add(1)
	draft := protocol.Draft{
		Type: "mir.transaction.completed", Domain: s.domain, Subject: protocol.Subject(s.domain, fmt.Sprint(n%97)),
		Timestamp: time.Now().UTC().Truncate(time.Second).Add(-time.Duration(n) * time.Second).Format(time.RFC3339),
		Metadata:  json.RawMessage(fmt.Sprintf(`{"order":"o-%d"}`, n)),
	}
	return draft.Sign(s.key)
}

// claims makes n claims, of all shops in turn.
func (w *world) claims(n int) []*protocol.Claim {
	w.t.Helper()
	all := make([]*protocol.Claim, n)
	for i := range all {
		var err error
		if all[i], err = w.claimOf(w.domains[i%len(w.domains)]); err != nil {
			w.t.Fatal(err)
		}
	}
	return all
}

// node gives the i-th node as it is now.
func (w *world) node(i int) cluster.Node { return w.c.State().Nodes[i] }

// do makes one request to the i-th node and reads the whole answer.
func (w *world) do(ctx context.Context, method string, i int, path string, body []byte) (status int, answer []byte, err error) {
	return w.fetch(ctx, method, w.node(i).URL+path, body)
}

func (w *world) fetch(ctx context.Context, method, url string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := w.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, 64<<20))
	return response.StatusCode, answer, errors.Join(err, response.Body.Close())
}

// read gets a JSON document of the i-th node.
func (w *world) read(ctx context.Context, i int, path string, into any) error {
	status, answer, err := w.do(ctx, http.MethodGet, i, path, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s%s was answered %d: %.300s", w.node(i).Name, path, status, answer)
	}
	return json.Unmarshal(answer, into)
}

// submitted is a node's answer to a claim.
type submitted struct {
	ClaimID   string `json:"claimId"`
	Origin    string `json:"origin"`
	Index     uint64 `json:"index"`
	Duplicate bool   `json:"duplicate"`
	Receipt   string `json:"receipt"`
}

// errNotKept says that a node answered, and did not keep the claim.
var errNotKept = errors.New("not kept")

// submit sends a claim to the i-th node once. The error is errNotKept where there was an answer of another status than 200 and 201.
func (w *world) submit(ctx context.Context, i int, claim *protocol.Claim) (s submitted, status int, err error) {
	status, answer, err := w.do(ctx, http.MethodPost, i, "/claims", claim.Raw())
	switch {
	case err != nil:
		return s, 0, err
	case status != http.StatusCreated && status != http.StatusOK:
		return s, status, fmt.Errorf("%w: %s answered %d: %.300s", errNotKept, w.node(i).Name, status, answer)
	}
	return s, status, json.Unmarshal(answer, &s)
}

// mustSubmit sends claims to the i-th node, and wants each kept as new.
func (w *world) mustSubmit(i int, claims ...*protocol.Claim) []submitted {
	w.t.Helper()
	var all []submitted
	for _, claim := range claims {
		s, status, err := w.submit(w.t.Context(), i, claim)
		if err != nil || status != http.StatusCreated {
			w.t.Fatalf("a claim at %s: %d %v", w.node(i).Name, status, err)
		}
		all = append(all, s)
	}
	return all
}

// mustSubmitBatch sends claims to the i-th node in batches, and wants each kept as new.
func (w *world) mustSubmitBatch(i int, claims []*protocol.Claim) {
	w.t.Helper()
	for at := 0; at < len(claims); at += maxBatch {
		var documents [][]byte
		for _, claim := range claims[at:min(at+maxBatch, len(claims))] {
			documents = append(documents, claim.Raw())
		}
		body := append(append([]byte("["), bytes.Join(documents, []byte(","))...), ']')
		status, answer, err := w.do(w.t.Context(), http.MethodPost, i, "/claims/batch?receipts=false", body)
		if kept := bytes.Count(answer, []byte(`"status":201`)); err != nil || status != http.StatusOK || kept != len(documents) {
			w.t.Fatalf("a batch at %s: %d %v, %d of %d kept: %.300s", w.node(i).Name, status, err, kept, len(documents), answer)
		}
	}
}

// found is a node's answer about a claim that it has.
type found struct {
	Verified struct {
		By        string   `json:"by"`
		Observers []string `json:"observers"`
	} `json:"verified"`
	Places []struct {
		Log   string `json:"log"`
		Index uint64 `json:"index"`
	} `json:"places"`
	Claim json.RawMessage `json:"claim"`
}

// lookUp reads a claim at the i-th node, and wants it there byte for byte.
func (w *world) lookUp(ctx context.Context, i int, claim *protocol.Claim) (found, error) {
	var f found
	if err := w.read(ctx, i, "/claims/"+claim.ID(), &f); err != nil {
		return f, err
	}
	if !bytes.Equal(f.Claim, claim.Raw()) {
		return f, fmt.Errorf("%s has claim %s as %s, not as %s", w.node(i).Name, claim.ID(), f.Claim, claim.Raw())
	}
	return f, nil
}

// await waits until the condition has no more complaint. Its last one is the failure.
func (w *world) await(what string, condition func(ctx context.Context) error) {
	w.t.Helper()
	w.awaitFor(patience, what, condition)
}

func (w *world) awaitFor(most time.Duration, what string, condition func(ctx context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), most)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil || last == nil {
			last = err // else it is the deadline's
		}
		select {
		case <-tick.C:
		case <-w.c.Done():
			w.t.Fatalf("%s: the cluster ended: %v", what, w.c.Err())
		case <-ctx.Done():
			w.t.Fatalf("%s: not after %v: %v", what, most, last)
		}
	}
}

// awaitOpen waits until the i-th node takes claims.
func (w *world) awaitOpen(i int) {
	w.t.Helper()
	w.await(w.node(i).Name+" takes claims", func(ctx context.Context) error {
		status, answer, err := w.do(ctx, http.MethodGet, i, "/readyz", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz: %d %.200s", status, answer)
		}
		return err
	})
}

// must is for the cluster's controls.
func (w *world) must(errs ...error) {
	w.t.Helper()
	if err := errors.Join(errs...); err != nil {
		w.t.Fatal(err)
	}
}

// start starts the i-th node again and waits until it takes claims.
func (w *world) start(i int) {
	w.t.Helper()
	w.must(w.c.Start(w.t.Context(), i))
	w.awaitOpen(i)
}

// mir runs a command of the program in the cluster's environment.
func (w *world) mir(args ...string) (out string, err error) {
	command := exec.CommandContext(w.t.Context(), program, args...)
	command.Env = os.Environ()
	state := w.c.State()
	for _, v := range state.Environment() {
		command.Env = append(command.Env, v[0]+"="+v[1])
	}
	all, err := command.CombinedOutput()
	return string(all), err
}

// verifier gives the i-th node's published key as its log's verifier.
func (w *world) verifier(i int) note.Verifier {
	w.t.Helper()
	n := w.node(i)
	public, err := pemfile.ReadPublicKey(n.KeyFile)
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := translog.NewVerifier(w.origin(i).String(), public)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// origin names the i-th node's log.
func (w *world) origin(i int) protocol.Origin {
	return protocol.Origin{Domain: w.node(i).Domain, Network: protocol.Development, Epoch: 1}
}

// everybody lists the numbers of all nodes.
func (w *world) everybody() []int {
	all := make([]int, len(w.c.State().Nodes))
	for i := range all {
		all[i] = i
	}
	return all
}

// eachNode runs f for each of the nodes, as many at a time as there are cores, and joins their complaints.
func eachNode(nodes []int, f func(i int) error) error {
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	results := make(chan error, len(nodes))
	for _, i := range nodes {
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results <- f(i)
		}()
	}
	var all error
	for range nodes {
		all = errors.Join(all, <-results)
	}
	return all
}

// metrics reads the counters of the i-th node's operator listener, by their series as they are written: name{label="value"}.
func (w *world) metrics(ctx context.Context, i int) (map[string]float64, error) {
	status, answer, err := w.fetch(ctx, http.MethodGet, w.node(i).Operator+"/metrics", nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("/metrics: %d %w", status, err)
	}
	values := make(map[string]float64)
	for line := range strings.Lines(string(answer)) {
		var value float64
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if _, err := fmt.Sscan(line[at+1:], &value); err == nil {
			values[line[:at]] = value
		}
	}
	return values, nil
}
