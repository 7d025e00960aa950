package store

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// naming is the kind of hash that a record is looked up by: its own, or its sigHash, which for assertions and revocations is the hash in their IDs.
type naming int

const (
	bySigHash naming = iota
	byRecordHash
)

func (n naming) bucket() []byte {
	if n == bySigHash {
		return idsBucket
	}
	return hashesBucket
}

// lookup is a question for a record by one of its hashes.
type lookup struct {
	by     naming
	of     protocol.Kind // of what is looked up by sigHash: a claim's is none of an assertion
	hash   [32]byte
	onDisk []uint64 // records that the index on disk has for the hash's first bytes
}

// matches tells whether the record is the one asked for. What another displaced is none.
func (l *lookup) matches(r *logRecord) bool {
	if r.erased && homely(r.Kind) {
		return false
	}
	if l.by == bySigHash {
		return r.SigHash == l.hash && r.Kind == l.of
	}
	return r.RecordHash == l.hash
}

// Claim returns the record of the claim with this sigHash (protocol section 1: the SHA-256 of its sig string), whether a client or a mirror
// brought it. Errors: ErrNotFound; *ErasedError where the record was erased.
func (s *Store) Claim(ctx context.Context, sigHash [32]byte) (Record, error) {
	return s.record(ctx, &lookup{by: bySigHash, of: protocol.KindClaim, hash: sigHash})
}

// Record is Claim for records of all kinds, by their record hash.
func (s *Store) Record(ctx context.Context, hash [32]byte) (Record, error) {
	return s.record(ctx, &lookup{by: byRecordHash, hash: hash})
}

func (s *Store) record(ctx context.Context, l *lookup) (record Record, err error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	r, err := s.read()
	if err != nil {
		return Record{}, err
	}
	defer r.end(&err)
	for _, seq := range r.candidates(l) {
		if err := r.at(seq, &r.record); err != nil {
			return Record{}, err
		}
		if !l.matches(&r.record) {
			continue
		}
		if err := s.complete(&r.record, r.log); err != nil {
			return Record{}, err
		}
		return r.record.keep(), r.record.erasure()
	}
	return Record{}, ErrNotFound
}

// find reads the record that is asked for, with its places; its bytes are its own. Errors: ErrNotFound.
func (s *Store) find(l *lookup) (found *logRecord, err error) {
	r, err := s.read()
	if err != nil {
		return nil, err
	}
	defer r.end(&err)
	for _, seq := range r.candidates(l) {
		held, err := s.log.recordAt(r.records, seq)
		if err != nil {
			return nil, err
		}
		if l.matches(&held) {
			return &held, s.complete(&held, r.log)
		}
	}
	return nil, ErrNotFound
}

func appendCandidates(found []uint64, cursor *bbolt.Cursor, hash [32]byte) []uint64 {
	prefix := hash[:8]
	for k, _ := cursor.Seek(prefix); len(k) == 16 && bytes.HasPrefix(k, prefix); k, _ = cursor.Next() {
		found = append(found, beUint64(k[8:]))
	}
	return found
}
