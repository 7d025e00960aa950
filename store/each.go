package store

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"
)

// eachHeld shows visit those of the records with these hashes that are held, in their order, until it returns false: all out of one reading of
// the index and one of the log. Erased ones are among them. A record's Raw is good until visit returns.
func (s *Store) eachHeld(ctx context.Context, hashes [][32]byte, most int, visit func(i int, r *logRecord) bool) error {
	if len(hashes) > most {
		return fmt.Errorf("%w: %d records, at most %d", ErrInvalid, len(hashes), most)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	candidates, err := s.candidatesOf(hashes)
	if err != nil {
		return err
	}
	return s.log.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(recordsBucket).Cursor()
		for i, hash := range hashes {
			l := lookup{by: byRecordHash, hash: hash}
			for _, seq := range candidates[i] {
				r, err := s.log.readAt(cursor, seq, false)
				if err != nil {
					return err
				}
				if !l.matches(&r) {
					continue
				}
				if !visit(i, &r) {
					return nil
				}
				break
			}
		}
		return nil
	})
}

// candidatesOf are the sequences that each of the records may have.
func (s *Store) candidatesOf(hashes [][32]byte) ([][]uint64, error) {
	found := make([][]uint64, len(hashes))
	// The index is read after the tables: what was merged meanwhile is in it.
	s.state.RLock()
	for _, table := range [2]*table{s.state.active, s.state.merging} {
		if table == nil {
			continue
		}
		for i, hash := range hashes {
			if seq, known := table.hashes[short(hash)]; known {
				found[i] = append(found[i], seq)
			}
		}
	}
	s.state.RUnlock()
	return found, s.index.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(hashesBucket).Cursor()
		for i, hash := range hashes {
			if len(found[i]) == 0 {
				found[i] = appendCandidates(found[i], cursor, hash)
			}
		}
		return nil
	})
}

// callVisitor calls what a caller handed in, and sees to it that a panic of its own passes for what it is and not for damage. A fault on a
// mapped page is damage.
func callVisitor[T any](visit func() T) T {
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		if _, fault := reason.(interface{ Addr() uintptr }); fault {
			panic(reason)
		}
		panic(callerPanic{reason})
	}()
	return visit()
}

// erasedByNotice are the erasures of those records that were never held, or only in quarantine.
func (s *Store) erasedByNotice(hashes [][32]byte) (map[[32]byte]*ErasedError, error) {
	if s.logs.tombstones.Load() == 0 {
		return nil, nil
	}
	erased := make(map[[32]byte]*ErasedError)
	return erased, s.log.view(func(tx *bbolt.Tx) error {
		tombstones := tx.Bucket(tombstonesBucket)
		for _, hash := range hashes {
			if e := decodeTombstone(tombstones.Get(hash[:])); e != nil {
				erased[hash] = e
			}
		}
		return nil
	})
}

// buried tells of the erasure of a record that was never held.
func (t *transaction) buried(hash [32]byte) (erased *ErasedError, yes bool) {
	if t.store.logs.tombstones.Load()+uint64(t.tombstones) == 0 {
		return nil, false
	}
	erased = decodeTombstone(t.log.Bucket(tombstonesBucket).Get(hash[:]))
	return erased, erased != nil
}
