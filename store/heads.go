package store

import (
	"bytes"
	"cmp"
	"slices"

	"mirnode/translog"
)

// Head is how far a log is held here.
type Head struct {
	Origin string
	Hash   [32]byte // of the origin's name
	Own    bool     // it is the own log; those of the node's earlier epochs are not
	Size   uint64   // entries held
	Root   translog.Hash
	// Checkpoint is the newest signed head that is wholly held; its Size is less than Size while a mirror catches up, and 0 without a Note
	// before the first. The own log's is always of Size. Cosigned is the newest one with cosignatures, which may be older.
	Checkpoint translog.Checkpoint
	Cosigned   Cosigned
	// Settled is the number of entries, from the first, whose bodies were seen to (see Store.Settle). Of these Quarantined and Missing are
	// tried again, Refused and GivenUp are not.
	Settled                                uint64
	Quarantined, Missing, Refused, GivenUp uint64
	// Version counts up, in this run of the store, on each change of any head that others are told of: size, checkpoint, cosignatures, frozen.
	// What is settled meanwhile changes no version.
	Version   uint64
	Frozen    bool
	FrozenWhy string
}

// Cosigned is a checkpoint with the cosignatures that were collected for it.
type Cosigned struct {
	Size uint64
	Note []byte // the whole signed note; not to be changed
}

// head tells a log's state. The caller holds the lock.
func (l *logs) head(log *originLog) Head {
	s := &log.state
	return Head{
		Origin: log.name, Hash: log.hash, Own: log == l.own.Load(), Size: s.size, Root: s.root, Checkpoint: s.checkpoint,
		Cosigned: s.cosigned, Settled: s.Settled, Quarantined: s.Quarantined, Missing: s.Missing, Refused: s.Refused, GivenUp: s.GivenUp,
		Version: s.version, Frozen: s.Frozen, FrozenWhy: s.FrozenWhy,
	}
}

// Head gives the head of a log by its name, from memory.
func (s *Store) Head(origin string) (Head, bool) {
	s.logs.RLock()
	defer s.logs.RUnlock()
	log, ok := s.logs.byName[origin]
	if !ok {
		return Head{}, false
	}
	return s.logs.head(log), true
}

// HeadByHash is Head by the SHA-256 of the origin's name, which paths of mirrors and hints have.
func (s *Store) HeadByHash(hash [32]byte) (Head, bool) {
	s.logs.RLock()
	defer s.logs.RUnlock()
	log, ok := s.logs.byHash[hash]
	if !ok {
		return Head{}, false
	}
	return s.logs.head(log), true
}

// Own gives the head of the own log, false in a store without one.
func (s *Store) Own() (Head, bool) {
	own := s.logs.own.Load()
	if own == nil {
		return Head{}, false
	}
	s.logs.RLock()
	defer s.logs.RUnlock()
	return s.logs.head(own), true
}

// Heads gives up to limit heads that changed since that version, in the order of their changes, and the version to ask with next. Zero, and
// any version that is not of this run of the store, asks for all. From memory.
func (s *Store) Heads(since uint64, limit int) (heads []Head, next uint64) {
	s.logs.RLock()
	defer s.logs.RUnlock()
	if since>>versionBits != s.logs.version>>versionBits || since > s.logs.version {
		since = 0
	}
	var changed []*originLog
	for _, log := range s.logs.all {
		if log.state.version > since {
			changed = append(changed, log)
		}
	}
	slices.SortFunc(changed, func(a, b *originLog) int { return cmp.Compare(a.state.version, b.state.version) })
	next = s.logs.version
	if len(changed) > limit {
		changed = changed[:max(limit, 0)]
		if next = since; len(changed) > 0 {
			next = changed[len(changed)-1].state.version
		}
	}
	heads = make([]Head, len(changed))
	for i, log := range changed {
		heads[i] = s.logs.head(log)
	}
	return heads, next
}

// HeadsChanged tells, by a value on the channel, that some head changed since the last value was taken: what changed, Heads says. It never
// holds up the store, and there is one channel, for one reader. What it tells of is on disk.
func (s *Store) HeadsChanged() <-chan struct{} { return s.logs.changed }

// setCheckpoint makes c the newest checkpoint that is wholly held.
func (s *logState) setCheckpoint(c translog.Checkpoint) {
	s.checkpoint = c
	s.Checkpoint, s.CheckpointSize, s.CheckpointRoot = c.Note, c.Size, bytes.Clone(c.Root[:])
}
