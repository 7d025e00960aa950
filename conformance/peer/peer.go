// Package peer plays nodes of other operators, which the nodes under test have named as peers: honest ones, and ones that lie.
//
// A peer is a domain below the suite's suffix. It publishes its key and an SRV record through package names, and serves over HTTPS what a node
// serves to its peers: its descriptor, its log's head, tiles and entries, the records by their hashes, and that it holds no other log. Its log
// holds what a case puts into it, good claims and forged ones; and it lies when it is told to (see Lies).
//
// Nodes name their peers when they start. So the peers of a run are known before: Plans reads them out of the cases, one for each case that has a
// step "peer" and more where the steps name more, and Start publishes all of them, honest and with empty logs, unless a plan says otherwise.
//
// # API
//
// Plans and Domains tell which peers a run has, Start plays them, Peers.Get finds one. Peer.Append and Peer.Rewind change its log, Peer.Fork shows two, Peer.Lie has
// it lie from now on. Peer.Hint tells a node that there is something to see. Peer.Key signs what the peer says itself.
package peer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"mirnode/conformance/logread"
	"mirnode/conformance/names"
	"mirnode/conformance/vectors"
	"mirnode/protocol"
)

// Names is where the peers are published and served: *names.Names.
type Names interface {
	Publish(domain string, d names.Domain) error
	Handle(host string, h http.Handler)
	HTTPS() netip.AddrPort
}

// descriptorLife is how long a peer's descriptor is good: longer than any run.
const descriptorLife = 24 * time.Hour

// descriptorAge is how long ago a peer's older descriptor was issued: after its key was published, which is an hour ago.
const descriptorAge = 30 * time.Minute

// Options say how peers are played.
type Options struct {
	Seed    string           // of the keys (vectors.Key); "": vectors.DefaultSeed's "1"
	Network protocol.Network // of the nodes under test; "": development
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: none
}

