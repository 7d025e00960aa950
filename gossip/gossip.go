// Package gossip keeps a node among its peers: it learns whose logs have grown, brings their mirrors up, and tells of growth.
//
// A [Federation] is the runtime. It decides nothing of that by itself:
//
//	peers    who the peers are, and how to speak to them
//	planner  whom to tell, when to look, from whom to pull: a state machine that one goroutine here drives
//	mirror   what to take from a peer: nothing that does not prove itself
//	store    what is held; its growth is an event of the planner's, whoever caused it
//
// # Hints
//
// That a log has grown is told by hints, which are never more than a reason to look: over HTTP (POST /hint) to a few peers, and to
// everybody by memberlist where both sides have it. memberlist's word is no authority. Whoever holds its key can forge any message of its
// protocol and keep a member out for good, so nothing that matters follows from who is a member: peers are admitted by the book, polled and
// pulled from over HTTP, and judged by our own experience with them. A node without memberlist converges by hints over HTTP, and without
// those by polling.
//
// # Bounds
//
// Hints wait in a table of newest ones; pulls, polls and tells are bounded in number and time; everything that a peer sends is bounded by
// whoever reads it. [Federation.Hint] never blocks.
package gossip

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/protocol"
	"mirnode/store"
)

// Store is what the federation needs of the store itself. [*store.Store] is one.
type Store interface {
	peers.State
	// Heads and HeadsChanged tell what is held; the federation is the one reader of the channel.
	Heads(since uint64, limit int) (heads []store.Head, next uint64)
	HeadsChanged() <-chan struct{}
	Head(origin string) (store.Head, bool)
	AppendStatement(ctx context.Context, statement protocol.Statement) (store.Appended, error)
}

// Outside reaches other machines by this node's rules about addresses, resolvers and authorities. [*discovery.PeerClient] does.
type Outside interface {
	peers.HTTP
	peers.Finder
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
	Permit(ip netip.Addr) error
	CloseIdleConnections()
}

// Mirror brings mirrors up and keeps peers honest. [*mirror.Mirror] does. It is called from several goroutines; each call is bounded by
// itself and ends with its context.
type Mirror interface {
	Heads(ctx context.Context, p peers.Peer, since string) (heads []planner.Hint, next string, err error)
	Pull(ctx context.Context, from peers.Peer, origin protocol.Origin, to uint64) (planner.PullResult, error)
	Retry(ctx context.Context) (done int, next time.Time, err error)
	RetryMissing(ctx context.Context) (done int, next time.Time, err error)
	Observed(ctx context.Context, domain, fingerprint string) error
	LearnForks(ctx context.Context, p peers.Peer) (int, error)
	// Confirm lets the own log take entries when it is sure that no peer holds a longer one, or when alone says that nobody need be asked.
	Confirm(ctx context.Context, own protocol.Origin, alone bool) error
	CollectCosignatures(ctx context.Context) (int, error)
	Fresh(ctx context.Context, domain string) (mirror.Fresh, error)
	AddCheckpoint(ctx context.Context, body []byte) (answer []byte, status int, err error)
}

// Options are what a Federation is made of. Origin, Key, URL, Store, Outside, Verifier and Mirror are required.
type Options struct {
	Origin protocol.Origin    // of this node's own log: with its domain, network and epoch
	Key    ed25519.PrivateKey // the node key
	URL    string             // https://host or https://host:port, where peers reach this node

	Peers  PeerOptions
	Hints  HintOptions
	Source netip.Addr // the address that connections for hints leave from; zero: that of Hints.Listen. Outside has its own setting

	Store    Store
	Outside  Outside
	Verifier peers.StatementVerifier
	// Mirror makes the mirror out of the book and the client that the federation made:
	//	func(b *peers.Book, c *peers.Client) (gossip.Mirror, error) {
	//		return mirror.New(mirror.Options{Store: s, Verifier: v, Client: c, Book: b, Home: outside, Own: …})
	//	}
	Mirror func(b *peers.Book, c *peers.Client) (Mirror, error)

	// StartAlone lets the own log take entries though no peer has confirmed where it ends. A node that names no peers needs no leave.
	StartAlone bool

	Planner planner.Options  // zero fields take the planner's defaults
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: silent
	Seed    uint64           // of the planner's and the book's chances; 0: drawn
}

// PeerOptions say who may be a peer; see [peers.Options].
type PeerOptions struct {
	Domains      []string
	Addresses    []string
	Admission    peers.Admission
	Block        []string
	Max, PerSite int
	RefreshEvery time.Duration
}

