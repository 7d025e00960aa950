package store

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// maxDescriptors bounds the domains whose newest descriptor is remembered.
const maxDescriptors = 10_000

// note sees to what goes with a record that is appended and no claim: what it amends, who must hear of it, and the newest descriptor of each domain.
func (t *transaction) note(i *item, seq uint64) error {
	switch of := i.of.(type) {
	case *protocol.Descriptor:
		return t.noteDescriptor(of, seq)
	case *protocol.Issuer:
		t.learned = append(t.learned, of)
	}
	if i.relation != nil {
		return t.amend(i)
	}
	return nil
}

func (t *transaction) noteDescriptor(descriptor *protocol.Descriptor, seq uint64) error {
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
