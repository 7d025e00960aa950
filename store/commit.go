package store

import (
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// commitLoop is the committer: it takes what waits, writes it in one transaction, answers, and begins again. There is no timer: while
// one transaction syncs, the next one's requests gather by themselves.
func (s *Store) commitLoop() {
	defer s.routines.Done()
	defer close(s.stopped)
	var probe <-chan time.Time // set while a write fault lasts
	for {
		select {
		case <-s.quit:
			s.refuseWaiting()
			return
		case <-probe:
			probe = nil
			s.probe()
		case first := <-s.queue:
			requests := s.gather(first)
			s.makeRoom(requests)
			s.commit(requests)
		}
		if probe == nil && s.fault.get(faultWrite) != nil {
			probe = time.After(s.options.ProbeInterval)
		}
	}
}

// refuseWaiting answers those whose requests were not begun.
func (s *Store) refuseWaiting() {
	for {
		select {
		case r := <-s.queue:
			s.reply(r, answer{err: ErrClosed})
		default:
			return
		}
	}
}

// gather takes what waits behind the first request, up to the bounds of a transaction.
func (s *Store) gather(first *request) []*request {
	requests, claims, bytes := []*request{first}, len(first.items), first.bytes
	for claims < maxCommitClaims && bytes < maxCommitBytes {
		select {
		case r := <-s.queue:
			requests = append(requests, r)
			claims += len(r.items)
			bytes += r.bytes
		default:
			return requests
		}
	}
	return requests
}

// slowest is how long a claim is held up when the active table is all but full: it lets the merger catch up before appends must stop.
const slowest = 100 * time.Microsecond

// makeRoom sees to it that the active table stays within twice MergeClaims. While a merge lags behind, appends are slowed the more the
// fuller the table is; at the bound they wait.
func (s *Store) makeRoom(requests []*request) {
	claims := 0
	for _, r := range requests {
		claims += len(r.items)
	}
	began := time.Now()
	for {
		s.state.RLock()
		over := s.state.active.claims() - s.options.MergeClaims
		s.state.RUnlock()
		if over < 0 || s.fault.err() != nil { // commit refuses while there is a fault
			break
		}
		notify(s.mergeWanted)
		var wait <-chan time.Time
		full := over >= s.options.MergeClaims
		if !full {
			wait = time.After(slowest * time.Duration(claims) * time.Duration(over) / time.Duration(s.options.MergeClaims))
		}
		select {
		case <-s.roomMade:
			continue
		case <-wait:
		case <-s.fault.changed:
		case <-s.quit:
		}
		break
	}
	s.counts.slowed.Add(int64(time.Since(began)))
}

// transaction is one commit while it is made.
type transaction struct {
	store    *Store
	log      *bbolt.Tx
	records  *bbolt.Bucket
	tables   [2]*table // active and merging (or nil) as they were before the index was read
	fresh    map[[32]byte]uint64
	seq      uint64
	ingested int64
	effects  []effect
	erased   uint64
}

// effect is what the active table learns once the transaction is safe.
type effect struct {
	seq     uint64
	sigHash [32]byte
	terms   claimTerms
	erase   bool
}

// commit writes the requests in one transaction and answers each. Those whose waiters have gone are dropped.
func (s *Store) commit(requests []*request) {
	requests = slices.DeleteFunc(requests, func(r *request) bool {
		gone := r.ctx.Err()
		if gone != nil {
			s.reply(r, answer{err: gone})
		}
		return gone != nil
	})
	if len(requests) == 0 {
		return
	}
	err := s.Ready()
	answers := make([]answer, len(requests))
	if err == nil {
		err = s.write(requests, answers)
	}
	for i, r := range requests {
		if err != nil {
			answers[i] = answer{err: err}
		}
		s.reply(r, answers[i])
	}
}

func (s *Store) write(requests []*request, answers []answer) error {
	t := &transaction{
		store: s, fresh: make(map[[32]byte]uint64), seq: s.lastSeq,
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
		return s.Ready()
	}
	if t.seq > s.lastSeq {
		s.lastSeq, s.lastIngested = t.seq, t.ingested
	}
	s.apply(t)
	return nil
}

func (t *transaction) handle(r *request, a *answer) error {
	if r.erase != nil {
		var failed error
		a.err, failed = t.erase(r.erase)
		return failed
	}
	a.appended = make([]Appended, len(r.items))
	for i := range r.items {
		if err := t.append(&r.items[i], &a.appended[i]); err != nil {
			return err
		}
	}
	return nil
}

// append writes one claim, or finds the one that is there. The returned error is the transaction's, the claim's own stands in the answer.
func (t *transaction) append(i *item, a *Appended) error {
	first, err := t.find(i.record.SigHash, i.onDisk)
	switch {
	case err == nil:
		a.Record, a.Duplicate, a.Err = first.Record, !first.erased, first.erasure()
		return nil
	case !errors.Is(err, ErrNotFound):
		a.Err = err
		return nil
	}
	t.seq++
	setIngested(i.envelope, t.ingested)
	seal(t.seq, i.envelope)
	if err := t.records.Put(beBytes(t.seq), i.envelope); err != nil {
		return err
	}
	t.fresh[i.record.SigHash] = t.seq
	t.effects = append(t.effects, effect{seq: t.seq, sigHash: i.record.SigHash, terms: i.terms})
	a.Record = i.record
	a.Record.Seq, a.Record.IngestedAt = t.seq, time.UnixMilli(t.ingested).UTC()
	return nil
}

// lookUp notes for each item what the index on disk has of its claim ID, all in one reading. The tables were chosen before, so that what a
// merge moves meanwhile is missed in neither.
func (t *transaction) lookUp(requests []*request) error {
	return t.store.index.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(idsBucket).Cursor()
		for _, r := range requests {
			for i := range r.items {
				r.items[i].onDisk = appendCandidates(nil, cursor, r.items[i].record.SigHash)
			}
			if r.erase != nil {
				r.erase.onDisk = appendCandidates(nil, cursor, r.erase.sigHash)
			}
		}
		return nil
	})
}

