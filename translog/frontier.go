package translog

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Frontier is the right edge of a tree (a compact range from 0): the roots of its largest full subtrees, one for each bit of the size, which is
// all that appending needs. The zero value is the empty tree. It is a value of 1.6 KB: copy it to try something. Frontiers of equal trees are
// equal by ==. Not safe for concurrent change.
type Frontier struct {
	size  uint64
	roots [levels]Hash // roots[l] is the subtree of 2^l leaves when bit l of size is set, else zero
}

// Size is the number of leaves.
func (f *Frontier) Size() uint64 { return f.size }

// Root is the root of the tree.
func (f *Frontier) Root() Hash {
	if f.size == 0 {
		return EmptyRoot()
	}
	rest := f.size
	root := f.roots[bits.TrailingZeros64(rest)]
	for rest &= rest - 1; rest != 0; rest &= rest - 1 {
		root = nodeHash(&f.roots[bits.TrailingZeros64(rest)], &root)
	}
	return root
}

// Append adds a leaf's hash at the end. It panics when the tree has MaxSize leaves.
func (f *Frontier) Append(leaf Hash) {
	if f.size >= MaxSize {
		panic("translog: the tree is full")
	}
	level := 0
	for ; f.size>>level&1 == 1; level++ {
		leaf = nodeHash(&f.roots[level], &leaf)
		f.roots[level] = Hash{}
	}
	f.roots[level] = leaf
	f.size++
}

// MarshalBinary gives the size (8 bytes, big-endian) and the subtrees' roots, largest first.
func (f *Frontier) MarshalBinary() ([]byte, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+bits.OnesCount64(f.size)*HashSize), f.size)
	for level := levels - 1; level >= 0; level-- {
		if f.size>>level&1 == 1 {
			b = append(b, f.roots[level][:]...)
		}
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary gave. On an error, of kind ErrMalformed, the frontier stays as it was.
func (f *Frontier) UnmarshalBinary(b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("%w frontier: %d bytes", ErrMalformed, len(b))
	}
	read := Frontier{size: binary.BigEndian.Uint64(b)}
	if b = b[8:]; read.size > MaxSize || len(b) != bits.OnesCount64(read.size)*HashSize {
		return fmt.Errorf("%w frontier: %d bytes of hashes for %d leaves", ErrMalformed, len(b), read.size)
	}
	for level := levels - 1; level >= 0; level-- {
		if read.size>>level&1 == 1 {
			read.roots[level], b = Hash(b[:HashSize]), b[HashSize:]
		}
	}
	*f = read
	return nil
}
