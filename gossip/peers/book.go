package peers

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/net/publicsuffix"

	"mirnode/protocol"
	"mirnode/translog"
)

// Options are a Book's settings. Domain, Network, Finder, Verifier and State are required; zero fields else mean the defaults.
type Options struct {
	Domain  string // this node's own, in lower case: never a peer
	Network protocol.Network

	Domains   []string  // seeds by domain, which the allowlist holds
	Addresses []string  // seeds by URL of a node; whom they turn out to be is on the allowlist
	Admission Admission // "": Allowlist
	Block     []string  // domains that are no peers, with all names below them
	Max       int       // peers at most; 0: DefaultMaxPeers
	PerSite   int       // of them below one registered domain; 0: DefaultPerSite

	RefreshEvery time.Duration // how often a peer's descriptor is read again; 0: DefaultRefreshEvery

	Finder   Finder
	Verifier StatementVerifier
	State    State
	// Changed is called when the admitted peers changed. It must not block, nor call the book. nil: nobody.
	Changed func()
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: silent
	Random  *rand.Rand       // for jitter; nil: a seed of its own. The book's alone
}

// Book is who the peers are. It may be used from several goroutines.
type Book struct {
	o    Options
	wake chan struct{} // capacity 1: something is due sooner than Refresh said

	slots   chan struct{}  // tokens of descriptors that are being read
	reading sync.WaitGroup // such, too

	mu       sync.Mutex
	entries  map[string]*entry  // owned by mu; by domain
	sources  map[string]*source // owned by mu; by name
	admitted []Peer             // owned by mu; replaced, never changed
	origins  map[string]known   // owned by mu; all logs of admitted peers, by origin; replaced, never changed
	byHash   map[[32]byte]protocol.Origin
	checking map[string]bool // owned by mu; domains whose descriptor is being verified
}

// known is a log that may be mirrored.
type known struct {
	origin   protocol.Origin
	verifier note.Verifier
}

// entry is what the book holds of one domain.
type entry struct {
	domain     string
	seed       bool                 // the operator named it
	blocked    bool                 // at run time
	descriptor *protocol.Descriptor // nil: not found yet
	previous   [32]byte             // the hash of the descriptor before this one
	logs       []logKey             // the present one and earlier ones, latest first, at most MaxEpochs
	raises     []time.Time          // when it began its latest logs, at most MaxRaises
	refusal    string               // why the latest descriptor that came was not taken
	health     health
	dirty      bool // differs from what State has
}

// NewBook reads what is kept of the peers. It sends nothing. The error names a setting that is wrong, or is that of State.
func NewBook(o Options) (*Book, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Book{
		o: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, readAtOnce),
		entries: make(map[string]*entry), sources: make(map[string]*source), checking: make(map[string]bool),
	}
	if err := b.load(); err != nil {
		return nil, err
	}
	for _, domain := range o.Domains {
		b.entry(domain).seed = true
		b.sources[domain] = &source{name: domain, domain: domain, seed: true}
	}
	for _, address := range o.Addresses {
		b.sources[address] = &source{name: address, url: address, seed: true}
	}
	b.settle()
	return b, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Admission == "" {
		o.Admission = Allowlist
	}
	if _, err := ParseAdmission(string(o.Admission)); err != nil {
		return o, err
	}
	if o.Max <= 0 {
		o.Max = DefaultMaxPeers
	}
	if o.PerSite <= 0 {
		o.PerSite = DefaultPerSite
	}
	if o.RefreshEvery <= 0 {
		o.RefreshEvery = DefaultRefreshEvery
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // jitter is no secret
	}
	if o.Finder == nil || o.Verifier == nil || o.State == nil {
		return o, errors.New("peers: a book needs a finder, a verifier and a state")
	}
	var err error
	if o.Domain, err = protocol.ParseDomain(o.Domain); err != nil {
		return o, fmt.Errorf("peers: this node's domain: %w", err)
	}
	if o.Domains, err = parseDomains(o.Domains, o.Domain); err != nil {
		return o, fmt.Errorf("peers: a peer's domain: %w", err)
	}
	if o.Block, err = parseDomains(o.Block, ""); err != nil {
		return o, fmt.Errorf("peers: a blocked domain: %w", err)
	}
	o.Addresses = slices.Clone(o.Addresses)
	for i, address := range o.Addresses {
		if o.Addresses[i], err = parseAddress(address); err != nil {
			return o, err
		}
	}
	if n := len(o.Domains) + len(o.Addresses); n > o.Max {
		return o, fmt.Errorf("peers: %d peers are named, and at most %d are allowed", n, o.Max)
	}
	return o, nil
}

