package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/translog"
)

const (
	// MaxForks bounds the fork proofs that are kept. One is enough for each log.
	MaxForks = 1_024
	// maxForksOfOne bounds those of one log.
	maxForksOfOne = 4

	frozenByFork = "it showed two histories"
)

// SavedFork is the proof that a log showed two histories.
type SavedFork struct {
	Proof   translog.Fork `json:"proof"`
	FoundAt time.Time     `json:"foundAt"`
	FoundBy string        `json:"foundBy"` // the domain of the node that found it
}

// SaveFork keeps a fork proof, which the caller verified, and freezes the log, also one that is mirrored only later. It returns when that is
// safe on disk. Saving one again changes nothing; past a bound on the proofs of one log the log is frozen and the proof let go.
func (s *Store) SaveFork(ctx context.Context, f translog.Fork, foundBy string) error {
	proof, err := json.Marshal(f)
	if err != nil {
		return err
	}
	value, err := json.Marshal(SavedFork{Proof: f, FoundAt: s.options.Now().UTC(), FoundBy: foundBy})
	if err != nil {
		return err
	}
	origin, of := sha256.Sum256([]byte(f.Origin)), sha256.Sum256(proof)
	key := append(origin[:], of[:8]...)
	return s.submit(ctx, &request{mirror: true, weight: 1, bytes: int64(len(value)), work: func(t *transaction) (refused, failed error) {
		bucket := t.log.Bucket(forksBucket)
		same, cursor := 0, bucket.Cursor()
		for k, _ := cursor.Seek(origin[:]); bytes.HasPrefix(k, origin[:]); k, _ = cursor.Next() {
			same++
		}
		if same == 0 && bucket.Sequence() >= MaxForks {
			return fmt.Errorf("%w: %d fork proofs", ErrFull, MaxForks), nil
		}
		if bucket.Get(key) == nil && same < maxForksOfOne {
			if err := t.putCounted(bucket, key, value); err != nil {
				return nil, err
			}
		}
		if log, held := s.logs.named(f.Origin); held {
			t.freeze(log, frozenByFork)
		}
		return nil, nil
	}}).err
}

func (t *transaction) freeze(log *originLog, why string) {
	if t.peek(log).Frozen {
		return
	}
	c := t.change(log)
	c.state.Frozen, c.state.FrozenWhy, t.changed = true, why, true
}

// Freeze lets a log take no more entries, for a reason that is shown. What it holds stays, and is settled and served on. Errors: ErrNotFound.
func (s *Store) Freeze(ctx context.Context, origin, why string) error {
	log, held := s.logs.named(origin)
	if !held {
		return fmt.Errorf("%w: the log %s", ErrNotFound, origin)
	}
	return s.submit(ctx, &request{mirror: true, weight: 1, work: func(t *transaction) (refused, failed error) {
		t.freeze(log, clipped(why))
		return nil, nil
	}}).err
}

// Forks gives the fork proofs that are kept, by origin.
func (s *Store) Forks(ctx context.Context) (found []SavedFork, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.log.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(forksBucket).ForEach(func(_, value []byte) error {
			var f SavedFork
			if err := json.Unmarshal(value, &f); err != nil {
				return &CorruptError{File: s.log.path, Reason: "a fork proof is not one"}
			}
			found = append(found, f)
			return nil
		})
	})
	return found, err
}

// forked tells whether there is a fork proof of the log whose name hashes to that.
func forked(tx *bbolt.Tx, origin [32]byte) bool {
	k, _ := tx.Bucket(forksBucket).Cursor().Seek(origin[:])
	return bytes.HasPrefix(k, origin[:])
}
