// Package baseline is the plain way to keep claims in bbolt, for the benchmarks to compare the store with: one file, one bucket of
// records and one for each index, and each batch written in one transaction with all its index keys at once. It is what one writes
// first; what it costs is why the store is built otherwise. No part of the product uses it.
package baseline

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

var buckets = [][]byte{[]byte("records"), []byte("id"), []byte("subject"), []byte("domain"), []byte("type")}

// Store is the plain layout. Not safe for concurrent use.
type Store struct {
	db   *bbolt.DB
	next uint64
}

// Open opens or creates the file at path.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if last, _ := tx.Bucket(buckets[0]).Cursor().Last(); len(last) == 8 {
			s.next = binary.BigEndian.Uint64(last)
		}
		return nil
	})
	return s, err
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Append writes the claims and their four index keys in one transaction, and syncs it to disk.
func (s *Store) Append(claims []*protocol.Claim) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, claim := range claims {
			sequence := s.nextSequence()
			if err := tx.Bucket(buckets[0]).Put(sequence, claim.Raw()); err != nil {
				return fmt.Errorf("writing a record: %w", err)
			}
			for i, key := range KeysOf(claim, sequence) {
				if err := tx.Bucket(buckets[i+1]).Put(key, sequence); err != nil {
					return fmt.Errorf("writing an index key: %w", err)
				}
			}
		}
		return nil
	})
}

func (s *Store) nextSequence() []byte {
	s.next++
	return binary.BigEndian.AppendUint64(nil, s.next)
}

// Keys are the four index keys of a claim: claim ID, subject, domain, domain and type; the last three with the time.
type Keys [4][]byte

// KeysOf makes a claim's index keys.
func KeysOf(claim *protocol.Claim, sequence []byte) Keys {
	id := claim.SigHash()
	at := binary.BigEndian.AppendUint64(nil, ^uint64(claim.Time().Unix()))
	compose := func(name string) []byte { return append(append([]byte(name), at...), sequence...) }
	return Keys{id[:], compose(claim.Subject), compose(claim.Host()), compose(claim.Host() + " " + claim.Type)}
}

// fillChunk is how many entries Fill writes in one transaction.
const fillChunk = 50_000

// Filler loads many claims at once, sorted, so that the state "a million held" does not take minutes to reach. It holds all index
// keys in memory until Finish.
type Filler struct {
	store   *Store
	pending [len(Keys{})][]entry
}

type entry struct{ key, sequence []byte }

// Filler starts a load. The store must not be used before Finish.
func (s *Store) Filler() *Filler {
	s.db.NoSync = true
	return &Filler{store: s}
}

// Add writes the claims' records and keeps their keys.
func (f *Filler) Add(claims []*protocol.Claim) error {
	return f.store.db.Update(func(tx *bbolt.Tx) error {
		for _, claim := range claims {
			sequence := f.store.nextSequence()
			if err := tx.Bucket(buckets[0]).Put(sequence, claim.Raw()); err != nil {
				return err
			}
			for i, key := range KeysOf(claim, sequence) {
				f.pending[i] = append(f.pending[i], entry{key, sequence})
			}
		}
		return nil
	})
}

// Finish writes the keys in order and syncs the file.
func (f *Filler) Finish() error {
	for i, entries := range f.pending {
		slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
		for chunk := range slices.Chunk(entries, fillChunk) {
			err := f.store.db.Update(func(tx *bbolt.Tx) error {
				for _, e := range chunk {
					if err := tx.Bucket(buckets[i+1]).Put(e.key, e.sequence); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	f.store.db.NoSync = false
	return f.store.db.Sync()
}
