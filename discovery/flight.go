package discovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"mirnode/protocol"
)

var (
	errBusy   = errors.New("this node has too many look-ups under way")
	errClosed = errors.New("this node is stopping")
	errBudget = errors.New("the domain was asked often enough for now")
)

// flight is one look-up of a domain, shared by all who want it.
type flight struct {
	done  chan struct{} // closed when entry and err are set
	entry *entry
	err   error
}

// flights keeps look-ups to one a domain, and their number in bounds.
type flights struct {
	slots chan struct{} // a token a look-up under way
	limit int           // look-ups under way and waiting

	mu      sync.Mutex
	byName  map[string]*flight // owned by mu
	sites   sites              // owned by mu
	closed  bool               // owned by mu
	running sync.WaitGroup     // Add under mu while not closed
}

// budgets holds each domain's tokens for fetches that a fingerprint miss or a person asks
// for. Eviction forgives a domain its past, at the price of as many look-ups of others.
type budgets struct {
	every   time.Duration
	burst   int
	domains *lru.Cache[string, *rate.Limiter]
}

func (b *budgets) of(domain string) *rate.Limiter {
	if l, ok := b.domains.Get(domain); ok {
		return l
	}
	fresh := rate.NewLimiter(rate.Every(b.every), b.burst)
	if l, ok, _ := b.domains.PeekOrAdd(domain, fresh); ok {
		return l
	}
	return fresh
}

// spend takes a token, or tells when there will be one.
func (b *budgets) spend(domain string, now time.Time) (wait time.Duration) {
	r := b.of(domain).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// left tells whether spend would get a token.
func (b *budgets) left(domain string, now time.Time) bool {
	l, ok := b.domains.Peek(domain)
	return !ok || l.TokensAt(now) >= 1
}

// purpose is why a domain is asked.
type purpose int

const (
	needed  purpose = iota // nothing fresh is cached
	refetch                // within the domain's budget: what is cached lacks a fingerprint, or a person asks
)

// fetch returns a newer entry than seen: from the flight under way, or from a new one. Its
// errors are *protocol.UnreachableError and those of ctx; the flight goes on without us.
func (d *Discoverer) fetch(ctx context.Context, domain string, why purpose, seen *entry) (*entry, error) {
	f, err := d.board(domain, why, seen)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return f.entry, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the keys of %s: %w", domain, context.Cause(ctx))
	}
}

// board finds or starts the domain's flight.
func (d *Discoverer) board(domain string, why purpose, seen *entry) (*flight, error) {
	d.flights.mu.Lock()
	defer d.flights.mu.Unlock()
	if f, ok := d.flights.byName[domain]; ok {
		return f, nil
	}
	now := d.cfg.Now()
	if e := d.cache.get(domain); e != nil && e != seen && e.fresh(now) {
		return landed(e), nil // a flight ended since the caller looked
	}
	switch {
	case d.flights.closed:
		return nil, &protocol.UnreachableError{Domain: domain, RetryAfter: busyRetry, Err: errClosed}
	case len(d.flights.byName) >= d.flights.limit:
		d.stats.busyRefusals.Add(1)
		return nil, &protocol.UnreachableError{Domain: domain, RetryAfter: busyRetry, Err: errBusy}
	}
	at, err := d.flights.sites.enter(domain, now)
	if err != nil {
		d.stats.busyRefusals.Add(1)
		return nil, err
	}
	if why == refetch {
		if wait := d.budgets.spend(domain, now); wait > 0 {
			d.flights.sites.leave(at)
			d.stats.budgetRefusals.Add(1)
			return nil, &protocol.UnreachableError{Domain: domain, RetryAfter: wait, Err: errBudget}
		}
		d.stats.refetches.Add(1)
	}
	f := &flight{done: make(chan struct{})}
	d.flights.byName[domain] = f
	d.flights.running.Add(1)
	go d.fly(domain, at, f)
	return f, nil
}

func landed(e *entry) *flight {
	f := &flight{done: make(chan struct{}), entry: e}
	close(f.done)
	return f
}

// fly carries a look-up out, however many of those who asked are still there.
func (d *Discoverer) fly(domain string, at *site, f *flight) {
	defer d.flights.running.Done()
	ctx, cancel := context.WithTimeout(d.ctx, d.cfg.Timeout)
	defer cancel()
	release, err := d.take(ctx, domain, at)
	var began, ended time.Time
	if err == nil {
		began = d.cfg.Now()
		f.entry = d.look(ctx, domain)
		ended = d.cfg.Now()
		release()
	} else {
		d.stats.busyRefusals.Add(1)
		f.err = err
	}
	d.flights.mu.Lock()
	d.flights.sites.took(at.name, ended.Sub(began), ended)
	d.flights.sites.leave(at)
	delete(d.flights.byName, domain)
	if f.entry != nil && d.ctx.Err() == nil {
		d.cache.put(domain, f.entry)
	}
	d.flights.mu.Unlock()
	close(f.done)
	if f.entry != nil && d.cfg.Observed != nil {
		d.cfg.Observed(f.entry.report)
	}
}

// look reads both channels at once. What one of them cannot say now, but said before
// within its lifetime, stays.
func (d *Discoverer) look(ctx context.Context, domain string) *entry {
	d.stats.lookups.Add(1)
	d.stats.inFlight.Add(1)
	defer d.stats.inFlight.Add(-1)
	at := d.cfg.Now()
	document := make(chan ChannelReport, 1)
	go func() { document <- d.readWellKnown(ctx, domain) }()
	dns := d.readDNS(ctx, domain)
	wellKnown := <-document
	if old := d.cache.get(domain); old != nil {
		wellKnown = retained(wellKnown, old.report.WellKnown, at)
		dns = retained(dns, old.report.DNS, at)
	}
	r := newReport(domain, wellKnown, dns, at, d.cfg)
	d.cfg.Logger.Debug("looked up keys", "domain", domain, "keys", len(r.Keys),
		"wellKnown", r.WellKnown.Status, "dns", r.DNS.Status, "agreement", r.Agreement)
	return newEntry(r)
}

// retained returns what a channel says now, or, where it says nothing, that together with
// the keys that it said before and that have not expired.
func retained(now, before ChannelReport, at time.Time) ChannelReport {
	if now.Status != StatusUnreachable || len(before.Keys) == 0 || !at.Before(before.ExpiresAt) {
		return now
	}
	now.Keys, now.DNSSEC, now.TTL = before.Keys, before.DNSSEC, before.TTL
	now.FetchedAt, now.ExpiresAt = before.FetchedAt, before.ExpiresAt
	return now
}
