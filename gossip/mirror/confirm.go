package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// ErrUnconfirmed means that no peer has answered what it holds of our own log: writing now might sign a second history.
var ErrUnconfirmed = errors.New("no peer has answered what it holds of this node's own log")

// confirmGrace is how long the slower peers are waited for once enough have answered.
const confirmGrace = 2 * time.Second

// Confirm makes sure that our own log is not shorter than what peers hold of it, before the first write: after a restart, and above all after
// a backup was restored. It asks all admitted peers for their copy's checkpoint. A longer one, signed by ourselves, is learnt back, entries
// and bodies, until ours is the longest. Then the store takes writes.
//
// It is one attempt: with ErrUnconfirmed the caller waits and tries again. With no admitted peers it confirms at once when alone is set (the
// operator said so, or no peers are configured). A *ForkError says that peers hold another history of our log: it is frozen, and the next
// epoch must begin.
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
	copies, asked := m.ownCopies(ctx, own)
	if len(copies) == 0 {
		return fmt.Errorf("%w (%d asked)", ErrUnconfirmed, asked)
	}
	for _, c := range copies {
		if err := m.relearn(ctx, own, c); err != nil {
			return err
		}
	}
	m.store.StartWriting()
	return nil
}

// ownCopy is a peer's answer about our own log; size 0 where it holds nothing.
type ownCopy struct {
	remote     *remoteLog
	checkpoint translog.Checkpoint
}

// ownCopies asks all peers at once, and returns the answers once half of them, and whoever is as fast, have answered; or all that there are
// after ConfirmPatience.
func (m *Mirror) ownCopies(ctx context.Context, own protocol.Origin) (copies []ownCopy, asked int) {
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
				return copies, len(all)
			}
			if answer != nil {
				copies = append(copies, *answer)
			}
			if grace == nil && 2*len(copies) >= len(all) {
				grace = time.After(confirmGrace)
			}
		case <-grace:
			return copies, len(all)
		case <-ctx.Done():
			return copies, len(all)
		}
	}
}

// ownCopy asks one peer. Nil: no answer.
func (m *Mirror) ownCopy(ctx context.Context, p peers.Peer, own protocol.Origin) *ownCopy {
	remote := m.remote(p, own, m.ownKey)
	c, err := remote.checkpoint(ctx)
	switch {
	case err == nil:
		return &ownCopy{remote, c}
	case errors.Is(err, ErrBehind):
		return &ownCopy{remote, translog.Checkpoint{Origin: own.String(), Root: translog.EmptyRoot()}}
	case isLie(err): // it shows what we never signed: that says nothing about our log
		m.blame(err)
		return nil
	}
	m.log.Warn("a peer did not say what it holds of our own log", "peer", p.Domain, "error", err)
	return nil
}

// relearn compares one copy with our log, and learns what it has beyond.
func (m *Mirror) relearn(ctx context.Context, own protocol.Origin, c ownCopy) error {
	name := own.String()
	for {
		head, _ := m.store.Head(name)
		if c.checkpoint.Size <= head.Size {
			return m.compare(ctx, c.remote, head, c.checkpoint)
		}
		m.log.Warn("our own log is shorter than a peer's copy of it, and is learnt back", "origin", name, "peer", c.remote.peer.Domain,
			"held", head.Size, "size", c.checkpoint.Size)
		job := &pulling{
			m: m, name: name, origin: own, remote: c.remote, tiles: cacheTiles(c.remote), checkpoint: c.checkpoint, head: head,
			append: m.appendOwn, whole: true,
		}
		if err := job.run(ctx); err != nil {
			if isLie(err) {
				m.blame(err)
				return nil // the next copy may be good; entries that were proven stay
			}
			return err
		}
		if after, _ := m.store.Head(name); after.Size == head.Size {
			return fmt.Errorf("%w: %s gave nothing of what it says to hold", ErrUnconfirmed, c.remote.peer.Domain)
		}
	}
}

// appendOwn is the appender of our own log.
func (m *Mirror) appendOwn(ctx context.Context, _ string, start uint64, entries []protocol.Entry, root translog.Hash, c *translog.Checkpoint) error {
	return m.store.RelearnEntries(ctx, start, entries, root, c)
}
