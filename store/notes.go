package store

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"
)

const (
	// MaxNoteBytes bounds a note.
	MaxNoteBytes = 2_048
	// MaxNotes bounds the notes that are kept.
	MaxNotes = 1_000_000
)

// PutNote keeps a note on the assertion whose ID has this hash, in the place of the one before, and returns when it is safe on disk; an empty one
// removes it. A note is this node's own: it stands in no record and no log, and no peer gets it. Whether the assertion is held does not matter, so
// that its note can be there first. Errors: ErrInvalid past MaxNoteBytes, ErrFull at MaxNotes, and those of writing.
func (s *Store) PutNote(ctx context.Context, id [32]byte, note string) error {
	if len(note) > MaxNoteBytes {
		return fmt.Errorf("%w: a note of %d bytes, at most %d", ErrInvalid, len(note), MaxNoteBytes)
	}
	return s.submit(ctx, &request{weight: 1, bytes: int64(len(note)), work: func(t *transaction) (refused, failed error) {
		bucket := t.log.Bucket(notesBucket)
		there := bucket.Get(id[:]) != nil
		switch {
		case note != "" && !there && bucket.Sequence() >= MaxNotes:
			return fmt.Errorf("%w: %d notes", ErrFull, MaxNotes), nil
		case note != "":
			return nil, t.putCounted(bucket, id[:], []byte(note))
		case there:
			t.changed = true
			if err := bucket.SetSequence(bucket.Sequence() - 1); err != nil {
				return nil, err
			}
			return nil, bucket.Delete(id[:])
		}
		return nil, nil
	}}).err
}

// Note gives the note on the assertion whose ID has this hash, "" where there is none.
func (s *Store) Note(ctx context.Context, id [32]byte) (note string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	err = s.log.view(func(tx *bbolt.Tx) error {
		note = string(tx.Bucket(notesBucket).Get(id[:]))
		return nil
	})
	return note, err
}