// Federation is a node's part among its peers. Its methods may be called from several goroutines.
type Federation struct {
	o       Options
	log     *slog.Logger
	book    *peers.Book
	client  *peers.Client
	self    *peers.Self
	mirror  Mirror
	intake  *intake
	channel *channel // nil where there is no hint channel

	peersChanged chan struct{}          // capacity 1: the book's admitted peers changed
	joinNow      chan struct{}          // capacity 1: there may be somebody to join
	confirmNow   chan struct{}          // capacity 1: there may be somebody new to ask about our log
	tasks        chan func(*driver)     // to the planner's goroutine
	stopped      chan struct{}          // closed when the planner's goroutine has ended
	closing      sync.Once              // of the channel
	closed       error                  // what closing it said
	observed     chan [2]string         // domain and fingerprint of keys that this node's own observer logged
	confirmed    chan struct{}          // closed when the own log takes entries
	slots        map[work]chan struct{} // tokens of actions under way
	workers      sync.WaitGroup         // actions under way
}

// New makes a Federation: it reads what is kept of the peers, makes the node's descriptor and opens the sockets of the hint channel. It
// sends nothing; Run does. Close ends what New opened where Run is never called.
func New(o Options) (*Federation, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Federation{
		o: o, log: o.Logger, intake: newIntake(), peersChanged: make(chan struct{}, 1), joinNow: make(chan struct{}, 1), confirmNow: make(chan struct{}, 1),
		tasks: make(chan func(*driver), taskBuffer), stopped: make(chan struct{}), confirmed: make(chan struct{}), slots: newSlots(),
		observed: make(chan [2]string, observedBuffer),
	}
	f.book, err = peers.NewBook(peers.Options{
		Domain: o.Origin.Domain, Network: o.Origin.Network, Domains: o.Peers.Domains, Addresses: o.Peers.Addresses,
		Admission: o.Peers.Admission, Block: o.Peers.Block, Max: o.Peers.Max, PerSite: o.Peers.PerSite, RefreshEvery: o.Peers.RefreshEvery,
		Finder: o.Outside, Verifier: o.Verifier, State: o.Store, Changed: f.bookChanged, Now: o.Now, Logger: o.Logger,
		Random: rand.New(rand.NewPCG(o.Seed, 1)), //nolint:gosec // jitter is no secret
	})
	if err != nil {
		return nil, err
	}
	f.client = peers.NewClient(o.Outside, f.book, o.Origin.Domain, o.Now)
	if f.mirror, err = o.Mirror(f.book, f.client); err != nil {
		return nil, err
	}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

// open makes the descriptor and the hint channel.
func (f *Federation) open() (err error) {
	o := peers.SelfOptions{Origin: f.o.Origin, URL: f.o.URL, Key: f.o.Key, State: f.o.Store, Now: f.o.Now, Logger: f.log, Append: f.logSelf}
	var socket *hintSocket
	if f.o.Hints.Listen != "" {
		if socket, err = f.listenForHints(); err != nil {
			return err
		}
		o.Gossip = socket.address(&f.o)
	}
	if f.self, err = peers.NewSelf(context.Background(), o); err == nil && socket != nil {
		err = f.openChannel(socket, func() [32]byte { return f.self.Descriptor().RecordHash() })
	}
	if err != nil && socket != nil {
		err = errors.Join(err, socket.transport.Shutdown())
	}
	return err
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Store == nil || o.Outside == nil || o.Verifier == nil || o.Mirror == nil:
		return o, errors.New("gossip: a federation needs a store, a way outside, a verifier and a mirror")
	case len(o.Key) != ed25519.PrivateKeySize:
		return o, errors.New("gossip: a federation needs the node's key")
	}
	if o.Hints.Advertise != "" {
		if _, err := net.ResolveTCPAddr("tcp", advertisedNumber(o.Hints.Advertise)); err != nil {
			return o, fmt.Errorf("gossip: %q is no host and port to advertise", o.Hints.Advertise)
		}
	}
	if len(o.Hints.Keys) > maxKeys {
		return o, fmt.Errorf("gossip: more than %d keys", maxKeys)
	}
	if o.Hints.Interval <= 0 {
		o.Hints.Interval = DefaultHintInterval
	}
	if o.Hints.ProbeEvery <= 0 {
		o.Hints.ProbeEvery = DefaultProbeEvery
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64() //nolint:gosec // jitter is no secret
	}
	return o, nil
}

