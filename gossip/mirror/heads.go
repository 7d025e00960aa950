package mirror

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// headsAnswer is the answer of GET /log/heads.
type headsAnswer struct {
	Heads []headAnswer `json:"heads"`
	Next  string       `json:"next"`
}

type headAnswer struct {
	Origin     string `json:"origin"`
	Checkpoint string `json:"checkpoint"`
	Frozen     bool   `json:"frozen"`
}

// Heads reads the heads that a peer holds and that changed since its cursor ("" for all), and returns those that its origins signed as hints,
// with the cursor for the next time. What a head says beside its checkpoint does not count. Origins that we do not mirror are passed over.
// A head that cannot be together with what we hold is a fork: it is proved, kept, and its origin frozen, which is no error of this peer's. A
// head of our own log that is ahead of it is told to the operator, and counted as Stats.OwnAhead.
func (m *Mirror) Heads(ctx context.Context, p peers.Peer, since string) ([]planner.Hint, string, error) {
	var hints []planner.Hint
	before, _ := m.store.Head(p.Origin.String())
	for range maxHeadPages {
		data, err := m.get(ctx, p, "/log/heads?since="+url.QueryEscape(since), maxHeadsBytes)
		if err != nil {
			return hints, since, fmt.Errorf("reading the heads of %s: %w", p.Domain, err)
		}
		var answer headsAnswer
		if err := json.Unmarshal(data, &answer); err != nil || len(answer.Heads) > maxHeads || len(answer.Next) > maxCursor {
			return hints, since, m.lied(p.Domain, "its list of heads is malformed or too long")
		}
		frozen := false // there, and not here
		for i := range answer.Heads {
			hint, ok, err := m.head(ctx, p, &answer.Heads[i])
			if err != nil {
				return hints, since, err
			}
			if ok {
				if hint.Origin == planner.OriginID(before.Hash) && hint.Size < before.Checkpoint.Size {
					m.wentBack(p.Origin, before.Checkpoint.Size, hint.Size)
				}
				hints = append(hints, hint)
				frozen = frozen || answer.Heads[i].Frozen
			}
		}
		if frozen {
			if _, err := m.LearnForks(ctx, p); err != nil {
				return hints, since, err
			}
		}
		if answer.Next == since || len(answer.Heads) == 0 {
			return hints, answer.Next, nil
		}
		since = answer.Next
	}
	return hints, since, nil
}

// lied makes a lie and notes it.
func (m *Mirror) lied(domain, format string, args ...any) error {
	err := lie(domain, format, args...)
	m.blame(err)
	return err
}

// head looks at one head. It reports false for one that is no news to the planner.
func (m *Mirror) head(ctx context.Context, p peers.Peer, h *headAnswer) (planner.Hint, bool, error) {
	origin, err := protocol.ParseOrigin(h.Origin)
	if err != nil {
		return planner.Hint{}, false, nil //nolint:nilerr // a later version's origin, or nonsense: nothing that we mirror
	}
	key, ok := m.key(h.Origin)
	if !ok {
		return planner.Hint{}, false, nil
	}
	c, err := translog.ParseCheckpoint([]byte(h.Checkpoint), key)
	if err != nil {
		return planner.Hint{}, false, m.lied(p.Domain, "its head of %s: %v", origin, err)
	}
	hint := planner.Hint{Origin: planner.OriginID(origin.Hash()), Size: c.Size, Root: [4]byte(c.Root[:4])}
	held, ok := m.store.Head(h.Origin)
	if ok && held.Frozen {
		return planner.Hint{}, false, nil
	}
	remote := m.remote(p, origin, key)
	switch {
	case held.Own && c.Size > held.Size:
		m.ownAhead(ctx, remote, held, c)
		return planner.Hint{}, false, nil
	case ok && c.Size <= held.Size:
		if err := m.compare(ctx, remote, held, c); err != nil {
			if _, forked := errors.AsType[*ForkError](err); forked {
				return planner.Hint{}, false, nil // said and kept; the other heads are still worth a look
			}
			return planner.Hint{}, false, err
		}
	default:
		m.ahead.note(h.Origin, aheadHead{peer: p, c: c})
	}
	return hint, true, nil
}

// compare checks that a signed head of at most the size that we hold is on our history. If it is not, the fork is proved and kept, and the
// error is a *ForkError.
func (m *Mirror) compare(ctx context.Context, remote *remoteLog, held store.Head, c translog.Checkpoint) error {
	root := held.Root
	if c.Size < held.Size {
		var err error
		ours := translog.Checkpoint{Origin: held.Origin, Size: held.Size, Root: held.Root}
		if root, err = translog.AuthenticatedRoot(ctx, m.store.Tiles(held.Origin), ours, c.Size); err != nil {
			return stored("reading our tiles", err)
		}
	}
	if root == c.Root {
		return nil
	}
	return m.fork(ctx, remote, c)
}

// ownAhead is called when a peer holds a signed head of our own log that is longer than ours: our folder is an older copy, and a write forks
// the log, or has done so.
func (m *Mirror) ownAhead(ctx context.Context, remote *remoteLog, held store.Head, c translog.Checkpoint) {
	if _, forked := errors.AsType[*ForkError](m.fork(ctx, remote, c)); forked {
		return
	}
	m.stats.ownAhead.Add(1)
	m.log.Error("a peer holds more of this node's own log than this node, which was restored from an older copy: start it again, so that it "+
		"learns its log back before it writes", "origin", held.Origin, "peer", remote.peer.Domain, "size", c.Size, "held", held.Size)
}

// hashPath is an origin's place under /mirror/.
func hashPath(origin protocol.Origin) string {
	hash := origin.Hash()
	return "/mirror/" + hex.EncodeToString(hash[:])
}
