// Package api is the HTTP interface of a node. Its format is the OpenAPI 3.1 document openapi.yaml beside this file, which a node serves at /openapi.json
// and shows at /docs; the document comes first, and tests hold the handlers to it.
//
//	POST /claims, POST /claims/batch      verify and keep
//	GET  /claims/{id}, GET /claims?…      look up
//	GET  /assertions?hash=, POST /assertions/lookup
//	                                      who says what about a file
//	POST /assertions, POST /assertions/{id}/revoke, …/supersede, PATCH /assertions/{id}
//	                                      what issuers say, at their home
//	/issuers/{id}/…                       issuers: keys, domain, API keys
//	POST /verify                          verify and forget
//	GET  /domains/{domain}/keys           what a domain publishes
//	GET  /.well-known/mir.json            what this node publishes for its own domains, by Host
//	GET  /log/…, /mirror/{hash}/…         the node's own log, and its mirrors of others (C2SP tlog-tiles)
//	POST /records/fetch, /hint, GET /peers/…, POST /witness/add-checkpoint
//	                                      what nodes ask of each other
//	GET  /node, /peers, /healthz, /readyz, /openapi.json, /docs
//
// An error is {"error","hint","code"?}. A 4xx never blames the server, a 5xx is safe to send again.
//
// [New] takes the rooms that the handlers stand on as small interfaces, and gives two handlers: [API.Handler] for anybody, and [API.Operator] for the
// operator's own listener (metrics, profiles, erasure). A handler reads as one story: decode, call, encode.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// ClaimReader looks claims up. Its methods are safe for concurrent use.
type ClaimReader interface {
	// Claim gives the record with this sigHash; store.ErrNotFound, or *store.ErasedError.
	Claim(ctx context.Context, sigHash [32]byte) (store.Record, error)
	// Visit shows one page's records to visit, newest first, and gives the cursor of the next page. A record is good until visit returns; after an
	// error the page is not whole. The error wraps store.ErrInvalid where the query is at fault.
	Visit(ctx context.Context, q store.Query, visit func(*store.Record)) (cursor string, err error)
}

// ClaimWriter keeps claims. Its methods are safe for concurrent use, and return once what they kept is on disk. They return store.ErrReadOnly when
// nothing can be kept now.
type ClaimWriter interface {
	AppendClaim(ctx context.Context, c *protocol.Claim, p store.Provenance) (store.Appended, error)
	AppendClaims(ctx context.Context, claims []store.ClaimToAppend) ([]store.Appended, error)
	// EraseClaim takes the claim out of what is served and keeps the reason; store.ErrNotFound. The notice, which may be nil, goes into the own log.
	EraseClaim(ctx context.Context, sigHash [32]byte, reason string, notice *protocol.Erasure) error
}

// Store is all that the API needs of the store.
type Store interface {
	ClaimReader
	ClaimWriter
	Logs
	Observed
	Proofs
	// Assertion gives the assertion whose ID has this hash; store.ErrNotFound.
	Assertion(ctx context.Context, id [32]byte) (store.AssertionState, error)
	Stats() store.Stats
	Ready() error
}

// Keys finds what domains publish. Its methods are safe for concurrent use.
type Keys interface {
	// Keys reports on both channels of a domain, from the cache while it is fresh.
	Keys(ctx context.Context, domain string) (*discovery.Report, error)
	// Known tells whether a verification under this key would be answered without a look-up.
	Known(domain, fingerprint string) bool
	// Forget drops what is cached of a domain.
	Forget(domain string)
	Stats() discovery.Stats
}

// Verifier gives verdicts; an error only when none can be given (protocol.UnreachableError, the context's).
type Verifier interface {
	VerifyClaim(ctx context.Context, c *protocol.Claim, p verifier.Policy) (verifier.Verdict, error)
	VerifyBatch(ctx context.Context, claims []*protocol.Claim, p verifier.Policy) []verifier.Outcome
	VerifyStatement(ctx context.Context, s protocol.Statement) (verifier.Verdict, error)
}

