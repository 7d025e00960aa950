package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
)

const (
	// MaxReasonBytes bounds the reason of an erasure.
	MaxReasonBytes = 1_024
	// MaxTombstones bounds the honoured notices for records that were never held.
	MaxTombstones = 100_000
)

// EraseClaim takes the body of a claim and its subject, domain and type out of the store, and returns when that is safe on disk. Its places in
// the logs, its hashes, the reason (1 to MaxReasonBytes bytes) and the time stay, so that the logs' proofs hold and the claim cannot come
// back. A notice, if one is given, is appended to the own log by the same transaction. Errors: ErrNotFound, *ErasedError where it was erased
// before (the first reason stays), and those of AppendClaim; without a notice a log that takes no entries stands in no erasure's way.
//
// The bytes lie in freed pages of the file until these are used again; docs/storage.md says how to be rid of them at once.
func (s *Store) EraseClaim(ctx context.Context, sigHash [32]byte, reason string, notice *protocol.Erasure) error {
	if err := s.erasable(reason); err != nil {
		return err
	}
	claim := &lookup{by: bySigHash, of: protocol.KindClaim, hash: sigHash}
	r := &request{lookups: []*lookup{claim}, weight: 1, bytes: fixedBytes + int64(len(reason))}
	var logged item
	if notice != nil {
		if err := s.ownReady(); err != nil {
			return err
		}
		var err error
		if logged, err = s.statementItem(notice, Provenance{}); err != nil {
			return err
		}
		r.lookups = append(r.lookups, &logged.known)
		r.bytes += int64(len(logged.envelope))
	}
	r.work = func(t *transaction) (refused, failed error) {
		record, found, err := t.find(claim)
		if err != nil {
			return err, nil
		}
		if !found {
			return ErrNotFound, nil
		}
		if err := record.erasure(); err != nil {
			return err, nil
		}
		if notice != nil {
			if err := s.ownReady(); err != nil {
				return err, nil
			}
			if notice.Record != record.RecordHash {
				return fmt.Errorf("%w: the notice is of another record", ErrInvalid), nil
			}
			var said Appended
			if err := t.append(&logged, &said); err != nil || said.Err != nil {
				return said.Err, err
			}
		}
		return nil, t.erase(&record, reason)
	}
	return s.submit(ctx, r).err
}

// EraseMirrored erases a record of any kind that the honoured notice of another node names, as EraseClaim does. What is not held, or in
// quarantine, is noted, so that it will not be kept when it comes. Errors: *ErasedError where it was erased before; ErrFull at MaxTombstones.
func (s *Store) EraseMirrored(ctx context.Context, recordHash [32]byte, reason string) error {
	if err := s.erasable(reason); err != nil {
		return err
	}
	l := &lookup{by: byRecordHash, hash: recordHash}
	r := &request{mirror: true, lookups: []*lookup{l}, weight: 1, bytes: fixedBytes + int64(len(reason))}
	r.work = func(t *transaction) (refused, failed error) {
		record, found, err := t.find(l)
		switch {
		case err != nil:
			return err, nil
		case !found:
			return t.bury(recordHash, reason)
		case record.Kind != protocol.KindClaim:
			return fmt.Errorf("%w: only claims are erased", ErrInvalid), nil
		}
		if err := record.erasure(); err != nil {
			return err, nil
		}
		return nil, t.erase(&record, reason)
	}
	return s.submit(ctx, r).err
}

func (s *Store) erasable(reason string) error {
	if reason == "" || len(reason) > MaxReasonBytes {
		return fmt.Errorf("%w: the reason of an erasure has %d bytes, must have 1 to %d", ErrInvalid, len(reason), MaxReasonBytes)
	}
	return s.writable()
}

// erase writes the stub over a claim, and notes its index keys so that they are removed even after a crash.
func (t *transaction) erase(record *logRecord, reason string) error {
	name := beBytes(record.Seq)
	stub := encodeErased(t.records.Get(name), t.store.options.Now(), reason)
	seal(record.Seq, stub)
	if err := t.records.Put(name, stub); err != nil {
		return err
	}
	terms, err := t.store.termsOf(record)
	if err != nil {
		return err
	}
	var keys []byte
	for _, k := range terms.keys(record.Seq) {
		keys = k.appendTo(keys)
	}
	if err := t.log.Bucket(unindexedBucket).Put(name, keys); err != nil {
		return err
	}
	t.erased++
	t.changed = true
	t.effects = append(t.effects, effect{names: record.names(), terms: terms, erase: true})
	return nil
}

// bury notes that a record which is not held must not be kept, and drops it from quarantine.
func (t *transaction) bury(hash [32]byte, reason string) (refused, failed error) {
	if erased, yes := t.buried(hash); yes {
		return erased, nil
	}
	if t.store.logs.tombstones.Load()+uint64(t.tombstones) >= MaxTombstones {
		return fmt.Errorf("%w: %d erasures of records that are not held", ErrFull, MaxTombstones), nil
	}
	if _, _, err := t.dismiss(hash); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	t.tombstones++
	value := append(beBytes(uint64(t.store.options.Now().UnixMilli())), reason...)
	return nil, t.putCounted(t.log.Bucket(tombstonesBucket), hash[:], value)
}

func decodeTombstone(value []byte) *ErasedError {
	if len(value) < 8 {
		return nil
	}
	return &ErasedError{At: time.UnixMilli(int64(beUint64(value))).UTC(), Reason: string(value[8:])}
}
