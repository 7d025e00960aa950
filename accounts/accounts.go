// Package accounts keeps the issuers whose home this node is.
//
// # What is public, and what is not
//
// An issuer's name, badge, keys and domain stand in its record: signed by this node, in the node's log, replicated. Each change of one of them is
// a further record. Plan, API keys, domains that are being verified and what an operator thought are nobody's business; they stand in one JSON document
// an issuer, in the store's small state, which no other node sees.
//
// The log is the truth about an issuer, the document an addition to it. Both cannot be written at once, so each order is chosen so that a crash
// between leaves nothing half done: a new issuer's document is written before its record, and is dropped at the next start if there is no record;
// all later changes write the record first, and what the document then still says is old, and harmless. An issuer of this home whose document was lost
// with a disk, while peers gave the log back, is one without API keys: [Accounts.Run] finds it in the log, and the operator makes new ones. After a change of
// the log's epoch Run enters each issuer's record into the new log.
//
// # API keys
//
// A key is mir_ (in staging mir_staging_, in development mir_dev_) and 43 letters and digits. It is shown once; its SHA-256 is kept. It is
// never logged. A revoked key is refused from the moment that the call begins.
//
// # Verification
//
// By domain: the issuer sets a TXT record at _mir-verify.{domain}, and has it looked for, past all caches. After 90 days it is looked for again; when
// the domain answers without it, the issuer is UNVERIFIED; when nobody answers, it is asked daily for seven days first. Several issuers may verify one
// domain, such as the departments of a publisher: each has a token of its own, and whoever controls the DNS decides. An issuer has one domain; another one
// takes its place.
//
// By activity: see [Accounts.CheckActivity].
//
// # API
//
// [New] makes [Accounts]; [Accounts.Run] does the rechecks. A [*Refusal] is the verdict on a call; other errors are faults, mostly the store's.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

// Store is what accounts use of a *store.Store. It is called from several goroutines.
type Store interface {
	Records
	Activity
	Logs
}

// Records keeps issuer records and documents.
type Records interface {
	// Issuer returns the issuer's record with the highest sequence, or store.ErrNotFound.
	Issuer(ctx context.Context, id string) (*protocol.Issuer, store.Record, error)
	// AppendStatement appends a record to the node's own log, and returns when it is durable.
	AppendStatement(ctx context.Context, statement protocol.Statement) (store.Appended, error)
	PutState(ctx context.Context, space, key string, value []byte) error
	State(space string) (map[string][]byte, error)
}

// Activity is where issuers' assertions are counted; see *store.Store. What is shown is good until visit returns.
type Activity interface {
	// VisitIssuer shows an issuer's assertions, newest first, a page at a time.
	VisitIssuer(ctx context.Context, issuerID string, limit int, cursor string, visit func(*store.AssertionState)) (next string, err error)
	// VisitArtifact shows the assertions about an artifact. truncated: there are more.
	VisitArtifact(ctx context.Context, artifact [32]byte, q store.ArtifactQuery, visit func(*store.AssertionState)) (truncated bool, err error)
}

// Directory knows the standing of issuers: a *issuers.Directory. It is called from several goroutines.
type Directory interface {
	Issuer(ctx context.Context, id string) (*issuers.Standing, error)
	Learned(r protocol.Record)
	Confirmed(id, domain, nonce string, at time.Time)
}

// Defaults and bounds.
const (
	DefaultTokenLife  = 7 * 24 * time.Hour
	DefaultRecheck    = 90 * 24 * time.Hour
	DefaultMaxIssuers = 100_000 // as many as a space of the store's state holds
	DefaultMaxAPIKeys = 32
	MaxPendingDomains = 4 // of an issuer; a fifth takes the place of the oldest
	MaxChallenges     = 8 // of an issuer; a ninth takes the place of the oldest
	MaxPage           = 200
	// MaxKeysADay is how many API keys an issuer makes within 24 hours, over restarts too. Rotating one makes none more, and the operator is not bound.
	MaxKeysADay = 20
)

// Policy is what the operator asks of issuers. Zero fields mean the defaults, but for the first three.
type Policy struct {
	RequirePlan        bool          // only issuers with a plan make assertions
	ActivityAssertions int           // so many undisputed assertions make an issuer VERIFIED …
	ActivityDays       int           // … if the first is so many days old; 0: activity verifies nobody
	TokenLife          time.Duration // how long the token for a domain can be used
	Recheck            time.Duration // after which a verified domain is asked again
	MaxIssuers         int
	MaxAPIKeys         int // of an issuer
}

// Options say what accounts work with. Only Logger, Now and Policy may be left out.
type Options struct {
	Store     Store
	Directory Directory
	DNS       issuers.DNS
	// Sign makes an issuer record with the node's key.
	Sign    func(protocol.IssuerDraft) (*protocol.Issuer, error)
	Home    string // this node's domain
	Network protocol.Network
	Policy  Policy
	Logger  *slog.Logger     // nil: silent
	Now     func() time.Time // nil: time.Now
}

// Accounts are this node's own issuers. It may be used from several goroutines.
type Accounts struct {
	o Options
	// creating is held by whoever makes an issuer: one at a time, so that the bound on them holds.
	creating chan struct{}
	// learned are the issuers that were heard of, see Learned; missed tells that there were more.
	learned chan string
	missed  atomic.Bool

	mu    sync.RWMutex
	byID  map[string]*account
	order []string // IDs, sorted
	keys  map[[32]byte]*liveKey
}

// New reads the documents that the store has. Those of issuers without a record are removed: their making was cut off before anybody heard of them.
func New(ctx context.Context, o Options) (*Accounts, error) {
	if o.Store == nil || o.Directory == nil || o.DNS == nil || o.Sign == nil || o.Home == "" {
		return nil, errors.New("accounts: the store, the directory, DNS, the signer or the node's domain is missing")
	}
	if _, err := protocol.ParseNetwork(string(o.Network)); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	p := &o.Policy
	setDefault(&p.TokenLife, DefaultTokenLife)
	setDefault(&p.Recheck, DefaultRecheck)
	setDefault(&p.MaxIssuers, DefaultMaxIssuers)
	setDefault(&p.MaxAPIKeys, DefaultMaxAPIKeys)
	if p.TokenLife < 0 || p.Recheck < 0 || p.MaxIssuers < 0 || p.MaxAPIKeys < 0 || p.ActivityAssertions < 0 || p.ActivityDays < 0 {
		return nil, errors.New("accounts: a number of the policy is below zero")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Accounts{o: o, creating: make(chan struct{}, 1), learned: make(chan string, maxLearned), byID: make(map[string]*account), keys: make(map[[32]byte]*liveKey)}
	if err := a.load(ctx); err != nil {
		return nil, fmt.Errorf("accounts: reading the issuers' documents: %w", err)
	}
	return a, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
