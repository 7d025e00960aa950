package peers_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/verifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what lies outside of a book: a clock, domains with keys, hosts with documents, and a disk.
type world struct {
	mu          sync.Mutex
	now         time.Time
	keys        map[string]ed25519.PrivateKey // of domains that publish one
	silent      map[string]bool               // domains whose keys cannot be looked up
	lookups     int
	srv         map[string][]string // URLs by domain
	documents   map[string][]byte   // by URL
	reads       map[string]int      // by URL
	state       map[string]map[string][]byte
	stateFaults int // writes to fail
}

func newWorld() *world {
	return &world{
		now:  time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		keys: map[string]ed25519.PrivateKey{}, silent: map[string]bool{}, srv: map[string][]string{},
		documents: map[string][]byte{}, reads: map[string]int{}, state: map[string]map[string][]byte{},
	}
}

func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// key is the domain's, made from its name.
func (w *world) key(domain string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

// publish has the domain publish its key.
func (w *world) publish(domains ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range domains {
		w.keys[d] = w.key(d)
	}
}

// FindKey implements verifier.KeySource.
func (w *world) FindKey(_ context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookups++
	if w.silent[domain] {
		return protocol.FoundKey{}, &protocol.UnreachableError{Domain: domain, Err: errors.New("silent")}
	}
	if key, ok := w.keys[domain]; ok {
		pub := key.Public().(ed25519.PublicKey)
		if protocol.Fingerprint(pub) == fingerprint {
			return protocol.FoundKey{Key: protocol.DomainKey{Public: pub, Fingerprint: fingerprint}}, nil
		}
	}
	return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound, Message: "no such key"}
}

// NodeURLs implements peers.Finder.
func (w *world) NodeURLs(_ context.Context, domain string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(append([]string(nil), w.srv[domain]...), "https://"+domain+"/.well-known/mir-node.json"), nil
}

// Document implements peers.Finder.
func (w *world) Document(_ context.Context, url string) ([]byte, int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads[url]++
	if body, ok := w.documents[url]; ok {
		return body, http.StatusOK, nil
	}
	return nil, http.StatusNotFound, nil
}

// PutState implements peers.State.
func (w *world) PutState(_ context.Context, space, key string, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stateFaults > 0 {
		w.stateFaults--
		return errors.New("the disk is full")
	}
	if w.state[space] == nil {
		w.state[space] = map[string][]byte{}
	}
	if len(value) == 0 {
		delete(w.state[space], key)
	} else {
		w.state[space][key] = value
	}
	return nil
}

// State implements peers.State.
func (w *world) State(space string) (map[string][]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.state[space]), nil
}

// draft is a good descriptor of a domain.
func (w *world) draft(domain string, sequence uint64) protocol.DescriptorDraft {
	return protocol.DescriptorDraft{
		Origin: protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: 1}, URL: "https://" + domain + ":8443",
		LogKey: w.key(domain).Public().(ed25519.PublicKey), Sequence: sequence, Issued: w.Now(), ExpiresAt: w.Now().Add(24 * time.Hour),
	}
}

func sign(t testing.TB, d protocol.DescriptorDraft, key ed25519.PrivateKey) []byte {
	t.Helper()
	signed, err := d.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed.Raw()
}

// descriptor is a good one, signed.
func (w *world) descriptor(t testing.TB, domain string, sequence uint64) []byte {
	t.Helper()
	return sign(t, w.draft(domain, sequence), w.key(domain))
}

// serve lays a descriptor where its domain's well-known document is.
func (w *world) serve(domain string, document []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.documents["https://"+domain+"/.well-known/mir-node.json"] = document
}

// book makes one of node1.test. change may be nil.
func (w *world) book(t testing.TB, change func(*peers.Options)) *peers.Book {
	t.Helper()
	o := peers.Options{
		Domain: "node1.test", Network: protocol.Development, Finder: w, State: w, Now: w.Now,
		Verifier: verifier.New(w, verifier.Options{Now: w.Now}), Random: rand.New(rand.NewPCG(1, 2)),
	}
	if change != nil {
		change(&o)
	}
	b, err := peers.NewBook(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verifierOf(w *world) peers.StatementVerifier {
	return verifier.New(w, verifier.Options{Now: w.Now})
}

func open(o *peers.Options) { o.Admission = peers.Open }

func admitted(b *peers.Book) (names []string) {
	for _, p := range b.Admitted() {
		names = append(names, p.Domain)
	}
	return names
}

// status is that of one domain.
func status(t testing.TB, b *peers.Book, domain string) peers.Status {
	t.Helper()
	for _, s := range b.Status() {
		if s.Domain == domain {
			return s
		}
	}
	t.Fatalf("%s has no status", domain)
	return peers.Status{}
}
