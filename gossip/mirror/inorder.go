package mirror

import (
	"context"
	"errors"
	"fmt"

	"mirnode/protocol"
	"mirnode/store"
)

// settleBatch settles a batch. What depends on records before it is judged now, when these are settled, in the home's turn.
func (j *pulling) settleBatch(ctx context.Context, b *batch, effects *effects) error {
	m, matters := j.m, j.matters(b)
	var wakes []string
	if len(matters) > 0 {
		release, err := m.homes.lock(ctx, j.origin.Domain)
		if err != nil {
			return err
		}
		defer release()
		l := m.newLedger(j.origin.Domain)
		if err := l.judge(ctx, matters); err != nil {
			return err
		}
		wakes = l.wakes
	}
	if err := m.prepare(ctx, b.outcomes); err != nil {
		return err
	}
	if err := m.store.Settle(ctx, j.name, b.start, b.outcomes); err != nil {
		return stored("settling records", err)
	}
	effects.wake(wakes)
	return nil
}

// matters are those records of a batch that are judged in order.
func (j *pulling) matters(b *batch) (list []matter) {
	for i := range b.entries {
		e, o := &b.entries[i], &b.outcomes[i]
		if ordered(e.Kind) {
			list = append(list, matter{
				hash: e.Record, kind: e.Kind, record: o.Record, outcome: o,
				places: []store.Place{{Origin: j.name, Index: o.Index, IngestedAt: e.IngestedAt}},
			})
		}
	}
	return list
}

// settleMissing notes what became of bodies of one log that were missing. Those that are judged in order are written in an order, too: what
// depends on others after them.
func (m *Mirror) settleMissing(ctx context.Context, home string, list []store.MissingRecord, outcomes []store.Outcome, effects *effects) error {
	resolve := func(i int) error {
		one := &list[i]
		next := m.now().Add(backoff(m.limits.MissingBackoff, 3, one.Attempts+1, maxMissingWait))
		err := m.store.ResolveMissing(ctx, one.Origin, one.Index, outcomes[i], next)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	var plain []int
	var matters []matter
	var places []int // of matters, in list
	for i := range list {
		one := &list[i]
		if !ordered(one.Kind) {
			plain = append(plain, i)
			continue
		}
		places = append(places, i)
		matters = append(matters, matter{
			hash: one.Hash, kind: one.Kind, record: outcomes[i].Record, outcome: &outcomes[i], tries: one.Attempts,
			lost:   outcomes[i].State == store.Missing && one.Attempts+1 >= store.MissingAttempts,
			places: []store.Place{{Origin: one.Origin, Index: one.Index, IngestedAt: one.IngestedAt}},
		})
	}
	if err := atOnce(len(plain), func(n int) error { return resolve(plain[n]) }); err != nil || len(matters) == 0 {
		return err
	}
	release, err := m.homes.lock(ctx, home)
	if err != nil {
		return err
	}
	defer release()
	l := m.newLedger(home)
	if err := l.judge(ctx, matters); err != nil {
		return err
	}
	if err := inRanks(matters, func(n int) error { return resolve(places[n]) }); err != nil {
		return err
	}
	m.complain(home, matters)
	effects.wake(l.wakes)
	return m.madeWay(ctx, home, matters, effects)
}

// madeWay has what waited behind missing bodies looked at: behind what came and is refused, and behind the last missing record of an issuer of the home.
func (m *Mirror) madeWay(ctx context.Context, home string, matters []matter, effects *effects) error {
	issuers := false
	for i := range matters {
		t := &matters[i]
		if t.outcome.State == store.Refused {
			effects.wake(offers(t.record))
		}
		issuers = issuers || t.kind == protocol.KindIssuer && (t.outcome.State != store.Missing || t.lost)
	}
	if !issuers {
		return nil
	}
	left, err := m.store.MissingOf(ctx, home, protocol.KindIssuer, 1)
	if err == nil && len(left) == 0 {
		effects.wake([]string{homeTurn(home)})
	}
	return err
}

// inRanks calls do for each matter: first for issuers' records, then for assertions, then for what is about these; those of a rank at once.
func inRanks(matters []matter, do func(i int) error) error {
	var ranks [3][]int
	for i := range matters {
		rank := 2
		switch matters[i].kind {
		case protocol.KindIssuer:
			rank = 0
		case protocol.KindAssertion:
			rank = 1
		}
		ranks[rank] = append(ranks[rank], i)
	}
	for _, rank := range ranks {
		if err := atOnce(len(rank), func(n int) error { return do(rank[n]) }); err != nil {
			return err
		}
	}
	return nil
}

// complain notes that a home logged what is refused, once for a batch.
func (m *Mirror) complain(home string, matters []matter) {
	for i := range matters {
		if t := &matters[i]; t.outcome.State == store.Refused {
			p := t.first(home)
			m.book.Complain(domainOf(p.Origin), fmt.Errorf("entry %d of its log is refused: %s: %s", p.Index, t.outcome.Code, t.outcome.Reason))
			return
		}
	}
}
