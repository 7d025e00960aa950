package translog_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"mirnode/translog"
)

// loose gives hashes as transparency-dev takes them.
func loose(hashes []translog.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// drawTree draws a tree and the tree of a prefix of it.
func drawTree(t *rapid.T) (l *memLog, prefix int) {
	size := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(250, 260), rapid.IntRange(500, 1100)).Draw(t, "size")
	return newLog(t, size, "a"), rapid.IntRange(0, size).Draw(t, "prefix")
}

func rootOfFirst(entries [][]byte) translog.Hash {
	var f translog.Frontier
	for _, leaf := range leavesOf(entries) {
		f.Append(leaf)
	}
	return f.Root()
}

// TestInclusion: proofs made of tiles hold, for us and for transparency-dev's verifier; altered ones do for nobody.
func TestInclusion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, _ := drawTree(t)
		size, root := l.frontier.Size(), l.frontier.Root()
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		leaf := translog.LeafHash(l.entries[index])
		p, err := translog.InclusionProof(t.Context(), l, index, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := translog.CheckInclusion(leaf, index, size, root, p); err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf[:], loose(p), root[:]); err != nil {
			t.Fatal(err)
		}
		wrong := map[string]error{
			"leaf": translog.CheckInclusion(translog.LeafHash([]byte("x")), index, size, root, p),
			"root": translog.CheckInclusion(leaf, index, size, translog.Hash{}, p),
			"more": translog.CheckInclusion(leaf, index, size, root, append(slices.Clone(p), leaf)),
			"past": translog.CheckInclusion(leaf, size, size, root, p),
			"vast": translog.CheckInclusion(leaf, index, 1<<63, root, p),
		}
		if other := rapid.Uint64Range(0, size-1).Draw(t, "other"); other != index {
			wrong["index"] = translog.CheckInclusion(leaf, other, size, root, p)
		}
		if len(p) > 0 {
			wrong["less"] = translog.CheckInclusion(leaf, index, size, root, p[1:])
			wrong["hash"] = translog.CheckInclusion(leaf, index, size, root, withHash(p, rapid.IntRange(0, len(p)-1).Draw(t, "at")))
		}
		mustFail(t, wrong)
	})
}

// TestConsistency is TestInclusion for prefixes.
func TestConsistency(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, prefix := drawTree(t)
		m, n, rootN := uint64(prefix), l.frontier.Size(), l.frontier.Root()
		rootM := rootOfFirst(l.entries[:m])
		p, err := translog.ConsistencyProof(t.Context(), l, m, n)
		if err != nil {
			t.Fatal(err)
		}
		if err := translog.CheckConsistency(m, n, rootM, rootN, p); err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, m, n, loose(p), rootM[:], rootN[:]); err != nil {
			t.Fatal(err)
		}
		wrong := map[string]error{
			"old root": translog.CheckConsistency(m, n, translog.Hash{}, rootN, p),
			"more":     translog.CheckConsistency(m, n, rootM, rootN, append(slices.Clone(p), rootM)),
			"turned":   translog.CheckConsistency(n+1, n, rootM, rootN, p),
			"vast":     translog.CheckConsistency(m, 1<<63, rootM, rootN, p),
		}
		if m > 0 {
			wrong["new root"] = translog.CheckConsistency(m, n, rootM, translog.Hash{}, p)
		}
		if len(p) > 0 {
			wrong["less"] = translog.CheckConsistency(m, n, rootM, rootN, p[1:])
			wrong["hash"] = translog.CheckConsistency(m, n, rootM, rootN, withHash(p, rapid.IntRange(0, len(p)-1).Draw(t, "at")))
		}
		mustFail(t, wrong)
	})
}

func mustFail(t *rapid.T, wrong map[string]error) {
	for what, err := range wrong {
		if !errors.Is(err, translog.ErrProof) {
			t.Fatalf("wrong %s: %v", what, err)
		}
	}
}

