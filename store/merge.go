package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// sliceBytes is how much of the index one transaction of a merge should write. An append's sync may have to wait for it on the same
	// disk: 4 MiB is about 20 ms at 200 MB/s.
	sliceBytes = 4 << 20
	// The keys of a slice follow from what the last ones wrote, within these bounds.
	firstSliceKeys = 2_000
	minSliceKeys   = 200
	maxSliceKeys   = 50_000
)

// errStopped: the store is being closed in the middle of a merge.
var errStopped = errors.New("stopped")

// mergeLoop writes full tables behind to index.db. Where that fails it tries again, at the interval of probes, and the store is
// read-only until it succeeds: memory must not fill without bound.
func (s *Store) mergeLoop() {
	defer s.routines.Done()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-s.mergeWanted:
		case <-retry.C:
		}
		for {
			table := s.tableToMerge()
			if table == nil {
				break
			}
			err := s.merge(table, s.pause)
			if errors.Is(err, errStopped) {
				return
			}
			s.fault.set(faultMerge, err, s.logger)
			if err != nil {
				retry.Reset(s.options.ProbeInterval)
				break
			}
			s.dropMerged()
		}
	}
}

// pause leaves the disk and a processor to the appends for a while after a slice: for as long as the slice took while the active table is
// empty, the shorter the more is in it, and not at all once it is half full.
func (s *Store) pause(took time.Duration) {
	half := s.options.MergeClaims / 2
	s.state.RLock()
	room := half - s.state.active.claims()
	s.state.RUnlock()
	if room <= 0 {
		return
	}
	select {
	case <-time.After(took * time.Duration(room) / time.Duration(half)):
	case <-s.quit:
	}
}

func (s *Store) stopping() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// tableToMerge gives the table that is to be merged, and makes the active one that if it is full.
func (s *Store) tableToMerge() *table {
	s.state.Lock()
	defer s.state.Unlock()
	if s.state.merging == nil && s.state.active.claims() >= s.options.MergeClaims {
		s.state.merging, s.state.active = s.state.active, newTable()
		notify(s.roomMade)
	}
	return s.state.merging
}

// dropMerged lets go of the table that is on disk now.
func (s *Store) dropMerged() {
	s.state.Lock()
	s.state.merging = nil
	s.state.Unlock()
	notify(s.roomMade)
}

// notify wakes the goroutine behind the channel of capacity one, if it was not woken already.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// merge writes the table's keys to index.db in key order, some at a time, and the mark with the last of them. What a crash leaves
// half-done is done again, to the same end, since the mark still says so. The table must not change meanwhile. pause is called after each
// slice with the time that it took.
func (s *Store) merge(t *table, pause func(time.Duration)) error {
	began := time.Now()
	w := sliceWriter{index: s.index, stop: s.stopping, pause: pause, keys: firstSliceKeys, slices: &s.counts.mergeSlice}
	mark := max(t.lastSeq, s.index.mark)
	if err := s.setMark(reachKey, mark); err != nil {
		return err
	}
	if err := w.writeHashes(idsBucket, t.ids); err != nil {
		return err
	}
	if err := w.writeHashes(hashesBucket, t.hashes); err != nil {
		return err
	}
	if err := w.writeTerms(t); err != nil {
		return err
	}
	if err := s.setMark(markKey, mark); err != nil {
		return err
	}
	s.index.mark = mark
	if err := s.forgetUnindexed(t.erased); err != nil {
		return err
	}
	s.counts.merges.Add(1)
	s.counts.mergedClaims.Add(uint64(t.claims()))
	s.counts.lastMerge.Store(int64(time.Since(began)))
	return nil
}

// setMark notes in the index how far it goes.
func (s *Store) setMark(name []byte, seq uint64) error {
	if seq == 0 {
		return nil
	}
	record, err := s.log.record(seq)
	if err != nil {
		return err
	}
	return s.index.update(func(tx *bbolt.Tx) error {
		return tx.Bucket(metaBucket).Put(name, append(beBytes(seq), record.RecordHash[:]...))
	})
}

// forgetUnindexed notes in the log that the keys of these erased records are gone from the index.
func (s *Store) forgetUnindexed(seqs []uint64) error {
	if len(seqs) == 0 {
		return nil
	}
	return s.log.update(func(tx *bbolt.Tx) error {
		for _, seq := range seqs {
			if err := tx.Bucket(unindexedBucket).Delete(beBytes(seq)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sliceWriter writes keys to index.db in transactions of about sliceBytes.
type sliceWriter struct {
	index  *indexFile
	stop   func() bool
	pause  func(took time.Duration)
	keys   int // how many keys the next slice takes
	slices *atomic.Uint64
}

func (w *sliceWriter) writeHashes(name []byte, hashes map[shortHash]uint64) error {
	type id struct{ prefix, seq uint64 }
	ids := make([]id, 0, len(hashes))
	for hash, seq := range hashes {
		ids = append(ids, id{beUint64(hash[:]), seq})
	}
	slices.SortFunc(ids, func(a, b id) int {
		return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.seq, b.seq))
	})
	var k [16]byte
	return writeSlices(w, name, ids, func(bucket *bbolt.Bucket, i id) error {
		binary.BigEndian.PutUint64(k[:], i.prefix)
		binary.BigEndian.PutUint64(k[8:], i.seq)
		return bucket.Put(k[:], nil)
	})
}

func (w *sliceWriter) writeTerms(t *table) error {
	entries := make([]entry, 0, t.terms.Len())
	t.terms.Scan(func(e entry) bool {
		entries = append(entries, e)
		return true
	})
	buffer := make([]byte, 0, keyBytes)
	return writeSlices(w, termsBucket, entries, func(bucket *bbolt.Bucket, e entry) error {
		k := e.appendTo(buffer) // bbolt copies keys, but not values
		switch e.tag {
		case removed:
			return bucket.Delete(k)
		case 0:
			return bucket.Put(k, nil)
		default:
			return bucket.Put(k, beBytes(e.tag))
		}
	})
}

// writeSlices puts the items, which are in the bucket's key order, a slice at a time.
func writeSlices[T any](w *sliceWriter, name []byte, items []T, put func(*bbolt.Bucket, T) error) error {
	for len(items) > 0 {
		if w.stop() {
			return errStopped
		}
		began, n := time.Now(), min(w.keys, len(items))
		var written *bbolt.Tx
		err := w.index.update(func(tx *bbolt.Tx) error {
			written = tx
			bucket := tx.Bucket(name)
			for _, item := range items[:n] {
				if err := put(bucket, item); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("writing index keys: %w", err)
		}
		items = items[n:]
		w.slices.Add(1)
		stats := written.Stats()
		w.adapt(n, stats.GetPageAlloc())
		w.pause(time.Since(began))
	}
	return nil
}

// adapt chooses the next slice's keys by what this one wrote.
func (w *sliceWriter) adapt(keys int, written int64) {
	if written > 0 {
		w.keys = min(max(int(int64(keys)*sliceBytes/written), minSliceKeys), maxSliceKeys)
	}
}
