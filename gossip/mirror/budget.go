package mirror

import (
	"strings"
	"sync"
	"time"
)

// budgets hold what each domain's logs together may still send: two buckets of tokens, one that fills in seconds and one that fills in a day. A
// domain that sends by the million waits for its own buckets, and for nobody else's; a new log brings it no new ones.
type budgets struct {
	perSecond, perDay float64

	mu      sync.Mutex
	domains map[string]*budget // owned by mu; at most maxBudgets
}

// budget is one domain's: entries that may be taken now.
type budget struct {
	short, long float64
	at          time.Time
}

const (
	// maxBudgets bounds the domains that are remembered. A domain that was forgotten begins with full buckets, so there must be more
	// than can be admitted.
	maxBudgets = 16_384
	// burstSeconds is how many seconds' worth the short bucket holds.
	burstSeconds = 4
	// refusedCost is what a refused record costs beyond its entry: it cost us a body and a verification, and brings nobody anything.
	refusedCost = 7
)

func (b *budgets) init(l *Limits) {
	b.perSecond, b.perDay = float64(l.EntriesPerSecond), float64(l.EntriesPerDay)
	b.domains = make(map[string]*budget)
}

// take grants up to want entries of an origin: 0 when its budget is used up.
func (b *budgets) take(origin string, want int, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.refill(origin, now)
	granted := min(want, int(one.short), int(one.long))
	if granted <= 0 {
		return 0
	}
	one.short -= float64(granted)
	one.long -= float64(granted)
	return granted
}

// charge takes n more, which may leave a debt: at most one day's worth, so that it ends.
func (b *budgets) charge(origin string, n int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.refill(origin, now)
	one.short = max(one.short-float64(n), -burstSeconds*b.perSecond)
	one.long = max(one.long-float64(n), -b.perDay)
}

// refill returns the budget of an origin's domain as it is now. The caller holds mu.
func (b *budgets) refill(origin string, now time.Time) *budget {
	domain, _, _ := strings.Cut(origin, "/")
	one := b.domains[domain]
	if one == nil {
		if len(b.domains) >= maxBudgets {
			clear(b.domains)
		}
		one = &budget{short: burstSeconds * b.perSecond, long: b.perDay, at: now}
		b.domains[domain] = one
	}
	if passed := now.Sub(one.at).Seconds(); passed > 0 {
		one.short = min(one.short+passed*b.perSecond, burstSeconds*b.perSecond)
		one.long = min(one.long+passed*b.perDay/(24*60*60), b.perDay)
		one.at = now
	}
	return one
}
