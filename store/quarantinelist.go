package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// QuarantineDue gives up to limit bodies in quarantine whose time to be tried again has come, the longest due first.
func (s *Store) QuarantineDue(ctx context.Context, now time.Time, limit int) ([]QuarantinedRecord, error) {
	return s.quarantinedBy(ctx, limit, quarantineDueBucket, nil, beBytes(uint64(now.UnixMilli()+1)))
}

// QuarantinedBy gives up to limit bodies in quarantine that wait for this key of this domain (in lower case).
func (s *Store) QuarantinedBy(ctx context.Context, domain, fingerprint string, limit int) ([]QuarantinedRecord, error) {
	wanted := wantedKey(domain, fingerprint)
	return s.quarantinedBy(ctx, limit, wantedBucket, wanted, binary.BigEndian.AppendUint64(nil, beUint64(wanted)+1))
}

// quarantinedBy gives what the keys of an index of quarantine, from one to another, lead to.
func (s *Store) quarantinedBy(ctx context.Context, limit int, index, from, until []byte) (found []QuarantinedRecord, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.log.view(func(tx *bbolt.Tx) error {
		bucket, cursor := tx.Bucket(quarantineBucket), tx.Bucket(index).Cursor()
		for k, _ := cursor.Seek(from); len(k) == 8+32 && bytes.Compare(k, until) < 0 && len(found) < limit; k, _ = cursor.Next() {
			q, err := s.log.decodeQuarantined(bucket.Get(k[8:]))
			if err != nil {
				return err
			}
			record, err := s.told([32]byte(k[8:]), q)
			if err != nil {
				return err
			}
			found = append(found, record)
		}
		return nil
	})
	return found, err
}

func (s *Store) told(hash [32]byte, q quarantined) (QuarantinedRecord, error) {
	r := QuarantinedRecord{
		Hash: hash, Kind: q.Kind, Raw: bytes.Clone(q.raw), Origin: s.logs.place(place{log: q.Log}).Origin, Index: q.Index,
		Since: time.UnixMilli(q.Since).UTC(), Attempts: q.Attempts, Domain: q.Domain, Fingerprint: q.Fingerprint, Code: q.Code, Reason: q.Reason,
	}
	record, err := protocol.ParseRecord(q.Kind, r.Raw)
	if err != nil {
		return r, &CorruptError{File: s.log.path, Reason: "a record in quarantine is not one"}
	}
	switch record := record.(type) {
	case *protocol.Claim:
		r.ClaimedAt = record.Time()
	case protocol.Statement:
		r.ClaimedAt = record.IssuedAt()
	}
	return r, nil
}

func (s *Store) quarantinedRecord(hash [32]byte) (q quarantined, err error) {
	err = s.log.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket(quarantineBucket).Get(hash[:])
		if value == nil {
			return ErrNotFound
		}
		q, err = s.log.decodeQuarantined(bytes.Clone(value))
		return err
	})
	return q, err
}
