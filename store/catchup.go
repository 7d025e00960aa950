package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// progressEvery is after how many records a long catching up says where it is.
const progressEvery = 200_000

// catchUp reads into memory what the index lacks of the log, and merges what is too much for memory. It returns the number of records.
// It runs before the goroutines do.
func (s *Store) catchUp() (records uint64, err error) {
	from := s.index.mark + 1
	if err := s.readRecords(from, s.lastSeq, s.addRecord); err != nil {
		return 0, err
	}
	return s.lastSeq + 1 - from, s.readUnindexed()
}

// readRecords hands the log's records of these sequences to add, in order.
func (s *Store) readRecords(from, to uint64, add func(logRecord) error) error {
	return s.log.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(recordsBucket).Cursor()
		next := from
		for k, v := cursor.Seek(beBytes(from)); k != nil && next <= to; k, v = cursor.Next() {
			if len(k) != 8 || beUint64(k) != next {
				return &CorruptError{File: s.log.path, Reason: fmt.Sprintf("record %d is missing", next)}
			}
			record, err := s.log.decode(next, v, false)
			if err != nil {
				return err
			}
			if err := add(record); err != nil {
				return err
			}
			if done := next - from + 1; done%progressEvery == 0 {
				s.logger.Info("indexing", "records", done, "of", to-from+1)
			}
			next++
		}
		if next <= to {
			return &CorruptError{File: s.log.path, Reason: fmt.Sprintf("record %d is missing", next)}
		}
		return nil
	})
}

// addRecord adds a record to the active table. When that is full it becomes the one to merge; when there is one already, that is merged here
// and now.
func (s *Store) addRecord(r logRecord) error {
	s.addActive(r)
	s.state.Lock()
	defer s.state.Unlock()
	if s.state.active.claims() < 2*s.options.MergeClaims {
		return nil
	}
	if s.state.merging != nil {
		if err := s.merge(s.state.merging, func(time.Duration) {}); err != nil {
			return err
		}
	}
	s.state.merging, s.state.active = s.state.active, newTable()
	return nil
}

// addActive adds a record of the log to the active table.
func (s *Store) addActive(r logRecord) {
	s.state.Lock()
	defer s.state.Unlock()
	if r.erased {
		s.state.active.addErased(r.Seq, r.SigHash)
	} else {
		s.state.active.add(r.Seq, r.SigHash, s.terms.ofRecord(r))
	}
}

// readUnindexed marks the keys of erased records that may still be in the index.
func (s *Store) readUnindexed() error {
	return s.log.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(unindexedBucket).ForEach(func(k, v []byte) error {
			if len(k) != 8 || len(v) != 3*keyBytes {
				return &CorruptError{File: s.log.path, Reason: "a note on an erased record is not one"}
			}
			keys := [3]key{parseKey(v), parseKey(v[keyBytes:]), parseKey(v[2*keyBytes:])}
			s.state.Lock()
			s.state.active.remove(binary.BigEndian.Uint64(k), keys)
			s.state.Unlock()
			return nil
		})
	})
}
