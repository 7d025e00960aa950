package mirror

import (
	"context"
	"errors"

	"mirnode/protocol"
	"mirnode/store"
)

// retryMissing asks for bodies that nobody had. They may have come by another log meanwhile.
func (m *Mirror) retryMissing(ctx context.Context, missing []store.MissingRecord) (resolved int, err error) {
	origins := make(map[string][]store.MissingRecord)
	for _, one := range missing {
		origins[one.Origin] = append(origins[one.Origin], one)
	}
	for name, list := range origins {
		origin, err := protocol.ParseOrigin(name)
		if err != nil {
			continue
		}
		n, err := m.retryMissingOf(ctx, origin, list)
		resolved += n
		if err != nil {
			return resolved, err
		}
	}
	return resolved, nil
}

func (m *Mirror) retryMissingOf(ctx context.Context, origin protocol.Origin, list []store.MissingRecord) (resolved int, err error) {
	entries := make([]protocol.Entry, len(list))
	for i := range list {
		entries[i] = protocol.Entry{Kind: list[i].Kind, Record: list[i].Hash}
	}
	outcomes := make([]store.Outcome, len(list))
	want, places, err := m.lacks(ctx, 0, entries, outcomes)
	if err != nil {
		return 0, err
	}
	home, _ := m.book.Peer(origin.Domain)
	var bad badPeers
	all, err := m.gather(ctx, m.sources(home, origin), &bad, origin, want)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	_ = err // whoever did not answer is asked again next time
	judged, err := m.judgeFound(ctx, origin.Domain, retryPatience*m.limits.VerifyTimeout, all)
	if err != nil {
		return 0, err
	}
	for n, place := range places {
		outcomes[place] = judged[n]
	}
	err = atOnce(len(list), func(i int) error {
		one := &list[i]
		next := m.now().Add(backoff(m.limits.MissingBackoff, 3, one.Attempts+1, maxMissingWait))
		err := m.store.ResolveMissing(ctx, one.Origin, one.Index, outcomes[i], next)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	for i := range outcomes {
		if outcomes[i].State != store.Missing {
			resolved++
		}
	}
	m.stats.resolved.Add(uint64(resolved))
	var effects effects
	effects.note(outcomes)
	m.carryOut(ctx, effects)
	return resolved, stored("settling missing records", err)
}
