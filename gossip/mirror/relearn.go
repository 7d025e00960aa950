package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/translog"
)

const (
	// confirmGrace is how long the slower peers are waited for once enough have answered.
	confirmGrace = 2 * time.Second
	// relearnTurn is how long one peer may take over one piece of our log, of MaxPullEntries entries, that it gives back.
	relearnTurn = 2 * time.Minute
)

// ownCopy is a peer's answer about our own log; size 0 where it holds nothing.
type ownCopy struct {
	remote     *remoteLog
	checkpoint translog.Checkpoint
	failed     bool // nothing more is learnt of it in this attempt
}

// ownCopies asks all peers at once, and returns the answers once enough of those that are needed, and whoever is as fast, have answered; or all that
// there are after ConfirmPatience.
func (m *Mirror) ownCopies(ctx context.Context, own protocol.Origin, needed *confirmation) (copies []*ownCopy) {
	ctx, cancel := context.WithTimeout(ctx, m.limits.ConfirmPatience)
	defer cancel()
	all := m.book.Admitted()
	answers := make(chan *ownCopy, len(all))
	var wait sync.WaitGroup
	for _, p := range all {
		wait.Go(func() { answers <- m.ownCopy(ctx, p, own) })
	}
	go func() {
		wait.Wait()
		close(answers)
	}()
	var grace <-chan time.Time
	for {
		select {
		case answer, open := <-answers:
			if !open {
				return copies
			}
			if answer != nil {
				copies = append(copies, answer)
			}
			if grace == nil && needed.enough(copies) {
				grace = time.After(confirmGrace)
			}
		case <-grace:
			return copies
		case <-ctx.Done():
			return copies
		}
	}
}

// ownCopy asks one peer. Nil: no answer.
func (m *Mirror) ownCopy(ctx context.Context, p peers.Peer, own protocol.Origin) *ownCopy {
	remote := m.remote(p, own, m.ownKey)
	c, err := remote.checkpoint(ctx)
	switch {
	case err == nil:
		return &ownCopy{remote: remote, checkpoint: c}
	case errors.Is(err, ErrBehind):
		return &ownCopy{remote: remote, checkpoint: translog.Checkpoint{Origin: own.String(), Root: translog.EmptyRoot()}}
	case isLie(err): // it shows what we never signed: that says nothing about our log
		m.blame(err)
		return nil
	}
	m.log.Warn("a peer did not say what it holds of our own log", "peer", p.Domain, "error", err)
	return nil
}

// relearn learns back what the copies have beyond our log, the longest first, in turns, so that a peer that gives little holds up nobody for
// long; and compares all with ours. The error is ErrUnconfirmed where we have signed more than anybody gives.
func (m *Mirror) relearn(ctx context.Context, own protocol.Origin, copies []*ownCopy) error {
	name := own.String()
	slices.SortStableFunc(copies, func(a, b *ownCopy) int { return cmp.Compare(b.checkpoint.Size, a.checkpoint.Size) })
	for grown := true; grown; {
		before, _ := m.store.Head(name)
		for _, c := range copies {
			if c.failed {
				continue
			}
			err := m.relearnFrom(ctx, own, c)
			if _, forked := errors.AsType[*ForkError](err); forked || isStore(err) || ctx.Err() != nil {
				return err
			}
			if err != nil {
				c.failed = true // the next copy may be good; entries that were proven stay
				m.blame(err)
				m.log.Warn("a peer's copy of our own log is of no use", "peer", c.remote.peer.Domain, "size", c.checkpoint.Size, "error", err)
			}
		}
		after, _ := m.store.Head(name)
		grown = after.Size > before.Size || after.Settled > before.Settled
	}
	head, _ := m.store.Head(name)
	if len(copies) > 0 && copies[0].checkpoint.Size > head.Size {
		return fmt.Errorf("%w: %s shows that this node signed %d entries, and nobody gives more than %d", ErrUnconfirmed,
			copies[0].remote.peer.Domain, copies[0].checkpoint.Size, head.Size)
	}
	if head.Settled < head.Size {
		return fmt.Errorf("%w: nobody gives the records of its entries from %d to %d", ErrUnconfirmed, head.Settled, head.Size)
	}
	return nil
}

// relearnFrom compares one copy with our log, and takes one piece of what it has beyond, and of the records that are not here yet.
func (m *Mirror) relearnFrom(ctx context.Context, own protocol.Origin, c *ownCopy) error {
	head, _ := m.store.Head(own.String())
	if c.checkpoint.Size <= head.Size {
		if err := m.compare(ctx, c.remote, head, c.checkpoint); err != nil || head.Settled == head.Size {
			return err
		}
	} else {
		m.log.Warn("our own log is shorter than a peer's copy of it, and is learnt back", "origin", head.Origin, "peer", c.remote.peer.Domain,
			"held", head.Size, "size", c.checkpoint.Size)
	}
	ctx, cancel := context.WithTimeout(ctx, relearnTurn)
	defer cancel()
	job := &pulling{
		m: m, name: head.Origin, origin: own, remote: c.remote, tiles: cacheTiles(c.remote), checkpoint: c.checkpoint, head: head,
		append: m.appendOwn, whole: true,
	}
	return job.run(ctx)
}

// appendOwn is the appender of our own log.
func (m *Mirror) appendOwn(ctx context.Context, _ string, start uint64, entries []protocol.Entry, root translog.Hash, c *translog.Checkpoint) error {
	return m.store.RelearnEntries(ctx, start, entries, root, c)
}
