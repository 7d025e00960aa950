package store

import (
	"context"
	"fmt"
)

// MaxReasonBytes bounds the reason of an erasure.
const MaxReasonBytes = 1_024

type erasure struct {
	sigHash [32]byte
	reason  string
	onDisk  []uint64 // see item.onDisk
}

// EraseClaim takes the body of a claim and its subject, domain and type out of the store, and returns when that is safe on disk. Its place in
// the log, its hashes, the reason (1 to MaxReasonBytes bytes) and the time stay, so that the log's proofs hold and the claim cannot come
// back. Errors: ErrNotFound, *ErasedError where it was erased before (the first reason stays), and those of AppendClaim.
//
// The bytes lie in freed pages of the file until these are used again; docs/storage.md says how to be rid of them at once.
func (s *Store) EraseClaim(ctx context.Context, sigHash [32]byte, reason string) error {
	if reason == "" || len(reason) > MaxReasonBytes {
		return fmt.Errorf("%w: the reason of an erasure has %d bytes, must have 1 to %d", ErrInvalid, len(reason), MaxReasonBytes)
	}
	if err := s.Ready(); err != nil {
		return err
	}
	return s.submit(ctx, &request{erase: &erasure{sigHash: sigHash, reason: reason}, bytes: fixedBytes + int64(len(reason))}).err
}

// erase writes the stub over the record, and notes its index keys so that they are removed even after a crash. The first error is the
// caller's, the second the transaction's.
func (t *transaction) erase(e *erasure) (refused, failed error) {
	record, err := t.find(e.sigHash, e.onDisk)
	if err != nil {
		return err, nil
	}
	if err := record.erasure(); err != nil {
		return err, nil
	}
	name := beBytes(record.Seq)
	stub := encodeErased(t.records.Get(name), t.store.options.Now(), e.reason)
	seal(record.Seq, stub)
	if err := t.records.Put(name, stub); err != nil {
		return nil, err
	}
	terms := t.store.terms.ofRecord(record)
	var keys []byte
	for _, k := range terms.keys(record.Seq) {
		keys = k.appendTo(keys)
	}
	if err := t.log.Bucket(unindexedBucket).Put(name, keys); err != nil {
		return nil, err
	}
	t.erased++
	t.effects = append(t.effects, effect{seq: record.Seq, sigHash: e.sigHash, terms: terms, erase: true})
	return nil, nil
}
