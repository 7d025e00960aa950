package store

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/semaphore"

	"mirnode/protocol"
)

// request is what the committer works on: this node's own records to append, or some other work.
type request struct {
	ctx   context.Context // of the one who waits; a request whose waiter has gone before it is begun is dropped
	items []item
	// work does anything else within a transaction. What it refuses is the caller's error, and must have changed nothing; what failed ends the
	// transaction. It must not read the index, but name before what it looks up.
	work    func(t *transaction) (refused, failed error)
	lookups []*lookup
	mirror  bool // of a mirror: it comes after clients' requests
	weight  int  // how much of a transaction it takes, in claims
	bytes   int64
	answer  chan answer // capacity 1
}

type answer struct {
	appended []Appended
	grown    *ownGrowth // what the own log became by the transaction, nil where it stayed as it was
	err      error
}

// item is a record that is ready to be written but for its place and time, so that the committer has little left to do.
type item struct {
	envelope []byte
	record   Record
	terms    recordTerms
	known    lookup             // by which it would be found if it were here
	of       protocol.Statement // nil for a claim
}

func (i *item) claim() bool { return i.of == nil }

// AppendClaim appends a claim that was verified, and returns when it is safe on disk, in the own log if there is one. A claim that was
// appended before is not written again: the answer holds the first one, with Duplicate set; of two concurrent calls with the same claim
// exactly one is the first. A claim that only mirrors brought so far is kept once and gets an entry of the own log. Errors: *ErasedError for a
// claim that was erased, ErrReadOnly, ErrNotConfirmed, ErrFrozen, ErrClosed, ErrInvalid, or the context's; in the last case the
// claim may be written nonetheless, and a repeated call tells.
func (s *Store) AppendClaim(ctx context.Context, claim *protocol.Claim, provenance Provenance) (Appended, error) {
	return single(s.AppendClaims(ctx, []ClaimToAppend{{claim, provenance}}))
}

func single(appended []Appended, err error) (Appended, error) {
	if err != nil {
		return Appended{}, err
	}
	return appended[0], appended[0].Err
}

// AppendClaims is AppendClaim for up to MaxBatch claims in one transaction, with an answer for each in the same order.
func (s *Store) AppendClaims(ctx context.Context, claims []ClaimToAppend) ([]Appended, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	if len(claims) > MaxBatch {
		return nil, fmt.Errorf("%w: a batch of %d claims, at most %d", ErrInvalid, len(claims), MaxBatch)
	}
	items := make([]item, len(claims))
	for i, c := range claims {
		var err error
		if items[i], err = s.claimItem(c); err != nil {
			return nil, err
		}
	}
	return s.appendItems(ctx, items)
}

// AppendStatement is AppendClaim for a statement that this node signed.
func (s *Store) AppendStatement(ctx context.Context, statement protocol.Statement) (Appended, error) {
	i, err := s.statementItem(statement, Provenance{})
	if err != nil {
		return Appended{}, err
	}
	return single(s.appendItems(ctx, []item{i}))
}

func (s *Store) appendItems(ctx context.Context, items []item) ([]Appended, error) {
	if err := s.Ready(); err != nil {
		return nil, err
	}
	r := &request{items: items, weight: len(items)}
	for i := range items {
		r.bytes += int64(len(items[i].envelope))
	}
	answer := s.submit(ctx, r)
	if answer.err == nil {
		answer.err = s.prove(ctx, answer.appended, answer.grown)
	}
	if answer.err != nil {
		return nil, answer.err
	}
	return answer.appended, nil
}

// item makes a verified record of any kind ready to be written.
func (s *Store) item(r protocol.Record, p Provenance) (item, error) {
	switch r := r.(type) {
	case *protocol.Claim:
		return s.claimItem(ClaimToAppend{Claim: r, Provenance: p})
	case protocol.Statement:
		return s.statementItem(r, p)
	}
	return item{}, fmt.Errorf("%w: a record of the kind %q cannot be kept", ErrInvalid, r.Kind())
}

// claimItem makes a claim ready to be written, in the caller's goroutine: the committer is the one that all wait for.
func (s *Store) claimItem(c ClaimToAppend) (item, error) {
	record := Record{
		Kind: protocol.KindClaim, ClaimedAt: c.Claim.Time(), RecordHash: c.Claim.RecordHash(), SigHash: c.Claim.SigHash(),
		Raw: c.Claim.Raw(), Provenance: c.Provenance,
	}
	envelope, err := encodeRecord(record, c.Claim)
	return item{
		envelope: envelope, record: record, terms: s.terms.ofClaim(c.Claim), known: lookup{by: bySigHash, hash: record.SigHash},
	}, err
}

