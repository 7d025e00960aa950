package translog_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/transparency-dev/tessera/api"

	"mirnode/translog"
)

func TestPathsThatAreNone(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/1", "tile/0/01", "tile/0/0001", "tile/00/001", "tile/-1/000", "tile/+1/000",
		"tile/7/000", "tile/data/000", "tile/entries", "tile/entries/1", "/tile/0/000", "tile/0/000/", "tile/0//000", "tile/0/x000/001",
		"tile/0/001/234", "tile/0/x001/x234", "tile/0/x001/23", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256",
		"tile/0/000.p/05", "tile/0/000.p/-1", "tile/0/000.p/1/2", "tile/0/000.p/1.p/1", "tile/0/../000", "tile/0/%30", "tile/0/x-01/000",
		"tile/6/001", "tile/0/x001/x099/x511/x627/x776/000", "tile/0/" + strings.Repeat("x999/", 6) + "999", "tile/0/" + strings.Repeat("x000/", 1000) + "000",
	} {
		if tile, _, err := translog.ParseTilePath(path); !errors.Is(err, translog.ErrMalformed) {
			t.Errorf("%.60q: %+v, %v", path, tile, err)
		}
	}
}

func TestTileIn(t *testing.T) {
	for _, c := range []struct {
		level int
		index uint64
		size  uint64
		width int // 0: none
	}{
		{0, 0, 0, 0}, {0, 0, 1, 1}, {0, 0, 256, 256}, {0, 1, 256, 0}, {1, 0, 255, 0}, {1, 0, 256, 1},
		{0, 273, 70_000, 112}, {1, 1, 70_000, 17}, {2, 0, 70_000, 1}, {2, 1, 70_000, 0}, {3, 0, 70_000, 0}, // the specification's example
		{6, 0, translog.MaxSize, 1}, {5, 0, translog.MaxSize, 256}, {7, 0, translog.MaxSize, 0}, {-1, 0, 5, 0}, {0, 1 << 60, 70_000, 0},
		{0, 0, translog.MaxSize + 1, 0},
	} {
		tile, ok := translog.TileIn(c.level, c.index, c.size)
		if ok != (c.width > 0) || ok && tile != (translog.Tile{Level: c.level, Index: c.index, Width: c.width}) {
			t.Errorf("%+v: %+v, %v", c, tile, ok)
		}
	}
}

func TestBundles(t *testing.T) {
	entries := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), translog.MaxEntryBytes)}
	b := translog.EntryBundle(entries)
	var theirs api.EntryBundle
	if err := theirs.UnmarshalText(b); err != nil || len(theirs.Entries) != 3 || !bytes.Equal(theirs.Entries[2], entries[2]) {
		t.Fatalf("tessera reads %d entries, %v", len(theirs.Entries), err)
	}
	got, err := translog.ParseEntryBundle(b, 3)
	if err != nil || len(got) != 3 || string(got[0]) != "one" || len(got[1]) != 0 || !bytes.Equal(got[2], entries[2]) {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	small := translog.EntryBundle(entries[:2])
	for name, c := range map[string]struct {
		b    []byte
		want int
	}{
		"fewer": {small, 3}, "more": {small, 1}, "none": {nil, 1}, "none wanted": {nil, 0}, "too many wanted": {small, 257},
		"half a length": {append(bytes.Clone(small), 0), 3}, "cut off": {append(bytes.Clone(small), 0, 2, 'x'), 3}, "more bytes": {append(bytes.Clone(small), 0), 2},
	} {
		if _, err := translog.ParseEntryBundle(c.b, c.want); !errors.Is(err, translog.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMisuse: what only a fault in the program can ask for is a panic, not a wrong tree.
func TestMisuse(t *testing.T) {
	l := newLog(t, 3, "a")
	for name, f := range map[string]func(){
		"tails of another tree": func() { translog.Grow(l.frontier, translog.Tails{}, nil) },
		"proof of an old leaf":  func() { translog.Grow(l.frontier, l.tails, nil).Proof(0) },
		"proof of leaf -1":      func() { translog.Grow(l.frontier, l.tails, make([]translog.Hash, 1)).Proof(-1) },
		"a bundle of 257":       func() { translog.EntryBundle(make([][]byte, 257)) },
		"an entry of 64 KiB":    func() { translog.EntryBundle([][]byte{make([]byte, translog.MaxEntryBytes+1)}) },
		"a leaf to a full tree": func() { full(t).Append(translog.Hash{}) },
		"growth of a full tree": func() { f := full(t); translog.Grow(*f, fullTails(t), make([]translog.Hash, 1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// full makes the frontier of the largest tree.
func full(t *testing.T) *translog.Frontier {
	t.Helper()
	b := make([]byte, 8+translog.HashSize)
	b[1] = 1 // 2^48
	f := new(translog.Frontier)
	if err := f.UnmarshalBinary(b); err != nil || f.Size() != translog.MaxSize {
		t.Fatal(f.Size(), err)
	}
	return f
}

func fullTails(t *testing.T) translog.Tails {
	t.Helper()
	tails, err := translog.ReadTails(t.Context(), readerFunc(func(tile translog.Tile) ([]byte, error) {
		return make([]byte, tile.Width*translog.HashSize), nil
	}), translog.MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	return tails
}

func TestFrontierBinary(t *testing.T) {
	f := newLog(t, 700, "a").frontier
	b, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again translog.Frontier
	if err := again.UnmarshalBinary(b); err != nil || again != f {
		t.Fatalf("round trip: %v", err)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "short": b[:len(b)-1], "long": append(bytes.Clone(b), 0), "vast": bytes.Repeat([]byte{255}, 8)} {
		if err := again.UnmarshalBinary(bad); !errors.Is(err, translog.ErrMalformed) || again != f {
			t.Errorf("%s: %v", name, err)
		}
	}
}
