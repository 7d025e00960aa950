package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

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
	gap := false
	for i := range b.entries {
		e, o := &b.entries[i], &b.outcomes[i]
		if ordered(e.Kind) {
			list = append(list, matter{
				hash: e.Record, kind: e.Kind, record: o.Record, outcome: o, gap: gap,
				places: []store.Place{{Origin: j.name, Index: o.Index, IngestedAt: e.IngestedAt}},
			})
		}
		gap = gap || o.State == store.Missing
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
	resolving := uint64(0)
	for i := range list {
		one := &list[i]
		if outcomes[i].State != store.Missing {
			resolving++
		}
		if !ordered(one.Kind) {
			plain = append(plain, i)
			continue
		}
		places = append(places, i)
		matters = append(matters, matter{
			hash: one.Hash, kind: one.Kind, record: outcomes[i].Record, outcome: &outcomes[i],
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
	l.resolving = resolving
	if err := l.judge(ctx, matters); err != nil {
		return err
	}
	if err := inRanks(matters, func(n int) error { return resolve(places[n]) }); err != nil {
		return err
	}
	m.complain(home, matters)
	effects.wake(l.wakes)
	return nil
}

// waiter is a record in quarantine, and what becomes of it.
type waiter struct {
	*store.QuarantinedRecord
	outcome *store.Outcome
}

// settleWaiters settles records in quarantine that are judged in order.
func (m *Mirror) settleWaiters(ctx context.Context, waiters []waiter, effects *effects) error {
	homes := make(map[string][]waiter)
	var names []string
	for _, w := range waiters {
		home, err := m.homeOf(ctx, w)
		if err != nil {
			return err
		}
		if homes[home] == nil {
			names = append(names, home)
		}
		homes[home] = append(homes[home], w)
	}
	for _, home := range names {
		if err := m.settleOfHome(ctx, home, homes[home], effects); err != nil {
			return err
		}
	}
	return nil
}

// homeOf is the home whose log decides about a record in quarantine; while its issuer is not known, the node whose log brought it.
func (m *Mirror) homeOf(ctx context.Context, w waiter) (string, error) {
	id := ""
	switch r := w.outcome.Record.(type) {
	case *protocol.Issuer:
		return r.Home, nil
	case *protocol.MetadataEdit:
		return r.Home, nil
	case *protocol.Assertion:
		id = r.Payload.IssuerID
	case *protocol.Revocation:
		id = r.IssuerID
	}
	issuer, _, err := m.store.Issuer(ctx, id)
	switch {
	case err == nil:
		return issuer.Home, nil
	case errors.Is(err, store.ErrNotFound):
		return domainOf(w.Origin), nil
	}
	return "", stored("reading an issuer", err)
}

// settleOfHome is settleWaiters of one home.
func (m *Mirror) settleOfHome(ctx context.Context, home string, waiters []waiter, effects *effects) error {
	release, err := m.homes.lock(ctx, home)
	if err != nil {
		return err
	}
	defer release()
	matters := make([]matter, len(waiters))
	for i, w := range waiters {
		matters[i] = matter{hash: w.Hash, kind: w.Kind, record: w.outcome.Record, outcome: w.outcome, places: w.Places}
	}
	slices.SortStableFunc(matters, func(a, b matter) int { return inLogOrder(a.first(home), b.first(home)) })
	l := m.newLedger(home)
	if err := l.judge(ctx, matters); err != nil {
		return err
	}
	attempts := make(map[[32]byte]int, len(waiters))
	for _, w := range waiters {
		attempts[w.Hash] = w.Attempts
	}
	err = inRanks(matters, func(i int) error {
		t := &matters[i]
		return m.settleOne(ctx, t.hash, attempts[t.hash], t.outcome, home)
	})
	if err != nil {
		return err
	}
	m.complain(home, matters)
	effects.wake(l.wakes)
	for i := range matters {
		if matters[i].outcome.State == store.Refused {
			effects.wake(offers(matters[i].record))
		}
	}
	return nil
}

// first is the matter's first place in a log of that domain, or else of any.
func (t *matter) first(home string) store.Place {
	for _, p := range t.places {
		if domainOf(p.Origin) == home {
			return p
		}
	}
	return t.places[0]
}

// inLogOrder compares places of one node's logs: an earlier epoch's come first.
func inLogOrder(a, b store.Place) int {
	if a.Origin != b.Origin {
		one, err := protocol.ParseOrigin(a.Origin)
		two, other := protocol.ParseOrigin(b.Origin)
		if err == nil && other == nil && one.Epoch != two.Epoch {
			return cmp.Compare(one.Epoch, two.Epoch)
		}
		return cmp.Compare(a.Origin, b.Origin)
	}
	return cmp.Compare(a.Index, b.Index)
}

// offers is what others may wait for that a record brings.
func offers(record protocol.Record) (list []string) {
	switch r := record.(type) {
	case *protocol.Issuer:
		for i := range r.Keys {
			list = append(list, keyOf(r.ID, r.Keys[i].Fingerprint))
		}
	case *protocol.Assertion:
		list = append(list, r.ID())
	}
	return list
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

// wake looks at the records in quarantine that wait for this key of an issuer, or for this assertion, which came or is refused. They are at most
// as many as the quarantine of a log or two holds, and each is looked at when what it waits for comes, once; they are judged in the order of their log,
// some at a time.
func (m *Mirror) wake(ctx context.Context, want string) error {
	type placed struct {
		hash  [32]byte
		place store.Place
	}
	var all []placed
	for after := ([32]byte{}); ; {
		page, err := m.store.QuarantinedBy(ctx, want, "", after, observedPage)
		if err != nil {
			return stored("reading the quarantine", err)
		}
		for i := range page {
			if q := &page[i]; q.Domain == want && ordered(q.Kind) && len(q.Places) > 0 {
				all = append(all, placed{q.Hash, q.Places[0]})
			}
		}
		if len(page) < observedPage {
			break
		}
		after = page[len(page)-1].Hash
	}
	slices.SortFunc(all, func(a, b placed) int { return inLogOrder(a.place, b.place) })
	for some := range slices.Chunk(all, observedPage) {
		var waiting []store.QuarantinedRecord
		for _, one := range some {
			q, err := m.store.Waiting(ctx, one.hash)
			if errors.Is(err, store.ErrNotFound) {
				continue // somebody else let it out meanwhile
			}
			if err != nil {
				return stored("reading the quarantine", err)
			}
			waiting = append(waiting, q)
		}
		if len(waiting) == 0 {
			continue
		}
		if _, err := m.judgeQuarantined(ctx, domainOf(waiting[0].Places[0].Origin), waiting); err != nil {
			return err
		}
	}
	return nil
}
