// Package issuers knows what this node may say of an issuer, of whatever home.
//
// # Whose word
//
// An issuer record is signed by the issuer's home node. What it says of names, keys and reviews is the home's to say. But "VERIFIED, by its domain" is a
// statement about DNS, which every node can check, so no node takes another's word for it: an issuer is shown as verified by a domain only where this
// node itself found the issuer's token at _mir-verify.{domain}. Until then it is UNVERIFIED, and the detail says what the home says. Likewise a key
// is anchored by the issuer's domain only where this node saw that the domain publishes it. Verification by activity cannot be checked so; it is
// shown as what it is, the home's word. docs/decisions/0014 has the reasons.
//
// # What stands in an attacker's way
//
// An issuer record can claim any domain and any key, and a hostile home can log as many as the log takes. So nobody waits for a look-up: those who
// ask are answered from what is known, and look-ups run behind, some at once, within budgets for all, for each home, for each
// target (the registrable domain, whose servers would be asked), and for a home and a target together. Homes take turns, and domains that were
// seen have budgets of their own. Whatever waits or is remembered has a
// bound for each home and one for all; where it is full, a home's issuers displace issuers of that home, or of the one that has most.
//
// # API
//
// [New] makes a [Directory], [Directory.Issuer] answers, [Directory.Run] does the look-ups. [Directory.Learned] is the store's hook.
package issuers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"mirnode/protocol"
	"mirnode/store"
)

// DNS asks for the TXT records of a name, past any cache of this node's.
type DNS interface {
	// TXT gives each record's strings, joined. A name without such records is an empty list; a domain that does not answer is a
	// *protocol.UnreachableError. It is called from several goroutines.
	TXT(ctx context.Context, name string) ([]string, error)
}

// Keys finds the keys that domains publish: a *discovery.Discoverer.
type Keys interface {
	// FindKey returns the domain's key with the fingerprint. Errors: *protocol.Error where the domain answered and has none,
	// *protocol.UnreachableError where that is open. It is called from several goroutines.
	FindKey(ctx context.Context, domain, fingerprint string) (protocol.FoundKey, error)
}

// Store keeps issuer records and what this node saw: a *store.Store. It is called from several goroutines.
type Store interface {
	// Issuer returns the issuer's record with the highest sequence, or store.ErrNotFound.
	Issuer(ctx context.Context, id string) (*protocol.Issuer, store.Record, error)
	PutState(ctx context.Context, space, key string, value []byte) error
	State(space string) (map[string][]byte, error)
}

// Defaults of Options.
const (
	DefaultRecheckEvery = 24 * time.Hour
	DefaultCache        = 16_384
)

// Options say what a directory works with. The first four are required; zero fields otherwise mean the defaults.
type Options struct {
	Store Store
	DNS   DNS
	Keys  Keys
	Home  string // this node's domain, whose issuers have no share of their own in the bounds: it makes them itself

	// RecheckEvery is how often a domain that was seen is asked again, more or less a tenth, so that nodes do not all ask at once.
	RecheckEvery time.Duration
	// Cache bounds the standings that are kept ready, some 2 KiB each.
	Cache int

	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
}

// Directory answers what this node knows of issuers. It may be used from several goroutines.
type Directory struct {
	options Options
	budgets *budgets
	wake    chan struct{} // tells Run that something may be due earlier than it thinks
	unsaved chan struct{} // tells Run that dirty has something

	mu    sync.Mutex // guards all below, but for the cache's reads; held for microseconds, never over I/O
	cache *lru.Cache[string, *Standing]
	sights
}

// New reads what this node saw before, and makes the directory. It works while Run does.
func New(o Options) (*Directory, error) {
	if o.Store == nil || o.DNS == nil || o.Keys == nil || o.Home == "" {
		return nil, errors.New("issuers: the store, DNS, the source of keys or the node's domain is missing")
	}
	if o.RecheckEvery <= 0 {
		o.RecheckEvery = DefaultRecheckEvery
	}
	if o.Cache <= 0 {
		o.Cache = DefaultCache
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Directory{options: o, wake: make(chan struct{}, 1), unsaved: make(chan struct{}, 1), sights: newSights(o.Home)}
	var err error
	if d.cache, err = lru.New[string, *Standing](o.Cache); err != nil {
		return nil, fmt.Errorf("issuers: making the cache: %w", err)
	}
	if d.budgets, err = newBudgets(); err != nil {
		return nil, fmt.Errorf("issuers: making the budgets: %w", err)
	}
	if err := d.load(); err != nil {
		return nil, fmt.Errorf("issuers: reading what was seen: %w", err)
	}
	return d, nil
}

// fresh is how long a standing is served from the cache without looking whether the store has a later record: an upper bound on what the
// narrowest of races can cost.
const fresh = time.Minute

// Issuer gives the issuer's standing as this node knows it. It reads memory, or the store, and never waits for the network: where a look-up is needed it
// happens behind, and a later call shows it. Errors: store.ErrNotFound, and those of reading.
func (d *Directory) Issuer(ctx context.Context, id string) (*Standing, error) {
	now := d.options.Now()
	if s, ok := d.cache.Get(id); ok && now.Sub(s.made) < fresh {
		return s, nil
	}
	record, _, err := d.options.Store.Issuer(ctx, id)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.cache.Peek(id); ok && s.Record.Sequence > record.Sequence {
		return s, nil // learnt while the store was read
	}
	d.want(record, now)
	s := render(record, d.seen[id], now)
	d.cache.Add(id, s)
	return s, nil
}

// Learned takes an issuer record that the store newly holds, verified and in order; other records it passes over. It does no I/O and never waits
// for any: it is the store's hook.
func (d *Directory) Learned(r protocol.Record) {
	record, ok := r.(*protocol.Issuer)
	if !ok {
		return
	}
	now := d.options.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.want(record, now)
	// What nobody asked for stays out of the cache: a flood of records must not push out what is asked for.
	if s, ok := d.cache.Peek(record.ID); ok && s.Record.Sequence < record.Sequence {
		d.cache.Add(record.ID, render(record, d.seen[record.ID], now))
	}
}

// Confirmed takes that this node, as the issuer's home, found the token made with the nonce at the domain just now, so that it need not be looked up
// again. It is called after the record that says so was appended, and does no I/O.
func (d *Directory) Confirmed(id, domain, nonce string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.seen[id]
	if s == nil || s.domain != domain || s.nonce != nonce {
		s = &sight{id: id, home: d.options.Home, domain: domain, nonce: nonce}
		d.add(s)
	}
	s.found(at)
	s.due = at // for the keys that the domain publishes
	d.moved(s)
	d.settle(s)
	d.poke()
}

// want sees to it that an issuer whose home names a domain is looked up. The caller holds mu.
func (d *Directory) want(record *protocol.Issuer, now time.Time) {
	s := d.seen[record.ID]
	switch {
	case record.VerifiedBy != protocol.ByDomain:
		if s != nil {
			d.drop(s)
		}
		return
	case s == nil || s.domain != record.Domain || s.nonce != record.DomainNonce:
		once := s != nil && s.once && s.domain == record.Domain
		d.add(&sight{id: record.ID, home: record.Home, domain: record.Domain, nonce: record.DomainNonce, once: once, due: now})
	case record.Sequence > s.sequence && s.due.After(now) && s.isSeen():
		s.due = now // it may have other keys
		d.moved(s)
	}
	d.poke()
}

// poke wakes Run.
func (d *Directory) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
