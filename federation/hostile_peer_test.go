package federation_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
	"mirnode/translog"
)

// shown is a log as a hostile peer shows it.
type shown interface {
	size() uint64
	checkpoint() []byte
	entries(start, end uint64) [][]byte
	tile(t translog.Tile) []byte // at least its width; nil: it has none
	body(record [32]byte) protocol.Record
}

// hostile is a peer that lies: an HTTPS server under a domain that publishes a key, an SRV record and, as a rule, a good descriptor.
type hostile struct {
	w      *world // of the test that plays it
	domain string
	key    ed25519.PrivateKey
	origin protocol.Origin
	port   int

	mu         sync.Mutex
	descriptor []byte
	log        func(node int) shown                              // what it shows to whom; -1: a stranger
	lie        func(w http.ResponseWriter, r *http.Request) bool // answers in the place of the honest answer, or says false
}

// newHostile starts the peer's server. It has an empty log, lies about nothing, and nobody knows of it before publish.
func (w *world) newHostile(domain string) *hostile {
	w.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	w.must(err)
	h := &hostile{
		w: w, domain: domain, key: key, origin: protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: 1},
	}
	h.showAll(h.write())
	listener, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	w.must(err)
	h.port = listener.Addr().(*net.TCPAddr).Port
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: patience, ErrorLog: quiet,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return w.c.Certificate(hello.ServerName)
		}},
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeTLS(listener, "", "") })
	w.t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	h.describe(func(*protocol.DescriptorDraft) {}, h.key)
	return h
}

// url is where the peer's descriptor leads by itself.
func (h *hostile) url() string { return fmt.Sprintf("https://%s:%d", h.domain, h.port) }

// describe makes the descriptor that is served: a good one, but for the change and the key.
func (h *hostile) describe(change func(*protocol.DescriptorDraft), key ed25519.PrivateKey) {
	h.w.t.Helper()
	draft := protocol.DescriptorDraft{
		Origin: h.origin, URL: h.url(), LogKey: h.key.Public().(ed25519.PublicKey), Sequence: 1, Issued: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}
	change(&draft)
	d, err := draft.Sign(key)
	h.w.must(err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.descriptor = d.Raw()
}

// publish makes the peer known: its domain publishes its key and where it is, and the nodes, which expect it, look again.
func (h *hostile) publish() {
	h.w.t.Helper()
	h.w.must(cluster.UpdatePublished(h.w.c.State().Dir, func(p *cluster.Published) error {
		d := p.Domain(h.domain)
		d.SetKey(cluster.Key{
			Public: protocol.EncodePublicKey(h.key.Public().(ed25519.PublicKey)), Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown},
		})
		d.Records = append(d.Records, fmt.Sprintf("_mir-node._tcp SRV 0 0 %d %s.", h.port, h.domain))
		return nil
	}))
	for _, i := range h.w.running() {
		h.order(i, "retry")
	}
}

// order gives the i-th node's operator's order about the peer.
func (h *hostile) order(i int, what string) {
	h.w.t.Helper()
	status, answer, err := h.w.fetch(h.w.t.Context(), http.MethodPost, h.w.node(i).Operator+"/admin/peers/"+h.domain+"/"+what, []byte("{}"))
	if err != nil || status != http.StatusOK {
		h.w.t.Fatalf("%s %s at %s: %d %v %.300s", what, h.domain, h.w.node(i).Name, status, err, answer)
	}
}

// awaitAdmitted waits until all nodes take it for a peer, and tells them that its log has grown.
func (h *hostile) awaitAdmitted() {
	h.w.t.Helper()
	for _, i := range h.w.running() {
		h.w.await(h.domain+" is admitted", func(context.Context) error {
			s, err := h.status(h.w.t.Context(), i)
			if err == nil && !s.Admitted {
				err = fmt.Errorf("%s says: %s", h.w.node(i).Name, s)
			}
			return err
		})
		h.hint(i, h.shownTo(i).size())
	}
}

// hint tells the i-th node that the peer's log has so many entries.
func (h *hostile) hint(i int, size uint64) {
	h.w.t.Helper()
	hash := h.origin.Hash()
	lines := strings.Split(string(h.shownTo(i).checkpoint()), "\n")
	root, err := base64.StdEncoding.DecodeString(lines[2])
	h.w.must(err)
	body := fmt.Sprintf(`{"from":%q,"hints":[{"origin":"%x","size":%d,"root":"%x"}]}`, h.domain, hash, size, root[:4])
	if status, answer, err := h.w.do(h.w.t.Context(), http.MethodPost, i, "/hint", []byte(body)); err != nil || status != http.StatusAccepted {
		h.w.t.Fatalf("a hint at %s: %d %v %.300s", h.w.node(i).Name, status, err, answer)
	}
}

// showAll has everybody see the same log.
func (h *hostile) showAll(log shown) { h.show(func(int) shown { return log }) }

func (h *hostile) show(log func(node int) shown) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = log
}

func (h *hostile) shownTo(node int) shown {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log(node)
}