// Check is one condition of /readyz besides the store's own.
type Check struct {
	Name string
	// Ready gives the reason why the node cannot take claims, in words for anybody, or nil. Its answer is kept for some seconds.
	Ready func(ctx context.Context) error
}

// RequestLog says which requests are logged.
type RequestLog string

// The choices of RequestLog. A log line never holds a body, a query (subjects are pseudonymous data) or the values of path parameters.
const (
	LogAll    RequestLog = "all"    // every request
	LogErrors RequestLog = "errors" // answers of 500 and above: a look-up costs half as much again with a line for each
	LogNone   RequestLog = "none"   // none; faults of the node are logged all the same
)

// Options are what an API stands on. Store, Keys, Verifier, Logger and Now must be set; zero values elsewhere mean what their comments say.
type Options struct {
	Store    Store
	Keys     Keys
	Verifier Verifier
	Logger   *slog.Logger
	Now      func() time.Time
	Checks   []Check

	Domain  string // the node's own domain; "" for none
	Network string // production, staging or development

	// Origin is the node's own log, which the store keeps; the zero value for a node without one. LogKey is the verifier key of its checkpoints, Witness
	// that of the node's cosignatures, both as name+hash+key (C2SP signed-note); "" for none.
	Origin          protocol.Origin
	LogKey, Witness string
	Federation      Federation // nil: a node without peers
	// Assertions and Issuers answer for what issuers say; nil where the node was built without them. Accounts are the node's own issuers; nil for a node
	// without a domain, where look-ups work and nothing can be written.
	Assertions Assertions
	Issuers    Issuers
	Accounts   Accounts
	// Policy is what GET /node tells of the terms for the node's own issuers.
	Policy accounts.Policy
	// SignErasure signs a notice to other nodes that a claim was erased; nil: they are not told.
	SignErasure func(protocol.ErasureDraft) (*protocol.Erasure, error)

	Version   Version
	Published map[string]protocol.KeyDocument // by domain in lower case: what /.well-known/mir.json answers

	Limits         Limits
	Work           Work
	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts
	Requests       RequestLog     // "" is LogErrors
	LogClients     bool           // log the client's address too
}

// Work bounds what requests may cost at one time. Zero fields take their default.
type Work struct {
	Verifications int           // claims being parsed, or verified with a cached key; 64
	Lookups       int           // verifications and reports under way that wait for a key look-up; 256
	Writes        int           // assertions, revocations and edits being verified and written; 64
	ManyLookups   int           // look-ups of many files whose answers, each up to 4 MB, are being made; 8
	Batches       int           // batches under way, each holding up to 16 MB; 8
	ClientBatches int           // those of one client; 2
	PageBytes     int64         // of the answers to GET /claims that are being made or sent; 64 MiB
	ClientPages   int64         // those of one client, in bytes; 16 MiB
	PeerReads     int           // reads of logs and records for other nodes under way; 4
	Waiting       int           // requests that may wait for a place in each of the above; 1024
	Patience      time.Duration // how long they wait before 503; 2 s
	Deadline      time.Duration // a request's time from its whole head to its answer; 20 s
	BatchDeadline time.Duration // the same for a batch; 60 s
	BodyTime      time.Duration // how long a claim's body may take to arrive; 10 s
	BatchBodyTime time.Duration // the same for a batch's; 60 s
}

