package store

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// maxReaders bounds the goroutines that read the log at the start.
const maxReaders = 8

// catchUp reads into memory what the index lacks of the log, and merges what is too much for memory. It returns the number of records.
// It runs before the goroutines do.
func (s *Store) catchUp() (records uint64, err error) {
	from, most := s.index.mark+1, uint64(2*s.options.MergeClaims)
	for next := from; next <= s.lastSeq; {
		to := min(next+most-1, s.lastSeq)
		t, err := s.readTable(next, to)
		if err != nil {
			return 0, err
		}
		if err := s.shift(t); err != nil {
			return 0, err
		}
		if next = to + 1; next <= s.lastSeq {
			s.logger.Info("indexing", "records", to+1-from, "of", s.lastSeq+1-from)
		}
	}
	return s.lastSeq + 1 - from, s.readUnindexed()
}

// shift makes t the active table, and the one before it that to be merged. One more before that is merged here and now.
func (s *Store) shift(t *table) error {
	if s.state.merging != nil {
		if err := s.merge(s.state.merging, func(time.Duration) {}); err != nil {
			return err
		}
		s.state.merging = nil
	}
	if s.state.active.claims() > 0 {
		s.state.merging = s.state.active
	}
	s.state.active = t
	return nil
}

// part is what one goroutine read of the log.
type part struct {
	names   []names
	entries []entry // sorted
	endings []ending
}

// readTable makes a table of the log's records with these sequences. Several goroutines read a part each and sort its keys, and a table is
// built from sorted keys much faster than from any others.
func (s *Store) readTable(from, to uint64) (*table, error) {
	count := to + 1 - from
	parts := make([]part, min(runtime.GOMAXPROCS(0), maxReaders))
	var group errgroup.Group
	for i := range parts {
		first, end := from+count*uint64(i)/uint64(len(parts)), from+count*uint64(i+1)/uint64(len(parts))
		group.Go(func() error {
			p := &parts[i]
			p.names, p.entries = make([]names, 0, end-first), make([]entry, 0, 3*(end-first))
			err := s.readRecords(first, end-1, func(r *logRecord) error {
				return p.add(r, s.termsOf)
			})
			slices.SortFunc(p.entries, func(a, b entry) int { return compareKeys(a.key, b.key) })
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	t := newTable()
	t.ids, t.hashes = make(map[shortHash]uint64, count), make(map[shortHash]uint64, count)
	for _, p := range parts {
		for i := range p.names {
			t.name(&p.names[i])
		}
	}
	for e, ok := takeLeast(parts); ok; e, ok = takeLeast(parts) {
		t.mark(e.term)
		t.terms.Load(e)
	}
	t.lastSeq = to
	return t, s.endAgain(t, parts)
}

func (p *part) add(r *logRecord, termsOf func(*logRecord) (recordTerms, error)) error {
	p.names = append(p.names, r.names())
	terms, err := termsOf(r)
	if err != nil {
		return err
	}
	entries := terms.entries(r.Seq)
	p.entries = append(p.entries, entries[:terms.count]...)
	return p.noteEnding(r)
}

// takeLeast takes the least entry of the parts.
func takeLeast(parts []part) (entry, bool) {
	least := -1
	for i := range parts {
		if len(parts[i].entries) > 0 && (least < 0 || compareKeys(parts[i].entries[0].key, parts[least].entries[0].key) < 0) {
			least = i
		}
	}
	if least < 0 {
		return entry{}, false
	}
	e := parts[least].entries[0]
	parts[least].entries = parts[least].entries[1:]
	return e, true
}

// readRecords hands the log's records of these sequences to add, in order. Their bytes are good until add returns.
func (s *Store) readRecords(from, to uint64, add func(*logRecord) error) error {
	return s.log.view(func(tx *bbolt.Tx) error { return s.log.readRecords(tx, from, to, add) })
}

func (l *logFile) readRecords(tx *bbolt.Tx, from, to uint64, add func(*logRecord) error) error {
	cursor, next := tx.Bucket(recordsBucket).Cursor(), from
	for k, v := cursor.Seek(beBytes(from)); k != nil && next <= to; k, v = cursor.Next() {
		if len(k) != 8 || beUint64(k) != next {
			break
		}
		record, err := l.decode(next, v, false)
		if err != nil {
			return err
		}
		if err := add(&record); err != nil {
			return err
		}
		next++
	}
	if next <= to {
		return &CorruptError{File: l.path, Reason: fmt.Sprintf("record %d is missing", next)}
	}
	return nil
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
			s.state.active.remove(beUint64(k), keys)
			s.state.Unlock()
			return nil
		})
	})
}