func (s *Store) statementItem(statement protocol.Statement, p Provenance) (item, error) {
	record := Record{
		Kind: statement.Kind(), ClaimedAt: statement.IssuedAt(), RecordHash: statement.RecordHash(), Raw: statement.Raw(), Provenance: p,
	}
	envelope, err := encodeRecord(record, nil)
	return item{
		envelope: envelope, record: record, terms: s.terms.ofStatement(statement), known: lookup{by: byRecordHash, hash: record.RecordHash},
		of: statement,
	}, err
}

// append writes one of this node's own records, or finds the one that is there. The returned error is the transaction's, the record's own
// stands in the answer.
func (t *transaction) append(i *item, a *Appended) error {
	held, found, err := t.find(&i.known)
	switch {
	case found:
		return t.again(i, &held, a)
	case err == nil:
		return t.appendNew(i, a)
	}
	a.Err = err
	return nil
}

// appendNew writes a record that is not held.
func (t *transaction) appendNew(i *item, a *Appended) error {
	if erased, yes := t.buried(i.record.RecordHash); yes {
		a.Err = erased
		return nil
	}
	p, err := t.ownEntry(i.record.Kind, i.record.RecordHash)
	if err != nil {
		return err
	}
	if err := t.put(i, p); err != nil {
		return err
	}
	a.Record, a.Index = i.record, p.index
	a.Record.Seq, a.Record.IngestedAt = t.seq, t.time()
	if a.Record.Own = p.log != 0; a.Record.Own {
		a.Record.Places = []Place{t.store.logs.place(p)}
	}
	return nil
}

// again answers for a record that is held. Where the own log lacks it, it gets an entry, unless it is another claim under the same sigHash.
func (t *transaction) again(i *item, held *logRecord, a *Appended) error {
	if held.erased {
		a.Record, a.Err = held.Record, held.erasure()
		return nil
	}
	own := t.store.logs.ownNumber()
	p, there := t.placeIn(held, own)
	if a.Duplicate = own == 0 || there || held.RecordHash != i.record.RecordHash; !a.Duplicate {
		var err error
		if p, err = t.ownEntry(held.Kind, held.RecordHash); err != nil {
			return err
		}
		if err := t.addPlace(held, p); err != nil {
			return err
		}
	}
	a.Index = p.index
	a.Err = t.store.log.noted(t.store.complete(held, t.log))
	a.Record = held.Record
	return nil
}

// submit hands a request to the committer and waits for its answer.
func (s *Store) submit(ctx context.Context, r *request) answer {
	r.ctx, r.answer = ctx, make(chan answer, 1)
	room, queue := s.room(r)
	weight := min(r.bytes, s.options.QueueBytes)
	if err := room.Acquire(ctx, weight); err != nil {
		return answer{err: err}
	}
	select {
	case queue <- r:
	case <-ctx.Done():
		room.Release(weight)
		return answer{err: ctx.Err()}
	case <-s.quit:
		room.Release(weight)
		return answer{err: ErrClosed}
	}
	select {
	case a := <-r.answer:
		return a
	case <-ctx.Done():
		return answer{err: ctx.Err()}
	case <-s.stopped:
		select {
		case a := <-r.answer:
			return a
		default:
			return answer{err: ErrClosed}
		}
	}
}

// room is where the request waits, and what bounds the bytes that do.
func (s *Store) room(r *request) (*semaphore.Weighted, chan *request) {
	if r.mirror {
		return s.mirrorRoom, s.mirrored
	}
	return s.queued, s.queue
}

// reply answers a request, and gives back its share of the queue.
func (s *Store) reply(r *request, a answer) {
	r.answer <- a
	room, _ := s.room(r)
	room.Release(min(r.bytes, s.options.QueueBytes))
}

// Ready tells whether the store takes this node's own records: nil; ErrClosed; ErrReadOnly with the cause, while the disk takes none;
// ErrReadOnly with a *CorruptError when the log was found damaged, until the store is closed; *CorruptError alone when the index was, which
// the next Open mends; ErrNotConfirmed before StartWriting; ErrFrozen when the own log is frozen. In the last two cases mirrors go on.
func (s *Store) Ready() error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.ownReady()
}

// writable tells whether the store takes writes at all.
func (s *Store) writable() error {
	if s.stopping() {
		return ErrClosed
	}
	return errors.Join(s.index.healthy(), s.log.healthy(), s.fault.err())
}
