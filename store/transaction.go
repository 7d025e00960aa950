package store

import (
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/translog"
)

// transaction is one commit while it is made.
type transaction struct {
	store    *Store
	log      *bbolt.Tx
	records  *bbolt.Bucket
	tables   [2]*table              // active and merging (or nil) as they were before the index was read
	fresh    [2]map[[32]byte]uint64 // by naming: what this transaction appended
	seq      uint64
	ingested int64
	effects  []effect
	changed  bool // anything at all

	relearned bool // entries of the own log came from elsewhere

	amending map[uint64]bool   // terms of what this transaction appended that amends an assertion; true: a revocation is among it
	learned  []protocol.Record // issuer records that it appended

	erased, statements      uint64
	quarantined, tombstones int // change of their numbers

	changes []*logChange    // of logs, in the order of their first change
	opened  []*originLog    // logs that this transaction made
	own     *logChange      // of the own log, when it is wanted first; nil without one
	leaves  []translog.Hash // of the own log's new entries
	grown   *ownGrowth      // what the own log became; nil where it stayed as it was
}

// effect is what the active table learns once the transaction is safe.
type effect struct {
	names
	terms recordTerms
	erase bool
	end   bool // an assertion has ended
}

// write makes the transaction of the requests and fills in their answers. The error is that of them all.
func (s *Store) write(requests []*request, answers []answer) error {
	t := &transaction{
		store: s, seq: s.lastSeq,
		fresh:    [2]map[[32]byte]uint64{make(map[[32]byte]uint64), make(map[[32]byte]uint64)},
		ingested: max(s.options.Now().UnixMilli(), s.lastIngested),
	}
	s.state.RLock()
	t.tables = [2]*table{s.state.active, s.state.merging}
	s.state.RUnlock()
	if err := t.lookUp(requests); err != nil {
		return err
	}
	err := s.log.update(func(tx *bbolt.Tx) error {
		t.log, t.records = tx, tx.Bucket(recordsBucket)
		t.records.FillPercent = 1 // keys come in order: no room need be left for later ones
		for i, r := range requests {
			if err := t.handle(r, &answers[i]); err != nil {
				return err
			}
		}
		return t.finish()
	})
	if errors.Is(err, errNothingToDo) {
		return nil
	}
	if err != nil {
		if s.log.healthy() == nil { // what is damaged need not be probed
			s.fault.set(faultWrite, err, s.logger)
		}
		return s.writable()
	}
	if t.seq > s.lastSeq || len(t.leaves) > 0 || t.relearned {
		s.lastSeq, s.lastIngested = t.seq, t.ingested
	}
	s.apply(t)
	for i := range answers {
		answers[i].grown = t.grown
	}
	return nil
}

// handle does what a request asks for. The returned error is the transaction's, the request's own stands in the answer.
func (t *transaction) handle(r *request, a *answer) error {
	if r.work != nil {
		var failed error
		a.err, failed = r.work(t)
		return failed
	}
	if a.err = t.store.ownReady(); a.err == nil && r.whole {
		a.err = t.refusal(r.items)
	}
	if a.err == nil {
		a.appended = make([]Appended, len(r.items))
	}
	for i := range a.appended {
		if err := t.append(&r.items[i], &a.appended[i]); err != nil {
			return err
		}
	}
	return nil
}

// lookUp notes for each look-up what the index on disk has, all in one reading. The tables were chosen before, so that what a
// merge moves meanwhile is missed in neither.
func (t *transaction) lookUp(requests []*request) error {
	return t.store.index.view(func(tx *bbolt.Tx) error {
		cursors := [2]*bbolt.Cursor{tx.Bucket(idsBucket).Cursor(), tx.Bucket(hashesBucket).Cursor()}
		for _, r := range requests {
			for i := range r.items {
				l := &r.items[i].known
				l.onDisk = appendCandidates(nil, cursors[l.by], l.hash)
			}
			for _, l := range r.lookups {
				l.onDisk = appendCandidates(nil, cursors[l.by], l.hash)
			}
			for _, relation := range r.relations {
				relation.lookUpLater(tx.Bucket(termsBucket).Cursor())
			}
		}
		return nil
	})
}

