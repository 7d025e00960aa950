package mirror

import (
	"context"
	"errors"
	"sync"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/translog"
)

const (
	// maxAhead bounds the heads of one log that are remembered until our mirror has come so far; a peer has one of them.
	maxAhead = 8
	// maxAheadLogs bounds the logs of which heads are remembered: 64 MiB in all at worst, since a checkpoint has at most 16 KiB.
	maxAheadLogs = 512
	// maxAheadTries is how often a head is compared that contradicts ours and cannot be proven to: its peer may be away for a while.
	maxAheadTries = 8
)

// aheadHeads are signed heads that peers showed us before our mirror had come so far. What is shown to us next may be another history: so they are
// compared once it has. A peer tells of a head once, and without this whoever shows two peers two histories at one time would be found out only by
// chance. The zero value is ready.
type aheadHeads struct {
	mu   sync.Mutex
	logs map[string][]aheadHead // owned by mu; by origin; the newest last
}

// aheadHead is a head that was shown, and by whom.
type aheadHead struct {
	peer  peers.Peer
	c     translog.Checkpoint
	tries int
}

// note remembers a head, in the place of what the same peer showed before. Where there is no room, the oldest goes.
func (a *aheadHeads) note(origin string, h aheadHead) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list, known := a.logs[origin]
	if !known && len(a.logs) >= maxAheadLogs {
		return
	}
	if a.logs == nil {
		a.logs = make(map[string][]aheadHead)
	}
	kept := make([]aheadHead, 0, len(list)+1)
	for _, old := range list {
		if old.peer.Domain != h.peer.Domain {
			kept = append(kept, old)
		}
	}
	kept = append(kept, h)
	a.logs[origin] = kept[max(0, len(kept)-maxAhead):]
}

// reached takes out the heads of at most so many entries.
func (a *aheadHeads) reached(origin string, size uint64) (list []aheadHead) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var rest []aheadHead
	for _, h := range a.logs[origin] {
		if h.c.Size <= size {
			list = append(list, h)
		} else {
			rest = append(rest, h)
		}
	}
	if len(rest) == 0 {
		delete(a.logs, origin)
	} else {
		a.logs[origin] = rest
	}
	return list
}

// compareAhead compares the heads that our mirror has reached with our history. The error is a *ForkError, or nil: a head that cannot be compared now is
// compared again after the next pulls.
func (m *Mirror) compareAhead(ctx context.Context, origin protocol.Origin) error {
	name := origin.String()
	held, ok := m.store.Head(name)
	key, known := m.key(name)
	if !ok || !known || held.Frozen {
		return nil
	}
	var fork *ForkError
	for _, h := range m.ahead.reached(name, held.Size) {
		if fork != nil {
			break
		}
		err := m.compare(ctx, m.remote(h.peer, origin, key), held, h.c)
		if errors.As(err, &fork) || err == nil {
			continue
		}
		if h.tries++; h.tries < maxAheadTries {
			m.ahead.note(name, h)
		}
	}
	if fork != nil {
		return fork
	}
	return nil
}
