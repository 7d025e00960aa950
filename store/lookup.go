package store

import (
	"bytes"
	"context"
	"errors"

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

// matches tells whether the record is the one asked for.
func (l *lookup) matches(r *logRecord) bool {
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

func (s *Store) record(ctx context.Context, l *lookup) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	r, err := s.find(l)
	if err != nil {
		return Record{}, err
	}
	return r.Record, r.erasure()
}

// find reads the record that is asked for. Errors: ErrNotFound.
func (s *Store) find(l *lookup) (r *logRecord, err error) {
	s.state.RLock()
	tables := [2]*table{s.state.active, s.state.merging}
	var known [len(tables)]uint64
	for i, table := range tables {
		if table != nil {
			known[i], _ = table.sequence(l)
		}
	}
	s.state.RUnlock()
	for _, seq := range known {
		if seq == 0 {
			continue
		}
		if r, err := s.readMatching(l, seq); !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	// The index is read after the tables: what was merged meanwhile is in it.
	if l.onDisk, err = s.index.candidates(l); err != nil {
		return nil, err
	}
	for _, seq := range l.onDisk {
		if r, err := s.readMatching(l, seq); !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	return nil, ErrNotFound
}

// readMatching reads the record with this sequence, with its places. ErrNotFound: it is another than the one asked for.
func (s *Store) readMatching(l *lookup, seq uint64) (*logRecord, error) {
	r := new(logRecord)
	err := s.log.view(func(tx *bbolt.Tx) (err error) {
		if *r, err = s.log.recordAt(tx.Bucket(recordsBucket).Cursor(), seq); err != nil {
			return err
		}
		if !l.matches(r) {
			return ErrNotFound
		}
		return s.complete(r, tx)
	})
	return r, err
}

// candidates are the sequences that the index has for a hash's first eight bytes: nearly always none or one.
func (x *indexFile) candidates(l *lookup) (found []uint64, err error) {
	err = x.view(func(tx *bbolt.Tx) error {
		found = appendCandidates(found, tx.Bucket(l.by.bucket()).Cursor(), l.hash)
		return nil
	})
	return found, err
}

func appendCandidates(found []uint64, cursor *bbolt.Cursor, hash [32]byte) []uint64 {
	prefix := hash[:8]
	for k, _ := cursor.Seek(prefix); len(k) == 16 && bytes.HasPrefix(k, prefix); k, _ = cursor.Next() {
		found = append(found, beUint64(k[8:]))
	}
	return found
}
