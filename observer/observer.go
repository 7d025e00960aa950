// Package observer writes down which keys domains publish.
//
// # What is logged
//
// A node sees domains' keys each time it looks them up. The observer makes of that a history: signed key observations
// (protocol, "Statements") in the node's own log, which everybody may mirror and check. An observation is logged
//
//   - when a key is new, or comes back after it was gone;
//   - when what is said of it changed: the channels that hold it, DNSSEC, created, expires;
//   - when it is gone: the domain answered, and the key was not in the answer;
//   - when the last observation of it that was logged is a day old, and the key was seen again.
//
// So a look-up that finds what the last one found logs nothing. A channel that does not answer changes nothing: what it said last stands.
//
// # What stands in an attacker's way
//
// Anybody can make a node look domains up, and whoever has one domain has any number of names below it. So only domains are
// observed from which a claim was accepted, or that the operator lists; other domains' reports give way to theirs; a domain gets so many observations a day, and all
// domains together so many; and what waits is bounded. What does not fit is dropped and counted: the next look sees it again.
//
// # API
//
// [New] makes an [Observer], and [Observer.Run] does its work. [Observer.Observe] is discovery's hook and [Observer.Accepted] the
// verifier's; neither ever waits. What all nodes saw is read out of the store.
package observer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/store"
)

// Defaults of Options, and bounds that are not configurable.
const (
	// DefaultMaxDomains is as many domains as discovery caches.
	DefaultMaxDomains = 10_000
	// DefaultPerDomain lets a domain rotate its keys several times a day and be wrong in between.
	DefaultPerDomain = 24
	// DefaultPerDay bounds what a flood of domains that all have claims can add to the log: some 20 MB.
	DefaultPerDay = 100_000

	// MaxListed bounds the domains that an operator may list.
	MaxListed = 10_000

	// shards is how many domains are worked on at once: an append waits for the disk, and those that wait together share one sync.
	shards = 8
	// queue bounds what waits, each a pointer to a report that discovery holds anyway.
	queue = 128 * shards
	// retryEvery is how long a domain waits whose observations could not be logged.
	retryEvery = 5 * time.Second
	// maxRetry bounds the domains that wait so, in a shard.
	maxRetry = 128
	// lookEvery is how often listed domains are looked up, if nobody else asks for them, and lookAgain how soon where one did not answer.
	lookEvery, lookAgain = time.Hour, time.Minute
)

// Keys is where reports come from: discovery.
type Keys interface {
	Keys(ctx context.Context, domain string) (*discovery.Report, error)
}

// Log is where observations are kept: a *[store.Store]. It is called from several goroutines.
type Log interface {
	// AppendStatement adds an observation to the node's own log, and returns when it is durable.
	AppendStatement(ctx context.Context, st protocol.Statement) (store.Appended, error)
	// Observed shows visit what the observers logged of a domain's keys, or of one of them, each observer's newest first, as long as visit wants more.
	Observed(ctx context.Context, domain, fingerprint string, observers []string, visit func(o *protocol.Observation) (more bool)) error
}

// Options say who observes what. Zero fields mean the defaults, but for the first five, which are required.
type Options struct {
	Node    string // the node's domain
	Network protocol.Network
	Key     ed25519.PrivateKey // the node's key, which signs
	Log     Log
	Keys    Keys

	// Domains are observed though no claim of theirs is known, at most MaxListed, and looked up every hour.
	Domains []string
	// MaxDomains bounds the domains whose last observations are remembered, some 500 bytes a key. What is not remembered is read from the log.
	MaxDomains int
	// PerDomain bounds the observations a day (UTC) of one domain's keys, PerDay those of all domains.
	PerDomain, PerDay int
	// Refresh is how old the last logged observation of a key gets; 0: protocol.ObservationRefresh, which is also the most.
	Refresh time.Duration

	// Logged is told of each key of which an observation was logged. It must not block, and is called from several goroutines. nil: nobody.
	Logged func(domain, fingerprint string)

	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now. The clock that discovery reads
}

// Observer turns what discovery sees into key observations. It may be used from several goroutines. A nil Observer observes nothing.
type Observer struct {
	options Options
	listed  map[string]bool // only read
	used    *lru.Cache[string, struct{}]
	seed    maphash.Seed
	shards  [shards]*shard
	day     budget // of all domains
	stats   counters
}

