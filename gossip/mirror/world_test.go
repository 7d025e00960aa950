package mirror_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
	"mirnode/verifier"
)

// start is when the tests' world begins.
var start = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// keys and signed are the keys and claims that were made, for the next test that wants them.
var keys, signed sync.Map

// keyOf makes the key of a domain, always the same.
func keyOf(name string) ed25519.PrivateKey {
	if key, ok := keys.Load(name); ok {
		return key.(ed25519.PrivateKey)
	}
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	keys.Store(name, key)
	return key
}

func public(name string) ed25519.PublicKey { return keyOf(name).Public().(ed25519.PublicKey) }

// domains is what the tests' domains publish.
type domains struct {
	mu      sync.Mutex
	keys    map[string][]ed25519.PublicKey
	silent  map[string]bool // do not answer
	hangs   string          // a domain that answers nothing, for as long as anybody waits
	lookups int
}

func (d *domains) publish(domain string, keys ...ed25519.PublicKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil {
		d.keys, d.silent = make(map[string][]ed25519.PublicKey), make(map[string]bool)
	}
	d.keys[domain] = keys
	delete(d.silent, domain)
}

func (d *domains) silence(domain string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent[domain] = true
}

func (d *domains) asked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lookups
}

func (d *domains) FindKey(ctx context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	if domain == d.hangs {
		<-ctx.Done()
		return protocol.FoundKey{}, &protocol.UnreachableError{Domain: domain, Err: ctx.Err()}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lookups++
	if d.silent[domain] {
		return protocol.FoundKey{}, &protocol.UnreachableError{Domain: domain, Err: errors.New("it is silent")}
	}
	for _, key := range d.keys[domain] {
		if protocol.Fingerprint(key) == fingerprint {
			return protocol.FoundKey{Domain: domain, Key: protocol.DomainKey{Public: key, Fingerprint: fingerprint, Channels: []protocol.Channel{protocol.DNS}}}, nil
		}
	}
	return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound, Message: "no such key"}
}

// book is a fixed list of peers.
type book struct {
	mu      sync.Mutex
	peers   []peers.Peer
	earlier map[string]note.Verifier
	reports map[string]error
	held    map[string]error // by domain; owned by mu
}

func (b *book) Admitted() []peers.Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]peers.Peer(nil), b.peers...)
}

func (b *book) Peer(domain string) (peers.Peer, bool) {
	for _, p := range b.Admitted() {
		if p.Domain == domain {
			return p, true
		}
	}
	return peers.Peer{}, false
}

