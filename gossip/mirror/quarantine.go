package mirror

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

const (
	maxQuarantineWait = 6 * time.Hour
	maxMissingWait    = 24 * time.Hour
	// retryEvery is when Retry wants to be called again while nothing more was due.
	retryEvery = 5 * time.Second
)

// Retry looks again at what waits and is due: records in quarantine, bodies that nobody had, erasure notices. It does a bounded piece of work, and returns
// how many records left their waiting room and when it wants to be called again: at once while more is due.
func (m *Mirror) Retry(ctx context.Context) (done int, next time.Time, err error) {
	now := m.now()
	if err := m.sweep(ctx); err != nil {
		return 0, now.Add(retryEvery), stored("carrying out erasure notices", err)
	}
	waiting, err := m.store.QuarantineDue(ctx, now, retryBatch)
	if err != nil {
		return 0, now.Add(retryEvery), stored("reading the quarantine", err)
	}
	released, err := m.retryQuarantined(ctx, waiting)
	if err != nil {
		return released, now.Add(retryEvery), err
	}
	missing, err := m.store.MissingDue(ctx, now, retryBatch)
	if err != nil {
		return released, now.Add(retryEvery), stored("reading what is missing", err)
	}
	resolved, err := m.retryMissing(ctx, missing)
	if err != nil {
		return released + resolved, now.Add(retryEvery), err
	}
	if len(waiting) < retryBatch && len(missing) < retryBatch {
		now = now.Add(retryEvery)
	}
	return released + resolved, now, nil
}

// Observed looks at the records in quarantine that are under this key of this domain, due or not: an observation of it came in, from a peer
// or out of our own discovery. Records for which the observers are still too few stay.
func (m *Mirror) Observed(ctx context.Context, domain, fingerprint string) error {
	for {
		waiting, err := m.store.QuarantinedBy(ctx, domain, fingerprint, observedBatch)
		if err != nil {
			return stored("reading the quarantine", err)
		}
		released, err := m.stand(ctx, waiting)
		if err != nil || released == 0 || len(waiting) < observedBatch {
			return err
		}
	}
}

// observedBatch is how many records of one key are looked at together: as many as one log can have in quarantine.
const observedBatch = store.MaxQuarantine

// stand lets those records out of quarantine for whose keys a quorum stands.
func (m *Mirror) stand(ctx context.Context, waiting []store.QuarantinedRecord) (released int, err error) {
	quorum := m.newQuorum()
	var out []store.QuarantinedRecord
	var outcomes []store.Outcome
	for i := range waiting {
		record, err := protocol.ParseRecord(waiting[i].Kind, waiting[i].Raw)
		if err != nil {
			continue // Retry judges it
		}
		verdict, observers, err := quorum.verify(ctx, record)
		if err != nil {
			return 0, err
		}
		if observers == nil {
			continue // another record of the key may be covered
		}
		if o := m.stoodFor(record, verdict, observers); o.State != store.Quarantined { // else it is ahead of our clock
			out = append(out, waiting[i])
			outcomes = append(outcomes, o)
		}
	}
	return len(out), m.settleWaiting(ctx, out, outcomes)
}

// retryQuarantined judges records in quarantine anew.
func (m *Mirror) retryQuarantined(ctx context.Context, waiting []store.QuarantinedRecord) (released int, err error) {
	homes := make(map[string][]store.QuarantinedRecord) // by the domain of the log that brought them: a node logs its own statements
	for i := range waiting {
		home := ""
		if origin, err := protocol.ParseOrigin(waiting[i].Origin); err == nil {
			home = origin.Domain
		}
		homes[home] = append(homes[home], waiting[i])
	}
	for home, list := range homes {
		records := make([]protocol.Record, 0, len(list))
		for i := range list {
			record, err := protocol.ParseRecord(list[i].Kind, list[i].Raw)
			if err != nil {
				return released, stored("reading the quarantine", err)
			}
			records = append(records, record)
		}
		outcomes, err := m.judge(ctx, home, retryPatience*m.limits.VerifyTimeout, records)
		if err != nil {
			return released, err
		}
		if err := m.settleWaiting(ctx, list, outcomes); err != nil {
			return released, err
		}
		for i := range outcomes {
			if outcomes[i].State != store.Quarantined {
				released++
			}
		}
	}
	return released, nil
}

// settleWaiting does with records in quarantine what their outcomes say: they are let out, refused for good, or wait longer.
func (m *Mirror) settleWaiting(ctx context.Context, waiting []store.QuarantinedRecord, outcomes []store.Outcome) error {
	err := atOnce(len(waiting), func(i int) error {
		q, o := &waiting[i], &outcomes[i]
		var err error
		switch o.State {
		case store.Quarantined:
			err = m.store.Postpone(ctx, q.Hash, m.now().Add(backoff(m.limits.QuarantineBackoff, 2, q.Attempts+1, maxQuarantineWait)))
		case store.Held:
			m.stats.released.Add(1)
			err = m.store.Release(ctx, q.Hash, o.Provenance)
		default:
			m.stats.refused.Add(1)
			err = m.store.Reject(ctx, q.Hash, o.Code, o.Reason)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil // somebody else let it out meanwhile
		}
		return err
	})
	var effects effects
	effects.note(outcomes)
	m.carryOut(ctx, effects)
	return stored("settling records in quarantine", err)
}

// atOnce calls do for each number below n, some at a time, so that the store can write their changes together. It returns the first error.
func atOnce(n int, do func(i int) error) error {
	const workers = 64
	var (
		next   atomic.Int64
		wait   sync.WaitGroup
		once   sync.Once
		failed error
	)
	for range min(workers, n) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	wait.Wait()
	return failed
}

// backoff is the wait after so many attempts: first, then growing by the factor, up to most.
func backoff(first time.Duration, factor, attempts int, most time.Duration) time.Duration {
	wait := first
	for range attempts {
		if wait >= most {
			break
		}
		wait *= time.Duration(factor)
	}
	return min(wait, most)
}
