package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/translog"
)

// MaxEntries is the most entries that one Entries call gives.
const MaxEntries = 4_096

// noContext is for reads that neither wait nor can be cut off.
var noContext = context.Background()

// tileKey orders tiles so that the lowest level, of which there are most, grows at the bucket's end.
func tileKey(level int, index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0xff - byte(level)}, index)
}

// An entry is kept as: time, Unix milliseconds (8 bytes), kind (1 byte: as in envelopes; 0: another one), record hash (32), and the name
// of a kind that has no number.
const entryBytes = 8 + 1 + 32

func encodeEntry(e protocol.Entry) []byte {
	kind := indexOf(recordKinds, e.Kind) + 1
	b := make([]byte, 0, entryBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(e.IngestedAt.UnixMilli()))
	b = append(append(b, byte(kind)), e.Record[:]...)
	if kind == 0 {
		b = append(b, e.Kind...)
	}
	return b
}

func decodeEntry(b []byte) (e protocol.Entry, ok bool) {
	if len(b) < entryBytes || int(b[8]) > len(recordKinds) || (b[8] == 0) != (len(b) > entryBytes) {
		return e, false
	}
	e = protocol.Entry{IngestedAt: time.UnixMilli(int64(beUint64(b))).UTC(), Record: [32]byte(b[9:entryBytes])}
	if b[8] == 0 {
		e.Kind = protocol.Kind(b[entryBytes:])
	} else {
		e.Kind = recordKinds[b[8]-1]
	}
	return e, true
}

// readEntries hands the entries from start to end, exclusive, to visit.
func readEntries(bucket *bbolt.Bucket, start, end uint64, visit func(protocol.Entry) error) error {
	cursor, next := bucket.Cursor(), start
	for k, v := cursor.Seek(beBytes(start)); next < end; k, v = cursor.Next() {
		entry, ok := decodeEntry(v)
		if len(k) != 8 || beUint64(k) != next || !ok {
			return fmt.Errorf("entry %d is missing", next)
		}
		if err := visit(entry); err != nil {
			return err
		}
		next++
	}
	return nil
}

// Entries gives the entries of a log from index start to end, exclusive: at most MaxEntries, and none past the log's size. Errors:
// ErrNotFound for a log that is not held.
func (s *Store) Entries(ctx context.Context, origin string, start, end uint64) ([]protocol.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	log, ok := s.logs.named(origin)
	if !ok {
		return nil, fmt.Errorf("%w: the log %s", ErrNotFound, origin)
	}
	end = min(end, s.logs.snapshot(log).size)
	if start >= end {
		return nil, nil
	}
	return s.entries(log, start, min(end, start+MaxEntries))
}

// entries reads entries that the log has.
func (s *Store) entries(log *originLog, start, end uint64) ([]protocol.Entry, error) {
	entries := make([]protocol.Entry, 0, end-start)
	err := s.log.view(func(tx *bbolt.Tx) error {
		err := readEntries(tx.Bucket(entriesBucket).Bucket(log.key()), start, end, func(e protocol.Entry) error {
			entries = append(entries, e)
			return nil
		})
		if err != nil {
			return &CorruptError{File: s.log.path, Reason: fmt.Sprintf("the log %s: %v", log.name, err)}
		}
		return nil
	})
	return entries, err
}

// EntryBundle gives the C2SP bundle of the entries under the tile of level 0 with this index and width. Errors: ErrNotFound where the log has
// not so many.
func (s *Store) EntryBundle(ctx context.Context, origin string, index uint64, width int) ([]byte, error) {
	head, ok := s.Head(origin)
	if tile, there := translog.TileIn(0, index, head.Size); !ok || !there || width < 1 || width > tile.Width {
		return nil, fmt.Errorf("%w: bundle %d of width %d of the log %s", ErrNotFound, index, width, origin)
	}
	entries, err := s.Entries(ctx, origin, index*translog.TileWidth, index*translog.TileWidth+uint64(width))
	if err != nil {
		return nil, err
	}
	bundle := make([][]byte, len(entries))
	for i, e := range entries {
		bundle[i] = e.Canonical()
	}
	return translog.EntryBundle(bundle), nil
}

// Tiles reads the tiles of a log that is held, at any width that it had once. Errors of its ReadTile: ErrNotFound.
func (s *Store) Tiles(origin string) translog.TileReader {
	log, _ := s.logs.named(origin)
	return tiles{s, log}
}

type tiles struct {
	store *Store
	log   *originLog // nil: not held
}

func (t tiles) ReadTile(ctx context.Context, tile translog.Tile) (hashes []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.log == nil {
		return nil, fmt.Errorf("%w: the log", ErrNotFound)
	}
	state := t.store.logs.snapshot(t.log)
	whole, ok := translog.TileIn(tile.Level, tile.Index, state.size)
	if !ok || tile.Width < 1 || tile.Width > whole.Width {
		return nil, fmt.Errorf("%w: %s of the log %s", ErrNotFound, tile.Path(), t.log.name)
	}
	if whole.Width < translog.TileWidth { // it is in memory, and proofs nearly always want it
		return bytes.Clone(state.tails.Tile(tile.Level)[:tile.Width*translog.HashSize]), nil
	}
	err = t.store.log.view(func(tx *bbolt.Tx) error {
		key := t.log.key()
		read := tilesIn{tx.Bucket(entriesBucket).Bucket(key), tx.Bucket(tilesBucket).Bucket(key), state.size}
		if hashes, err = read.ReadTile(ctx, tile); err != nil {
			return &CorruptError{File: t.store.log.path, Reason: fmt.Sprintf("the log %s: %v", t.log.name, err)}
		}
		return nil
	})
	return hashes, err
}

// tilesIn reads the tiles of a log of that size within a transaction.
type tilesIn struct {
	entries, tiles *bbolt.Bucket
	size           uint64
}

func (t tilesIn) ReadTile(_ context.Context, tile translog.Tile) ([]byte, error) {
	from := tile.Index * translog.TileWidth
	if tile.Level == 0 && from+translog.TileWidth > t.size {
		hashes := make([]byte, 0, tile.Width*translog.HashSize)
		var buffer [protocol.MaxEntryBytes]byte
		err := readEntries(t.entries, from, from+uint64(tile.Width), func(e protocol.Entry) error {
			hash := translog.LeafHash(e.AppendCanonical(buffer[:0]))
			hashes = append(hashes, hash[:]...)
			return nil
		})
		return hashes, err
	}
	hashes := t.tiles.Get(tileKey(tile.Level, tile.Index))
	if len(hashes) < tile.Width*translog.HashSize {
		return nil, fmt.Errorf("%s is missing", tile.Path())
	}
	return bytes.Clone(hashes[:tile.Width*translog.HashSize]), nil
}
