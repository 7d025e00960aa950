package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"mirnode/protocol"
)

// Release makes the body in quarantine one that is held and served, verified as the provenance says. Of what counts in the logs of its issuer's home alone,
// home is that domain; "" for other records. What it displaces is as in Outcome.Displaces. Errors: ErrNotFound when it is not in quarantine (any more); ErrInvalid when no log of the home names it; and
// those of AppendClaim.
func (s *Store) Release(ctx context.Context, hash [32]byte, home string, provenance Provenance, displaces ...[32]byte) error {
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
	if st.displaced, err = s.displaced(&Outcome{State: Held, Record: record, Displaces: displaces}, r); err != nil {
		return err
	}
	r.work = func(t *transaction) (refused, failed error) {
		if t.log.Bucket(quarantineBucket).Get(hash[:]) == nil {
			return ErrNotFound, nil
		}
		places, err := s.log.quarantinePlaces(t.log, hash)
		if err != nil {
			return nil, err
		}
		var log *originLog
		for _, p := range places {
			of := s.logs.numbered(p.log)
			if of == nil {
				return nil, &CorruptError{File: s.log.path, Reason: "a record in quarantine is of no log"}
			}
			if (home == "" && log == nil) || (of.origin.Domain == home && (log == nil || s.logs.earlier(p, st.place))) {
				log, st.place = of, p
			}
		}
		if log == nil {
			return fmt.Errorf("%w: no log of %q names the record", ErrInvalid, home), nil
		}
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

// Postpone notes that the body stays in quarantine, and is to be tried again at that time. What it waits for is from now on what wants says (see
// Outcome.Wants), or, where that is empty, what it was. Errors: ErrNotFound, ErrInvalid past MaxWants.
func (s *Store) Postpone(ctx context.Context, hash [32]byte, next time.Time, wants string) error {
	if len(wants) > MaxWants {
		return fmt.Errorf("%w: a name of %d bytes to wait for", ErrInvalid, len(wants))
	}
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
		if wants != "" && (q.Domain != wants || q.Fingerprint != "") {
			if err := t.want(hash, &q, wants); err != nil {
				return nil, err
			}
		}
		return nil, t.putQuarantined(hash, &q)
	}}).err
}

// want makes a body in quarantine wait for something else than before.
func (t *transaction) want(hash [32]byte, q *quarantined, wants string) error {
	bucket := t.log.Bucket(wantedBucket)
	if err := bucket.Delete(append(wantedKey(q.Domain, q.Fingerprint), hash[:]...)); err != nil {
		return err
	}
	q.Domain, q.Fingerprint = wants, ""
	return bucket.Put(append(wantedKey(wants, ""), hash[:]...), nil)
}
