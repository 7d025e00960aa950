package translog

import "math/bits"

// Growth is a tree with new leaves appended. It holds in memory what the new leaves made, which is at most two hashes for each, and answers
// from it: the new frontier, the inclusion proof of each new leaf in the grown tree, and the tiles that changed. Nothing is read. It does not
// change after [Grow] and is safe for concurrent use.
type Growth struct {
	old, size uint64
	tails     Tails // of the old tree
	first     [levels]uint64
	nodes     [levels][]Hash // of each level: the full nodes from first on. The old tree's one is among them that the next node pairs with
	edge      [levels]Hash   // of each level: the node at the right edge that is not full, when size is no multiple of 2^level
}

// Grow appends leaves to the tree of which f is the frontier and tails the partial tiles. It allocates three times, whatever the number of
// leaves. It panics when f and tails are of different sizes, or when the tree would be larger than MaxSize.
func Grow(f Frontier, tails Tails, leaves []Hash) *Growth {
	if f.size != tails.size {
		panic("translog: frontier and tails of different trees")
	}
	if uint64(len(leaves)) > MaxSize-f.size {
		panic("translog: the tree is full")
	}
	g := &Growth{old: f.size, size: f.size + uint64(len(leaves)), tails: tails}
	height := bits.Len64(g.size)
	held := make([]Hash, 0, 2*len(leaves)+2*height)
	for level := range height {
		g.first[level] = g.old >> level
		start := len(held)
		if g.first[level]&1 == 1 { // its left neighbour is a root of the frontier
			g.first[level]--
			held = append(held, f.roots[level])
		}
		if level == 0 {
			held = append(held, leaves...)
		} else {
			held = g.pair(level, held)
		}
		g.nodes[level] = held[start:len(held):len(held)]
	}
	g.close(height)
	return g
}

// pair appends the new full nodes of a level, made of pairs of the level below.
func (g *Growth) pair(level int, held []Hash) []Hash {
	below, first := g.nodes[level-1], g.first[level-1]
	for n := g.old >> level; n < g.size>>level; n++ {
		left := 2*n - first
		held = append(held, nodeHash(&below[left], &below[left+1]))
	}
	return held
}

// close computes the nodes along the right edge that are not full.
func (g *Growth) close(height int) {
	for level := range height {
		switch full := g.size >> level; {
		case full&1 == 0:
			g.edge[level+1] = g.edge[level]
		case g.partial(level):
			g.edge[level+1] = nodeHash(g.node(level, full-1), &g.edge[level])
		default:
			g.edge[level+1] = *g.node(level, full-1)
		}
	}
}

// partial reports whether the right-most node of the level is not full.
func (g *Growth) partial(level int) bool { return g.size&(1<<level-1) != 0 }

func (g *Growth) node(level int, n uint64) *Hash { return &g.nodes[level][n-g.first[level]] }

// Size is the size of the grown tree.
func (g *Growth) Size() uint64 { return g.size }

// Root is the root of the grown tree.
func (g *Growth) Root() Hash {
	if g.size == 0 {
		return EmptyRoot()
	}
	top := bits.Len64(g.size - 1)
	if g.partial(top) {
		return g.edge[top]
	}
	return *g.node(top, 0)
}

// Frontier is the right edge of the grown tree.
func (g *Growth) Frontier() Frontier {
	f := Frontier{size: g.size}
	for level := range levels {
		if full := g.size >> level; full&1 == 1 {
			f.roots[level] = *g.node(level, full-1)
		}
	}
	return f
}

// Proof is the inclusion proof (RFC 6962 section 2.1.1) of the i-th of the new leaves in the grown tree. It panics when there is no such leaf.
func (g *Growth) Proof(i int) []Hash { return g.AppendProof(nil, i) }

// AppendProof appends what Proof gives to proof.
func (g *Growth) AppendProof(proof []Hash, i int) []Hash {
	leaf := g.old + uint64(i)
	if i < 0 || leaf >= g.size {
		panic("translog: proof of a leaf that was not appended")
	}
	height := bits.Len64(g.size - 1)
	if proof == nil {
		proof = make([]Hash, 0, height)
	}
	for level := range height {
		sibling := leaf>>level ^ 1
		switch full := g.size >> level; {
		case sibling < full:
			proof = append(proof, *g.node(level, sibling))
		case sibling == full && g.partial(level):
			proof = append(proof, g.edge[level])
		}
	}
	return proof
}

// Tiles visits each tile of the grown tree that the old one had not, or had with fewer hashes: level by level, from left to right. The hashes
// belong to the visitor.
func (g *Growth) Tiles(visit func(t Tile, hashes []byte)) {
	for level := range tileLevels {
		was, is := g.old>>(level*TileHeight), g.size>>(level*TileHeight)
		if was == is {
			return // levels above grow only with this one
		}
		for index := was / TileWidth; index*TileWidth < is; index++ {
			hashes := g.tile(level, index)
			visit(Tile{Level: level, Index: index, Width: len(hashes) / HashSize}, hashes)
		}
	}
}

// Tails gives the partial tiles of the grown tree.
func (g *Growth) Tails() Tails {
	t := Tails{size: g.size}
	for level := range tileLevels {
		was, is := g.old>>(level*TileHeight), g.size>>(level*TileHeight)
		switch {
		case was == is:
			t.tiles[level] = g.tails.tiles[level]
		case is%TileWidth != 0:
			t.tiles[level] = g.tile(level, is/TileWidth)
		}
	}
	return t
}

// tile puts a tile together that has new hashes: those of the old tree, then new ones.
func (g *Growth) tile(level int, index uint64) []byte {
	bottom := level * TileHeight
	was, is := g.old>>bottom, g.size>>bottom
	from, to := index*TileWidth, min((index+1)*TileWidth, is)
	hashes := make([]byte, 0, (to-from)*HashSize)
	if from < was {
		hashes = append(hashes, g.tails.tiles[level]...)
		from = was
	}
	for n := from; n < to; n++ {
		hashes = append(hashes, g.node(bottom, n)[:]...)
	}
	return hashes
}
