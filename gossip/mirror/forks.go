package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// pinSpace is where the checkpoint lies that a mirror's prefix was last proven by, while the mirror does not hold all of it: without it
// a fork that shows meanwhile could not be proved.
const pinSpace = "mirror-pins"

// pin keeps the checkpoint that our prefix was proven by.
func (m *Mirror) pin(ctx context.Context, c translog.Checkpoint) error {
	return stored("keeping a checkpoint", m.store.PutState(ctx, pinSpace, c.Origin, c.Note))
}

// pinned returns the checkpoint that our prefix was proven by, or false.
func (m *Mirror) pinned(origin string) (translog.Checkpoint, bool) {
	key, ok := m.key(origin)
	if !ok {
		return translog.Checkpoint{}, false
	}
	all, err := m.store.State(pinSpace)
	if err != nil || all[origin] == nil {
		return translog.Checkpoint{}, false
	}
	c, err := translog.ParseCheckpoint(all[origin], key)
	return c, err == nil
}

// fork is called with a signed head that seems to contradict what we hold. It tries to prove that, out of the head's own tiles or ours, and
// then keeps the proof, which freezes the origin: the error is a *ForkError. Where no proof can be made, the error is the peer's: a signed
// head without a tree under it, or a peer that went away.
func (m *Mirror) fork(ctx context.Context, remote *remoteLog, c translog.Checkpoint) error {
	held, _ := m.store.Head(c.Origin)
	var heads []translog.Checkpoint
	if pin, ok := m.pinned(c.Origin); ok && pin.Size > held.Checkpoint.Size {
		heads = append(heads, pin)
	}
	if held.Checkpoint.Note != nil {
		heads = append(heads, held.Checkpoint)
	}
	var failed error
	for _, head := range heads {
		for _, tiles := range m.trees(remote, held, head, c) {
			proof, err := translog.ProveFork(ctx, tiles, head, c)
			if err == nil {
				return m.saveFork(ctx, proof, remote.peer.Domain)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, translog.ErrConsistent) {
				break // with this head; another may tell
			}
			failed = err
		}
	}
	if failed == nil {
		return ErrBehind
	}
	return fmt.Errorf("a head of %s that %s shows contradicts ours, and no proof can be made yet: %w", c.Origin, remote.peer.Domain, failed)
}

// trees are where the tiles of the larger of two heads may be read: what comes out is proven, wherever it is from.
func (m *Mirror) trees(remote *remoteLog, held store.Head, ours, theirs translog.Checkpoint) []translog.TileReader {
	if theirs.Size >= ours.Size {
		return []translog.TileReader{remote}
	}
	if held.Size >= ours.Size {
		return []translog.TileReader{m.store.Tiles(held.Origin)}
	}
	var list []translog.TileReader // ours is pinned: its tree lies with whoever serves that history
	for _, p := range m.sources(peers.Peer{}, remote.origin) {
		if p.Domain != remote.peer.Domain {
			list = append(list, m.remote(p, remote.origin, remote.key))
		}
	}
	return list
}

// saveFork keeps a proof and freezes its origin.
func (m *Mirror) saveFork(ctx context.Context, f translog.Fork, foundBy string) error {
	if err := m.store.SaveFork(ctx, f, foundBy); err != nil {
		return stored("keeping a fork proof", err)
	}
	m.stats.forks.Add(1)
	if f.Origin == m.own.Origin.String() {
		m.log.Error("this node's own log has two histories: it takes no more writes. Begin the next epoch (log.epoch), after reading "+
			"how it came about: as a rule the folder was restored from a backup while peers knew more", "origin", f.Origin, "shown_by", foundBy)
	} else {
		m.log.Error("an origin signed two histories: it is frozen here, and the proof is kept", "origin", f.Origin, "shown_by", foundBy)
	}
	return &ForkError{Origin: f.Origin}
}

// forksAnswer is the answer of GET /log/forks.
type forksAnswer struct {
	Forks []struct {
		Origin string          `json:"origin"`
		Proof  json.RawMessage `json:"proof"`
	} `json:"forks"`
}

// LearnForks reads the fork proofs that a peer keeps, and takes those that hold: of admitted origins, or our own, that are not frozen here. It
// returns how many were new. A proof that does not hold is passed over; what cannot be read at all is an error.
func (m *Mirror) LearnForks(ctx context.Context, p peers.Peer) (int, error) {
	data, err := m.get(ctx, p, "/log/forks", maxForksBytes)
	if err != nil {
		return 0, fmt.Errorf("reading the fork proofs of %s: %w", p.Domain, err)
	}
	var answer forksAnswer
	if json.Unmarshal(data, &answer) != nil {
		return 0, m.lied(p.Domain, "its list of fork proofs is malformed")
	}
	taken := 0
	for i, item := range answer.Forks {
		if i == maxForks {
			break
		}
		key, ok := m.key(item.Origin)
		held, known := m.store.Head(item.Origin)
		if !ok || known && held.Frozen {
			continue
		}
		var proof translog.Fork
		if json.Unmarshal(item.Proof, &proof) != nil || proof.Origin != item.Origin || proof.Verify(key) != nil {
			continue
		}
		if origin, err := protocol.ParseOrigin(item.Origin); err == nil && !known {
			if err := m.store.OpenMirror(ctx, origin); err != nil {
				return taken, stored("opening a mirror", err)
			}
		}
		err := m.saveFork(ctx, proof, p.Domain)
		if isStore(err) {
			return taken, err
		}
		taken++
	}
	return taken, nil
}
