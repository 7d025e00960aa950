package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"mirnode/protocol"
	"mirnode/store"
)

const (
	recordsAtOnce = 16 // records of one AppendRecords: what it takes at most
	appenders     = 64 // of them at once, which the store commits together
	assertionPart = 100_000
)

// benchAssertions fills a store with w.Assertions assertions, and then measures look-ups of one artifact and of a hundred at once. The limit is a gin
// handler that returns answers of the same artifacts from memory.
func benchAssertions(ctx context.Context, w *workshop) (all []Measurement, err error) {
	corpus, err := newAssertionCorpus(w.Assertions, w.Issuers)
	if err != nil {
		return nil, err
	}
	over, err := openStore(filepath.Join(w.dir, "assertions"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, over.Close()) }()
	rate, err := w.fillAssertions(ctx, over, corpus)
	if err != nil {
		return nil, err
	}
	all = append(all, Measurement{Name: fmt.Sprintf("assertions made, signed and appended in sixteens, %d", w.Assertions), Value: rate, Unit: "/s", Met: true})
	if err := settle(ctx, over); err != nil {
		return nil, err
	}
	desk, err := w.openDesk(ctx, over, corpus)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, desk.stop()) }()
	for _, c := range desk.contests(w.Requests) {
		measured, err := c.run(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		all = append(all, measured...)
	}
	return all, nil
}

// fillAssertions appends the issuers, the assertions, and what was said of these later, and returns how many assertions a second were appended.
func (w *workshop) fillAssertions(ctx context.Context, to *store.Store, c *assertionCorpus) (rate float64, err error) {
	err = appendAll(ctx, to, 0, len(c.issuers), func(i int) (protocol.Record, error) { return c.issuers[i].record, nil })
	if err != nil {
		return 0, err
	}
	var took time.Duration
	for from := 0; from < c.count; from += assertionPart {
		until, start := min(from+assertionPart, c.count), time.Now()
		if err := appendAll(ctx, to, from, until, func(n int) (protocol.Record, error) { return record(c.assertion(n)) }); err != nil {
			return 0, err
		}
		took += time.Since(start)
		if err := appendAll(ctx, to, from, until, c.later); err != nil {
			return 0, err
		}
		w.say("  %d of %d assertions built", until, c.count)
	}
	return float64(c.count) / took.Seconds(), nil
}

// appendAll appends the records [from, until), some appenders at once; those that are nil are passed over.
func appendAll(ctx context.Context, to *store.Store, from, until int, record func(n int) (protocol.Record, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	for first := range appenders {
		group.Go(func() error {
			var batch []store.RecordToAppend
			for n := from + first; n < until; n += appenders {
				made, err := record(n)
				if err != nil {
					return err
				}
				if made != nil {
					batch = append(batch, store.RecordToAppend{Record: made})
				}
				if len(batch) == recordsAtOnce {
					if err := appendNew(ctx, to, batch); err != nil {
						return err
					}
					batch = batch[:0]
				}
			}
			return appendNew(ctx, to, batch)
		})
	}
	return group.Wait()
}

// appendNew appends records that the store does not hold.
func appendNew(ctx context.Context, to *store.Store, records []store.RecordToAppend) error {
	if len(records) == 0 {
		return nil
	}
	answers, err := to.AppendRecords(ctx, records)
	if err != nil {
		return err
	}
	for _, answer := range answers {
		if answer.Duplicate || answer.Err != nil {
			return fmt.Errorf("a new record was not taken as new: %w", answer.Err)
		}
	}
	return nil
}
