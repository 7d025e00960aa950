package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// The writes that can fail: while either does, the store is read-only.
const (
	faultWrite = iota // the log's, by the committer
	faultMerge        // the index's, by the merger
	faultKinds
)

// faults are the causes for which the store is read-only at the moment.
type faults struct {
	mu      sync.Mutex
	causes  [faultKinds]error
	changed chan struct{} // wakes the committer where it waits for a merge that may not come
}

// set notes the outcome of a write of this kind; nil ends a fault.
func (f *faults) set(kind int, cause error, logger *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.causes[kind]
	f.causes[kind] = cause
	switch {
	case cause != nil && was == nil:
		logger.Error("read-only: the disk does not take writes", "cause", cause)
		notify(f.changed)
	case cause == nil && was != nil:
		logger.Info("writing again: the disk takes writes", "after", was)
	}
}

func (f *faults) get(kind int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.causes[kind]
}

// err is nil or wraps ErrReadOnly and the causes.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cause := errors.Join(f.causes[:]...); cause != nil {
		return fmt.Errorf("%w: %w", ErrReadOnly, cause)
	}
	return nil
}

// probeBytes is what a probe writes: enough that a disk with a page or two left does not pass.
const probeBytes = 256 << 10

var probeKey = []byte("probe")

// probe tries whether the log takes writes again after a fault, and ends the fault if so.
func (s *Store) probe() {
	if s.log.healthy() != nil {
		return
	}
	err := s.log.update(func(tx *bbolt.Tx) error {
		return tx.Bucket(metaBucket).Put(probeKey, bytes.Repeat([]byte{0xff}, probeBytes))
	})
	if err == nil {
		err = s.log.update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Delete(probeKey) })
	}
	if err == nil {
		err = s.resync()
	}
	s.fault.set(faultWrite, err, s.logger)
}

// resync brings the tables to what the log holds. A commit whose very last sync failed may have been written after all, though its waiters
// were told otherwise.
func (s *Store) resync() error {
	end, err := s.log.end()
	if err != nil {
		return err
	}
	var learned []protocol.Record
	err = s.readRecords(s.lastSeq+1, end.seq, func(r *logRecord) error {
		terms, err := s.termsOf(r)
		if err != nil {
			return err
		}
		if learned, err = appendIssuer(learned, r); err != nil {
			return s.log.corrupt(r.Seq, err)
		}
		n := r.names()
		s.state.Lock()
		defer s.state.Unlock()
		s.state.active.add(&n, &terms)
		return nil
	})
	if err != nil {
		return err
	}
	s.lastSeq, s.lastIngested = end.seq, max(s.lastIngested, end.ingested)
	s.counts.lastSeq.Store(end.seq)
	s.counts.erased.Store(end.erased)
	s.counts.statements.Store(end.statements)
	s.logs.tombstones.Store(end.tombstones)
	if err := s.loadLogs(); err != nil {
		return err
	}
	if err := s.keepTime(); err != nil {
		return err
	}
	err = s.readUnindexed()
	s.tell(learned)
	return err
}
