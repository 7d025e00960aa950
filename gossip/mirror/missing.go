package mirror

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
)

const (
	// sourcePatience is the part of Limits.CallTimeout in which one peer must give what it has of one log's missing bodies: retryShare of them, of
	// up to 16 KB.
	sourcePatience = 4
	// slowFor is how long a peer that took longer is not asked for missing bodies.
	slowFor = 10 * time.Minute
)

// RetryMissing asks again for bodies that nobody had, and that are due. It does a bounded piece of work, and returns how many were resolved and when it
// wants to be called again: at once while more is due.
func (m *Mirror) RetryMissing(ctx context.Context) (done int, next time.Time, err error) {
	now := m.now()
	missing, err := m.store.MissingDue(ctx, now, retryBatch, retryShare)
	if err != nil {
		return 0, now.Add(retryEvery), stored("reading what is missing", err)
	}
	logs := make(map[string][]store.MissingRecord)
	for _, one := range missing {
		logs[one.Origin] = append(logs[one.Origin], one)
	}
	done, err = sideBySide(ctx, missingSides, logs, m.retryMissing)
	return done, nextRetry(now, len(missing), err), err
}

// retryMissing asks for the missing bodies of one log. They may have come by another log meanwhile.
func (m *Mirror) retryMissing(ctx context.Context, log string, list []store.MissingRecord) (resolved int, err error) {
	origin, err := protocol.ParseOrigin(log)
	if err != nil {
		return 0, stored("reading what is missing", err)
	}
	slices.SortFunc(list, func(a, b store.MissingRecord) int { return cmp.Compare(a.Index, b.Index) }) // what depends on others stands after them
	entries := make([]protocol.Entry, len(list))
	for i := range list {
		entries[i] = protocol.Entry{Kind: list[i].Kind, Record: list[i].Hash}
	}
	outcomes := make([]store.Outcome, len(list))
	want, places, err := m.lacks(ctx, 0, entries, outcomes)
	if err != nil {
		return 0, err
	}
	judged, err := m.judgeMissing(ctx, origin, want)
	if err != nil {
		return 0, err
	}
	for n, place := range places {
		outcomes[place] = judged[n]
	}
	var effects effects
	err = m.settleMissing(ctx, origin.Domain, list, outcomes, &effects)
	for i := range outcomes {
		if outcomes[i].State != store.Missing {
			resolved++
		}
	}
	m.stats.resolved.Add(uint64(resolved))
	effects.note(outcomes)
	m.carryOut(ctx, effects)
	return resolved, stored("settling missing records", err)
}

// judgeMissing asks for bodies and judges what came. What there was no time to judge is missing still. The error is the context's.
func (m *Mirror) judgeMissing(ctx context.Context, origin protocol.Origin, want []wanted) ([]store.Outcome, error) {
	all := make([]found, len(want))
	if len(want) > 0 {
		bounded, cancel := context.WithTimeout(ctx, retryLogTime)
		m.gatherMissing(bounded, origin, want, all)
		cancel()
	}
	bounded, cancel := context.WithTimeout(ctx, retryLogTime)
	defer cancel()
	judged, err := m.judgeFound(bounded, origin.Domain, retryPatience*m.limits.VerifyTimeout, all)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		judged = make([]store.Outcome, len(want))
		for i := range judged {
			judged[i] = store.Outcome{State: store.Missing, Reason: "there was no time to verify it"}
		}
		return judged, nil
	}
	return judged, err
}

// gatherMissing asks one peer after the other. Whoever drips is asked no more for a while. Whoever did not answer is asked again next time.
func (m *Mirror) gatherMissing(ctx context.Context, origin protocol.Origin, want []wanted, all []found) {
	home, _ := m.book.Peer(origin.Domain)
	for _, p := range m.sources(home, origin) {
		if ctx.Err() != nil || lacking(all) == 0 {
			return
		}
		if m.slow.is(p.Domain, m.now()) {
			continue
		}
		m.askMissing(ctx, p, origin, want, all)
	}
}

func (m *Mirror) askMissing(ctx context.Context, p peers.Peer, origin protocol.Origin, want []wanted, all []found) {
	patience := m.limits.CallTimeout / sourcePatience
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := m.fetch(bounded, p, origin, want, all)
	m.blame(err)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		m.slow.note(p.Domain, m.now().Add(slowFor))
		m.log.Warn("a peer is too slow to be asked for missing bodies for a while", "peer", p.Domain, "patience", patience, "pause", slowFor)
	}
}

// slowPeers are those that are not asked for missing bodies until some time. The zero value is ready.
type slowPeers struct {
	mu    sync.Mutex
	until map[string]time.Time // owned by mu; by domain, of admitted peers
}

func (s *slowPeers) is(domain string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, slow := s.until[domain]
	if slow && !now.Before(until) {
		delete(s.until, domain)
	}
	return slow && now.Before(until)
}

func (s *slowPeers) note(domain string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = make(map[string]time.Time)
	}
	s.until[domain] = until
}
