// Package mirror brings mirrors of other nodes' logs up, and keeps those nodes honest.
//
// An origin log is a list of entries {ingestedAt, kind, record} under a checkpoint that the origin signed; an entry commits to a record
// by hash. A mirror is a prefix of that list, with the bodies of the records that we want. Bringing one up is four steps, and nothing of
// a step counts before it is proven:
//
//	checkpoint   signed by the origin's key, whoever hands it on
//	entries      in ranges, from any peer; the root over our prefix and the range is the signed one, or is proven to lie under it
//	bodies       by hash, from whoever has them; the hash of each is recomputed
//	signatures   of each record, under the key that its signer's domain publishes, or that a quorum of observers saw it publish
//
// Issuers' records and what issuers say depend on one another, and count in the log of the issuer's home alone. They are judged when they are
// settled, in the log's order, each by what stands before it (see ledger); what depends on a body that is missing or in quarantine waits for it there.
//
// What a peer says is bounded in size, rate and time before it costs us anything, and a lie is told apart from a fault (see [Class]), so
// that the liar alone is left alone. Two signed checkpoints that cannot both be are kept as a proof and freeze their origin.
//
// [Mirror.Heads] and [Mirror.Pull] are what the planner asks for; [Mirror.Retry] and [Mirror.RetryMissing] do what waits: records in
// quarantine and bodies that nobody had. [Mirror.Confirm] learns our own log back before the first write. [Mirror.Fresh] pulls one domain's log for a reader.
// [Mirror.AddCheckpoint] and [Mirror.CollectCosignatures] are the two sides of witnessing (c2sp.org/tlog-witness).
package mirror

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
	"mirnode/verifier"
)

// Client speaks HTTP to peers. Each call is bounded by its context and by limit, the most bytes that the answer may have. It is called
// from several goroutines. Errors: *peers.StatusError for an answer that is not 200, *peers.TooLargeError past the limit, the context's,
// and any other error where the peer did not answer.
type Client interface {
	Get(ctx context.Context, p peers.Peer, path string, limit int64) ([]byte, error)
	Post(ctx context.Context, p peers.Peer, path, contentType string, body []byte, limit int64) ([]byte, error)
}

// Book says who our peers are. It is called from several goroutines and answers from memory.
type Book interface {
	// Admitted returns the peers whose logs we mirror.
	Admitted() []peers.Peer
	// Peer returns the admitted peer of a domain.
	Peer(domain string) (peers.Peer, bool)
	// OriginKey returns the verifier of an admitted origin's checkpoints, earlier epochs included.
	OriginKey(origin string) (note.Verifier, bool)
	// Complain notes what a peer did wrong though it answers, in words for the operator.
	Complain(domain string, err error)
	// HeldUp notes what keeps a peer's log from being taken though nobody did wrong; nil: nothing does any more.
	HeldUp(domain string, err error)
}

// Verifier judges records. Errors mean that there is no verdict (protocol.UnreachableError, the context's).
type Verifier interface {
	VerifyBatch(ctx context.Context, claims []*protocol.Claim, p verifier.Policy) []verifier.Outcome
	VerifyStatement(ctx context.Context, s protocol.Statement) (verifier.Verdict, error)
}

// Home finds the hosts of the nodes that serve a domain: the SRV targets of _mir-node._tcp.{domain}, in order of preference.
type Home interface {
	HomeNodes(ctx context.Context, domain string) ([]string, error)
}

// Own is this node, as far as mirroring is concerned.
type Own struct {
	Origin protocol.Origin    // of the log that is written now
	Key    ed25519.PrivateKey // the node key: signs cosignatures
}

// Options are what a Mirror is made of. Store, Verifier, Client, Book and Own are needed; each other zero field takes its default.
type Options struct {
	Store    *store.Store
	Verifier Verifier
	Client   Client
	Book     Book
	Own      Own
	// Home finds home nodes by SRV for Fresh; nil: only peers whose own domain it is.
	Home Home
	// TrustErasures are the domains of nodes whose erasure notices count for any domain's records.
	TrustErasures []string
	// Quorum is how many distinct observers stand for a key that its domain does not publish now. Default 2; at least 2.
	Quorum int
	Limits Limits
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default: nothing is logged
}

