package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// QuarantineDue gives up to limit bodies in quarantine whose time to be tried again has come, the longest due first, and at most share of those that
// one log brought: however much that has there, others' are seen.
func (s *Store) QuarantineDue(ctx context.Context, now time.Time, limit, share int) (found []QuarantinedRecord, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	until, shares := beBytes(uint64(now.UnixMilli()+1)), make(map[uint32]int)
	err = s.log.view(func(tx *bbolt.Tx) error {
		bucket, cursor := tx.Bucket(quarantineBucket), tx.Bucket(quarantineDueBucket).Cursor()
		for k, v := cursor.First(); len(k) == 8+32 && bytes.Compare(k, until) < 0 && len(found) < limit; k, v = cursor.Next() {
			if len(v) == 4 && shares[binary.BigEndian.Uint32(v)] >= share {
				continue // at most MaxQuarantineAll of them
			}
			q, err := s.log.decodeQuarantined(bucket.Get(k[8:]))
			if err != nil {
				return err
			}
			if shares[q.Log]++; shares[q.Log] > share { // what was noted before the log's number was
				continue
			}
			record, err := s.told(tx, [32]byte(k[8:]), q)
			if err != nil {
				return err
			}
			found = append(found, record)
		}
		return nil
	})
	return found, err
}

// QuarantinedBy gives up to limit bodies in quarantine that wait for this key of this domain (in lower case), by hash: those after the given one,
// the zero hash for the first. For what waits for an issuer's record or an assertion (see Outcome.Wants), domain is that ID and the fingerprint empty.
func (s *Store) QuarantinedBy(ctx context.Context, domain, fingerprint string, after [32]byte, limit int) (found []QuarantinedRecord, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	wanted := wantedKey(domain, fingerprint)
	from := append(bytes.Clone(wanted), after[:]...)
	err = s.log.view(func(tx *bbolt.Tx) error {
		bucket, cursor := tx.Bucket(quarantineBucket), tx.Bucket(wantedBucket).Cursor()
		for k, _ := cursor.Seek(from); len(k) == 8+32 && bytes.HasPrefix(k, wanted) && len(found) < limit; k, _ = cursor.Next() {
			if bytes.Equal(k, from) {
				continue
			}
			q, err := s.log.decodeQuarantined(bucket.Get(k[8:]))
			if err != nil {
				return err
			}
			record, err := s.told(tx, [32]byte(k[8:]), q)
			if err != nil {
				return err
			}
			found = append(found, record)
		}
		return nil
	})
	return found, err
}

// Waiting gives the body in quarantine with this record hash. Errors: ErrNotFound when it is not there (any more).
func (s *Store) Waiting(ctx context.Context, hash [32]byte) (record QuarantinedRecord, err error) {
	if err := ctx.Err(); err != nil {
		return record, err
	}
	err = s.log.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket(quarantineBucket).Get(hash[:])
		if value == nil {
			return ErrNotFound
		}
		q, err := s.log.decodeQuarantined(value)
		if err != nil {
			return err
		}
		record, err = s.told(tx, hash, q)
		return err
	})
	return record, err
}

// Offer is a record in quarantine that is one of an issuer, or an assertion.
type Offer struct {
	Hash   [32]byte // the record's
	Places []Place  // where logs have it
}

// Offered gives the records of the issuer with this ID that are in quarantine, or those of the assertion.
func (s *Store) Offered(ctx context.Context, id string) (offers []Offer, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	prefix := wantedKey(id, "")
	err = s.log.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(offeredBucket).Cursor()
		for k, _ := cursor.Seek(prefix); len(k) == 8+32 && bytes.HasPrefix(k, prefix); k, _ = cursor.Next() {
			q, err := s.log.decodeQuarantined(tx.Bucket(quarantineBucket).Get(k[8:]))
			if err != nil {
				return err
			}
			if q.Offers != id {
				continue
			}
			o := Offer{Hash: [32]byte(k[8:])}
			places, err := s.log.quarantinePlaces(tx, o.Hash)
			if err != nil {
				return err
			}
			for _, p := range places {
				o.Places = append(o.Places, s.logs.place(p))
			}
			offers = append(offers, o)
		}
		return nil
	})
	return offers, err
}

func (s *Store) told(tx *bbolt.Tx, hash [32]byte, q quarantined) (QuarantinedRecord, error) {
	r := QuarantinedRecord{
		Hash: hash, Kind: q.Kind, Raw: bytes.Clone(q.raw), Origin: s.logs.place(place{log: q.Log}).Origin, Index: q.Index,
		Since: time.UnixMilli(q.Since).UTC(), Attempts: q.Attempts, Domain: q.Domain, Fingerprint: q.Fingerprint, Code: q.Code, Reason: q.Reason,
	}
	places, err := s.log.quarantinePlaces(tx, hash)
	if err != nil {
		return r, err
	}
	for _, p := range places {
		if r.Places = append(r.Places, s.logs.place(p)); p.log == q.Log {
			last := len(r.Places) - 1
			copy(r.Places[1:], r.Places[:last])
			r.Places[0] = s.logs.place(p)
		}
	}
	record, err := protocol.ParseRecord(q.Kind, r.Raw)
	if err != nil {
		return r, &CorruptError{File: s.log.path, Reason: "a record in quarantine is not one"}
	}
	switch record := record.(type) {
	case *protocol.Claim:
		r.ClaimedAt = record.Time()
	case *protocol.Assertion:
		r.ClaimedAt = record.Payload.Time
	case *protocol.Revocation:
		r.ClaimedAt = record.Time
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
