package issuers

import (
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/time/rate"
)

// The budgets of look-ups. A thousand nodes that a hostile log sets on one target ask it some 17 times a second in all.
const (
	allPerSecond, allBurst = 10, 50
	// What one home's issuers may cause.
	homePerSecond, homeBurst = 1, 30
	// Look-ups at one target, by whosever issuers.
	targetPerMinute, targetBurst = 1, 20
	// Look-ups at one target by one home's issuers: so that a home which floods a target leaves the others their part of the target's budget.
	pairPerMinute, pairBurst = 0.1, 5

	// atOnce bounds the look-ups under way, atOnceOfHome those of one home: each may last until lookTimeout.
	atOnce, atOnceOfHome = 8, 2
	// busyRetry is when a look-up is tried again that found no free place.
	busyRetry = time.Second

	// remembered bounds the buckets of each kind. Whoever pushes a spent bucket out needs so many others that its own has filled again
	// meanwhile, or nearly.
	remembered = 10_000
)

// budgets are token buckets. They may be used from several goroutines.
type budgets struct {
	all                 *rate.Limiter
	homes, targets, and *lru.Cache[string, *rate.Limiter]

	mu      sync.Mutex
	running map[string]int // look-ups under way, by home; at most atOnce
}

func newBudgets() (*budgets, error) {
	b := &budgets{all: rate.NewLimiter(allPerSecond, allBurst), running: make(map[string]int)}
	for _, cache := range []**lru.Cache[string, *rate.Limiter]{&b.homes, &b.targets, &b.and} {
		var err error
		if *cache, err = lru.New[string, *rate.Limiter](remembered); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// take takes one look-up of a home's issuer at a domain, or tells how long to wait before the next try. done is called at its end.
func (b *budgets) take(home, domain string, now time.Time) (wait time.Duration, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running[home] >= atOnceOfHome {
		return busyRetry, nil
	}
	target := targetOf(domain)
	buckets := [...]*rate.Limiter{
		bucket(b.and, home+"\n"+target, pairPerMinute/60, pairBurst), bucket(b.homes, home, homePerSecond, homeBurst),
		bucket(b.targets, target, targetPerMinute/60.0, targetBurst), b.all,
	}
	var taken []*rate.Reservation
	for _, limiter := range buckets {
		r := limiter.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			for _, r := range append(taken, r) {
				r.CancelAt(now)
			}
			return wait, nil
		}
		taken = append(taken, r)
	}
	b.running[home]++
	return 0, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.running[home]--; b.running[home] == 0 {
			delete(b.running, home)
		}
	}
}

// bucket gives a key's bucket, full if it is new. budgets.mu keeps two from being made at once.
func bucket(cache *lru.Cache[string, *rate.Limiter], key string, perSecond rate.Limit, burst int) *rate.Limiter {
	limiter, ok := cache.Get(key)
	if !ok {
		limiter = rate.NewLimiter(perSecond, burst)
		cache.Add(key, limiter)
	}
	return limiter
}

// targetOf gives the name whose servers a look-up at the domain burdens: the domain that somebody registered under a suffix of ICANN's. Suffixes that
// companies have, such as github.io, are such domains themselves: anybody has names there, and one company's servers answer for all.
func targetOf(domain string) string {
	suffix, icann := publicsuffix.PublicSuffix(domain)
	for !icann && strings.Contains(suffix, ".") {
		_, parent, _ := strings.Cut(suffix, ".")
		suffix, icann = publicsuffix.PublicSuffix(parent)
	}
	before := len(domain) - len(suffix) - 1
	if before <= 0 {
		return domain // a suffix itself
	}
	return domain[1+strings.LastIndexByte(domain[:before], '.'):]
}
