package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"
)

// maxIdleReaders bounds the views that are kept open: more readers than processors are seldom under way at once, since none of them waits.
const maxIdleReaders = 16

// maxKeptEntries bounds the memory for entries, of 40 bytes each, that a reader keeps for the next look-up: few artifacts have more.
const maxKeptEntries = 4096

// reader is one view of the index and, at least as late, of the log, and what look-ups need to read them. It is used again and again, so that a look-up
// opens no transaction and allocates next to nothing: see readers. What it holds of a record is good until the next is loaded.
type reader struct {
	store  *Store
	tables [2]*table
	upTo   uint64 // see tableSource

	writes     uint64    // what readers.writes was before the view was opened
	index, log *bbolt.Tx // nil: the view is not open
	records    *bbolt.Cursor
	names      [2]*bbolt.Cursor // of the buckets of hashes; nil until one is wanted
	terms      termReader
	faults     bool // what debug.SetPanicOnFault was

	record, other logRecord // the one that was looked for, and what amends it
	key           [8]byte   // of what is looked for in the log
	sequences     []uint64  // see candidates
	facts         assertionFacts
	state         AssertionState
	revocation    RevocationState
	successor     [32]byte
	found         []entry
	shares        map[uint64]int // see share
}

// read gives a reader that sees all that was appended before. As a rule no file is touched for that. The caller must defer end, and must neither wait nor
// call the store meanwhile: a write may have to wait for it.
//
// The tables are chosen before the index is viewed: what leaves them meanwhile is in it then. The log is viewed last: it has every record that the index
// knows, and those of the tables up to the last one that there was before.
func (s *Store) read() (*reader, error) {
	s.state.RLock()
	tables := [2]*table{s.state.active, s.state.merging}
	s.state.RUnlock()
	upTo := s.counts.lastSeq.Load() // of the log as it is seen at least; tables go on growing
	if err := s.index.healthy(); err != nil {
		return nil, err
	}
	r := s.readers.take(s)
	if r.index == nil {
		if err := r.open(); err != nil {
			r.close()
			return nil, err
		}
	}
	r.tables, r.upTo = tables, upTo
	r.terms.choose(r)
	r.faults = debug.SetPanicOnFault(true)
	return r, nil
}

// open opens the views.
func (r *reader) open() error {
	s := r.store
	return s.index.noted(s.index.begin(&r.index, func() error {
		r.terms.disk = diskSource{cursor: r.index.Bucket(termsBucket).Cursor(), file: s.index.path}
		return s.log.noted(s.log.begin(&r.log, func() error {
			r.records = r.log.Bucket(recordsBucket).Cursor()
			return nil
		}))
	}))
}

// end, deferred, gives the reader back, and makes errors of panics and faults as guard does.
func (r *reader) end(err *error) {
	reason, s := recover(), r.store
	debug.SetPanicOnFault(r.faults)
	if reason != nil {
		file := s.log.path
		switch p := reason.(type) {
		case callerPanic:
			r.close()
			panic(p)
		case filePanic:
			file, reason = p.file, p.reason
		}
		*err = &CorruptError{File: file, Reason: fmt.Sprint(reason)}
	}
	if *err == nil {
		s.readers.give(r)
		return
	}
	if _, corrupt := errors.AsType[*CorruptError](*err); corrupt {
		r.close()
		*err = s.index.noted(s.log.noted(*err))
		return
	}
	s.readers.give(r)
}

// close ends the views, and lets go of all that lies in the files and the tables.
func (r *reader) close() {
	s := r.store
	s.log.rollback(r.log)
	s.index.rollback(r.index)
	*r = reader{store: s, terms: r.terms, found: r.found[:0], sequences: r.sequences[:0], shares: r.shares}
	r.terms.close()
}

// cursor is the cursor of a bucket of hashes. The log is being read around it.
func (r *reader) cursor(by naming) *bbolt.Cursor {
	if r.names[by] == nil {
		r.names[by] = r.index.Bucket(by.bucket()).Cursor()
	}
	return r.names[by]
}

// at reads a record, whose document stays in the file's pages.
func (r *reader) at(seq uint64, into *logRecord) error {
	return r.store.log.readInto(into, &r.key, r.records, seq, false)
}

// candidates are the records that may be the one that is looked up, those in memory first.
func (r *reader) candidates(l *lookup) []uint64 {
	found := r.sequences[:0]
	r.store.state.RLock()
	for _, table := range r.tables {
		if table == nil {
			continue
		}
		if seq, known := table.sequence(l); known && seq <= r.upTo {
			found = append(found, seq)
		}
	}
	r.store.state.RUnlock()
	defer ascribe(r.store.index.path)
	found = appendCandidates(found, r.cursor(l.by), l.hash)
	r.sequences = found
	return found
}

// readers keeps views of the two files open between look-ups: opening them takes longer than most look-ups do. After each write of a file, before whoever
// waits for it is told, all that are kept are closed, so that none of them shows less than was there when a look-up began, and none keeps pages from
// being used again.
type readers struct {
	mu     sync.Mutex
	idle   [maxIdleReaders]*reader
	count  int // of idle
	writes uint64
	held   int // how many writes are under way during which no view may stay open: see hold
	closed bool

	roomy int64     // the size of a file in bytes up to which one write cannot outgrow its map
	spare sync.Pool // of *reader whose views are closed
}

// take gives a reader, whose views are open if one was kept.
func (p *readers) take(s *Store) *reader {
	p.mu.Lock()
	if p.count > 0 {
		p.count--
		r := p.idle[p.count]
		p.idle[p.count] = nil
		p.mu.Unlock()
		return r
	}
	writes := p.writes
	p.mu.Unlock()
	r, _ := p.spare.Get().(*reader)
	if r == nil {
		r = &reader{store: s, shares: make(map[uint64]int)}
	}
	r.writes = writes
	return r
}

// give takes a reader back.
func (p *readers) give(r *reader) {
	if cap(r.found) > maxKeptEntries {
		r.found, r.shares = nil, make(map[uint64]int)
	}
	p.mu.Lock()
	keep := r.writes == p.writes && p.held == 0 && !p.closed && p.count < maxIdleReaders
	if keep {
		p.idle[p.count] = r
		p.count++
	}
	p.mu.Unlock()
	if !keep {
		r.close()
		p.spare.Put(r)
	}
}

// renew closes all that are kept; those in use are closed when they come back.
func (p *readers) renew() {
	p.mu.Lock()
	p.writes++
	idle := p.idle
	p.idle, p.count = [maxIdleReaders]*reader{}, 0
	p.mu.Unlock()
	for _, r := range idle {
		if r != nil {
			r.close()
			p.spare.Put(r)
		}
	}
}

// hold sees to it that no view is open but those in use, until release: bbolt waits for all of them before it maps a file anew that has outgrown its map.
func (p *readers) hold() {
	p.mu.Lock()
	p.held++
	p.mu.Unlock()
	p.renew()
}

func (p *readers) release() {
	p.mu.Lock()
	p.held--
	p.mu.Unlock()
}

// end closes all views, and lets none be kept any more.
func (p *readers) end() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.renew()
}
