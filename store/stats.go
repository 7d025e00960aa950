package store

import "time"

// BatchBounds are the upper bounds of the classes that Stats.BatchSizes counts commits in; the last class has none.
var BatchBounds = [...]uint64{1, 8, 64, 512, 4_096}

// Stats are figures for metrics, read without stopping anything: one may be a moment older than another.
type Stats struct {
	Claims uint64 // held, whoever brought them, without the erased ones
	Erased uint64
	// Statements are the records that are no claims.
	Statements uint64
	// Logs are the logs that are held, the own one among them; Entries are theirs, and those of Quarantined and Missing bodies among these.
	Logs                          int
	Entries, Quarantined, Missing uint64
	LastSeq                       uint64

	LogBytes, IndexBytes int64 // the files' used parts

	ActiveClaims, MergingClaims int // whose index keys are in memory
	Merges, MergedClaims        uint64
	MergeSlices                 uint64 // transactions that merges took
	LastMerge                   time.Duration

	Commits, CommittedClaims uint64
	BatchSizes               [len(BatchBounds) + 1]uint64 // commits by their number of claims
	Slowed                   time.Duration                // for which appends were held up by merges, in sum
	QueueLength              int                          // requests of this node's own that wait
	MirrorQueueLength        int                          // and of mirrors
	ReadOnly                 bool
	Damage                   uint64 // times that a damaged record or page of the log was met
}

// Stats returns the store's figures.
func (s *Store) Stats() Stats {
	c := &s.counts
	stats := Stats{
		Erased:     c.erased.Load(),
		Statements: c.statements.Load(),
		LastSeq:    c.lastSeq.Load(),
		LogBytes:   s.log.bytes(), IndexBytes: s.index.bytes(),
		Merges: c.merges.Load(), MergedClaims: c.mergedClaims.Load(), MergeSlices: c.mergeSlice.Load(),
		LastMerge: time.Duration(c.lastMerge.Load()),
		Commits:   c.commits.Load(), CommittedClaims: c.committed.Load(),
		Slowed: time.Duration(c.slowed.Load()), QueueLength: len(s.queue), MirrorQueueLength: len(s.mirrored),
		ReadOnly: s.fault.err() != nil || s.log.healthy() != nil, Damage: s.log.damage.times.Load(),
	}
	stats.Claims = stats.LastSeq - min(stats.Erased+stats.Statements, stats.LastSeq)
	for i := range stats.BatchSizes {
		stats.BatchSizes[i] = c.batchSizes[i].Load()
	}
	s.logs.RLock()
	for _, log := range s.logs.all {
		stats.Logs++
		stats.Entries += log.state.size
		stats.Quarantined += log.state.Quarantined
		stats.Missing += log.state.Missing
	}
	s.logs.RUnlock()
	s.state.RLock()
	defer s.state.RUnlock()
	stats.ActiveClaims = s.state.active.claims()
	if s.state.merging != nil {
		stats.MergingClaims = s.state.merging.claims()
	}
	return stats
}

// batchClass is the class of BatchBounds that a commit of n claims belongs to.
func batchClass(n uint64) int {
	for i, bound := range BatchBounds {
		if n <= bound {
			return i
		}
	}
	return len(BatchBounds)
}
