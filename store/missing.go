package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

const (
	// MaxMissing bounds the missing bodies of one log. At the bound Settle answers ErrFull until some are resolved.
	MaxMissing = 100_000
	// MissingAttempts is how many times a missing body is tried before it is given up.
	MissingAttempts = 12
)

// MissingRecord is a body that could not be had when its entry was settled.
type MissingRecord struct {
	Origin   string
	Index    uint64
	Hash     [32]byte
	Kind     protocol.Kind
	Attempts int // that were made since
	// IngestedAt is the time that the entry says.
	IngestedAt time.Time
}

// A missing body is kept as: number of attempts (8 bytes), time of the next (8, Unix milliseconds), under log and index.
const missingKeyBytes = 4 + 8

func missingKey(log, index []byte) []byte { return append(bytes.Clone(log), index...) }

// miss notes that the body of an entry is missing.
func (t *transaction) miss(c *logChange, index uint64, next time.Time) error {
	c.state.Missing++
	return t.putMissing(missingKey(c.log.key(), beBytes(index)), 0, next)
}

func (t *transaction) putMissing(key []byte, attempts uint64, next time.Time) error {
	t.changed = true
	value := append(beBytes(attempts), beBytes(uint64(next.UnixMilli()))...)
	if err := t.log.Bucket(missingBucket).Put(key, value); err != nil {
		return err
	}
	return t.log.Bucket(missingDueBucket).Put(dueKey(next.UnixMilli(), key), nil)
}

// maxDueScan bounds the notes that MissingDue passes over, of logs that have their share: some 20 ms of work.
const maxDueScan = 1 << 18

// MissingDue gives up to limit missing bodies whose time to be asked for again has come, the longest due first, and at most share of one log.
func (s *Store) MissingDue(ctx context.Context, now time.Time, limit, share int) (due []MissingRecord, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	until, shares, looked := beBytes(uint64(now.UnixMilli()+1)), make(map[uint32]int), 0
	err = s.log.view(func(tx *bbolt.Tx) error {
		cursor, missing := tx.Bucket(missingDueBucket).Cursor(), tx.Bucket(missingBucket)
		for k, _ := cursor.First(); len(k) == 8+missingKeyBytes && bytes.Compare(k, until) < 0 && len(due) < limit; k, _ = cursor.Next() {
			number := binary.BigEndian.Uint32(k[8:])
			if looked++; looked > maxDueScan {
				return nil
			}
			if shares[number]++; shares[number] > share {
				continue
			}
			key, value := k[8:], missing.Get(k[8:])
			log := s.logs.numbered(number)
			if log == nil || len(value) != 16 {
				return &CorruptError{File: s.log.path, Reason: "a note on a missing body is not one"}
			}
			entry, ok := decodeEntry(tx.Bucket(entriesBucket).Bucket(log.key()).Get(key[4:]))
			if !ok {
				return &CorruptError{File: s.log.path, Reason: fmt.Sprintf("entry %d of %s is missing", beUint64(key[4:]), log.name)}
			}
			due = append(due, MissingRecord{
				Origin: log.name, Index: beUint64(key[4:]), Hash: entry.Record, Kind: entry.Kind, Attempts: int(beUint64(value)),
				IngestedAt: entry.IngestedAt,
			})
		}
		return nil
	})
	return due, err
}

// ResolveMissing notes what became of a missing body: any outcome of Settle. One that is Missing still is tried again at nextTry, and given up
// after MissingAttempts. Errors: ErrNotFound when it was not missing (any more), and those of Settle.
func (s *Store) ResolveMissing(ctx context.Context, origin string, index uint64, outcome Outcome, nextTry time.Time) error {
	log, held := s.logs.named(origin)
	if !held || index >= s.logs.snapshot(log).size {
		return fmt.Errorf("%w: entry %d of the log %s", ErrNotFound, index, origin)
	}
	entries, err := s.entries(log, index, index+1)
	if err != nil {
		return err
	}
	r, st := &request{mirror: true}, new(settlement)
	outcome.Index = index
	if err := s.prepare(st, outcome, log, entries[0], r); err != nil {
		return err
	}
	key := missingKey(log.key(), beBytes(index))
	r.work = func(t *transaction) (refused, failed error) {
		value := bytes.Clone(t.log.Bucket(missingBucket).Get(key))
		switch {
		case len(value) != 16:
			return fmt.Errorf("%w: entry %d of %s is not missing", ErrNotFound, index, origin), nil
		case st.State == Quarantined && t.quarantineFull(log):
			st.State = Missing
		case st.State == Held && st.item == nil:
			if err := t.mustHold(&st.known); err != nil {
				return fmt.Errorf("entry %d of %s: %w", index, origin, err), nil
			}
		}
		return nil, t.resolve(log, st, key, value, nextTry)
	}
	return s.submit(ctx, r).err
}

// resolve takes a body out of those that are missing, or puts off the next try.
func (t *transaction) resolve(log *originLog, st *settlement, key, value []byte, nextTry time.Time) error {
	if err := t.log.Bucket(missingDueBucket).Delete(append(bytes.Clone(value[8:]), key...)); err != nil {
		return err
	}
	attempts := beUint64(value) + 1
	if st.State == Missing && attempts < MissingAttempts {
		return t.putMissing(key, attempts, nextTry)
	}
	if err := t.log.Bucket(missingBucket).Delete(key); err != nil {
		return err
	}
	t.changed = true
	c := t.change(log)
	c.state.Missing--
	if st.State == Missing {
		c.state.GivenUp++
		return nil
	}
	return t.settle(c, st)
}