// parseDomains lower-cases the names and leaves out doubles and own.
func parseDomains(names []string, own string) ([]string, error) {
	var out []string
	for _, name := range names {
		domain, err := protocol.ParseDomain(name)
		if err != nil {
			return nil, err
		}
		if domain != own && !slices.Contains(out, domain) {
			out = append(out, domain)
		}
	}
	return out, nil
}

// entry returns the domain's, made where there is none. The caller holds mu, or is NewBook.
func (b *Book) entry(domain string) *entry {
	e := b.entries[domain]
	if e == nil {
		e = &entry{domain: domain}
		b.entries[domain] = e
	}
	return e
}

// Admitted returns the peers, by domain. The slice must not be changed.
func (b *Book) Admitted() []Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	return b.admitted
}

// Peer returns an admitted peer.
func (b *Book) Peer(domain string) (Peer, bool) {
	list := b.Admitted()
	i, found := slices.BinarySearchFunc(list, domain, func(p Peer, d string) int { return strings.Compare(p.Domain, d) })
	if !found {
		return Peer{}, false
	}
	return list[i], true
}

// OriginKey returns the checker of the checkpoints of a log that is mirrored here: the present log of a peer, or one of an earlier
// epoch. The latter's records stay valid, so its key stays known. A peer whose descriptor has expired keeps its logs.
func (b *Book) OriginKey(origin string) (note.Verifier, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.origins[origin]
	return k.verifier, ok
}

// OriginByHash is OriginKey by the SHA-256 of the name, for hints and paths.
func (b *Book) OriginByHash(h [32]byte) (protocol.Origin, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.byHash[h]
	return o, ok
}

// Origins returns the logs of an admitted peer, the present one first.
func (b *Book) Origins(domain string) []protocol.Origin {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[domain]
	if e == nil || e.descriptor == nil {
		return nil
	}
	var list []protocol.Origin
	for _, l := range e.allLogs() {
		if k, ok := b.origins[l.origin.String()]; ok {
			list = append(list, k.origin)
		}
	}
	return list
}

// Descriptors returns the signed documents of the admitted peers, for others to learn from.
func (b *Book) Descriptors() [][]byte {
	list := b.Admitted()
	out := make([][]byte, len(list))
	for i, p := range list {
		out[i] = p.Descriptor.Raw()
	}
	return out
}

// settle works out who is admitted, after any change. The caller holds mu, or is NewBook.
func (b *Book) settle() {
	now := b.o.Now()
	var admitted []Peer
	origins, byHash := make(map[string]known), make(map[[32]byte]protocol.Origin)
	for domain, e := range b.entries {
		if e.descriptor == nil || b.policy(domain) != nil {
			continue
		}
		for _, l := range e.allLogs() {
			if v, err := translog.NewVerifier(l.origin.String(), l.key); err == nil {
				origins[l.origin.String()] = known{l.origin, v}
				byHash[l.origin.Hash()] = l.origin
			}
		}
		k, ok := origins[e.descriptor.Origin.String()]
		if !ok || !e.descriptor.Valid(now) {
			continue
		}
		admitted = append(admitted, Peer{
			Domain: domain, Origin: e.descriptor.Origin, URL: e.descriptor.URL, LogKey: e.descriptor.LogKey,
			Verifier: k.verifier, Descriptor: e.descriptor, Named: e.seed,
		})
	}
	slices.SortFunc(admitted, func(a, b Peer) int { return strings.Compare(a.Domain, b.Domain) })
	changed := !slices.EqualFunc(admitted, b.admitted, func(a, b Peer) bool { return a.Descriptor == b.Descriptor })
	b.admitted, b.origins, b.byHash = admitted, origins, byHash
	if changed && b.o.Changed != nil {
		b.o.Changed()
	}
}

// expire settles anew when a descriptor's time has run out since. The caller holds mu.
func (b *Book) expire() {
	now := b.o.Now()
	for _, p := range b.admitted {
		if !p.Descriptor.Valid(now) {
			b.settle()
			return
		}
	}
}

// Site is the domain that somebody registered, of a name below it: by the public suffix list. Whoever has it has all names below it.
func Site(domain string) string {
	if name, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return name
	}
	return domain // a public suffix itself
}
