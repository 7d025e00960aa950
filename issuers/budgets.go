package issuers

import (
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/time/rate"
)

// The budgets of look-ups. A thousand nodes that hostile logs set on one target ask it some 17 times a second in all.
const (
	allPerSecond, allBurst = 10, 50
	// What one home's issuers may cause.
	homePerSecond, homeBurst = 1, 30
	// Look-ups at one target, by whosever issuers: of names below it, and of itself. Together they are what a flood can cause there.
	namesPerMinute, namesBurst = 0.5, 12
	exactPerMinute, exactBurst = 0.5, 8
	// Look-ups at one target of domains that published a token: they asked for it, and nothing that others log may delay them.
	seenPerMinute, seenBurst = 1, 20
	// Look-ups of new domains at one target by one home's issuers.
	pairPerMinute, pairBurst = 0.1, 5

	// atOnce bounds the look-ups under way, atOnceOfHome those of one home: each may last until lookTimeout, so that one home alone, or a few, must
	// not be able to hold all places.
	atOnce, atOnceOfHome = 64, 2
	// busyRetry is when a home is looked at again that has no free place.
	busyRetry = time.Second
	// shortest is the shortest wait for a budget, so that roundings make no busy loop.
	shortest = 10 * time.Millisecond

	// remembered bounds the buckets of each kind. Whoever pushes a spent bucket out needs so many others that its own has filled again
	// meanwhile, or nearly.
	remembered = 10_000
)

// budgets are token buckets. Directory.mu guards them, but for what done does.
type budgets struct {
	all                 *rate.Limiter
	homes, lanes, pairs *lru.Cache[string, *rate.Limiter]

	mu      sync.Mutex
	running map[string]int // look-ups under way, by home; at most atOnce
}

func newBudgets() (*budgets, error) {
	b := &budgets{all: rate.NewLimiter(allPerSecond, allBurst), running: make(map[string]int)}
	for _, cache := range []**lru.Cache[string, *rate.Limiter]{&b.homes, &b.lanes, &b.pairs} {
		var err error
		if *cache, err = lru.New[string, *rate.Limiter](remembered); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// forAll, forHome, forLane and forPair tell how long there is no budget of a kind: 0 where there is.
func (b *budgets) forAll(now time.Time) time.Duration { return short(b.all, now) }

func (b *budgets) forHome(home string, now time.Time) time.Duration {
	b.mu.Lock()
	busy := b.running[home] >= atOnceOfHome
	b.mu.Unlock()
	if busy {
		return busyRetry
	}
	return short(b.ofHome(home), now)
}

func (b *budgets) forLane(l *lane, now time.Time) time.Duration { return short(b.ofLane(l), now) }

func (b *budgets) forPair(l *line, now time.Time) time.Duration {
	if l.lane.kind == laneSeen {
		return 0
	}
	return short(b.ofPair(l), now)
}

func (b *budgets) ofHome(home string) *rate.Limiter {
	return bucket(b.homes, home, homePerSecond, homeBurst)
}

func (b *budgets) ofLane(l *lane) *rate.Limiter {
	switch l.kind {
	case laneSeen:
		return bucket(b.lanes, "seen\n"+l.target, seenPerMinute/60.0, seenBurst)
	case laneExact:
		return bucket(b.lanes, "exact\n"+l.target, exactPerMinute/60.0, exactBurst)
	default:
		return bucket(b.lanes, "names\n"+l.target, namesPerMinute/60.0, namesBurst)
	}
}

func (b *budgets) ofPair(l *line) *rate.Limiter {
	return bucket(b.pairs, l.home.name+"\n"+l.lane.target, pairPerMinute/60.0, pairBurst)
}

// take takes one look-up of a line, for which there is budget. done is called at its end, from any goroutine.
func (b *budgets) take(l *line, now time.Time) (done func()) {
	b.all.AllowN(now, 1)
	b.ofHome(l.home.name).AllowN(now, 1)
	b.ofLane(l.lane).AllowN(now, 1)
	if l.lane.kind != laneSeen {
		b.ofPair(l).AllowN(now, 1)
	}
	home := l.home.name
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running[home]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.running[home]--; b.running[home] == 0 {
			delete(b.running, home)
		}
	}
}

// short is how long a bucket has no token.
func short(limiter *rate.Limiter, now time.Time) time.Duration {
	tokens := limiter.TokensAt(now)
	if tokens >= 1 {
		return 0
	}
	return max(shortest, time.Duration((1-tokens)/float64(limiter.Limit())*float64(time.Second)))
}

// bucket gives a key's bucket, full if it is new.
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
