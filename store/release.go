package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"mirnode/protocol"
)

// Release makes the body in quarantine one that is held and served, verified as the provenance says. Errors: ErrNotFound when it is not in
// quarantine (any more), and those of AppendClaim.
func (s *Store) Release(ctx context.Context, hash [32]byte, provenance Provenance) error {
	q, err := s.quarantinedRecord(hash)
	if err != nil {
		return err
	}
	record, err := protocol.ParseRecord(q.Kind, q.raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	made, err := s.item(record, provenance)
	if err != nil {
		return err
	}
	st := settlement{item: &made, known: lookup{by: byRecordHash, hash: hash}, sig: lookup{by: bySigHash, of: made.record.Kind, hash: made.record.SigHash}}
	r := &request{mirror: true, weight: 1, bytes: int64(len(made.envelope)), lookups: []*lookup{&st.known, &st.sig}}
	r.relate(&made)
	r.work = func(t *transaction) (refused, failed error) {
		if t.log.Bucket(quarantineBucket).Get(hash[:]) == nil {
			return ErrNotFound, nil
		}
		places, err := t.quarantinePlaces(hash)
		if err != nil || len(places) == 0 {
			return nil, err
		}
		log := t.store.logs.numbered(places[0].log)
		if log == nil {
			return nil, &CorruptError{File: s.log.path, Reason: "a record in quarantine is of no log"}
		}
		st.place = places[0]
		if err := t.hold(t.change(log), &st); err != nil {
			return nil, err
		}
		// What took the place of the body, if it was not appended, leaves nothing to wait for.
		if t.log.Bucket(quarantineBucket).Get(hash[:]) != nil {
			_, _, err = t.dismiss(hash)
		}
		return nil, err
	}
	return s.submit(ctx, r).err
}

// Reject drops the body in quarantine for good: it is not genuine. Errors: ErrNotFound.
func (s *Store) Reject(ctx context.Context, hash [32]byte, code protocol.Code, reason string) error {
	return s.submit(ctx, &request{mirror: true, weight: 1, work: func(t *transaction) (refused, failed error) {
		if t.log.Bucket(quarantineBucket).Get(hash[:]) == nil {
			return ErrNotFound, nil
		}
		q, _, err := t.dismiss(hash)
		if log := t.store.logs.numbered(q.Log); err == nil && log != nil {
			t.change(log).state.Refused++
			s.logger.Info("refused after quarantine", "origin", log.name, "index", q.Index, "domain", q.Domain, "code", code, "reason", clipped(reason))
		}
		return nil, err
	}}).err
}

// Postpone notes that the body stays in quarantine, and is to be tried again at that time. Errors: ErrNotFound.
func (s *Store) Postpone(ctx context.Context, hash [32]byte, next time.Time) error {
	return s.submit(ctx, &request{mirror: true, weight: 1, work: func(t *transaction) (refused, failed error) {
		value := t.log.Bucket(quarantineBucket).Get(hash[:])
		if value == nil {
			return ErrNotFound, nil
		}
		q, err := s.log.decodeQuarantined(bytes.Clone(value))
		if err != nil {
			return nil, err
		}
		if err := t.log.Bucket(quarantineDueBucket).Delete(dueKey(q.Next, hash[:])); err != nil {
			return nil, err
		}
		q.Attempts++
		q.Next = next.UnixMilli()
		return nil, t.putQuarantined(hash, &q)
	}}).err
}
