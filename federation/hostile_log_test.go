package federation_test

import (
	"crypto/ed25519"
	"io"
	"log"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"mirnode/protocol"
	"mirnode/translog"
)

// quiet is where a hostile server's complaints about broken connections go.
var quiet = log.New(io.Discard, "", 0)

// written is a log of some records, as an honest node would write it. Its parts may be altered before it is shown.
type written struct {
	lines  [][]byte // canonical entries
	bodies map[[32]byte]protocol.Record
	tiles  map[translog.Tile][]byte // Width 0
	note   []byte
	count  uint64
}

func (l *written) size() uint64                    { return l.count }
func (l *written) checkpoint() []byte              { return l.note }
func (l *written) body(h [32]byte) protocol.Record { return l.bodies[h] }
func (l *written) tile(t translog.Tile) []byte {
	return l.tiles[translog.Tile{Level: t.Level, Index: t.Index}]
}
func (l *written) entries(start, end uint64) [][]byte {
	if start >= end {
		return nil
	}
	return l.lines[start:end]
}

// write makes a log of the records.
func (h *hostile) write(records ...protocol.Record) *written {
	h.w.t.Helper()
	return h.extend(&written{}, records...)
}

// extend makes a log that goes on where another one ends.
func (h *hostile) extend(from *written, records ...protocol.Record) *written {
	h.w.t.Helper()
	l := &written{lines: slices.Clone(from.lines), bodies: make(map[[32]byte]protocol.Record)}
	maps.Copy(l.bodies, from.bodies)
	at := time.Now().Add(-time.Minute)
	for _, r := range records {
		l.lines = append(l.lines, protocol.NewEntry(r, at).Canonical())
		l.bodies[r.RecordHash()] = r
	}
	h.sign(l)
	return l
}

// sign makes the tree and its signed head anew out of the entries.
func (h *hostile) sign(l *written) {
	h.w.t.Helper()
	leaves := make([]translog.Hash, len(l.lines))
	for i, line := range l.lines {
		leaves[i] = translog.LeafHash(line)
	}
	growth := translog.Grow(translog.Frontier{}, translog.Tails{}, leaves)
	l.tiles, l.count = make(map[translog.Tile][]byte), uint64(len(leaves))
	growth.Tiles(func(t translog.Tile, hashes []byte) { l.tiles[translog.Tile{Level: t.Level, Index: t.Index}] = hashes })
	l.note = h.head(l.count, growth.Root(), h.key)
}

// head is a signed head of the peer's log.
func (h *hostile) head(size uint64, root translog.Hash, key ed25519.PrivateKey) []byte {
	h.w.t.Helper()
	signer, err := translog.NewSigner(h.origin.String(), key)
	h.w.must(err)
	c, err := translog.SignCheckpoint(signer, size, root)
	h.w.must(err)
	return c.Note
}

// repeated is a log of 2^30 entries that are all the same, so that every part of it can be shown, and proves itself, at no cost.
type repeated struct {
	line   []byte
	levels []translog.Hash
	note   []byte
}

const repeatedLevels = 30

// repeat makes a log of 2^30 entries of a kind that nobody knows.
func (h *hostile) repeat() *repeated {
	line := protocol.Entry{IngestedAt: time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond), Kind: "noise", Record: [32]byte{1}}.Canonical()
	l := &repeated{line: line, levels: []translog.Hash{translog.LeafHash(line)}}
	for i := range repeatedLevels {
		below := tlog.Hash(l.levels[i])
		l.levels = append(l.levels, translog.Hash(tlog.NodeHash(below, below)))
	}
	l.note = h.head(l.size(), l.levels[repeatedLevels], h.key)
	return l
}

func (l *repeated) size() uint64                  { return 1 << repeatedLevels }
func (l *repeated) checkpoint() []byte            { return l.note }
func (l *repeated) body([32]byte) protocol.Record { return nil }
func (l *repeated) entries(start, end uint64) (all [][]byte) {
	for range end - start {
		all = append(all, l.line[:len(l.line):len(l.line)])
	}
	return all
}

func (l *repeated) tile(t translog.Tile) (data []byte) {
	if t.Level*translog.TileHeight > repeatedLevels {
		return nil
	}
	for range t.Width {
		data = append(data, l.levels[t.Level*translog.TileHeight][:]...)
	}
	return data
}