// Mirror brings mirrors up. It is safe for concurrent use; of pulls of one origin one runs at a time.
type Mirror struct {
	store    *store.Store
	verifier Verifier
	client   Client
	book     Book
	home     Home
	own      Own
	ownKey   note.Verifier      // checks checkpoints of our own log
	cosigner *translog.Cosigner // signs what we mirror
	trusted  map[string]bool    // nodes whose erasures count for any domain
	quorum   int
	limits   Limits
	now      func() time.Time
	log      *slog.Logger
	stats    counters

	origins   originLocks
	homes     originLocks   // by domain: who has its turn judges what depends on earlier records of that node, and settles it
	extra     chan struct{} // tokens: batches beyond the first of a pull
	verifying chan struct{} // tokens: batches that are being verified
	budgets   budgets
	observed  *verifier.Verifier // judges under keys that a quorum saw
	fresh     freshFlights
	witness   witnessState
	collect   collectState
	notices   notices
	slow      slowPeers
	ahead     aheadHeads
}

// New makes a Mirror. The error is about the options.
func New(o Options) (*Mirror, error) {
	switch {
	case o.Store == nil || o.Verifier == nil || o.Client == nil || o.Book == nil:
		return nil, errors.New("a mirror needs a store, a verifier, a client and a book of peers")
	case len(o.Own.Key) != ed25519.PrivateKeySize:
		return nil, errors.New("a mirror needs the node's key")
	case o.Quorum != 0 && o.Quorum < 2:
		return nil, errors.New("a quorum of observers is 2 or more: one lying observer must not be enough")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Quorum == 0 {
		o.Quorum = DefaultQuorum
	}
	name := o.Own.Origin.String()
	cosigner, err := translog.NewCosigner(name, o.Own.Key, o.Now)
	if err != nil {
		return nil, err
	}
	ownKey, err := translog.NewVerifier(name, o.Own.Key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	m := &Mirror{
		store: o.Store, verifier: o.Verifier, client: o.Client, book: o.Book, home: o.Home, own: o.Own, ownKey: ownKey, cosigner: cosigner,
		trusted: make(map[string]bool), quorum: o.Quorum, limits: o.Limits.withDefaults(), now: o.Now, log: o.Logger,
		extra: make(chan struct{}, extraBatches), verifying: make(chan struct{}, maxVerifying),
	}
	for _, domain := range o.TrustErasures {
		m.trusted[domain] = true
	}
	if err := m.notices.load(o.Store); err != nil {
		return nil, err
	}
	m.budgets.init(&m.limits)
	m.observed = verifier.New(observedSource{}, verifier.Options{ExpandedKeys: 64, Now: o.Now})
	return m, nil
}

// key returns the verifier of an origin's checkpoints, our own log's included.
func (m *Mirror) key(origin string) (note.Verifier, bool) {
	if origin == m.own.Origin.String() {
		return m.ownKey, true
	}
	return m.book.OriginKey(origin)
}

// originLocks lets one goroutine at a time work on an origin. The zero value is ready.
type originLocks struct {
	mu    sync.Mutex
	locks map[string]*originLock // owned by mu; only origins that are being worked on
}

type originLock struct {
	held chan struct{} // one token: who has put it in holds the lock
	uses int           // owned by originLocks.mu: holders and waiters
}

// lock waits for its turn at an origin and returns the release.
func (l *originLocks) lock(ctx context.Context, origin string) (release func(), err error) {
	l.mu.Lock()
	if l.locks == nil {
		l.locks = make(map[string]*originLock)
	}
	one := l.locks[origin]
	if one == nil {
		one = &originLock{held: make(chan struct{}, 1)}
		l.locks[origin] = one
	}
	one.uses++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.uses--; one.uses == 0 {
			delete(l.locks, origin)
		}
	}
	select {
	case one.held <- struct{}{}:
		return func() { <-one.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