func (o *Options) complete() {
	if o.Seed == "" {
		o.Seed = "1"
	}
	if o.Network == "" {
		o.Network = protocol.Development
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Peers are all peers of a run. The methods may be called from several goroutines.
type Peers struct {
	byDomain map[string]*Peer
}

// Start publishes the planned peers and serves them until the names' server is closed.
func Start(n Names, plans []Plan, o Options) (*Peers, error) {
	o.complete()
	all := &Peers{byDomain: make(map[string]*Peer, len(plans))}
	for _, plan := range plans {
		p, err := newPeer(n, plan, o)
		if err != nil {
			return nil, fmt.Errorf("the peer %s: %w", plan.Domain, err)
		}
		all.byDomain[plan.Domain] = p
		n.Handle(plan.Domain, p)
		if err := p.Publish(); err != nil {
			return nil, fmt.Errorf("the peer %s: %w", plan.Domain, err)
		}
	}
	return all, nil
}

// Get finds a peer by its domain; nil if there is none.
func (p *Peers) Get(domain string) *Peer { return p.byDomain[domain] }

// Peer is one node that the suite plays. Its methods may be called from several goroutines.
type Peer struct {
	names  Names
	domain string
	origin protocol.Origin
	key    ed25519.PrivateKey
	now    func() time.Time
	logger *slog.Logger

	mu         sync.Mutex
	log        *log           // what is shown; guarded by mu
	other      *log           // what is shown to all but the first who asks; nil: the same; guarded by mu
	first      string         // the address to which log is shown while other is not nil; ""; nobody asked yet; guarded by mu
	lie        *lie           // nil: it does not lie; guarded by mu
	descriptor []byte         // guarded by mu
	sequence   uint64         // of the descriptor; guarded by mu
	asked      map[string]int // requests by path's first two parts; guarded by mu
}

func newPeer(n Names, plan Plan, o Options) (*Peer, error) {
	p := &Peer{
		names: n, domain: plan.Domain, key: vectors.Key(o.Seed, "peer "+plan.Domain), now: o.Now, logger: o.Logger, asked: make(map[string]int),
		origin:   protocol.Origin{Domain: plan.Domain, Network: o.Network, Epoch: 1},
		sequence: uint64(o.Now().UnixMilli()),
	}
	empty, err := p.sign(&log{})
	if err != nil {
		return nil, err
	}
	p.log = empty
	return p, p.Describe(plan.Descriptor)
}

// Domain is the peer's domain.
func (p *Peer) Domain() string { return p.domain }

// Origin is the name of the peer's log.
func (p *Peer) Origin() string { return p.origin.String() }

// LogKey is the key by which the peer's log is judged.
func (p *Peer) LogKey() logread.Key {
	return logread.Key{Origin: p.Origin(), Public: p.key.Public().(ed25519.PublicKey)}
}

// Size is the number of entries of the peer's log.
func (p *Peer) Size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.tree.Size()
}

// Asked says how many requests of a kind the peer has had: "/log/entries", "/records/fetch", "/log/tile".
func (p *Peer) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// Publish puts the peer's key and place into its domain. Start has done it.
func (p *Peer) Publish() error {
	public := p.key.Public().(ed25519.PublicKey)
	created, err := json.Marshal(p.now().Add(-time.Hour).UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	return p.names.Publish(p.domain, names.Domain{
		TTL:     3600,
		Keys:    []names.PublishedKey{{Public: vectors.Base64URL(public), Fingerprint: vectors.Fingerprint(public), Created: created, Expires: json.RawMessage("null")}},
		Records: []string{fmt.Sprintf("_mir-node._tcp SRV 0 0 %d %s.", p.names.HTTPS().Port(), p.domain)},
	})
}

// Append puts records into the peer's log, with the time at which it says to have taken them in, and signs its new head.
func (p *Peer) Append(at time.Time, records ...Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	grown, err := p.sign(p.log.with(at, records))
	if err != nil {
		return err
	}
	p.log = grown
	return nil
}

// Rewind has the peer show its log as it was with this many entries.
func (p *Peer) Rewind(size int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	shorter, err := p.sign(p.log.cut(size))
	if err != nil {
		return err
	}
	p.log = shorter
	return nil
}

// Fork has the peer go on in two ways: the address that asks first is shown first, all others second. Nodes that share an address see the same.
func (p *Peer) Fork(at time.Time, first, second []Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, err := p.sign(p.log.with(at, first))
	if err != nil {
		return err
	}
	two, err := p.sign(p.log.with(at, second))
	if err != nil {
		return err
	}
	p.log, p.other, p.first = one, two, ""
	return nil
}

// Show has everybody see the second history of Fork (second), or the first.
func (p *Peer) Show(second bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if second && p.other != nil {
		p.log = p.other
	}
	p.other = nil
}

// Lie has the peer tell one of Lies from now on; "" ends it. A lie about entries or heads is about the log as it is at that time.
func (p *Peer) Lie(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "" {
		p.lie = nil
		return nil
	}
	found := lies[name]
	if found == nil {
		return fmt.Errorf("there is no lie %q: a peer can tell %s", name, strings.Join(Lies(), ", "))
	}
	told, err := found(p)
	if err != nil {
		return err
	}
	p.lie = told
	return nil
}

// Hint tells a node, which is at the URL, that the peer's log has as many entries as it shows, or as many as said (0: what it shows). A hint is not
// believed, only followed, and nobody follows one about what is known already.
func (p *Peer) Hint(ctx context.Context, client logread.Doer, node string, said int64) error {
	p.mu.Lock()
	shown := p.log
	if p.other != nil && p.other.tree.Size() > shown.tree.Size() {
		shown = p.other
	}
	size, root := shown.tree.Size(), shown.tree.Root()
	if p.lie != nil && p.lie.size > 0 {
		size = p.lie.size
	}
	if said > 0 {
		size = said
	}
	p.mu.Unlock()
	body := fmt.Sprintf(`{"from":%q,"hints":[{"origin":"%x","size":%d,"root":"%x"}]}`, p.domain, p.origin.Hash(), size, root[:4])
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, node+"/hint", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read as far as it is wanted
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxHintAnswer))
	if response.StatusCode != http.StatusAccepted {
		return &logread.StatusError{URL: node + "/hint", Status: response.StatusCode}
	}
	return nil
}

// maxHintAnswer is how much of a node's answer to a hint is read, in bytes, so that its connection can be used again.
const maxHintAnswer = 4 << 10
