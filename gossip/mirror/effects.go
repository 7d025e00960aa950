package mirror

import (
	"context"
	"errors"

	"mirnode/protocol"
	"mirnode/store"
)

// effects are what settled records bring about beyond being held.
type effects struct {
	keys     map[[3]string]bool // observer, domain and fingerprint of keys that were observed
	erasures []*protocol.Erasure
	buried   []store.Outcome // claims that came after the notice that they were erased
	wakes    map[string]bool // what came, or is refused, that records in quarantine may wait for
}

// wake takes what records in quarantine may have waited for.
func (e *effects) wake(wants []string) {
	if e.wakes == nil {
		e.wakes = make(map[string]bool, len(wants))
	}
	for _, w := range wants {
		e.wakes[w] = true
	}
}

// note takes what follows from outcomes.
func (e *effects) note(outcomes []store.Outcome) {
	for i := range outcomes {
		o := &outcomes[i]
		if _, isClaim := o.Record.(*protocol.Claim); isClaim && o.State == store.Erased {
			e.buried = append(e.buried, *o)
		}
		if o.State != store.Held {
			continue
		}
		switch r := o.Record.(type) {
		case *protocol.Observation:
			if e.keys == nil {
				e.keys = make(map[[3]string]bool)
			}
			e.keys[[3]string{r.Observer, r.Domain, r.Key.Fingerprint}] = true
		case *protocol.Erasure:
			e.erasures = append(e.erasures, r)
		}
	}
}

// carryOut honours erasure notices, and looks at the records in quarantine whose keys were observed, or that wait for what came. What a crash or
// the end of ctx leaves undone, Retry does. No home's turn is held.
func (m *Mirror) carryOut(ctx context.Context, e effects) {
	for _, notice := range e.erasures {
		m.warn("an erasure notice could not be carried out", notice.Node, m.honour(ctx, notice))
	}
	for _, o := range e.buried {
		hash := o.Record.RecordHash()
		m.warn("an erasure could not be kept", "", m.erase(ctx, hash, o.Reason))
	}
	for want := range e.wakes {
		m.warn("what waits in quarantine could not be looked at", want, m.wake(ctx, want))
	}
	for key := range e.keys {
		if m.voice(key[0]) { // else nothing has changed
			m.warn("records in quarantine could not be looked at", key[1], m.Observed(ctx, key[1], key[2]))
		}
	}
}

// warn logs an error that nobody waits for.
func (m *Mirror) warn(what, domain string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		m.log.Warn(what, "domain", domain, "error", err)
	}
}

// prepare does, before outcomes are settled, what must not be lost with a crash after it: it keeps their erasure notices. Claims that a
// notice named meanwhile become erased.
func (m *Mirror) prepare(ctx context.Context, outcomes []store.Outcome) error {
	for i := range outcomes {
		o := &outcomes[i]
		if o.State != store.Held {
			continue
		}
		switch r := o.Record.(type) {
		case *protocol.Claim:
			index := o.Index
			*o = m.accepted(r, o.Provenance)
			o.Index = index
		case *protocol.Erasure:
			if err := m.honour(ctx, r); err != nil {
				return stored("keeping an erasure notice", err)
			}
		}
	}
	return nil
}
