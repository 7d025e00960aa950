package observer

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"mirnode/discovery"
)

// task is a domain to look at; without a report, discovery is asked for what it has.
type task struct {
	domain   string
	report   *discovery.Report
	stranger bool // it is to be observed only if it was before
}

// shard works on the domains that fall to it, one after the other, so that a domain's observations keep their order.
type shard struct {
	observer *Observer
	tasks    chan task
	domains  *lru.Cache[string, *memory]  // owned by run
	retry    map[string]*discovery.Report // owned by run; what could not be logged, newest only
	failing  bool                         // owned by run; the last append failed
}

func newShard(o *Observer) (*shard, error) {
	domains, err := lru.New[string, *memory](max(1, o.options.MaxDomains/shards))
	if err != nil {
		return nil, fmt.Errorf("making a memory: %w", err)
	}
	return &shard{observer: o, tasks: make(chan task, queue/shards), domains: domains, retry: make(map[string]*discovery.Report)}, nil
}

// put reports whether there was room. Strangers leave half of it to others, and are not missed: most of them are nobody.
func (s *shard) put(t task) bool {
	if t.stranger && len(s.tasks) >= cap(s.tasks)/2 {
		return false
	}
	select {
	case s.tasks <- t:
		return true
	default:
		s.observer.stats.dropped.Add(1)
		return false
	}
}

func (s *shard) run(ctx context.Context) {
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-s.tasks:
			s.do(ctx, t)
		case <-ticker.C:
			for domain, report := range s.retry {
				delete(s.retry, domain)
				s.do(ctx, task{domain: domain, report: report})
				if ctx.Err() != nil {
					return
				}
			}
		}
	}
}

// do observes one domain. What cannot be logged now is tried again.
func (s *shard) do(ctx context.Context, t task) {
	o := s.observer
	if t.report == nil {
		var err error
		if t.report, err = o.options.Keys.Keys(ctx, t.domain); err != nil {
			o.used.Remove(t.domain) // the next claim tries again
			return
		}
	}
	err := s.observe(ctx, t)
	if err == nil || ctx.Err() != nil {
		s.failing = false
		return
	}
	level := slog.LevelWarn
	if s.failing { // said once
		level = slog.LevelDebug
	}
	s.failing = true
	o.stats.failed.Add(1)
	o.options.Logger.Log(ctx, level, "could not log observations of a domain's keys; trying again", "domain", t.domain, "error", err)
	if _, waits := s.retry[t.domain]; waits || len(s.retry) < maxRetry {
		s.retry[t.domain] = t.report
	} else {
		o.used.Remove(t.domain) // the next claim tries again
	}
}

// observe logs what is new in the report.
func (s *shard) observe(ctx context.Context, t task) error {
	o, r := s.observer, t.report
	known, ok := s.domains.Get(r.Domain)
	if !ok {
		var err error
		if known, err = recall(ctx, o.options.Log, r.Domain, o.options); err != nil {
			return fmt.Errorf("recalling what was logged: %w", err)
		}
		if t.stranger && len(known.keys) == 0 {
			return nil
		}
		s.domains.Add(r.Domain, known)
	}
	if r.FetchedAt.Before(known.looked) {
		return nil // a later look was faster
	}
	now := o.options.Now()
	for _, change := range known.compare(r, o.options.Refresh) {
		if !known.day.spend(now) || !o.day.spend(now) {
			o.stats.overBudget.Add(1)
			continue // the next look finds it again
		}
		if err := o.log(ctx, r.Domain, change); err != nil {
			return err
		}
		known.keep(change)
	}
	known.looked = r.FetchedAt
	return nil
}

// log signs and appends.
func (o *Observer) log(ctx context.Context, domain string, c change) error {
	draft := c.draft
	draft.Observer, draft.Network, draft.Domain = o.options.Node, o.options.Network, domain
	statement, err := draft.Sign(o.options.Key)
	if err != nil {
		return fmt.Errorf("signing an observation: %w", err)
	}
	if _, err := o.options.Log.AppendStatement(ctx, statement); err != nil {
		return fmt.Errorf("appending an observation: %w", err)
	}
	o.stats.logged.Add(1)
	if o.options.Logged != nil {
		o.options.Logged(domain, statement.Key.Fingerprint)
	}
	o.options.Logger.Info("logged a key observation", "domain", domain, "fingerprint", statement.Key.Fingerprint, "why", string(c.why))
	return nil
}
