package node

import (
	"time"

	"mirnode/api"
	"mirnode/discovery"
)

// Config is all that an operator can set. Settings is its table; docs/operators.md explains it. Make one with Default or Load.
type Config struct {
	Domain              string
	Network             string
	DataDir             string
	Listen              string
	TLS                 TLS
	TrustedProxies      []string
	OperatorListen      string
	OperatorAllowRemote bool
	ReadyFile           string
	ShutdownTimeout     time.Duration
	ClockOffset         time.Duration
	Publish             Published
	NodeKey             string
	PublicURL           string
	Peers               Peers
	Gossip              Gossip
	Origin              OriginLog
	Issuers             Issuers
	LookupURL           string
	Log                 Log
	Discovery           Discovery
	Limits              Limits
	Store               Store
}

// TLS names the certificate's files; both or none.
type TLS struct{ Cert, Key string }

// Log says what is logged, and how.
type Log struct {
	Level, Format, Requests string
	Clients                 bool
}

// Discovery is how other domains' keys are found.
type Discovery struct {
	Resolvers     []string
	AllowRanges   []string
	ExtraCAFile   string
	WellKnownPort int

	MinTTL, MaxTTL, DefaultTTL, NegativeTTL time.Duration
	FailureTTL, Timeout                     time.Duration
	RefetchAge, RefetchEvery                time.Duration
	RefetchBurst                            int
	CacheDomains, MaxLookups, MaxWaiting    int
}

// Limits are budgets, and how many of them are remembered.
type Limits struct {
	ReadPerSecond, SubmitPerSecond, VerifyPerSecond, LookupPerSecond, DomainPerSecond, PeerPerSecond float64
	ReadBurst, SubmitBurst, VerifyBurst, LookupBurst, DomainBurst, PeerBurst                         int
	AssertionLookupPerSecond, AssertionWritePerSecond                                                float64
	AssertionLookupBurst, AssertionWriteBurst                                                        int
	Clients, Connections, ConnectionsPerClient                                                       int
}

// Store sizes the store.
type Store struct{ MergeClaims, QueueRequests int }

// The networks.
const (
	Production  = "production"
	Staging     = "staging"
	Development = "development"
)

// Default is a development node on this machine alone: who wants a production node says so.
func Default() Config {
	budgets := api.DefaultLimits()
	return Config{
		Network:         Development,
		DataDir:         "mir-data",
		Listen:          "127.0.0.1:8080",
		ShutdownTimeout: 20 * time.Second,
		Publish:         Published{},
		Peers:           defaultPeers(),
		Gossip:          Gossip{Interval: 50 * time.Millisecond},
		Origin:          OriginLog{Epoch: 1},
		Issuers:         defaultIssuers(),
		Log:             Log{Level: "info", Format: "text", Requests: string(api.LogErrors)},
		Discovery: Discovery{
			WellKnownPort: 443,
			MinTTL:        discovery.DefaultMinTTL, MaxTTL: discovery.DefaultMaxTTL, DefaultTTL: discovery.DefaultTTL, NegativeTTL: discovery.DefaultNegativeTTL,
			FailureTTL: discovery.DefaultFailureTTL, Timeout: discovery.DefaultTimeout,
			RefetchAge: discovery.DefaultRefetchAge, RefetchEvery: discovery.DefaultRefetchEvery, RefetchBurst: discovery.DefaultRefetchBurst,
			CacheDomains: discovery.DefaultCacheDomains, MaxLookups: discovery.DefaultMaxLookups, MaxWaiting: discovery.DefaultMaxWaiting,
		},
		Limits: Limits{
			ReadPerSecond: budgets.Read.PerSecond, ReadBurst: budgets.Read.Burst,
			SubmitPerSecond: budgets.Submit.PerSecond, SubmitBurst: budgets.Submit.Burst,
			VerifyPerSecond: budgets.Verify.PerSecond, VerifyBurst: budgets.Verify.Burst,
			LookupPerSecond: budgets.Lookup.PerSecond, LookupBurst: budgets.Lookup.Burst,
			DomainPerSecond: budgets.Domain.PerSecond, DomainBurst: budgets.Domain.Burst,
			PeerPerSecond: budgets.Peer.PerSecond, PeerBurst: budgets.Peer.Burst,
			AssertionLookupPerSecond: budgets.AssertionLookup.PerSecond, AssertionLookupBurst: budgets.AssertionLookup.Burst,
			AssertionWritePerSecond: budgets.AssertionWrite.PerSecond, AssertionWriteBurst: budgets.AssertionWrite.Burst,
			Clients: budgets.Clients, Connections: 4096, ConnectionsPerClient: 256,
		},
		Store: Store{MergeClaims: 200_000, QueueRequests: 1024},
	}
}

func (l Limits) budgets() api.Limits {
	return api.Limits{
		Read:   api.Rate{PerSecond: l.ReadPerSecond, Burst: l.ReadBurst},
		Submit: api.Rate{PerSecond: l.SubmitPerSecond, Burst: l.SubmitBurst},
		Verify: api.Rate{PerSecond: l.VerifyPerSecond, Burst: l.VerifyBurst},
		Lookup: api.Rate{PerSecond: l.LookupPerSecond, Burst: l.LookupBurst},
		Domain: api.Rate{PerSecond: l.DomainPerSecond, Burst: l.DomainBurst},
		Peer:   api.Rate{PerSecond: l.PeerPerSecond, Burst: l.PeerBurst},

		AssertionLookup: api.Rate{PerSecond: l.AssertionLookupPerSecond, Burst: l.AssertionLookupBurst},
		AssertionWrite:  api.Rate{PerSecond: l.AssertionWritePerSecond, Burst: l.AssertionWriteBurst},

		Clients: l.Clients,
	}
}
