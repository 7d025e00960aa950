package translog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Tile names a tile (c2sp.org/tlog-tiles): Width neighbouring hashes of the tree's level 8·Level, from hash Index·256 on. With
// [Tile.EntriesPath] it also names the bundle of entries under a tile of level 0.
type Tile struct {
	Level int    // 0 holds leaf hashes
	Index uint64 // within the level
	Width int    // 1 to TileWidth; fewer than TileWidth: a partial tile at the tree's right edge
}

// maxTilePath bounds a tile's path: "tile/entries/" and an index of a tree of MaxSize.
const maxTilePath = 64

// TileIn gives the tile of that level and index in a tree of that size, with the width that it has there, or false when the tree has no such
// tile.
func TileIn(level int, index, size uint64) (Tile, bool) {
	if level < 0 || level >= tileLevels || size > MaxSize {
		return Tile{}, false
	}
	hashes := size >> (level * TileHeight)
	if index > MaxSize>>TileHeight || index*TileWidth >= hashes {
		return Tile{}, false
	}
	return Tile{Level: level, Index: index, Width: int(min(TileWidth, hashes-index*TileWidth))}, true
}

// Path is the tile's place under the log's URL, like "tile/0/x001/234.p/5".
func (t Tile) Path() string { return "tile/" + strconv.Itoa(t.Level) + "/" + t.indexPath() }

// EntriesPath is the place of the bundle of entries with this index and width, like "tile/entries/x001/234.p/5". The level does not count.
func (t Tile) EntriesPath() string { return "tile/entries/" + t.indexPath() }

func (t Tile) indexPath() string {
	path := fmt.Sprintf("%03d", t.Index%1000)
	for n := t.Index / 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if t.Width != TileWidth {
		path += ".p/" + strconv.Itoa(t.Width)
	}
	return path
}

// ParseTilePath reads the path of a tile, or of a bundle of entries (then entries is true, and the level 0). It takes exactly the spelling
// that Path and EntriesPath give. The error is of kind ErrMalformed. Whether the log has such a tile is another question: see [TileIn].
func ParseTilePath(s string) (t Tile, entries bool, err error) {
	t, entries, ok := parseTilePath(s)
	if !ok {
		return Tile{}, false, fmt.Errorf("%w tile path %s: want tile/LEVEL/INDEX or tile/entries/INDEX, the index like x001/234 or x001/234.p/5",
			ErrMalformed, clip(s))
	}
	return t, entries, nil
}

func parseTilePath(s string) (t Tile, entries, ok bool) {
	rest, found := strings.CutPrefix(s, "tile/")
	level, rest, cut := strings.Cut(rest, "/")
	if len(s) > maxTilePath || !found || !cut {
		return Tile{}, false, false
	}
	t.Width = TileWidth
	if entries = level == "entries"; !entries {
		if t.Level, ok = decimal(level, tileLevels-1); !ok {
			return Tile{}, false, false
		}
	}
	rest, width, partial := strings.Cut(rest, ".p/")
	if partial {
		if t.Width, ok = decimal(width, TileWidth-1); !ok {
			return Tile{}, false, false
		}
	}
	for part := range strings.SplitSeq(rest, "/") {
		n, err := strconv.Atoi(strings.TrimPrefix(part, "x"))
		if err != nil || n < 0 || n > 999 {
			return Tile{}, false, false
		}
		t.Index = t.Index*1000 + uint64(n)
	}
	want := t.Path()
	if entries {
		want = t.EntriesPath()
	}
	tiles := max(1, uint64(MaxSize)>>(TileHeight*(t.Level+1))) // of this level in the largest tree
	return t, entries, want == s && t.Width > 0 && t.Index < tiles
}

// decimal reads a number in its one spelling, up to most.
func decimal(s string, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n <= most && strconv.Itoa(n) == s
}

// TileReader reads a log's tiles, from a store or over a network. It must answer exactly Width·HashSize bytes; whoever has a wider version
// of a tile answers its first hashes. What it answers is not trusted unless a function says so, and not changed.
type TileReader interface {
	ReadTile(ctx context.Context, t Tile) ([]byte, error)
}

// readTile reads a tile and checks its length.
func readTile(ctx context.Context, r TileReader, t Tile) ([]byte, error) {
	data, err := r.ReadTile(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.Path(), err)
	}
	if len(data) != t.Width*HashSize {
		return nil, fmt.Errorf("%w tile %s: %d bytes instead of %d", ErrMalformed, t.Path(), len(data), t.Width*HashSize)
	}
	return data, nil
}