// TestAuthenticatedRoot: it is the root of the prefix, and no bit of any tile that it reads can be turned.
func TestAuthenticatedRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := drawTree(t)
		read := &recorder{from: l}
		got, err := translog.AuthenticatedRoot(t.Context(), read, l.checkpoint, uint64(m))
		if err != nil || got != rootOfFirst(l.entries[:m]) {
			t.Fatalf("root of the first %d: %x, %v", m, got, err)
		}
		if len(read.tiles) > 14 {
			t.Fatalf("read %d tiles", len(read.tiles))
		}
		if root, err := translog.Root(t.Context(), l, l.frontier.Size()); err != nil || root != l.checkpoint.Root {
			t.Fatalf("root: %x, %v", root, err)
		}
		for _, tile := range read.tiles {
			bit := rapid.IntRange(0, 8*translog.HashSize*tile.Width-1).Draw(t, "bit")
			_, err := translog.AuthenticatedRoot(t.Context(), &liar{l, tile, bit}, l.checkpoint, uint64(m))
			if !errors.Is(err, translog.ErrProof) {
				t.Fatalf("%s altered: %v", tile.Path(), err)
			}
		}
	})
}

// TestReadersThatFail: what a reader says of itself comes through, and short tiles are no tiles.
func TestReadersThatFail(t *testing.T) {
	l := newLog(t, 700, "a")
	down := errors.New("the line is down")
	for name, r := range map[string]translog.TileReader{
		"error": readerFunc(func(translog.Tile) ([]byte, error) { return nil, down }),
		"short": readerFunc(func(tile translog.Tile) ([]byte, error) { return make([]byte, tile.Width*translog.HashSize-1), nil }),
		"long":  readerFunc(func(tile translog.Tile) ([]byte, error) { return make([]byte, tile.Width*translog.HashSize+1), nil }),
	} {
		want := translog.ErrMalformed
		if name == "error" {
			want = down
		}
		_, err1 := translog.AuthenticatedRoot(t.Context(), r, l.checkpoint, 300)
		_, err2 := translog.InclusionProof(t.Context(), r, 3, 700)
		_, err3 := translog.ConsistencyProof(t.Context(), r, 300, 700)
		_, err4 := translog.ReadTails(t.Context(), r, 700)
		for i, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, want) {
				t.Errorf("%s, function %d: %v", name, i+1, err)
			}
		}
	}
}

// TestAskedForNothing: sizes that make no sense are errors before anything is read.
func TestAskedForNothing(t *testing.T) {
	r := readerFunc(func(translog.Tile) ([]byte, error) { panic("read") })
	ctx := t.Context()
	_, err1 := translog.InclusionProof(ctx, r, 5, 5)
	_, err2 := translog.InclusionProof(ctx, r, 5, translog.MaxSize+1)
	_, err3 := translog.ConsistencyProof(ctx, r, 6, 5)
	_, err4 := translog.AuthenticatedRoot(ctx, r, translog.Checkpoint{Size: 5}, 6)
	_, err5 := translog.ReadTails(ctx, r, translog.MaxSize+1)
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if err == nil {
			t.Errorf("function %d gave an answer", i+1)
		}
	}
	if root, err := translog.AuthenticatedRoot(ctx, r, translog.Checkpoint{Size: 5}, 0); err != nil || root != translog.EmptyRoot() {
		t.Errorf("the empty prefix: %v", err)
	}
}

type readerFunc func(translog.Tile) ([]byte, error)

func (f readerFunc) ReadTile(_ context.Context, t translog.Tile) ([]byte, error) { return f(t) }

// recorder notes which tiles are read.
type recorder struct {
	from  translog.TileReader
	tiles []translog.Tile
}

func (r *recorder) ReadTile(ctx context.Context, t translog.Tile) ([]byte, error) {
	r.tiles = append(r.tiles, t)
	return r.from.ReadTile(ctx, t)
}

// liar turns one bit of one tile.
type liar struct {
	*memLog
	tile translog.Tile
	bit  int
}

func (l *liar) ReadTile(ctx context.Context, t translog.Tile) ([]byte, error) {
	data, err := l.memLog.ReadTile(ctx, t)
	if err == nil && t.Level == l.tile.Level && t.Index == l.tile.Index {
		data = changed(data, l.bit)
	}
	return data, err
}