// advertisedNumber puts an address in the host's place, so that the port can be checked without a look-up.
func advertisedNumber(hostPort string) string {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil || host == "" {
		return "no port"
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// bookChanged is called by the book, under its lock.
func (f *Federation) bookChanged() {
	for _, c := range []chan struct{}{f.peersChanged, f.joinNow, f.confirmNow} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// logSelf puts the descriptor into the own log, once that takes entries.
func (f *Federation) logSelf(ctx context.Context, d *protocol.Descriptor) error {
	select {
	case <-f.confirmed:
	default:
		return errNotConfirmed
	}
	_, err := f.o.Store.AppendStatement(ctx, d)
	return err
}

var errNotConfirmed = errors.New("the own log takes no entries yet")

// Close ends the hint channel. Run does it too.
func (f *Federation) Close() error {
	f.closing.Do(func() {
		if f.channel != nil {
			f.closed = f.channel.close()
		}
	})
	return f.closed
}

// Hint takes note of hints that came over HTTP: from names the teller by domain, which nothing proves. Only those of peers about logs that are mirrored
// count, so that others cannot fill the place where they wait. It never blocks.
func (f *Federation) Hint(from string, hints []planner.Hint) {
	if _, ok := f.book.Peer(from); !ok {
		f.book.Wake(from) // one that we look for, perhaps: it is there now
		return
	}
	f.intake.add(planner.PeerID(from), f.known(hints))
}

// known gives the hints of logs that are mirrored, of the first MaxHints.
func (f *Federation) known(hints []planner.Hint) (known []planner.Hint) {
	for _, h := range hints[:min(len(hints), planner.MaxHints)] {
		if _, ok := f.book.OriginByHash(h.Origin); ok {
			known = append(known, h)
		}
	}
	return known
}

// observedBuffer bounds the keys that wait to be looked at. What finds no room is looked at when its records are due.
const observedBuffer = 256

// Observed says that this node's own observer logged that it saw a key of a domain, or saw it gone: records that wait for somebody to have seen it are
// looked at soon. It never blocks.
func (f *Federation) Observed(domain, fingerprint string) {
	select {
	case f.observed <- [2]string{domain, fingerprint}:
	default:
	}
}

// Descriptor returns this node's own.
func (f *Federation) Descriptor() *protocol.Descriptor { return f.self.Descriptor() }

// Descriptors returns the signed documents of this node and its peers.
func (f *Federation) Descriptors() [][]byte {
	return append([][]byte{f.self.Descriptor().Raw()}, f.book.Descriptors()...)
}

// HintAddress is where the hint channel listens; false where there is none.
func (f *Federation) HintAddress() (netip.AddrPort, bool) {
	if f.channel == nil {
		return netip.AddrPort{}, false
	}
	return f.channel.at, true
}

// Book returns the book of peers.
func (f *Federation) Book() *peers.Book { return f.book }

// Confirmed is closed when the own log takes entries: its end was confirmed by the peers, or no confirmation is needed.
func (f *Federation) Confirmed() <-chan struct{} { return f.confirmed }

// Fresh brings the log of a domain's home node up to date, within a bounded time; see [mirror.Mirror].
func (f *Federation) Fresh(ctx context.Context, domain string) (mirror.Fresh, error) {
	return f.mirror.Fresh(ctx, domain)
}

// AddCheckpoint answers a witness's request (C2SP tlog-witness): the answer's body and its status.
func (f *Federation) AddCheckpoint(ctx context.Context, body []byte) (answer []byte, status int, err error) {
	return f.mirror.AddCheckpoint(ctx, body)
}

// Block makes a domain no peer from now on; Unblock ends that.
func (f *Federation) Block(ctx context.Context, domain string) error {
	return f.book.Block(ctx, domain)
}

// Unblock ends what Block did. The error is peers.ErrUnknown for a domain that is not blocked.
func (f *Federation) Unblock(ctx context.Context, domain string) error {
	return f.book.Unblock(ctx, domain)
}

// Retry forgets a peer's failures, so that it is asked at once. The error is peers.ErrUnknown for a domain that is none.
func (f *Federation) Retry(domain string) error {
	if err := f.book.Reset(domain); err != nil {
		return err
	}
	f.do(context.Background(), func(d *driver) { d.planner.Reset(d.now(), planner.PeerID(domain)) })
	return nil
}
