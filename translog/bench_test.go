package translog_test

import (
	"fmt"
	"testing"

	"mirnode/translog"
)

// BenchmarkGrow appends a commit's leaves to a tree of a million, and gives all that a store needs of it: proofs, tiles, tails.
func BenchmarkGrow(b *testing.B) {
	l := &memLog{tiles: tileMap{}}
	l.grow(b, numbered(1_000_003))
	for _, n := range []int{1, 16, 256, 4096} {
		leaves := leavesOf(numbered(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			proof := make([]translog.Hash, 0, translog.MaxProofHashes)
			for b.Loop() {
				g := translog.Grow(l.frontier, l.tails, leaves)
				for i := range leaves {
					proof = g.AppendProof(proof[:0], i)
				}
				g.Tiles(func(translog.Tile, []byte) {})
				g.Tails()
				g.Root()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/leaf")
		})
	}
}

// BenchmarkReceipt makes a receipt's text, and checks it.
func BenchmarkReceipt(b *testing.B) {
	l := newLog(b, 70_000, "a")
	r := receiptOf(b, l, 50_000)
	text := r.Marshal()
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Marshal()
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		v := verifier(b, origin)
		for b.Loop() {
			read, err := translog.ParseReceipt(text)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := read.Verify(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppend is how fast a mirror recomputes a root from entries.
func BenchmarkAppend(b *testing.B) {
	entries := canonical(4096, "a")
	b.ReportAllocs()
	var f translog.Frontier
	for b.Loop() {
		for _, e := range entries {
			f.Append(translog.LeafHash(e))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(entries)), "ns/entry")
}
