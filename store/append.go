package store

import (
	"context"
	"fmt"
	"slices"

	"mirnode/protocol"
)

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

// AppendRecords appends up to MaxAppendRecords verified records of any kind to the own log, in one transaction and with entries next to each other: all of them or
// none. Answers and duplicates are as with AppendClaims, but that an error of one is the error of all: *ErasedError.
//
// A revocation or an edit counts from then on for the assertion that it names, if its issuer is the same. Whether it may, the caller has seen; with the rule InTurn
// the store sees to a part of that itself, and answers ErrConflict.
//
// AppendRecords does not return before it is known whether the records are written: after an error of the context they are not.
func (s *Store) AppendRecords(ctx context.Context, records []RecordToAppend, rules ...Rule) ([]Appended, error) {
	if len(records) == 0 || len(records) > MaxAppendRecords {
		return nil, fmt.Errorf("%w: %d records at once, must be 1 to %d", ErrInvalid, len(records), MaxAppendRecords)
	}
	items := make([]item, len(records))
	for i, r := range records {
		var err error
		if items[i], err = s.item(r.Record, r.Provenance); err != nil {
			return nil, err
		}
	}
	r := &request{items: items, whole: true, certain: true}
	if slices.Contains(rules, InTurn) {
		var err error
		if r.about, err = s.artifactsOf(ctx, items); err != nil {
			return nil, err
		}
	}
	return s.appendRequest(ctx, r)
}

// refusal is the first reason for which one of the records cannot be appended.
func (t *transaction) refusal(items []item) error {
	for i := range items {
		held, found, err := t.find(&items[i].known)
		if err != nil {
			return err
		}
		if found {
			err = held.erasure()
		} else if erased, yes := t.buried(items[i].record.RecordHash); yes {
			err = erased
		}
		if err != nil {
			return err
		}
	}
	return nil
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
	return s.appendRequest(ctx, &request{items: items})
}

func (s *Store) appendRequest(ctx context.Context, r *request) ([]Appended, error) {
	if err := s.Ready(); err != nil {
		return nil, err
	}
	r.weight = len(r.items)
	for i := range r.items {
		r.bytes += int64(len(r.items[i].envelope))
		r.relate(&r.items[i])
	}
	answer := s.submit(ctx, r)
	if answer.err == nil {
		if r.certain {
			ctx = context.WithoutCancel(ctx)
		}
		answer.err = s.prove(ctx, answer.appended, answer.grown)
	}
	if answer.err != nil {
		return nil, answer.err
	}
	return answer.appended, nil
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