// find looks for a claim in this transaction, in memory, and in the records that the index on disk named.
func (t *transaction) find(sigHash [32]byte, onDisk []uint64) (logRecord, error) {
	seq, known := t.fresh[sigHash]
	for _, table := range t.tables {
		if !known && table != nil {
			seq, known = table.ids[sigHash]
		}
	}
	if known {
		return t.read(seq)
	}
	for _, seq := range onDisk {
		if r, err := t.read(seq); err != nil || r.SigHash == sigHash {
			return r, err
		}
	}
	return logRecord{}, ErrNotFound
}

// read reads a record, and notes damage: that is the claim's error and not the transaction's, which would note it.
func (t *transaction) read(seq uint64) (logRecord, error) {
	r, err := t.store.log.recordAt(t.records.Cursor(), seq)
	return r, t.store.log.noted(err)
}

// finish writes what the transaction changed besides records. One that changed nothing is not committed.
func (t *transaction) finish() error {
	if len(t.effects) == 0 {
		return errNothingToDo
	}
	if t.erased == 0 {
		return nil
	}
	return t.log.Bucket(metaBucket).Put(erasedKey, beBytes(t.store.counts.erased.Load()+t.erased))
}

// applied is how many effects are applied under one hold of the lock: readers wait for it.
const applied = 256

// apply brings the transaction's effects into the active table, before anybody is answered.
func (s *Store) apply(t *transaction) {
	claims := uint64(0)
	for effects := t.effects; len(effects) > 0; {
		n := min(applied, len(effects))
		s.state.Lock()
		for _, e := range effects[:n] {
			if e.erase {
				s.state.active.remove(e.seq, e.terms.keys(e.seq))
			} else {
				s.state.active.add(e.seq, e.sigHash, e.terms)
				claims++
			}
		}
		s.state.Unlock()
		effects = effects[n:]
	}
	s.counts.lastSeq.Store(t.seq)
	s.counts.erased.Add(t.erased)
	s.counts.commits.Add(1)
	s.counts.committed.Add(claims)
	s.counts.batchSizes[batchClass(claims)].Add(1)
}