func (b *book) OriginKey(origin string) (note.Verifier, bool) {
	for _, p := range b.Admitted() {
		if p.Origin.String() == origin {
			return p.Verifier, true
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.earlier[origin]
	return v, ok
}

func (b *book) Complain(domain string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reports == nil {
		b.reports = make(map[string]error)
	}
	b.reports[domain] = err
}

// HeldUp notes it beside complaints, which it does not take back.
func (b *book) HeldUp(domain string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = make(map[string]error)
	}
	b.held[domain] = err
}

// heldUp gives what keeps a peer's log from being taken.
func (b *book) heldUp(domain string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held[domain]
}

func (b *book) reported(domain string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports[domain]
}

// client speaks plain HTTP to the tests' servers, with the errors of the real one.
type client struct{ http *http.Client }

func (c client) Get(ctx context.Context, p peers.Peer, path string, limit int64) ([]byte, error) {
	return c.do(ctx, p, http.MethodGet, path, "", nil, limit)
}

func (c client) Post(ctx context.Context, p peers.Peer, path, contentType string, body []byte, limit int64) ([]byte, error) {
	return c.do(ctx, p, http.MethodPost, path, contentType, body, limit)
}

func (c client) do(ctx context.Context, p peers.Peer, method, path, contentType string, body []byte, limit int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &peers.UnreachableError{Domain: p.Domain, Err: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
		return nil, &peers.StatusError{Code: answer.StatusCode, Body: said}
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if int64(len(data)) > limit {
		return nil, &peers.TooLargeError{Limit: limit}
	}
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return data, err
}

// node is a node of the tests' federation: a real store behind a small server, and a mirror.
type node struct {
	t       testing.TB
	domain  string
	origin  protocol.Origin
	key     ed25519.PrivateKey
	clock   *clock
	domains *domains
	book    *book
	store   *store.Store
	mirror  *mirror.Mirror
	server  *httptest.Server
	peer    peers.Peer

	mu        sync.Mutex
	lie       func(path string, honest []byte) []byte // alters answers
	page      int                                     // entries in one answer, 0: 4,096
	stall     string                                  // a path that is never answered
	busy      string                                  // a path that is answered with 503
	absent    string                                  // paths that begin so are not found
	claims    string                                  // the size with which it answers a request to cosign: a conflict
	asked     map[string]int                          // requests by path without query
	records   int                                     // that /records/fetch was asked for
	withholds map[[32]byte]bool                       // records of made whose bodies it does not give
	made      *made                                   // the log that it shows as its own; nil: its store's
}

// world is a federation on one clock.
type world struct {
	t       testing.TB
	clock   *clock
	domains *domains
	nodes   []*node
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, clock: &clock{now: start}, domains: &domains{}}
	w.domains.publish("shop.test", public("shop.test"))
	return w
}

// setup changes a node's options before it is made.
type setup func(*mirror.Options)

// node adds a node whose peers are all others.
func (w *world) node(domain string, setups ...setup) *node {
	origin := protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: 1}
	return w.nodeAt(origin, w.t.TempDir(), true, setups...)
}

// nodeAt adds a node with that log and folder.
func (w *world) nodeAt(origin protocol.Origin, dir string, known bool, setups ...setup) *node {
	w.t.Helper()
	domain := origin.Domain
	n := &node{t: w.t, domain: domain, origin: origin, key: keyOf(domain), clock: w.clock, domains: w.domains, book: &book{}, asked: make(map[string]int)}
	w.domains.publish(domain, public(domain))
	signer, err := translog.NewSigner(n.origin.String(), n.key)
	if err != nil {
		w.t.Fatal(err)
	}
	if n.store, err = store.Open(dir, store.Options{Now: w.clock.Now, Log: &store.LogOptions{Origin: n.origin, Signer: signer, Confirm: true}}); err != nil {
		w.t.Fatal(err)
	}
	if known {
		n.store.StartWriting()
	}
	w.t.Cleanup(func() { n.store.Close() })
	n.server = httptest.NewServer(http.HandlerFunc(n.serve))
	w.t.Cleanup(n.server.Close)
	v, err := translog.NewVerifier(n.origin.String(), public(domain))
	if err != nil {
		w.t.Fatal(err)
	}
	n.peer = peers.Peer{Domain: domain, Origin: n.origin, URL: n.server.URL, LogKey: public(domain), Verifier: v, Named: true}
	options := mirror.Options{
		Store: n.store, Verifier: verifier.New(w.domains, verifier.Options{Now: w.clock.Now}), Client: client{n.server.Client()}, Book: n.book,
		Own: mirror.Own{Origin: n.origin, Key: n.key}, Now: w.clock.Now, Limits: mirror.Limits{CallTimeout: 10 * time.Second},
	}
	for _, change := range setups {
		change(&options)
	}
	if n.mirror, err = mirror.New(options); err != nil {
		w.t.Fatal(err)
	}
	for _, other := range w.nodes {
		other.meet(n)
		n.meet(other)
	}
	w.nodes = append(w.nodes, n)
	return n
}

// meet puts a peer into the book, in the place of an earlier one of that domain.
func (n *node) meet(other *node) {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	for i, p := range n.book.peers {
		if p.Domain == other.domain {
			if n.book.earlier == nil {
				n.book.earlier = make(map[string]note.Verifier)
			}
			n.book.earlier[p.Origin.String()] = p.Verifier
			n.book.peers[i] = other.peer
			return
		}
	}
	if other.domain != n.domain {
		n.book.peers = append(n.book.peers, other.peer)
	}
}

