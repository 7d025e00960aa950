package mirror

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

const (
	maxQuarantineWait = 6 * time.Hour
	maxMissingWait    = 24 * time.Hour
	// retryEvery is when Retry and RetryMissing want to be called again while nothing more was due.
	retryEvery = 5 * time.Second
	// retryBatch is how many records in quarantine a Retry looks at, and how many missing ones a RetryMissing; retryShare how many of them are of one
	// log, so that no log keeps others waiting.
	retryBatch, retryShare = 1_024, 32
	// quarantineSides is how many logs' records in quarantine are looked at side by side, missingSides how many logs' missing ones. Together they
	// are fewer than maxVerifying: pulls go on.
	quarantineSides, missingSides = 3, 2
	// retryLogTime bounds the work on one log's share, but for writing down what came of it; retryRound that on all of them. What had no turn by
	// then is first in the next round.
	retryLogTime, retryRound = 20 * time.Second, time.Minute
	// observedPage is how many records of one key are looked at together. Each takes up to 16 KB.
	observedPage = 256
)

// Retry looks again at records in quarantine that are due, and at erasure notices. It does a bounded piece of work, and returns
// how many records left quarantine and when it wants to be called again: at once while more is due.
func (m *Mirror) Retry(ctx context.Context) (done int, next time.Time, err error) {
	now := m.now()
	if err := m.sweep(ctx); err != nil {
		return 0, now.Add(retryEvery), stored("carrying out erasure notices", err)
	}
	waiting, err := m.store.QuarantineDue(ctx, now, retryBatch, retryShare)
	if err != nil {
		return 0, now.Add(retryEvery), stored("reading the quarantine", err)
	}
	logs := make(map[string][]store.QuarantinedRecord)
	for _, one := range waiting {
		logs[one.Origin] = append(logs[one.Origin], one)
	}
	done, err = sideBySide(ctx, quarantineSides, logs, m.retryQuarantined)
	return done, nextRetry(now, len(waiting), err), err
}

// nextRetry is when to look again after a look at so many.
func nextRetry(now time.Time, looked int, err error) time.Time {
	if err != nil || looked < retryShare {
		return now.Add(retryEvery)
	}
	return now
}

// sideBySide works on what waits of each log, some logs at a time, so that one that drips or hangs holds up no others. It begins with none after
// retryRound. The error is the first, after which none are begun either.
func sideBySide[T any](ctx context.Context, sides int, logs map[string][]T, work func(ctx context.Context, log string, list []T) (int, error)) (int, error) {
	names := slices.Collect(maps.Keys(logs))
	var done atomic.Int64
	round := time.Now()
	err := atOnceBy(sides, len(names), func(i int) error {
		if time.Since(round) > retryRound {
			return nil
		}
		n, err := work(ctx, names[i], logs[names[i]])
		done.Add(int64(n))
		return err
	})
	return int(done.Load()), err
}

// Observed looks at the records in quarantine that are under this key of this domain, due or not: an observation of it came in, from a peer
// or out of our own discovery. Records for which the observers are still too few stay.
func (m *Mirror) Observed(ctx context.Context, domain, fingerprint string) error {
	quorum := m.newQuorum()
	for after := ([32]byte{}); ; {
		waiting, err := m.store.QuarantinedBy(ctx, domain, fingerprint, after, observedPage)
		if err != nil {
			return stored("reading the quarantine", err)
		}
		if err := m.stand(ctx, quorum, waiting); err != nil || len(waiting) < observedPage {
			return err
		}
		after = waiting[len(waiting)-1].Hash
	}
}

// stand lets those records out of quarantine for whose keys a quorum stands.
func (m *Mirror) stand(ctx context.Context, quorum *quorum, waiting []store.QuarantinedRecord) error {
	var out []store.QuarantinedRecord
	var outcomes []store.Outcome
	for i := range waiting {
		record, err := protocol.ParseRecord(waiting[i].Kind, waiting[i].Raw)
		if err != nil {
			continue // Retry judges it
		}
		if _, err := signerOf(record); err != nil {
			continue // it is under no domain's key
		}
		verdict, observers, err := quorum.verify(ctx, record)
		if err != nil {
			return err
		}
		if observers == nil {
			continue // another record of the key may be covered
		}
		if o := m.stoodFor(record, verdict, observers); o.State != store.Quarantined { // else it is ahead of our clock
			out = append(out, waiting[i])
			outcomes = append(outcomes, o)
		}
	}
	return m.settleWaiting(ctx, out, outcomes)
}

