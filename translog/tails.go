package translog

import (
	"context"
	"fmt"
	"math/bits"
)

// Tails is the content of a tree's partial tiles, at most one for each level of tiles: all that growing needs to write the next ones. The zero
// value is that of the empty tree. It is made by [ReadTails] and [Growth.Tails], and not changed after.
type Tails struct {
	size  uint64
	tiles [tileLevels][]byte // of level L: (size >> 8L) % 256 hashes
}

// ReadTails reads the partial tiles of a tree of that size, at most 7. They are trusted: compare the [Tails.Frontier]'s root with a signed one.
func ReadTails(ctx context.Context, r TileReader, size uint64) (Tails, error) {
	if size > MaxSize {
		return Tails{}, fmt.Errorf("a tree has at most 2^%d entries", sizeBits)
	}
	t := Tails{size: size}
	for level := range tileLevels {
		hashes := size >> (level * TileHeight)
		width := int(hashes % TileWidth)
		if width == 0 {
			continue
		}
		data, err := readTile(ctx, r, Tile{Level: level, Index: hashes / TileWidth, Width: width})
		if err != nil {
			return Tails{}, err
		}
		t.tiles[level] = data
	}
	return t, nil
}

// Size is the size of the tree.
func (t *Tails) Size() uint64 { return t.size }

// Tile is the content of the partial tile of that level, empty where the tree has none. It must not be changed.
func (t *Tails) Tile(level int) []byte {
	if level < 0 || level >= tileLevels {
		return nil
	}
	return t.tiles[level]
}

// Frontier computes the tree's right edge from its partial tiles.
func (t *Tails) Frontier() Frontier {
	f := Frontier{size: t.size}
	for level := range levels {
		if t.size>>level&1 == 0 {
			continue
		}
		tile, inner := level/TileHeight, level%TileHeight
		width := int(t.size >> (tile * TileHeight) % TileWidth)
		start := width >> (inner + 1) << (inner + 1) // the larger subtrees of this tile stand before
		f.roots[level] = rootOf(t.tiles[tile][start*HashSize : (start+1<<inner)*HashSize])
	}
	return f
}

// rootOf computes the root of a full tree over 1, 2, 4, … 256 hashes.
func rootOf(hashes []byte) Hash {
	var stack [TileHeight + 1]Hash
	for i := range len(hashes) / HashSize {
		h := Hash(hashes[i*HashSize:])
		merges := bits.TrailingZeros(uint(i + 1))
		for level := range merges {
			h = nodeHash(&stack[level], &h)
		}
		stack[merges] = h
	}
	return stack[bits.Len(uint(len(hashes)/HashSize))-1]
}