// forget takes all peers out of the book but these.
func (n *node) knowsOnly(others ...*node) {
	n.book.mu.Lock()
	n.book.peers = nil
	n.book.mu.Unlock()
	for _, other := range others {
		n.meet(other)
	}
}

// claim makes the i-th claim of shop.test.
func claim(t testing.TB, i int) *protocol.Claim { return claimOf(t, "shop.test", "shop.test", i) }

// claimOf makes a claim of a domain, signed with a key.
func claimOf(t testing.TB, domain, key string, i int) *protocol.Claim {
	t.Helper()
	name := fmt.Sprint(domain, " ", key, " ", i)
	if c, ok := signed.Load(name); ok {
		return c.(*protocol.Claim)
	}
	draft := protocol.Draft{
		Type: "mir.transaction.completed", Domain: domain, Subject: protocol.Subject(domain, fmt.Sprint("user ", i)),
		Timestamp: start.Add(-time.Hour).Add(time.Duration(i) * time.Millisecond).Format(time.RFC3339Nano), KeyFingerprint: protocol.Fingerprint(public(key)),
	}
	c, err := draft.Sign(keyOf(key))
	if err != nil {
		t.Fatal(err)
	}
	signed.Store(name, c)
	return c
}

// takes appends claims to the node's own log, as if clients had submitted them; nothing is verified.
func (n *node) takes(claims ...*protocol.Claim) {
	n.t.Helper()
	for len(claims) > 0 {
		batch := claims[:min(len(claims), 1_000)]
		claims = claims[len(batch):]
		items := make([]store.ClaimToAppend, len(batch))
		for i, c := range batch {
			items[i].Claim = c
		}
		if _, err := n.store.AppendClaims(n.t.Context(), items); err != nil {
			n.t.Fatal(err)
		}
	}
}

// range of claims.
func claims(t testing.TB, from, to int) []*protocol.Claim {
	list := make([]*protocol.Claim, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, claim(t, i))
	}
	return list
}

// head is what the node holds of a log.
func (n *node) head(origin protocol.Origin) store.Head {
	head, _ := n.store.Head(origin.String())
	return head
}

// holds fails the test unless the node serves the claims.
func (n *node) holds(list ...*protocol.Claim) {
	n.t.Helper()
	for i, c := range list {
		if _, err := n.store.Claim(n.t.Context(), c.SigHash()); err != nil {
			n.t.Fatalf("%s does not serve claim %d of %d: %v", n.domain, i, len(list), err)
		}
	}
}

// lacks fails the test if the node serves the claim.
func (n *node) lacks(c *protocol.Claim) {
	n.t.Helper()
	if _, err := n.store.Claim(n.t.Context(), c.SigHash()); !errors.Is(err, store.ErrNotFound) {
		n.t.Fatalf("%s serves the claim: %v", n.domain, err)
	}
}

// same fails the test unless the node's mirror of other's log is whole, settled and equal.
func (n *node) same(other *node) {
	n.t.Helper()
	ours, theirs := n.head(other.origin), other.head(other.origin)
	if ours.Size != theirs.Size || ours.Root != theirs.Root || ours.Settled != theirs.Size || ours.Checkpoint.Size != theirs.Size {
		n.t.Fatalf("%s holds %d entries of %s (settled %d, checkpoint %d), which has %d", n.domain, ours.Size, other.origin, ours.Settled, ours.Checkpoint.Size, theirs.Size)
	}
}

// lies makes the node alter what it answers.
func (n *node) lies(lie func(path string, honest []byte) []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lie = lie
}

// requests tells how often a path was asked for.
func (n *node) requests(path string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[path]
}

func (n *node) askedRecords() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.records
}
