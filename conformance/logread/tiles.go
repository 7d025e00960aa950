package logread

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// TilePath is where a tile of hashes stands below the log (C2SP tlog-tiles): tile/L/N, and .p/W behind it if width is not 256.
func TilePath(level int, n int64, width int) string {
	path := tlog.Tile{H: TileHeight, L: level, N: n, W: width}.Path()
	return "tile/" + strings.TrimPrefix(path, "tile/8/") // sumdb's paths name the height, C2SP's do not
}

// BundlePath is where a bundle of entries stands.
func BundlePath(n int64, width int) string {
	return "tile/entries/" + strings.TrimPrefix(TilePath(0, n, width), "tile/0/")
}

// Tile reads a tile of hashes. The tile is not proven yet: see TreeRoot and CheckIncluded.
func (l *Log) Tile(ctx context.Context, level int, n int64, width int) ([]Hash, error) {
	if level < 0 || level > 63/TileHeight || n < 0 || width < 1 || width > tileWidth {
		return nil, fmt.Errorf("tile %d/%d of %d hashes: there is none", level, n, width)
	}
	body, err := l.get(ctx, TilePath(level, n, width), tileWidth*int64(len(Hash{})))
	if err != nil {
		return nil, err
	}
	if len(body) != width*len(Hash{}) {
		return nil, fmt.Errorf("%w tile %s: %d bytes, and not %d", ErrMalformed, TilePath(level, n, width), len(body), width*len(Hash{}))
	}
	hashes := make([]Hash, width)
	for i := range hashes {
		hashes[i] = Hash(body[i*len(Hash{}):])
	}
	return hashes, nil
}

// Tiles lists all tiles of hashes of a tree of this size: level, number and width of each.
func Tiles(size int64) (list []tlog.Tile) {
	for level := 0; size > 0; level, size = level+1, size>>TileHeight {
		for n := range size >> TileHeight {
			list = append(list, tlog.Tile{H: TileHeight, L: level, N: n, W: tileWidth})
		}
		if rest := int(size & (tileWidth - 1)); rest > 0 {
			list = append(list, tlog.Tile{H: TileHeight, L: level, N: size >> TileHeight, W: rest})
		}
	}
	return list
}

// tiles reads tiles for tlog.TileHashReader, which proves each one against the checkpoint's root before anything in it is used.
type tiles struct {
	ctx context.Context
	log *Log
}

func (tiles) Height() int                     { return TileHeight }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(all []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range all {
		hashes, err := t.log.Tile(t.ctx, tile.L, tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		var raw []byte
		for _, h := range hashes {
			raw = append(raw, h[:]...)
		}
		data = append(data, raw)
	}
	return data, nil
}

// reader gives the hashes of the checkpoint's tree out of tiles that are proven against its root.
func (l *Log) reader(ctx context.Context, c Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tiles{ctx, l})
}

// TreeRoot computes the root of the checkpoint's size out of the tiles, and refuses tiles that do not lead to the checkpoint's root.
func (l *Log) TreeRoot(ctx context.Context, c Checkpoint) error {
	if c.Size == 0 {
		return l.checkEmpty(c)
	}
	root, err := tlog.TreeHash(c.Size, l.reader(ctx, c))
	if err != nil {
		return proofError("the tiles", err)
	}
	if root != c.Root {
		return fmt.Errorf("%w: the tiles have the root %s, the checkpoint %s", ErrProof, root, c.Root)
	}
	return nil
}

func (l *Log) checkEmpty(c Checkpoint) error {
	if empty, _ := tlog.TreeHash(0, stored(nil)); c.Root != empty {
		return fmt.Errorf("%w: an empty log has the root %s, and not %s", ErrProof, empty, c.Root)
	}
	return nil
}

// Inclusion makes an entry's inclusion proof out of tiles.
func (l *Log) Inclusion(ctx context.Context, c Checkpoint, index int64) ([]Hash, error) {
	if index < 0 || index >= c.Size {
		return nil, fmt.Errorf("%w: entry %d of a log of %d", ErrProof, index, c.Size)
	}
	proof, err := tlog.ProveRecord(c.Size, index, l.reader(ctx, c))
	if err != nil {
		return nil, proofError("the tiles", err)
	}
	return proof, nil
}

