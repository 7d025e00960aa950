package discovery

import "sync/atomic"

// Stats counts what happened since New, for metrics. The last three are states.
type Stats struct {
	Lookups        int64 // domains asked
	Hits           int64 // keys found in the cache
	NegativeHits   int64 // "no such key" or "no answer" out of the cache
	Refetches      int64 // look-ups because of a fingerprint that was not cached, or by Refresh
	BudgetRefusals int64 // such look-ups that the domain's budget did not allow
	BusyRefusals   int64 // look-ups that the node's bounds did not allow

	InFlight        int64 // look-ups under way
	CachedDomains   int64 // domains with keys
	CachedNegatives int64 // domains without
}

type counters struct {
	lookups, hits, negativeHits, refetches, budgetRefusals, busyRefusals, inFlight atomic.Int64
}

// Stats returns the counters. It may be called from several goroutines.
func (d *Discoverer) Stats() Stats {
	return Stats{
		Lookups:         d.stats.lookups.Load(),
		Hits:            d.stats.hits.Load(),
		NegativeHits:    d.stats.negativeHits.Load(),
		Refetches:       d.stats.refetches.Load(),
		BudgetRefusals:  d.stats.budgetRefusals.Load(),
		BusyRefusals:    d.stats.busyRefusals.Load(),
		InFlight:        d.stats.inFlight.Load(),
		CachedDomains:   int64(d.cache.positive.Len()),
		CachedNegatives: int64(d.cache.negative.Len()),
	}
}
