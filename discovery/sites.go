package discovery

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/net/publicsuffix"

	"mirnode/protocol"
)

// Whoever has one domain has any number of names below it, and may let their look-ups
// take as long as they can. So look-ups are shared out by site: the domain that somebody
// registered (a name below a public suffix).
const (
	// siteShare is the part of MaxLookups that one site may have under way, and
	// siteFlightShare that of all flights which it may have, waiting ones included.
	siteShare, siteFlightShare = 16, 4
	// slowShare is the part of MaxLookups that all slow sites have together.
	slowShare = 64
	// slowLookup is how long a look-up takes that counts as slow: a resolver's time-out.
	slowLookup = 2 * time.Second
	// slowStrikes such look-ups, each within slowFor of the one before, make a site slow,
	// for slowFor after the last of them.
	slowStrikes = 3
	slowFor     = 15 * time.Second
	// maxSlowSites bounds the sites whose slow look-ups are remembered.
	maxSlowSites = 4096
)

var (
	errSiteBusy = errors.New("this node has too many look-ups of names below the same domain under way")
	errSiteSlow = errors.New("names below the same domain took too long to answer, and few of them are asked at a time")
)

// site is what flights to names below one registered domain share.
type site struct {
	name    string
	flights int           // owned by flights.mu
	slots   chan struct{} // a token a look-up under way
}

// strikes are a site's slow look-ups.
type strikes struct {
	count int
	last  time.Time
}

// sites has the sites with flights, and what is remembered of slow ones. flights.mu owns it, but for the channels.
type sites struct {
	each, flights int // bounds of a site's look-ups under way, and of all its flights
	slowSlots     chan struct{}
	byName        map[string]*site
	strikes       *simplelru.LRU[string, strikes]
}

func newSites(lookups, flights int) (sites, error) {
	struck, err := simplelru.NewLRU[string, strikes](maxSlowSites, nil)
	return sites{
		each: max(1, lookups/siteShare), flights: max(1, flights/siteFlightShare),
		slowSlots: make(chan struct{}, max(1, lookups/slowShare)),
		byName:    make(map[string]*site), strikes: struck,
	}, err
}

func siteOf(domain string) string {
	if name, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return name
	}
	return domain // a public suffix itself
}

// enter counts a new flight to the domain, or says why there can be none now.
func (s *sites) enter(domain string, now time.Time) (*site, error) {
	name := siteOf(domain)
	if wait := s.slow(name, now); wait > 0 && len(s.slowSlots) == cap(s.slowSlots) {
		return nil, &protocol.UnreachableError{Domain: domain, RetryAfter: wait, Err: errSiteSlow}
	}
	at := s.byName[name]
	if at == nil {
		at = &site{name: name, slots: make(chan struct{}, s.each)}
		s.byName[name] = at
	}
	if at.flights >= s.flights {
		return nil, &protocol.UnreachableError{Domain: domain, RetryAfter: busyRetry, Err: errSiteBusy}
	}
	at.flights++
	return at, nil
}

func (s *sites) leave(at *site) {
	if at.flights--; at.flights == 0 {
		delete(s.byName, at.name)
	}
}

// slow tells for how long the site still counts as slow.
func (s *sites) slow(name string, now time.Time) time.Duration {
	struck, ok := s.strikes.Peek(name)
	if !ok || struck.count < slowStrikes {
		return 0
	}
	return max(0, slowFor-now.Sub(struck.last))
}

// took notes how long a look-up took.
func (s *sites) took(name string, took time.Duration, now time.Time) {
	if took < slowLookup {
		return // and forgives nothing: a site could mix quick names in
	}
	struck, ok := s.strikes.Peek(name)
	if ok && now.Sub(struck.last) >= slowFor {
		struck.count = 0
	}
	s.strikes.Add(name, strikes{count: struck.count + 1, last: now})
}

// take waits for the flight's turn, first among those of its site, and returns how to end it.
func (d *Discoverer) take(ctx context.Context, domain string, at *site) (release func(), err error) {
	busy := &protocol.UnreachableError{Domain: domain, RetryAfter: busyRetry, Err: errBusy}
	select {
	case at.slots <- struct{}{}:
	case <-ctx.Done():
		busy.Err = errSiteBusy
		return nil, busy
	}
	d.flights.mu.Lock()
	wait := d.flights.sites.slow(at.name, d.cfg.Now())
	d.flights.mu.Unlock()
	slots := []chan struct{}{at.slots}
	release = func() {
		for _, slot := range slots {
			<-slot
		}
	}
	if wait > 0 {
		select {
		case d.flights.sites.slowSlots <- struct{}{}:
			slots = append(slots, d.flights.sites.slowSlots)
		default:
			release()
			return nil, &protocol.UnreachableError{Domain: domain, RetryAfter: wait, Err: errSiteSlow}
		}
	}
	select {
	case d.flights.slots <- struct{}{}:
		slots = append(slots, d.flights.slots)
		return release, nil
	case <-ctx.Done():
		release()
		return nil, busy
	}
}
