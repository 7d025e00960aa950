package translog_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"mirnode/translog"
)

// oracle is the same tree as x/mod's tlog builds it, hash by hash.
type oracle struct{ hashes []tlog.Hash }

func (o *oracle) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(o.hashes)) {
			return nil, errors.New("hash of an entry that is not there yet")
		}
		out[i] = o.hashes[x]
	}
	return out, nil
}

func newOracle(t fataler, entries [][]byte) *oracle {
	t.Helper()
	o := new(oracle)
	for n, e := range entries {
		hashes, err := tlog.StoredHashes(int64(n), e, o)
		if err != nil {
			t.Fatal(err)
		}
		o.hashes = append(o.hashes, hashes...)
	}
	return o
}

func (o *oracle) root(t fataler, size int) translog.Hash {
	t.Helper()
	h, err := tlog.TreeHash(int64(size), o)
	if err != nil {
		t.Fatal(err)
	}
	return translog.Hash(h)
}

// tileMap holds the tiles of a tree that grew, the widest version of each.
type tileMap map[translog.Tile][]byte

func (m tileMap) put(t translog.Tile, hashes []byte) {
	m[translog.Tile{Level: t.Level, Index: t.Index}] = hashes
}

func (m tileMap) ReadTile(_ context.Context, t translog.Tile) ([]byte, error) {
	data, ok := m[translog.Tile{Level: t.Level, Index: t.Index}]
	if !ok || len(data) < t.Width*translog.HashSize {
		return nil, errors.New("no such tile: " + t.Path())
	}
	return data[:t.Width*translog.HashSize], nil
}

// numbered gives n different entries.
func numbered(n int) [][]byte {
	entries := make([][]byte, n)
	for i := range entries {
		entries[i] = binary.BigEndian.AppendUint64(nil, uint64(i))
	}
	return entries
}

func leavesOf(entries [][]byte) []translog.Hash {
	leaves := make([]translog.Hash, len(entries))
	for i, e := range entries {
		leaves[i] = translog.LeafHash(e)
	}
	return leaves
}

// drawSteps draws a way to grow: some steps around the sizes at which trees change their form.
func drawSteps(t *rapid.T) []int {
	step := rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(250, 260), rapid.IntRange(500, 1030))
	return rapid.SliceOfN(step, 1, 8).Draw(t, "steps")
}

func sum(steps []int) (n int) {
	for _, s := range steps {
		n += s
	}
	return n
}

// TestGrowthIsTheTreeOfTlog holds the whole of growing to x/mod's tlog: roots, proofs and tiles, over any way to the size.
func TestGrowthIsTheTreeOfTlog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawSteps(t)
		entries := numbered(sum(steps))
		want := newOracle(t, entries)
		var f, slow translog.Frontier
		var tails translog.Tails
		tiles := tileMap{}
		done := 0
		for _, n := range steps {
			leaves := leavesOf(entries[done : done+n])
			g := translog.Grow(f, tails, leaves)
			for _, leaf := range leaves {
				slow.Append(leaf)
			}
			old := done
			done += n
			root := want.root(t, done)
			if f, tails = g.Frontier(), g.Tails(); g.Root() != root || f.Root() != root || slow != f || tails.Frontier() != f || tails.Size() != uint64(done) {
				t.Fatalf("after %d entries: the growth, its frontier, its tails and appending one by one do not agree with tlog", done)
			}
			for i := range n {
				proof, err := tlog.ProveRecord(int64(done), int64(old+i), want)
				if err != nil {
					t.Fatal(err)
				}
				if got := g.Proof(i); !slices.EqualFunc(got, proof, func(a translog.Hash, b tlog.Hash) bool { return a == translog.Hash(b) }) {
					t.Fatalf("proof of entry %d of %d differs from tlog's", old+i, done)
				}
			}
			checkTiles(t, g, tiles, want, old, done)
		}
	})
}

// checkTiles compares the tiles that changed with tlog's, and that they are the ones that tlog would publish.
func checkTiles(t *rapid.T, g *translog.Growth, tiles tileMap, want *oracle, old, done int) {
	expected := tlog.NewTiles(translog.TileHeight, int64(old), int64(done))
	g.Tiles(func(tile translog.Tile, hashes []byte) {
		if len(expected) == 0 {
			t.Fatalf("%d to %d: %s is more than tlog publishes", old, done, tile.Path())
		}
		e := expected[0]
		expected = expected[1:]
		data, err := tlog.ReadTileData(e, want)
		if err != nil {
			t.Fatal(err)
		}
		if (translog.Tile{Level: e.L, Index: uint64(e.N), Width: e.W}) != tile || !bytes.Equal(data, hashes) {
			t.Fatalf("%d to %d: %s differs from tlog's %s", old, done, tile.Path(), e.Path())
		}
		tiles.put(tile, hashes)
	})
	if len(expected) > 0 {
		t.Fatalf("%d to %d: %s is missing", old, done, expected[0].Path())
	}
}

// fataler is what helpers need of a test or a property.
type fataler interface {
	Helper()
	Fatal(args ...any)
}
