package store

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// PlacedObservation is a key observation and where it stands.
type PlacedObservation struct {
	*protocol.Observation
	Place Place
}

// Observations gives what nodes saw of a domain's keys, this one and those whose logs are mirrored, newest first: up to limit (1 to MaxLimit;
// 0: DefaultLimit) from the cursor on, which is empty for the first page. It is as bounded as Find. Errors wrap ErrInvalid, ErrCursor.
func (s *Store) Observations(ctx context.Context, domain string, limit int, cursor string) (found []PlacedObservation, next string, err error) {
	c := scan{limit: limit, kind: protocol.KindObservation}
	if limit < 0 || limit > MaxLimit {
		return nil, "", fmt.Errorf("%w: the limit is %d, must be 1 to %d", ErrInvalid, limit, MaxLimit)
	}
	if c.domain, err = protocol.ParseDomain(domain); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	setDefault(&c.limit, DefaultLimit)
	c.from.term = s.terms.term(byObserved, c.domain)
	if err := s.bound(&c, Query{Cursor: cursor}); err != nil {
		return nil, "", err
	}
	var broken error
	next, err = s.visit(ctx, c, func(r *Record) {
		observation, err := protocol.ParseObservation(r.Raw)
		if err != nil {
			broken = &CorruptError{File: s.log.path, Reason: fmt.Sprintf("record %d: %v", r.Seq, err)}
			return
		}
		if observation.Domain != c.domain {
			return
		}
		placed := PlacedObservation{Observation: observation}
		if len(r.Places) > 0 {
			placed.Place = r.Places[0]
		}
		found = append(found, placed)
	})
	if err == nil {
		err = s.log.noted(broken)
	}
	return found, next, err
}

// maxDescriptors bounds the domains whose newest descriptor is remembered.
const maxDescriptors = 10_000

// noteStatement remembers, of a statement that is appended, what is looked up by something else than its hash: the newest descriptor of each
// domain.
func (t *transaction) noteStatement(i *item, seq uint64) error {
	descriptor, ok := i.of.(*protocol.Descriptor)
	if !ok {
		return nil
	}
	bucket, domain := t.log.Bucket(descriptorsBucket), []byte(descriptor.Domain)
	value := bucket.Get(domain)
	if len(value) == 16 && beUint64(value) >= descriptor.Sequence {
		return nil
	}
	if value == nil {
		if bucket.Sequence() >= maxDescriptors {
			return nil
		}
	}
	return t.putCounted(bucket, domain, append(beBytes(descriptor.Sequence), beBytes(seq)...))
}

// Descriptors gives the newest node descriptor of each domain that any log here has, by domain: at most 10,000. Whether they are in force, the
// caller sees.
func (s *Store) Descriptors(ctx context.Context) (found []*protocol.Descriptor, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.log.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(recordsBucket).Cursor()
		return tx.Bucket(descriptorsBucket).ForEach(func(domain, value []byte) error {
			if len(value) != 16 {
				return &CorruptError{File: s.log.path, Reason: "a note on a node descriptor is not one"}
			}
			r, err := s.log.recordAt(cursor, beUint64(value[8:]))
			if err != nil {
				return err
			}
			descriptor, err := protocol.ParseDescriptor(r.Raw)
			if err != nil || !bytes.Equal(domain, []byte(descriptor.Domain)) {
				return &CorruptError{File: s.log.path, Reason: fmt.Sprintf("record %d is not the node descriptor of %s", r.Seq, domain)}
			}
			found = append(found, descriptor)
			return nil
		})
	})
	return found, err
}