// CheckIncluded proves out of tiles that an entry stands at its index of the checkpoint's tree.
func (l *Log) CheckIncluded(ctx context.Context, c Checkpoint, index int64, line []byte) error {
	proof, err := l.Inclusion(ctx, c, index)
	if err != nil {
		return err
	}
	return CheckInclusion(c, index, line, proof)
}

// CheckInclusion checks an inclusion proof (RFC 6962, 2.1.1).
func CheckInclusion(c Checkpoint, index int64, line []byte, proof []Hash) error {
	if index < 0 || index >= c.Size || len(proof) > maxProofHashes {
		return fmt.Errorf("%w: entry %d of a log of %d, with %d hashes", ErrProof, index, c.Size, len(proof))
	}
	if err := tlog.CheckRecord(proof, c.Size, c.Root, index, tlog.RecordHash(line)); err != nil {
		return fmt.Errorf("%w: entry %d is not in the tree of %d entries: %w", ErrProof, index, c.Size, err)
	}
	return nil
}

// CheckConsistent proves out of tiles that the newer checkpoint's tree begins with the older one's. Checkpoints of one size must have one root.
func (l *Log) CheckConsistent(ctx context.Context, older, newer Checkpoint) error {
	switch {
	case older.Origin != newer.Origin:
		return fmt.Errorf("%w: checkpoints of %s and %s", ErrProof, older.Origin, newer.Origin)
	case older.Size > newer.Size:
		return fmt.Errorf("%w: the log went back from %d entries to %d", ErrProof, older.Size, newer.Size)
	case older.Size == 0:
		return l.checkEmpty(older)
	case older.Size == newer.Size && older.Root != newer.Root:
		return fmt.Errorf("%w: two roots of %d entries: %s and %s", ErrProof, older.Size, older.Root, newer.Root)
	case older.Size == newer.Size:
		return nil
	}
	proof, err := tlog.ProveTree(newer.Size, older.Size, l.reader(ctx, newer))
	if err != nil {
		return proofError("the tiles", err)
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("%w: the log of %d entries does not begin with that of %d: %w", ErrProof, newer.Size, older.Size, err)
	}
	return nil
}

// CheckAll reads all entries below the checkpoint, once by /entries and once by bundles, and all tiles, and wants one root of all of them. It
// returns the entries. A log of more than MaxRead entries is refused.
func (l *Log) CheckAll(ctx context.Context, c Checkpoint) ([]Entry, error) {
	if c.Size > MaxRead {
		return nil, fmt.Errorf("the log has %d entries, and at most %d are read", c.Size, MaxRead)
	}
	entries, err := l.Entries(ctx, 0, c.Size)
	if err != nil {
		return nil, err
	}
	tree := Tree(entries)
	if root := tree.Root(); root != c.Root {
		return nil, fmt.Errorf("%w: the entries have the root %s, the checkpoint %s", ErrProof, root, c.Root)
	}
	for _, tile := range Tiles(c.Size) {
		hashes, err := l.Tile(ctx, tile.L, tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		if err := tree.checkTile(tile, hashes); err != nil {
			return nil, err
		}
		if tile.L > 0 {
			continue
		}
		bundle, err := l.Bundle(ctx, tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		for i, e := range bundle {
			if at := tile.N*tileWidth + int64(i); string(e.Line) != string(entries[at].Line) {
				return nil, fmt.Errorf("%w: entry %d is one thing in /entries and another in its bundle", ErrProof, at)
			}
		}
	}
	return entries, nil
}

func (t *LeafTree) checkTile(tile tlog.Tile, hashes []Hash) error {
	want, err := tlog.ReadTileData(tile, t.hashes)
	if err != nil {
		return err
	}
	for i, h := range hashes {
		if h != Hash(want[i*len(h):]) {
			return fmt.Errorf("%w: hash %d of %s is not that of the entries", ErrProof, i, TilePath(tile.L, tile.N, tile.W))
		}
	}
	return nil
}

// proofError tells a tile that could not be read, or has not its form, from one that does not belong to the root.
func proofError(what string, err error) error {
	if isOurs(err) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrProof, what, err)
}
