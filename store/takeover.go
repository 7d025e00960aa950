package store

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// takeOverSlice is how many records of a store from before there were logs are entered in one transaction.
const takeOverSlice = 20_000

// takeOver enters the records of a store from before there were logs into the first own log that it gets: in their order, with their times.
// Their envelopes stay as they are, since their index follows from their sequence. A crash leaves whole slices, and the rest for the next start.
func (s *Store) takeOver(own *originLog) error {
	for s.log.old.records > own.state.size && (s.log.old.log == 0 || s.log.old.log == own.number) {
		from, to := own.state.size+1, min(own.state.size+takeOverSlice, s.log.old.records)
		began := time.Now()
		t := &transaction{store: s, changed: true}
		err := s.log.update(func(tx *bbolt.Tx) error {
			t.log, t.own = tx, t.change(own)
			err := s.log.readRecords(tx, from, to, func(r *logRecord) error {
				t.ingested = r.IngestedAt.UnixMilli()
				_, err := t.ownEntry(r.Kind, r.RecordHash)
				return err
			})
			if err != nil {
				return err
			}
			s.log.old.log = own.number
			if err := tx.Bucket(metaBucket).Put(oldKey, s.log.old.value()); err != nil {
				return err
			}
			return t.finish()
		})
		if err != nil {
			return fmt.Errorf("entering the records into the log %s: %w", own.name, err)
		}
		s.logs.publish(t)
		s.logger.Info("entering records into the log", "origin", own.name, "records", to, "of", s.log.old.records,
			"took", time.Since(began).Round(time.Millisecond))
	}
	return nil
}
