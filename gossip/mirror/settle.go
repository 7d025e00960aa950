package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"mirnode/protocol"
	"mirnode/store"
)

// batch is a range of appended entries whose records are being judged.
type batch struct {
	start    uint64
	entries  []protocol.Entry
	outcomes []store.Outcome
	err      error
}

// settle judges the records of all entries that are not settled yet, those of the mirror as it was and those that grown tells of, and
// settles them in order. Several batches are under way at once, as far as there is room. It returns when grown is closed and all is settled, or at the
// first error.
func (j *pulling) settle(ctx context.Context, grown <-chan uint64) error {
	more := j.m.takeExtra(bodiesAhead - 1)
	defer j.m.giveExtra(more)
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	ahead := make(chan chan batch, more) // each gets one batch; in order
	wait.Go(func() {
		defer close(ahead)
		j.begin(ctx, grown, ahead, &wait)
	})
	var effects effects
	var failed error
	for next := range ahead {
		done := <-next
		if failed = done.err; failed == nil {
			failed = j.settleBatch(ctx, &done, &effects)
		}
		if failed != nil {
			break
		}
		j.m.count(done.outcomes)
		j.charge(done.outcomes)
		effects.note(done.outcomes)
	}
	j.m.carryOut(ctx, effects) // also of what was settled before an error
	return failed
}

// begin starts the judging of batches, as far as ahead has room for them.
func (j *pulling) begin(ctx context.Context, grown <-chan uint64, ahead chan<- chan batch, wait *sync.WaitGroup) {
	next, size := j.head.Settled, j.head.Size
	for {
		for next < size {
			start, end := next, min(next+batchBodies, size)
			result := make(chan batch, 1)
			select {
			case ahead <- result:
			case <-ctx.Done():
				return
			}
			wait.Go(func() {
				result <- j.judge(ctx, start, end)
			})
			next = end
		}
		select {
		case more, ok := <-grown:
			if !ok {
				return
			}
			size = more
		case <-ctx.Done():
			return
		}
	}
}

// takeExtra takes up to n tokens for batches beyond the first, as far as there are any.
func (m *Mirror) takeExtra(n int) (taken int) {
	for range n {
		select {
		case m.extra <- struct{}{}:
			taken++
		default:
			return taken
		}
	}
	return taken
}

func (m *Mirror) giveExtra(n int) {
	for range n {
		<-m.extra
	}
}

// judge finds out what becomes of the entries from start to end, but for what the order of records decides.
func (j *pulling) judge(ctx context.Context, start, end uint64) batch {
	b := batch{start: start}
	if b.entries, b.err = j.m.store.Entries(ctx, j.name, start, end); b.err != nil {
		b.err = stored("reading entries", b.err)
		return b
	}
	if uint64(len(b.entries)) != end-start {
		b.err = stored("reading entries", errors.New("there are fewer than the mirror's size says"))
		return b
	}
	b.outcomes = make([]store.Outcome, len(b.entries))
	b.err = j.bodies(ctx, &b)
	return b
}

// bodies fetches and judges the bodies of a batch that are not here.
func (j *pulling) bodies(ctx context.Context, b *batch) error {
	want, places, err := j.m.lacks(ctx, b.start, b.entries, b.outcomes)
	if err != nil || len(want) == 0 {
		return err
	}
	all, err := j.m.gather(ctx, j.m.sources(j.remote.peer, j.origin), &j.bad, j.origin, want)
	if err != nil {
		return err
	}
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	judged, err := j.m.judgeFound(ctx, j.origin.Domain, j.m.limits.VerifyTimeout, all)
	if err != nil {
		return err
	}
	for n, place := range places {
		judged[n].Index = b.start + uint64(place)
		b.outcomes[place] = judged[n]
	}
	return nil
}

// lacks fills in the outcomes of the entries whose records are here already, or are of no kind that we know, and returns the others: what is
// wanted, and its places in outcomes. A body in quarantine is wanted once more by each log that names it: it may be genuine by now.
func (m *Mirror) lacks(ctx context.Context, start uint64, entries []protocol.Entry, outcomes []store.Outcome) ([]wanted, []int, error) {
	hashes := make([][32]byte, len(entries))
	for i := range entries {
		hashes[i] = entries[i].Record
	}
	have, err := m.store.Have(ctx, hashes)
	if err != nil {
		return nil, nil, stored("looking for records", err)
	}
	var want []wanted
	var places []int
	asked := make(map[[32]byte]bool) // a log may name a record twice; the first settling serves both
	for i, entry := range entries {
		outcomes[i].Index = start + uint64(i)
		switch {
		case !entry.Kind.Known():
			outcomes[i].State = store.Skipped
		case have[i] == store.Held || have[i] == store.Erased:
			outcomes[i].State = have[i]
		case asked[entry.Record]:
			outcomes[i].State = store.Missing // Retry finds out later what became of it
			outcomes[i].Reason = "named twice"
		default:
			asked[entry.Record] = true
			want = append(want, wanted{hash: entry.Record, kind: entry.Kind})
			places = append(places, i)
		}
	}
	return want, places, nil
}

// count adds outcomes to the figures.
func (m *Mirror) count(outcomes []store.Outcome) {
	for i := range outcomes {
		switch outcomes[i].State {
		case store.Held:
			m.stats.held.Add(1)
		case store.Refused:
			m.stats.refused.Add(1)
		case store.Quarantined:
			m.stats.quarantined.Add(1)
		case store.Missing:
			m.stats.missing.Add(1)
		}
	}
}

// charge makes an origin pay for records that nobody has any use of.
func (j *pulling) charge(outcomes []store.Outcome) {
	refused := 0
	var last *store.Outcome
	for i := range outcomes {
		if outcomes[i].State == store.Refused {
			refused++
			last = &outcomes[i]
		}
	}
	if last != nil {
		j.m.book.Complain(j.origin.Domain, fmt.Errorf("entry %d of its log is refused: %s: %s", last.Index, last.Code, last.Reason))
	}
	if refused > 0 && !j.whole {
		j.m.budgets.charge(j.name, refusedCost*refused, j.m.now())
	}
}