// retryQuarantined judges records in quarantine anew, which one log brought: a node logs its own statements. Where its key is found again, other
// records of issuers that wait for the same key are looked at with them, due or not.
func (m *Mirror) retryQuarantined(ctx context.Context, log string, list []store.QuarantinedRecord) (released int, err error) {
	home := domainOf(log)
	outcomes, err := m.judgeQuarantined(ctx, home, list)
	if err != nil {
		return 0, err
	}
	found := make(map[signedKey]bool)
	for i := range outcomes {
		if outcomes[i].State == store.Quarantined {
			continue
		}
		released++
		if s, ok := outcomes[i].Record.(protocol.Statement); ok && ordered(list[i].Kind) && outcomes[i].State == store.Held {
			domain, fingerprint := s.Signer()
			found[signedKey{domain, fingerprint}] = true
		}
	}
	for key := range found {
		more, err := m.retryKey(ctx, home, key)
		if err != nil {
			return released, err
		}
		released += more
	}
	return released, nil
}

// retryKey judges a page of those records of issuers that wait for a node's key.
func (m *Mirror) retryKey(ctx context.Context, home string, key signedKey) (released int, err error) {
	page, err := m.store.QuarantinedBy(ctx, key.domain, key.fingerprint, [32]byte{}, observedPage)
	if err != nil {
		return 0, stored("reading the quarantine", err)
	}
	page = slices.DeleteFunc(page, func(q store.QuarantinedRecord) bool { return !ordered(q.Kind) })
	if len(page) == 0 {
		return 0, nil
	}
	outcomes, err := m.judgeQuarantined(ctx, home, page)
	for i := range outcomes {
		if outcomes[i].State != store.Quarantined {
			released++
		}
	}
	return released, err
}

// judgeQuarantined judges records in quarantine anew, and settles them. home is the node that logged them.
func (m *Mirror) judgeQuarantined(ctx context.Context, home string, list []store.QuarantinedRecord) (outcomes []store.Outcome, err error) {
	records := make([]protocol.Record, len(list))
	for i := range list {
		if records[i], err = protocol.ParseRecord(list[i].Kind, list[i].Raw); err != nil {
			return nil, stored("reading the quarantine", err)
		}
	}
	bounded, cancel := context.WithTimeout(ctx, retryLogTime)
	defer cancel()
	outcomes, err = m.judge(bounded, home, retryPatience*m.limits.VerifyTimeout, records)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded): // they wait longer
		outcomes = make([]store.Outcome, len(list))
		for i := range outcomes {
			outcomes[i] = store.Outcome{State: store.Quarantined, Record: records[i]}
		}
	case err != nil:
		return nil, err
	}
	return outcomes, m.settleWaiting(ctx, list, outcomes)
}

// settleWaiting does with records in quarantine what their outcomes say: they are let out, refused for good, or wait longer.
func (m *Mirror) settleWaiting(ctx context.Context, waiting []store.QuarantinedRecord, outcomes []store.Outcome) error {
	var plain []int
	var waiters []waiter
	for i := range waiting {
		if ordered(waiting[i].Kind) {
			waiters = append(waiters, waiter{&waiting[i], &outcomes[i]})
		} else {
			plain = append(plain, i)
		}
	}
	var effects effects
	err := atOnce(len(plain), func(n int) error {
		q := &waiting[plain[n]]
		return m.settleOne(ctx, q.Hash, q.Attempts, &outcomes[plain[n]], "")
	})
	if err == nil {
		err = m.settleWaiters(ctx, waiters, &effects)
	}
	effects.note(outcomes)
	m.carryOut(ctx, effects)
	return stored("settling records in quarantine", err)
}

// settleOne does with a record in quarantine what its outcome says. Of a record that is judged in order home is the issuer's: only its places in
// logs of that node count.
func (m *Mirror) settleOne(ctx context.Context, hash [32]byte, attempts int, o *store.Outcome, home string) (err error) {
	switch o.State {
	case store.Quarantined:
		err = m.store.Postpone(ctx, hash, m.now().Add(backoff(m.limits.QuarantineBackoff, 2, attempts+1, maxQuarantineWait)), o.Wants)
	case store.Held:
		m.stats.released.Add(1)
		err = m.store.Release(ctx, hash, home, o.Provenance, o.Displaces...)
	default:
		m.stats.refused.Add(1)
		err = m.store.Reject(ctx, hash, o.Code, o.Reason)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil // somebody else let it out meanwhile
	}
	return err
}

// atOnce calls do for each number below n, many at a time, so that the store can write their changes together. It returns the first error.
func atOnce(n int, do func(i int) error) error { return atOnceBy(64, n, do) }

// atOnceBy is atOnce with so many at a time.
func atOnceBy(workers, n int, do func(i int) error) error {
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