func (h *hostile) lies(lie func(w http.ResponseWriter, r *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lie = lie
}

// callerOf tells which node calls, by its address; -1: none.
func callerOf(r *http.Request) int {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	n, err := strconv.Atoi(strings.TrimPrefix(host, "127.0.1."))
	if err != nil {
		return -1
	}
	return n - 1
}

// ServeHTTP implements http.Handler.
func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	lie, descriptor, log := h.lie, h.descriptor, h.log(callerOf(r))
	h.mu.Unlock()
	if lie != nil && lie(w, r) {
		return
	}
	switch path := r.URL.Path; path {
	case "/.well-known/mir-node.json":
		_, _ = w.Write(descriptor)
	case "/log/heads":
		h.serveHeads(w, log)
	case "/log/forks":
		_, _ = io.WriteString(w, `{"forks":[]}`)
	case "/peers/descriptors":
		_, _ = io.WriteString(w, `{"descriptors":[]}`)
	case "/log/checkpoint":
		_, _ = w.Write(log.checkpoint())
	case "/log/entries":
		start, _ := strconv.ParseUint(r.URL.Query().Get("start"), 10, 64)
		end, _ := strconv.ParseUint(r.URL.Query().Get("end"), 10, 64)
		for _, line := range log.entries(start, min(end, log.size(), start+4096)) {
			_, _ = w.Write(append(slices.Clip(line), '\n')) // several may be reading it
		}
	case "/records/fetch":
		serveBodies(w, r, log)
	case "/hint":
		w.WriteHeader(http.StatusAccepted)
	default:
		h.serveTile(w, path, log)
	}
}

func (h *hostile) serveHeads(w http.ResponseWriter, log shown) {
	note := log.checkpoint()
	_ = json.NewEncoder(w).Encode(map[string]any{"next": strconv.FormatUint(log.size(), 10), "heads": []any{
		map[string]any{"origin": h.origin.String(), "size": log.size(), "root": strings.Repeat("0", 64), "checkpoint": string(note), "frozen": false},
	}})
}

func (h *hostile) serveTile(w http.ResponseWriter, path string, log shown) {
	tile, entries, err := translog.ParseTilePath(strings.TrimPrefix(path, "/log/"))
	if err != nil || entries {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	data := log.tile(tile)
	if len(data) < tile.Width*translog.HashSize {
		http.Error(w, "the log has not reached this tile", http.StatusNotFound)
		return
	}
	_, _ = w.Write(data[:tile.Width*translog.HashSize])
}

// serveBodies answers POST /records/fetch.
func serveBodies(w http.ResponseWriter, r *http.Request, log shown) {
	for _, hash := range askedFor(r) {
		line := map[string]any{"record": hex.EncodeToString(hash[:])}
		if record := log.body(hash); record != nil {
			line["kind"], line["body"] = record.Kind(), string(record.Raw())
		} else {
			line["missing"] = true
		}
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(line)
	}
}

func askedFor(r *http.Request) (hashes [][32]byte) {
	var request struct{ Records []string }
	_ = json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&request)
	for _, text := range request.Records {
		var hash [32]byte
		_, _ = hex.Decode(hash[:], []byte(text))
		hashes = append(hashes, hash)
	}
	return hashes
}

// peerStatus is what GET /peers says of a peer.
type peerStatus struct {
	Domain, State, LastError, Complaint, Frozen, Hints string
	Admitted                                           bool
	HeadSize, MirroredSize, SettledSize, LagEntries    uint64
	CosignedUpTo                                       uint64
	Quarantined, Missing, Failures                     int
}

// String is all that stands there in words.
func (s peerStatus) String() string {
	return strings.Join(slices.DeleteFunc([]string{s.State, s.LastError, s.Complaint, s.Frozen}, func(s string) bool { return s == "" }), "; ")
}

// status is what the i-th node says of the peer.
func (h *hostile) status(ctx context.Context, i int) (peerStatus, error) {
	return h.w.peerStatus(ctx, i, h.domain)
}

func (w *world) peerStatus(ctx context.Context, i int, domain string) (peerStatus, error) {
	var answer struct{ Peers []peerStatus }
	if err := w.read(ctx, i, "/peers", &answer); err != nil {
		return peerStatus{}, err
	}
	for _, s := range answer.Peers {
		if s.Domain == domain {
			return s, nil
		}
	}
	return peerStatus{}, fmt.Errorf("%s does not know %s", w.node(i).Name, domain)
}

// awaitWords waits until all nodes say of the peer what is wrong with it.
func (h *hostile) awaitWords(words string) {
	h.w.t.Helper()
	for _, i := range h.w.running() {
		h.w.await(h.domain+" is seen through", func(context.Context) error {
			s, err := h.status(h.w.t.Context(), i) // the last answer is the complaint, and not that time was over
			if err == nil && !strings.Contains(s.String(), words) {
				err = fmt.Errorf("%s says %q, and not %q: %+v", h.w.node(i).Name, s, words, s)
			}
			return err
		})
	}
}
