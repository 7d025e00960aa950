package store

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"
)

// Bounds of the small state that other parts of the node keep here.
const (
	MaxStateBytes = 64 << 10 // of a value
	MaxStateKeys  = 100_000  // of a space
	maxStateName  = 256      // bytes of a key or a space
	maxSpaces     = 64
)

// PutState keeps a value under a key of a space, and returns when it is safe on disk; an empty value removes the key. It is for what is small
// and seldom changes: peers' backoff, heads that were witnessed. Errors: ErrInvalid past a bound, ErrFull, and those of writing.
func (s *Store) PutState(ctx context.Context, space, key string, value []byte) error {
	if space == "" || key == "" || len(space) > maxStateName || len(key) > maxStateName || len(value) > MaxStateBytes {
		return fmt.Errorf("%w: state %q, %q of %d bytes", ErrInvalid, space, key, len(value))
	}
	value = bytes.Clone(value)
	return s.submit(ctx, &request{mirror: true, weight: 1, bytes: int64(len(value)), work: func(t *transaction) (refused, failed error) {
		t.changed = true // as a rule: that a caller removes what is not there is no case to spare a write in
		spaces := t.log.Bucket(stateBucket)
		bucket := spaces.Bucket([]byte(space))
		if bucket == nil {
			if n := spaces.Sequence(); n >= maxSpaces {
				return fmt.Errorf("%w: %d spaces of state", ErrFull, n), nil
			} else if err := spaces.SetSequence(n + 1); err != nil {
				return nil, err
			}
			var err error
			if bucket, err = spaces.CreateBucket([]byte(space)); err != nil {
				return nil, err
			}
		}
		there := bucket.Get([]byte(key)) != nil
		switch {
		case len(value) > 0 && !there && bucket.Sequence() >= MaxStateKeys:
			return fmt.Errorf("%w: %d keys in the state %q", ErrFull, MaxStateKeys, space), nil
		case len(value) > 0:
			return nil, t.putCounted(bucket, []byte(key), value)
		case there:
			if err := bucket.SetSequence(bucket.Sequence() - 1); err != nil {
				return nil, err
			}
			return nil, bucket.Delete([]byte(key))
		}
		return nil, nil
	}}).err
}

// putCounted puts a key into a bucket whose sequence is the number of its keys.
func (t *transaction) putCounted(bucket *bbolt.Bucket, key, value []byte) error {
	t.changed = true
	if bucket.Get(key) == nil {
		if err := bucket.SetSequence(bucket.Sequence() + 1); err != nil {
			return err
		}
	}
	return bucket.Put(key, value)
}

// State gives all keys and values of a space.
func (s *Store) State(space string) (map[string][]byte, error) {
	values := make(map[string][]byte)
	err := s.log.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(stateBucket).Bucket([]byte(space))
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(k, v []byte) error {
			values[string(k)] = bytes.Clone(v)
			return nil
		})
	})
	return values, err
}
