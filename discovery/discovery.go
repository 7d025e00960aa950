// Package discovery finds the keys that a domain publishes: in TXT records at
// _mir-key.{domain} and in https://{domain}/.well-known/mir.json (PROTOCOL.md section 2).
//
// # What is read
//
//	_mir-key.shop.example.com. 3600 IN TXT "mir-key=<43 base64url characters>"
//	{"keys":[{"pub":"<43 characters>","fingerprint":"<64 hex>","alg":"Ed25519","created":"…","expires":null}]}
//
// Both channels are read at the same time. A key that either of them holds is found, and
// the report says where the two differ. What matters most is kept apart throughout: a
// domain that answered and has no such key (a verdict, KEY_NOT_FOUND) and a domain that
// gave no answer (no verdict, [protocol.UnreachableError]).
//
// # What stands in an attacker's way
//
// Anybody can make a node look a domain up. So no request leaves for an address that is
// not public, or in clear text (see [NewHTTPClient]); all answers are bounded in size and
// time; look-ups are one a domain at a time and bounded in number; what is found, and what
// is not, is cached; and a fingerprint that is not cached makes the domain be asked again
// only within a budget of the domain's own. Where a bound is reached the answer is
// "not now", never "there is no such key".
//
// # API
//
// [New] makes a [Discoverer]. [Discoverer.FindKey] is what verification needs;
// [Discoverer.Keys] is the whole report with its findings, for people.
package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/protocol"
)

// Discoverer finds and caches domains' keys. It may be used from several goroutines.
type Discoverer struct {
	cfg     Config
	dns     *dnsclient.Client
	http    *http.Client
	cache   *cache
	budgets budgets
	flights flights
	stats   counters

	ctx  context.Context // ends with Close; look-ups live in it, not in their callers' contexts
	stop context.CancelFunc
}

// New checks the configuration and returns a Discoverer. Close ends it.
func New(cfg Config) (*Discoverer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Discoverer{cfg: cfg}
	if d.dns, err = newDNSClient(cfg); err != nil {
		return nil, err
	}
	d.http = newHTTPClient(cfg, d.dns)
	if d.cache, err = newCache(cfg.CacheDomains); err != nil {
		return nil, fmt.Errorf("discovery: making the cache: %w", err)
	}
	d.budgets = budgets{every: cfg.RefetchEvery, burst: cfg.RefetchBurst}
	if d.budgets.domains, err = lru.New[string, *rate.Limiter](cfg.CacheDomains); err != nil {
		return nil, fmt.Errorf("discovery: making the budgets: %w", err)
	}
	d.flights.slots = make(chan struct{}, cfg.MaxLookups)
	d.flights.limit = cfg.MaxLookups + cfg.MaxWaiting
	if d.flights.sites, err = newSites(cfg.MaxLookups, d.flights.limit); err != nil {
		return nil, fmt.Errorf("discovery: making the sites: %w", err)
	}
	d.flights.byName = make(map[string]*flight)
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d, nil
}

// Close ends the look-ups under way and waits for them. Later calls answer from the cache or
// with *protocol.UnreachableError.
func (d *Discoverer) Close() error {
	d.flights.mu.Lock()
	d.flights.closed = true
	d.flights.mu.Unlock()
	d.stop()
	d.flights.running.Wait()
	d.http.CloseIdleConnections()
	return nil
}

// FindKey returns the key of the domain that has the fingerprint (64 lower-case hex). The
// errors: *protocol.Error with INVALID_SCHEMA (the domain is malformed) or KEY_NOT_FOUND (the domain
// answered, and has no such key); *protocol.UnreachableError (no answer, or no budget to ask);
// ctx's own. A look-up goes on, within its own bounds, when ctx ends.
func (d *Discoverer) FindKey(ctx context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	if e, ok := d.cache.positive.Get(domain); ok && e.fresh(d.cfg.Now()) {
		if key, ok := e.keys[fingerprint]; ok {
			d.stats.hits.Add(1)
			return key, nil
		}
	}
	return d.findKey(ctx, domain, fingerprint)
}

