// Package assertions is what issuers say about files: the rules by which an issuer's home takes its words, and the answers that every node gives about a file.
//
// An assertion is a payload that its issuer signed (docs/protocol.md, Assertions): this issuer says this of the artifact with this SHA-256. It is taken by the
// issuer's home and nowhere else, logged there, and replicated; it is never changed and never deleted. Its issuer can revoke it, replace it by a successor, or
// have the home edit what stands unsigned beside it, and each of these is a record of its own.
//
// A home takes a word in this order, and the first step that fails is the answer: the body is well formed; the issuer's home is this node; the API key is the
// issuer's; the issuer is known; its badge and plan allow it; the time is within five minutes of the node's clock; the signature verifies under a key of the
// issuer's that is valid now. Then, one write about an artifact at a time: what is held already is answered with the first one; what the payload refers to is
// held and about the same artifact; the issuer has no other active assertion of the type; the bounds of what is kept about one artifact are not passed.
//
// Answers are the same on every node: they come from the records that the node itself verified. The package writes JSON; HTTP, limits and API keys are its caller's.
package assertions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"mirnode/accounts"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

// Issuers knows the issuers whose assertions are shown. Issuer answers from this machine alone, and with store.ErrNotFound where no record of the issuer is
// held. It is called from several goroutines at once.
type Issuers interface {
	Issuer(ctx context.Context, id string) (*issuers.Standing, error)
}

// Accounts knows this node's own issuers: an *accounts.Accounts. It is called from several goroutines at once.
type Accounts interface {
	// May says whether the issuer may do this: nil, or an error for whoever asked, as a rule an *accounts.Refusal.
	May(id string, action accounts.Action) error
	// Steady keeps the issuer's record as it is until release is called.
	Steady(ctx context.Context, id string) (release func(), err error)
}

// Options are what a Service works with.
type Options struct {
	Store   *store.Store // not nil
	Issuers Issuers      // not nil
	// Accounts and Sign are needed for writing. A node without a domain has neither: no issuer is at home there.
	Accounts Accounts
	// Sign signs an edit with the node's key.
	Sign func(protocol.MetadataEditDraft) (*protocol.MetadataEdit, error)
	// Home is the node's own domain, in lower case; empty for a node without one.
	Home string
	// Network is the node's, for the edits that it signs.
	Network protocol.Network
	// NodeURL gives the address of a node's API, as in https://node2.test, or "" where it is not known. Default: never known.
	NodeURL func(home string) string
	// LookupURL is where the public links to look-ups lead, without a slash at its end; empty: links start with a slash.
	LookupURL string
	Logger    *slog.Logger     // default: nothing is logged
	Now       func() time.Time // default: time.Now
}

// Service takes assertions and answers for them. It is safe for concurrent use.
type Service struct {
	store     *store.Store
	issuers   Issuers
	accounts  Accounts
	sign      func(protocol.MetadataEditDraft) (*protocol.MetadataEdit, error)
	home      string
	network   protocol.Network
	nodeURL   func(home string) string
	lookupURL string
	logger    *slog.Logger
	now       func() time.Time

	locks *locks
	pages sync.Pool // of *page
}

// New makes a Service. The error says which option is missing.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Issuers == nil {
		return nil, errors.New("assertions: a store and the issuers are needed")
	}
	if (o.Accounts == nil) != (o.Sign == nil) || o.Home == "" && o.Accounts != nil {
		return nil, errors.New("assertions: to take assertions a node needs a domain, accounts and a key to sign with")
	}
	if o.NodeURL == nil {
		o.NodeURL = func(string) string { return "" }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{
		store: o.Store, issuers: o.Issuers, accounts: o.Accounts, sign: o.Sign, home: o.Home, network: o.Network, nodeURL: o.NodeURL,
		lookupURL: o.LookupURL, logger: o.Logger, now: o.Now, locks: newLocks(),
	}
	s.pages.New = func() any { return newPage() }
	return s, nil
}
