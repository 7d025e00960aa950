package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// ErrUnconfirmed means that too few peers have said what they hold of our own log, or hold more of it than they give: writing now might sign
// a second history.
var ErrUnconfirmed = errors.New("it is not known yet where this node's own log ends")

// Confirm makes sure that our own log is not shorter than what peers hold of it, before the first write: after a restart, and above all after
// a backup was restored. It asks all admitted peers for their copy's checkpoint. Longer ones, signed by ourselves, are learnt back, entries
// and bodies, until ours is the longest. Then the store takes writes, if those have answered whose word is needed (see confirmation).
//
// It is one attempt: with ErrUnconfirmed the caller waits and tries again. With no admitted peers it confirms at once when alone is set (the
// operator said so, or no peers are configured). A *ForkError says that peers hold another history of our log: it is frozen, and the next
// epoch must begin. A peer that lies, drips or goes away ends nothing but its own turn.
func (m *Mirror) Confirm(ctx context.Context, own protocol.Origin, alone bool) error {
	name := own.String()
	release, err := m.origins.lock(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	head, ok := m.store.Head(name)
	if !ok {
		return stored("reading our own log", store.ErrNotFound)
	}
	if head.Frozen {
		return &ForkError{Origin: name}
	}
	if alone {
		m.store.StartWriting()
		return nil
	}
	needed, err := m.needed(head)
	if err != nil {
		return err
	}
	copies := m.ownCopies(ctx, own, needed)
	if err := m.relearn(ctx, own, copies); err != nil {
		return err
	}
	if err := needed.judge(copies, m.now()); err != nil {
		return err
	}
	m.store.StartWriting()
	return nil
}

// confirmation is whose word is needed before our own log takes entries, decided at the start of an attempt.
//
// A log that peers have cosigned has witnesses: who cosigned it, which is the word that the entries are kept there. A witness's answer is a copy of
// at least what it cosigned; "I have nothing of yours" is none. All witnesses must answer, or, once ConfirmPatience has gone by, half of them,
// of whom one has all that we have: so that a peer that is away for long does not keep us from writing.
//
// A log without witnesses, new or never mirrored by anybody, needs half of the peers to answer, be it that they hold nothing; and if it is
// empty, one of them once ConfirmPatience has gone by.
//
// The peers that count are those that the operator named; if he named none, all. Under open admission anybody can be a hundred peers.
type confirmation struct {
	size     uint64            // of our log, before anything was learnt back
	voices   map[string]uint64 // by domain of those that count: the least size that is an answer
	witness  bool              // they are witnesses
	patience time.Time         // when fewer will do
}

// needed finds out whose word is needed.
func (m *Mirror) needed(head store.Head) (*confirmation, error) {
	if m.collect.confirming.IsZero() {
		m.collect.confirming = m.now()
	}
	c := &confirmation{size: head.Size, voices: make(map[string]uint64), patience: m.collect.confirming.Add(m.limits.ConfirmPatience)}
	cosigned, err := m.cosignedBy(head)
	if err != nil {
		return nil, err
	}
	all := m.book.Admitted()
	named := false
	for _, p := range all {
		named = named || p.Named
	}
	for _, p := range all {
		if named && !p.Named {
			continue
		}
		least := cosigned[p.Domain]
		if least > 0 && !c.witness {
			c.witness = true
			clear(c.voices)
		}
		if least > 0 || !c.witness {
			c.voices[p.Domain] = least
		}
	}
	return c, nil
}

// answered counts those whose word is needed and who have given it.
func (c *confirmation) answered(copies []*ownCopy) (count int) {
	for _, one := range copies {
		if least, counts := c.voices[one.domain()]; counts && one.checkpoint.Size >= least {
			count++
		}
	}
	return count
}

// enough reports whether there is no need to wait for more answers, but for a little while.
func (c *confirmation) enough(copies []*ownCopy) bool {
	if c.witness {
		return c.answered(copies) == len(c.voices)
	}
	return len(c.voices) > 0 && 2*c.answered(copies) >= len(c.voices)
}

// judge tells, after what there was to learn was learnt, whether our log may take entries.
func (c *confirmation) judge(copies []*ownCopy, now time.Time) error {
	if c.enough(copies) {
		return nil
	}
	count, late := c.answered(copies), !now.Before(c.patience)
	if !c.witness {
		if late && c.size == 0 && count > 0 {
			return nil
		}
		return fmt.Errorf("%w: %d of %d peers have answered", ErrUnconfirmed, count, len(c.voices))
	}
	for _, one := range copies {
		_, counts := c.voices[one.domain()]
		if counts && late && 2*count >= len(c.voices) && one.checkpoint.Size >= c.size {
			return nil
		}
	}
	return fmt.Errorf("%w: of %d peers that cosigned it %d have shown their copy", ErrUnconfirmed, len(c.voices), count)
}

func (o *ownCopy) domain() string { return o.remote.peer.Domain }