func (w Work) withDefaults() Work {
	setDefault(&w.Verifications, 64)
	setDefault(&w.Lookups, 256)
	setDefault(&w.Writes, 64)
	setDefault(&w.ManyLookups, 8)
	setDefault(&w.Batches, 8)
	setDefault(&w.ClientBatches, 2)
	setDefault(&w.PageBytes, 64<<20)
	setDefault(&w.ClientPages, 16<<20)
	setDefault(&w.PeerReads, 4)
	setDefault(&w.Waiting, 1024)
	setDefault(&w.Patience, 2*time.Second)
	setDefault(&w.Deadline, 20*time.Second)
	setDefault(&w.BatchDeadline, 60*time.Second)
	setDefault(&w.BodyTime, 10*time.Second)
	setDefault(&w.BatchBodyTime, 60*time.Second)
	return w
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// API is the HTTP interface of one node. It is safe for concurrent use.
type API struct {
	Options
	work    Work
	started time.Time
	origin  string // of the own log; "" for none

	read, submit, verify, lookup, peer *budget[netip.Addr]
	perDomain                          *budget[string]
	assertionLookup, assertionWrite    *budget[string] // by the issuer whose API key is shown

	verifications, lookups, peerReads, writes, manyLookups *gate
	batches, pages                                         *allotment

	documents *documents
	published map[string]asset
	checks    *readiness
	peerList  peerList
	damage    damage
	metrics   *metrics
	engine    *gin.Engine
	handler   http.Handler
	operator  http.Handler
}

// New builds the API of a node. It fails only when the embedded documents cannot be read, or a published key document is empty.
func New(o Options) (*API, error) {
	a := &API{Options: o, work: o.Work.withDefaults(), started: o.Now()}
	if o.Origin != (protocol.Origin{}) {
		a.origin = o.Origin.String()
	}
	if a.Limits.Clients == 0 {
		a.Limits.Clients = DefaultLimits().Clients
	}
	if a.Requests == "" {
		a.Requests = LogErrors
	}
	a.read = newBudget[netip.Addr]("read", "reading", a.Limits.Read, a.Limits.Clients)
	a.submit = newBudget[netip.Addr]("submit", "submissions", a.Limits.Submit, a.Limits.Clients)
	a.verify = newBudget[netip.Addr]("verify", "verifications", a.Limits.Verify, a.Limits.Clients)
	a.lookup = newBudget[netip.Addr]("lookup", "key look-ups of new domains", a.Limits.Lookup, a.Limits.Clients)
	a.peer = newBudget[netip.Addr]("peer", "reading logs and records", a.Limits.Peer, a.Limits.Clients)
	a.perDomain = newBudget[string]("domain", "claims of this domain", a.Limits.Domain, a.Limits.Clients)
	a.assertionLookup = newBudget[string]("assertion-lookup", "look-ups of many files with the issuer's API keys", a.Limits.AssertionLookup, a.Limits.Clients)
	a.assertionWrite = newBudget[string]("assertion-write", "writing with the issuer's API keys", a.Limits.AssertionWrite, a.Limits.Clients)
	a.manyLookups = newGate(a.work.ManyLookups, a.work.Waiting, a.work.Patience)
	a.writes = newGate(a.work.Writes, a.work.Waiting, a.work.Patience)
	a.verifications = newGate(a.work.Verifications, a.work.Waiting, a.work.Patience)
	a.lookups = newGate(a.work.Lookups, a.work.Waiting, a.work.Patience)
	a.peerReads = newGate(a.work.PeerReads, a.work.Waiting, a.work.Patience)
	a.batches = newAllotment(int64(a.work.Batches), int64(a.work.ClientBatches), a.work.Waiting, a.work.Patience)
	a.pages = newAllotment(max(pageReserve, a.work.PageBytes), max(pageReserve, a.work.ClientPages), a.work.Waiting, a.work.Patience)
	a.checks = newReadiness(a)
	a.peerList.api = a
	a.metrics = newMetrics(a)
	var err error
	if a.documents, err = loadDocuments(); err != nil {
		return nil, err
	}
	if a.published, err = publishedAssets(o.Published); err != nil {
		return nil, err
	}
	a.handler, err = a.routes()
	if err != nil {
		return nil, err
	}
	a.operator = a.operatorRoutes()
	return a, nil
}

// Handler serves the public routes. It may be called from several goroutines.
func (a *API) Handler() http.Handler { return a.handler }

// Operator serves the operator's routes: metrics, profiles, status, erasure. It has no log-in of its own: put it on a loopback address or a unix socket.
func (a *API) Operator() http.Handler { return a.operator }

// handlerFunc answers a request, or returns the error that is to be answered.
type handlerFunc func(c *gin.Context) error