// New checks the options. The observer works while Run does.
func New(o Options) (*Observer, error) {
	if o.Log == nil || o.Keys == nil {
		return nil, errors.New("observer: no log or no source of keys")
	}
	if len(o.Domains) > MaxListed {
		return nil, fmt.Errorf("observer: %d domains are listed, at most %d can be", len(o.Domains), MaxListed)
	}
	o.MaxDomains, o.PerDomain, o.PerDay = orDefault(o.MaxDomains, DefaultMaxDomains), orDefault(o.PerDomain, DefaultPerDomain), orDefault(o.PerDay, DefaultPerDay)
	if o.Refresh <= 0 || o.Refresh > protocol.ObservationRefresh {
		o.Refresh = protocol.ObservationRefresh
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := trySigning(o); err != nil {
		return nil, fmt.Errorf("observer: %w", err)
	}
	ob := &Observer{options: o, listed: make(map[string]bool), seed: maphash.MakeSeed(), day: budget{most: o.PerDay}}
	for _, name := range o.Domains {
		domain, err := protocol.ParseDomain(name)
		if err != nil {
			return nil, fmt.Errorf("observer: a listed domain: %w", err)
		}
		ob.listed[domain] = true
	}
	var err error
	if ob.used, err = lru.New[string, struct{}](o.MaxDomains); err != nil {
		return nil, fmt.Errorf("observer: making the list of domains: %w", err)
	}
	for i := range ob.shards {
		if ob.shards[i], err = newShard(ob); err != nil {
			return nil, fmt.Errorf("observer: %w", err)
		}
	}
	return ob, nil
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// trySigning finds out at the start what would fail each time: the node's name, network or key.
func trySigning(o Options) error {
	draft := protocol.ObservationDraft{Observer: o.Node, Network: o.Network, Domain: o.Node, FirstSeen: o.Now(), LastSeen: o.Now()}
	if len(o.Key) == ed25519.PrivateKeySize {
		draft.Key = protocol.DomainKey{Public: o.Key.Public().(ed25519.PublicKey), Channels: []protocol.Channel{protocol.DNS}}
	}
	_, err := draft.Sign(o.Key)
	return err
}

// Run works until the context ends, and then returns nil. It may be called once.
func (o *Observer) Run(ctx context.Context) error {
	if o == nil {
		<-ctx.Done()
		return nil
	}
	var running sync.WaitGroup
	for _, s := range o.shards {
		running.Go(func() { s.run(ctx) })
	}
	running.Go(func() { o.lookAtListed(ctx) })
	running.Wait()
	return nil
}

// lookAtListed looks the listed domains up: at the start, and then every lookEvery, or lookAgain where one of them said nothing.
func (o *Observer) lookAtListed(ctx context.Context) {
	for len(o.listed) > 0 {
		wait := lookEvery
		for domain := range o.listed {
			report, err := o.options.Keys.Keys(ctx, domain)
			if ctx.Err() != nil {
				return
			}
			if err != nil || !answered(report) {
				wait = lookAgain
			}
			if err == nil {
				o.Observe(report) // discovery's hook may have done so: then this one changes nothing
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// Observe takes what a fresh look-up found, for [discovery.Config.Observed]. It never waits: where too much waits already the report is
// dropped and counted. A domain that is not known to be observed is passed over unless the log has observations of it by this node, from before a
// restart. The report is only read.
func (o *Observer) Observe(r *discovery.Report) {
	if o == nil {
		return
	}
	known := o.listed[r.Domain] || o.used.Contains(r.Domain)
	o.shardOf(r.Domain).put(task{domain: r.Domain, report: r, stranger: !known})
}

// Accepted takes the key of a claim that was accepted, for the verifier's hook of that name. Its domain is observed from then on. It never
// waits, and for a domain that it knows it does nothing.
func (o *Observer) Accepted(found *protocol.FoundKey) {
	if o == nil || o.used.Contains(found.Domain) || o.listed[found.Domain] {
		return
	}
	domain := strings.Clone(found.Domain) // it may be a part of a document
	if known, _ := o.used.ContainsOrAdd(domain, struct{}{}); known {
		return
	}
	if !o.shardOf(domain).put(task{domain: domain}) {
		o.used.Remove(domain) // the next claim tries again
	}
}

func (o *Observer) shardOf(domain string) *shard {
	return o.shards[maphash.String(o.seed, domain)%shards]
}
