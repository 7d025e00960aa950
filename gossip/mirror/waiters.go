package mirror

import (
	"context"
	"errors"
	"slices"

	"mirnode/protocol"
	"mirnode/store"
)

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
		matters[i] = matter{hash: w.Hash, kind: w.Kind, record: w.outcome.Record, outcome: w.outcome, places: w.Places, tries: w.Attempts}
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

// wake looks at the records in quarantine that wait for this assertion, or behind an issuer's records or the missing ones of a home (see turnOf), of which one
// was judged. They are at most
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