// find looks for a record in this transaction, in memory, and in the records that the index on disk named.
func (t *transaction) find(l *lookup) (r logRecord, found bool, err error) {
	if seq, known := t.fresh[l.by][l.hash]; known {
		r, err = t.read(seq)
		return r, err == nil, err
	}
	for _, table := range t.tables {
		if table == nil {
			continue
		}
		if seq, known := table.sequence(l); known {
			if r, err := t.read(seq); err != nil || l.matches(&r) {
				return r, err == nil, err
			}
		}
	}
	for _, seq := range l.onDisk {
		if r, err := t.read(seq); err != nil || l.matches(&r) {
			return r, err == nil, err
		}
	}
	return logRecord{}, false, nil
}

// read reads a record, and notes damage: that is the claim's error and not the transaction's, which would note it.
func (t *transaction) read(seq uint64) (logRecord, error) {
	r, err := t.store.log.recordAt(t.records.Cursor(), seq)
	return r, t.store.log.noted(err)
}

// put appends a record that is new here, with its first place.
func (t *transaction) put(i *item, p place) error {
	t.seq++
	setIngested(i.envelope, t.ingested)
	first := t.firstOf(i.record.RecordHash, p)
	setPlace(i.envelope, first)
	if i.relation != nil {
		t.prepare(i, first)
	}
	seal(t.seq, i.envelope)
	if err := t.records.Put(beBytes(t.seq), i.envelope); err != nil {
		return err
	}
	n := names{seq: t.seq, sigHash: i.record.SigHash, record: i.record.RecordHash, named: named(i.record.Kind), claim: i.claim()}
	t.fresh[byRecordHash][n.record] = t.seq
	if n.named {
		t.fresh[bySigHash][n.sigHash] = t.seq
	}
	if !n.claim {
		t.statements++
		if err := t.note(i, t.seq); err != nil {
			return err
		}
	}
	t.effects = append(t.effects, effect{names: n, terms: i.terms})
	t.changed = true
	return t.release(n.record, i.record.Kind, t.seq, first)
}

// finish writes what the transaction changed besides records. One that changed nothing is not committed.
func (t *transaction) finish() error {
	if !t.changed {
		return errNothingToDo
	}
	if err := t.grow(); err != nil {
		return err
	}
	for _, c := range t.changes {
		if err := c.save(t); err != nil {
			return err
		}
	}
	counts, meta := &t.store.counts, t.log.Bucket(metaBucket)
	if t.erased > 0 {
		if err := meta.Put(erasedKey, beBytes(counts.erased.Load()+t.erased)); err != nil {
			return err
		}
	}
	if t.statements > 0 {
		return meta.Put(statementsKey, beBytes(counts.statements.Load()+t.statements))
	}
	return nil
}

// applied is how many effects are applied under one hold of the lock: readers wait for it.
const applied = 256

// apply brings the transaction's effects into memory, before anybody is answered.
func (s *Store) apply(t *transaction) {
	claims := uint64(0)
	for effects := t.effects; len(effects) > 0; {
		n := min(applied, len(effects))
		s.state.Lock()
		for i := range effects[:n] {
			e := &effects[i]
			if e.erase {
				s.state.active.remove(e.seq, e.terms.keys(e.seq))
				continue
			}
			if e.end {
				s.state.active.end(e.seq, &e.terms)
				continue
			}
			s.state.active.add(&e.names, &e.terms)
			if e.claim {
				claims++
			}
		}
		s.state.Unlock()
		effects = effects[n:]
	}
	s.logs.quarantined.Add(uint64(t.quarantined))
	s.logs.tombstones.Add(uint64(t.tombstones))
	s.counts.lastSeq.Store(t.seq)
	s.counts.erased.Add(t.erased)
	s.counts.statements.Add(t.statements)
	s.counts.commits.Add(1)
	s.counts.committed.Add(claims)
	s.counts.batchSizes[batchClass(claims)].Add(1)
	s.logs.publish(t)
	s.tell(t.learned)
}

// time is when this transaction takes things in.
func (t *transaction) time() time.Time { return time.UnixMilli(t.ingested).UTC() }
