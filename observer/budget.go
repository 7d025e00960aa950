package observer

import (
	"sync"
	"sync/atomic"
	"time"
)

// budget is a number of observations a day, by UTC.
type budget struct {
	most int

	mu    sync.Mutex
	day   int64 // since 1970; owned by mu
	spent int   // owned by mu
}

// spend takes one, if one is left.
func (b *budget) spend(now time.Time) bool {
	day := now.Unix() / int64(24*time.Hour/time.Second)
	b.mu.Lock()
	defer b.mu.Unlock()
	if day != b.day {
		b.day, b.spent = day, 0
	}
	if b.spent >= b.most {
		return false
	}
	b.spent++
	return true
}

// Stats counts what happened since New, for metrics. The last two are states.
type Stats struct {
	Logged     int64 // observations appended to the log
	Dropped    int64 // reports and domains that found no room
	OverBudget int64 // observations that the day's budget did not allow
	Failed     int64 // attempts that the log refused

	Waiting int64 // reports and domains that wait for their turn
	Domains int64 // domains that are observed because of claims
}

type counters struct{ logged, dropped, overBudget, failed atomic.Int64 }

// Stats returns the counters; zero for a nil Observer.
func (o *Observer) Stats() Stats {
	if o == nil {
		return Stats{}
	}
	waiting := 0
	for _, s := range o.shards {
		waiting += len(s.tasks)
	}
	return Stats{
		Logged: o.stats.logged.Load(), Dropped: o.stats.dropped.Load(), OverBudget: o.stats.overBudget.Load(), Failed: o.stats.failed.Load(),
		Waiting: int64(waiting), Domains: int64(o.used.Len()),
	}
}