// maxRounds bounds findKey: what is cached, a flight that it joins, one of its own.
const maxRounds = 3

// findKey is FindKey for what is not simply cached.
func (d *Discoverer) findKey(ctx context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return protocol.FoundKey{}, err
	}
	began := d.cfg.Now()
	e, cached := d.cache.get(domain), true
	for range maxRounds {
		now := d.cfg.Now()
		why := needed
		if e != nil && (e.fresh(now) || !cached) {
			if key, ok := e.keys[fingerprint]; ok {
				key.Cached = cached
				return key, nil
			}
			if e.final(began, now, d.cfg.RefetchAge) {
				return protocol.FoundKey{}, d.missing(e, fingerprint, now, cached)
			}
			why = refetch
		}
		if e, err = d.fetch(ctx, domain, why, e); err != nil {
			return protocol.FoundKey{}, err
		}
		cached = false
	}
	// Not reached with a clock that moves: the last flight was our own.
	return protocol.FoundKey{}, &protocol.UnreachableError{Domain: domain, RetryAfter: busyRetry, Err: errBusy}
}

// missing is the answer for a fingerprint that the domain's entry, which is final, lacks.
func (d *Discoverer) missing(e *entry, fingerprint string, now time.Time, cached bool) error {
	if cached {
		d.stats.negativeHits.Add(1)
	}
	r := e.report
	if r.unreachable() {
		wait := max(d.cfg.RefetchAge-now.Sub(r.FetchedAt), time.Second)
		return &protocol.UnreachableError{Domain: r.Domain, RetryAfter: wait, Err: silence(r)}
	}
	return &protocol.Error{
		Code:    protocol.KeyNotFound,
		Message: fmt.Sprintf("%s publishes no key with the fingerprint %s (it publishes %s)", r.Domain, clip(fingerprint), count(len(r.Keys), "key")),
		Hint:    said(r, now),
	}
}

// silence names the channels that gave no answer, in one line.
func silence(r *Report) error {
	var faults []string
	for _, c := range []ChannelReport{r.WellKnown, r.DNS} {
		if c.Status == StatusUnreachable {
			faults = append(faults, c.Where+": "+c.Detail)
		}
	}
	return errors.New(strings.Join(faults, "; "))
}

// Keys returns what the domain publishes, from the cache while that is fresh. Channels that
// do not answer stand in the report and are no error. The errors: *protocol.Error with INVALID_SCHEMA,
// *protocol.UnreachableError (this node is busy), ctx's own.
func (d *Discoverer) Keys(ctx context.Context, domain string) (*Report, error) {
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	e := d.cache.get(domain)
	if e != nil && e.fresh(d.cfg.Now()) {
		return e.report, nil
	}
	return d.reportOf(d.fetch(ctx, domain, needed, e))
}

// Refresh is Keys past the cache, within the domain's budget: without one left the error is a
// *protocol.UnreachableError that says when to come again.
func (d *Discoverer) Refresh(ctx context.Context, domain string) (*Report, error) {
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	return d.reportOf(d.fetch(ctx, domain, refetch, d.cache.get(domain)))
}

func (d *Discoverer) reportOf(e *entry, err error) (*Report, error) {
	if err != nil {
		return nil, err
	}
	return e.report, nil
}

// Known tells whether FindKey would answer now without asking the domain: from the cache, or
// because the domain's budget is used up. A caller charges its clients for the other case.
func (d *Discoverer) Known(domain, fingerprint string) bool {
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return true
	}
	now := d.cfg.Now()
	e := d.cache.get(domain)
	if e == nil || !e.fresh(now) {
		return false
	}
	if _, ok := e.keys[fingerprint]; ok {
		return true
	}
	return e.final(now, now, d.cfg.RefetchAge) || !d.budgets.left(domain, now)
}

// Forget drops what is cached of the domain and restores its budget, at the operator's word.
// A look-up under way may put its result back.
func (d *Discoverer) Forget(domain string) {
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return
	}
	d.flights.mu.Lock()
	defer d.flights.mu.Unlock()
	d.cache.remove(domain)
	d.budgets.domains.Remove(domain)
}
