package translog

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof is the kind of error for a proof that does not prove what it should.
var ErrProof = errors.New("the proof does not hold")

// Root computes the root of the tree of that size from its partial tiles, which are trusted.
func Root(ctx context.Context, r TileReader, size uint64) (Hash, error) {
	tails, err := ReadTails(ctx, r, size)
	if err != nil {
		return Hash{}, err
	}
	f := tails.Frontier()
	return f.Root(), nil
}

// InclusionProof makes the proof (RFC 6962 section 2.1.1) that the leaf with that index is in the tree of that size, which r's tiles belong
// to. The tiles are trusted: a wrong tile makes a wrong proof.
func InclusionProof(ctx context.Context, r TileReader, index, size uint64) ([]Hash, error) {
	if size > MaxSize || index >= size {
		return nil, fmt.Errorf("a tree of %d entries has no entry %d", size, index)
	}
	proof, err := tlog.ProveRecord(int64(size), int64(index), &tileHashes{ctx: ctx, tiles: r, size: size})
	return fromTlog(proof), err
}

// ConsistencyProof makes the proof (RFC 6962 section 2.1.2) that the tree of from entries is a prefix of that of to entries, which r's tiles
// belong to. It is empty when from is 0 or to. The tiles are trusted.
func ConsistencyProof(ctx context.Context, r TileReader, from, to uint64) ([]Hash, error) {
	if to > MaxSize || from > to {
		return nil, fmt.Errorf("a tree of %d entries is no prefix of one of %d", from, to)
	}
	if from == 0 || from == to {
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(to), int64(from), &tileHashes{ctx: ctx, tiles: r, size: to})
	return fromTlog(proof), err
}

// CheckInclusion checks the proof that the leaf with this hash stands at index in the tree of that size and root. The error is of kind
// ErrProof.
func CheckInclusion(leaf Hash, index, size uint64, root Hash, proof []Hash) error {
	if size > MaxSize || index >= size {
		return fmt.Errorf("%w: a tree of %d entries has no entry %d", ErrProof, size, index)
	}
	if err := tlog.CheckRecord(toTlog(proof), int64(size), tlog.Hash(root), int64(index), tlog.Hash(leaf)); err != nil {
		return fmt.Errorf("%w: the entry is not at %d of the tree of %d entries", ErrProof, index, size)
	}
	return nil
}

// CheckConsistency checks the proof that the tree of m entries with rootM is a prefix of that of n entries with rootN. From the empty tree the
// proof is empty, and so it is between equal sizes, whose roots must be equal. The error is of kind ErrProof.
func CheckConsistency(m, n uint64, rootM, rootN Hash, proof []Hash) error {
	switch {
	case n > MaxSize || m > n:
		return fmt.Errorf("%w: a tree of %d entries is no prefix of one of %d", ErrProof, m, n)
	case m == 0 && rootM != EmptyRoot() || n == 0 && rootN != EmptyRoot():
		return fmt.Errorf("%w: an empty tree has another root", ErrProof)
	case m == 0:
		if len(proof) != 0 {
			return fmt.Errorf("%w: from the empty tree a proof is empty", ErrProof)
		}
		return nil
	}
	if err := tlog.CheckTree(toTlog(proof), int64(n), tlog.Hash(rootN), int64(m), tlog.Hash(rootM)); err != nil {
		return fmt.Errorf("%w: the tree of %d entries is not a prefix of that of %d", ErrProof, m, n)
	}
	return nil
}

// AuthenticatedRoot gives the root of the first m entries as checkpoint c commits to it. Each tile is checked against c before it counts, so
// the tiles may come from anybody: the result is right, or there is an error (of kind ErrProof when the tiles do not belong to c). It is how
// one that pulls a log piece by piece knows that a piece belongs to the signed whole. It reads at most 14 tiles.
func AuthenticatedRoot(ctx context.Context, tiles TileReader, c Checkpoint, m uint64) (Hash, error) {
	switch {
	case c.Size > MaxSize || m > c.Size:
		return Hash{}, fmt.Errorf("a tree of %d entries has no prefix of %d", c.Size, m)
	case m == 0:
		return EmptyRoot(), nil
	case m == c.Size:
		return c.Root, nil
	}
	source := &plainTiles{ctx: ctx, tiles: tiles}
	root, err := tlog.TreeHash(int64(m), tlog.TileHashReader(tlog.Tree{N: int64(c.Size), Hash: tlog.Hash(c.Root)}, source))
	switch {
	case source.err != nil:
		return Hash{}, source.err
	case err != nil:
		return Hash{}, fmt.Errorf("%w: the tiles do not belong to the checkpoint of %d entries", ErrProof, c.Size)
	}
	return Hash(root), nil
}

// tileHashes reads hashes of the tree of that size from its tiles, each tile once. It lives for one proof.
type tileHashes struct {
	ctx   context.Context
	tiles TileReader
	size  uint64
	read  map[Tile][]byte
}

// ReadHashes is the method of tlog.HashReader.
func (h *tileHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		at := tlog.TileForIndex(TileHeight, x)
		tile, ok := TileIn(at.L, uint64(at.N), h.size)
		if !ok {
			return nil, fmt.Errorf("the tree of %d entries has no hash %d", h.size, x)
		}
		data, ok := h.read[tile]
		if !ok {
			var err error
			if data, err = readTile(h.ctx, h.tiles, tile); err != nil {
				return nil, err
			}
			if h.read == nil {
				h.read = make(map[Tile][]byte, 2*tileLevels)
			}
			h.read[tile] = data
		}
		at.W = tile.Width
		var err error
		if hashes[i], err = tlog.HashFromTile(at, data, x); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// plainTiles gives tlog the tiles that it asks for, and keeps the reader's error apart from tlog's own.
type plainTiles struct {
	ctx   context.Context
	tiles TileReader
	err   error
}

func (p *plainTiles) Height() int { return TileHeight }

func (p *plainTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		if data[i], p.err = readTile(p.ctx, p.tiles, Tile{Level: t.L, Index: uint64(t.N), Width: t.W}); p.err != nil {
			return nil, p.err
		}
	}
	return data, nil
}

func (p *plainTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func toTlog(hashes []Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = tlog.Hash(h)
	}
	return out
}

func fromTlog(hashes []tlog.Hash) []Hash {
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out
}
