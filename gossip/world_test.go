package gossip_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"mirnode/discovery"
	"mirnode/gossip"
	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/verifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an Internet on loopback: a DNS server that gives every name 127.0.0.1, and an authority.
type world struct {
	t        *testing.T
	resolver string
	ca       *x509.Certificate
	leaf     tls.Certificate // good for all nodes
	keys     map[string]ed25519.PrivateKey
}

func newWorld(t *testing.T, domains ...string) *world {
	w := &world{t: t, keys: map[string]ed25519.PrivateKey{}}
	for _, d := range domains {
		seed := sha256.Sum256([]byte(d))
		w.keys[d] = ed25519.NewKeyFromSeed(seed[:])
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(answerDNS)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ActivateAndServe() // it ends with the test
	}()
	t.Cleanup(func() {
		_ = packets.Close()
		<-done
	})
	w.resolver = "udp://" + packets.LocalAddr().String()
	w.certify(domains)
	return w
}

func answerDNS(rw dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(query)
	if q := query.Question[0]; q.Qtype == dns.TypeA {
		rr, _ := dns.NewRR(q.Name + " 60 IN A 127.0.0.1")
		reply.Answer = append(reply.Answer, rr)
	}
	_ = rw.WriteMsg(reply) // the client may be gone
}

func (w *world) certify(names []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.ca, err = x509.ParseCertificate(der); err != nil {
		w.t.Fatal(err)
	}
	w.leaf = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// FindKey implements verifier.KeySource: every node's key is published.
func (w *world) FindKey(_ context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	if key, ok := w.keys[domain]; ok {
		if pub := key.Public().(ed25519.PublicKey); protocol.Fingerprint(pub) == fingerprint {
			return protocol.FoundKey{Key: protocol.DomainKey{Public: pub, Fingerprint: fingerprint}}, nil
		}
	}
	return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound, Message: "no such key"}
}

// node is a federation over a disk and a mirror of the test's own, with an HTTPS server.
type node struct {
	*disk
	w      *world
	domain string
	f      *gossip.Federation
	server *httptest.Server
	stop   context.CancelFunc
	ended  chan error
	there  *members

	mu    sync.Mutex
	deaf  bool // answers no hint over HTTP
	hints int  // that came over HTTP
	pulls map[string]int

	observed chan string // keys whose records in quarantine were looked at
}

// node makes one that runs until the test ends. change may be nil.
func (w *world) node(domain string, others []string, change func(*gossip.Options)) *node {
	w.t.Helper()
	n := w.bare(domain, others, change)
	n.start()
	return n
}

// bare makes a node that does not run yet.
func (w *world) bare(domain string, others []string, change func(*gossip.Options)) *node {
	w.t.Helper()
	n := &node{disk: newDisk(), w: w, domain: domain, pulls: map[string]int{}, there: newMembers(), observed: make(chan string, 1_024)}
	n.server = httptest.NewUnstartedServer(n)
	n.server.TLS = &tls.Config{Certificates: []tls.Certificate{w.leaf}}
	n.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	n.server.StartTLS()
	w.t.Cleanup(n.server.Close)
	outside, err := discovery.NewPeerClient(discovery.Config{
		Resolvers: []string{w.resolver}, ExtraCAs: []*x509.Certificate{w.ca}, AllowRanges: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, discovery.PeerOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	origin := protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: 1}
	o := gossip.Options{
		Origin: origin, Key: w.keys[domain],
		URL:   fmt.Sprintf("https://%s:%d", domain, n.server.Listener.Addr().(*net.TCPAddr).Port),
		Hints: gossip.HintOptions{Listen: "127.0.0.1:0"}, Peers: gossip.PeerOptions{Domains: others}, Store: n.disk, Outside: outside, Logger: slog.New(n.there),
		Verifier: verifier.New(w, verifier.Options{}),
		Mirror:   func(b *peers.Book, c *peers.Client) (gossip.Mirror, error) { return &fakeMirror{n, b, c}, nil },
	}
	if change != nil {
		change(&o)
	}
	if n.f, err = gossip.New(o); err != nil {
		w.t.Fatal(err)
	}
	n.setHead(origin.String(), 0, true)
	return n
}

func (n *node) start() {
	ctx, cancel := context.WithCancel(context.Background())
	n.stop, n.ended = cancel, make(chan error, 1)
	go func() { n.ended <- n.f.Run(ctx) }()
	n.w.t.Cleanup(func() {
		cancel()
		if err := <-n.ended; err != nil {
			n.w.t.Errorf("%s: %v", n.domain, err)
		}
	})
}

// introduce has each node know the others' descriptors, as if it had read them.
func introduce(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				if err := n.f.Book().Observe(t.Context(), other.f.Descriptor().Raw(), "test"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// origin is the name of the node's log.
func (n *node) origin() string { return n.domain + "/mir-dev" }

// grow has the node's own log grow.
func (n *node) grow(size uint64) { n.setHead(n.origin(), size, true) }

// ServeHTTP is the node's API as far as these tests need it.
func (n *node) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/mir-node.json":
		_, _ = rw.Write(n.f.Descriptor().Raw())
	case "/peers/descriptors":
		var list []string
		for _, d := range n.f.Descriptors() {
			list = append(list, string(d))
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"descriptors": list})
	case "/hint":
		n.takeHint(rw, r)
	case "/sizes":
		_ = json.NewEncoder(rw).Encode(n.sizes())
	default:
		http.NotFound(rw, r)
	}
}

