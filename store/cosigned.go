package store

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"mirnode/translog"
)

// SetCosignatures keeps a checkpoint of a log with the cosignatures that were collected for it, checked by the caller. One that is smaller
// than the one kept is left alone. Errors: ErrNotFound, ErrInvalid.
func (s *Store) SetCosignatures(ctx context.Context, origin string, size uint64, note []byte) error {
	log, held := s.logs.named(origin)
	if !held {
		return fmt.Errorf("%w: the log %s", ErrNotFound, origin)
	}
	if len(note) == 0 || len(note) > translog.MaxCheckpointBytes {
		return fmt.Errorf("%w: a note of %d bytes", ErrInvalid, len(note))
	}
	return s.submit(ctx, &request{mirror: true, weight: 1, bytes: int64(len(note)), work: func(t *transaction) (refused, failed error) {
		if size < t.peek(log).cosigned.Size {
			return nil, nil
		}
		t.change(log).state.cosigned, t.changed = Cosigned{Size: size, Note: note}, true
		return nil, t.log.Bucket(cosignedBucket).Put(log.key(), append(beBytes(size), note...))
	}}).err
}

func loadCosigned(tx *bbolt.Tx, log *originLog) (Cosigned, error) {
	v := tx.Bucket(cosignedBucket).Get(log.key())
	if v == nil {
		return Cosigned{}, nil
	}
	if len(v) < 8 {
		return Cosigned{}, fmt.Errorf("its cosigned head is none")
	}
	return Cosigned{Size: beUint64(v), Note: append([]byte(nil), v[8:]...)}, nil
}
