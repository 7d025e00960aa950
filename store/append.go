package store

import (
	"context"
	"errors"
	"fmt"

	"mirnode/protocol"
)

// request is what the committer works on: claims to append, or an erasure.
type request struct {
	ctx    context.Context // of the one who waits; a request whose waiter has gone before it is begun is dropped
	items  []item
	erase  *erasure
	bytes  int64
	answer chan answer // capacity 1
}

type answer struct {
	appended []Appended
	err      error
}

// item is a claim that is ready to be written but for its place and time, so that the committer has little left to do.
type item struct {
	envelope []byte
	record   Record
	terms    claimTerms
	onDisk   []uint64 // records that the index on disk has for the claim ID's first bytes; the committer's
}

// AppendClaim appends a claim that was verified, and returns when it is safe on disk. A claim whose sigHash is known already is not
// written again: the answer holds the first one, with Duplicate set; of two concurrent calls with the same claim exactly one is the
// first. Errors: *ErasedError for a claim that was erased, ErrReadOnly, ErrClosed, ErrInvalid, or the context's; in the last case the
// claim may be written nonetheless, and a repeated call tells.
func (s *Store) AppendClaim(ctx context.Context, claim *protocol.Claim, provenance Provenance) (Appended, error) {
	appended, err := s.AppendClaims(ctx, []ClaimToAppend{{claim, provenance}})
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
	if err := s.Ready(); err != nil {
		return nil, err
	}
	r := &request{items: make([]item, len(claims))}
	for i, c := range claims {
		var err error
		if r.items[i], err = s.item(c); err != nil {
			return nil, err
		}
		r.bytes += int64(len(r.items[i].envelope))
	}
	answer := s.submit(ctx, r)
	return answer.appended, answer.err
}

// item makes a claim ready to be written, in the caller's goroutine: the committer is the one that all wait for.
func (s *Store) item(c ClaimToAppend) (item, error) {
	record := Record{
		ClaimedAt: c.Claim.Time(), RecordHash: c.Claim.RecordHash(), SigHash: c.Claim.SigHash(),
		Raw: c.Claim.Raw(), Provenance: c.Provenance,
	}
	envelope, err := encodeClaim(record, c.Claim)
	return item{envelope: envelope, record: record, terms: s.terms.ofClaim(c.Claim)}, err
}

// submit hands a request to the committer and waits for its answer.
func (s *Store) submit(ctx context.Context, r *request) answer {
	r.ctx, r.answer = ctx, make(chan answer, 1)
	weight := min(r.bytes, s.options.QueueBytes)
	if err := s.queued.Acquire(ctx, weight); err != nil {
		return answer{err: err}
	}
	select {
	case s.queue <- r:
	case <-ctx.Done():
		s.queued.Release(weight)
		return answer{err: ctx.Err()}
	case <-s.quit:
		s.queued.Release(weight)
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

// reply answers a request, and gives back its share of the queue.
func (s *Store) reply(r *request, a answer) {
	r.answer <- a
	s.queued.Release(min(r.bytes, s.options.QueueBytes))
}

// Ready tells whether the store takes writes: nil; ErrClosed; ErrReadOnly with the cause, while the disk takes none; ErrReadOnly
// with a *CorruptError when the log was found damaged, until the store is closed; *CorruptError alone when the index was, which the next Open mends.
func (s *Store) Ready() error {
	if s.stopping() {
		return ErrClosed
	}
	return errors.Join(s.index.healthy(), s.log.healthy(), s.fault.err())
}