func (n *node) takeHint(rw http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	deaf := n.deaf
	n.hints++
	n.mu.Unlock()
	var body struct {
		From  string `json:"from"`
		Hints []struct {
			Origin string `json:"origin"`
			Size   uint64 `json:"size"`
			Root   string `json:"root"`
		} `json:"hints"`
	}
	document, _ := io.ReadAll(r.Body)
	if err := strictjson.Unmarshal(document, &body); err != nil {
		n.w.t.Errorf("a hint: %v in %s", err, document)
	}
	rw.WriteHeader(http.StatusAccepted)
	if deaf {
		return
	}
	var hints []planner.Hint
	for _, h := range body.Hints {
		var hint planner.Hint
		_, err1 := hex.Decode(hint.Origin[:], []byte(h.Origin))
		_, err2 := hex.Decode(hint.Root[:], []byte(h.Root))
		if hint.Size = h.Size; err1 != nil || err2 != nil {
			n.w.t.Errorf("a hint: %s", document)
		}
		hints = append(hints, hint)
	}
	n.f.Hint(body.From, hints)
}

// fakeMirror takes a peer's word for everything, over HTTP.
type fakeMirror struct {
	n      *node
	book   *peers.Book
	client *peers.Client
}

func (m *fakeMirror) sizes(ctx context.Context, p peers.Peer) (map[string]uint64, error) {
	body, err := m.client.Get(ctx, p, "/sizes", 1<<20)
	if err != nil {
		return nil, err
	}
	sizes := map[string]uint64{}
	return sizes, json.Unmarshal(body, &sizes)
}

func (m *fakeMirror) Heads(ctx context.Context, p peers.Peer, _ string) (hints []planner.Hint, next string, err error) {
	sizes, err := m.sizes(ctx, p)
	for name, size := range sizes {
		if _, ok := m.book.OriginKey(name); ok {
			hints = append(hints, planner.Hint{Origin: sha256.Sum256([]byte(name)), Size: size, Root: rootStart(size)})
		}
	}
	return hints, "next", err
}

func (m *fakeMirror) Pull(ctx context.Context, p peers.Peer, origin protocol.Origin, to uint64) (planner.PullResult, error) {
	m.n.mu.Lock()
	m.n.pulls[origin.String()]++
	m.n.mu.Unlock()
	sizes, err := m.sizes(ctx, p)
	if err != nil {
		return planner.PullResult{Size: m.n.size(origin.String()), Outcome: planner.Unreachable}, err
	}
	size := sizes[origin.String()]
	if size > m.n.size(origin.String()) {
		m.n.setHead(origin.String(), size, false)
	}
	return planner.PullResult{Size: m.n.size(origin.String()), Behind: size < to}, nil
}

func (m *fakeMirror) Retry(context.Context) (int, time.Time, error) {
	return 0, time.Now().Add(time.Hour), nil
}
func (m *fakeMirror) RetryMissing(context.Context) (int, time.Time, error) {
	return 0, time.Now().Add(time.Hour), nil
}
func (m *fakeMirror) Observed(_ context.Context, domain, fingerprint string) error {
	m.n.observed <- domain + " " + fingerprint
	return nil
}
func (m *fakeMirror) LearnForks(context.Context, peers.Peer) (int, error) { return 0, nil }
func (m *fakeMirror) CollectCosignatures(context.Context) (int, error)    { return 0, nil }
func (m *fakeMirror) Fresh(context.Context, string) (mirror.Fresh, error) { return mirror.Fresh{}, nil }
func (m *fakeMirror) AddCheckpoint(context.Context, []byte) ([]byte, int, error) {
	return nil, http.StatusNotFound, errors.New("not here")
}

func (m *fakeMirror) Confirm(_ context.Context, _ protocol.Origin, alone bool) error {
	if alone || len(m.book.Admitted()) > 0 {
		return nil
	}
	return errors.New("nobody to ask")
}

// await fails the test where what it waits for does not come.
func await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("%s: it did not happen", what)
	}
}

func mustOutside(t *testing.T, w *world) *discovery.PeerClient {
	t.Helper()
	c, err := discovery.NewPeerClient(discovery.Config{
		Resolvers: []string{w.resolver}, ExtraCAs: []*x509.Certificate{w.ca}, AllowRanges: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, discovery.PeerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func origin(domain string) protocol.Origin {
	return protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: 1}
}

func anyVerifier(w *world) peers.StatementVerifier { return verifier.New(w, verifier.Options{}) }
