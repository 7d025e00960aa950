package translog_test

import (
	"bytes"
	"net/url"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"

	"mirnode/translog"
)

// hashBundle is how tessera's tools make leaves of a bundle.
func hashBundle(b []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(b); err != nil {
		return nil, err
	}
	var leaves [][]byte
	for _, e := range bundle.Entries {
		leaves = append(leaves, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return leaves, nil
}

func fetcher(t *testing.T, l *memLog) *client.HTTPFetcher {
	t.Helper()
	u, err := url.Parse(l.serve(t).URL + "/log/")
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestTesseraReadsOurLogs: tessera's checker, its client and its proofs over HTTP, on trees of every kind of size.
func TestTesseraReadsOurLogs(t *testing.T) {
	for _, size := range []int{1, 2, 255, 256, 257, 700, 65_536 + 300} {
		l := newLog(t, size, "a")
		f := fetcher(t, l)
		if err := fsck.New(origin, verifier(t, origin), f, hashBundle, fsck.Opts{N: 2}).Check(t.Context()); err != nil {
			t.Fatalf("fsck of %d entries: %v", size, err)
		}
		n := uint64(size)
		builder, err := client.NewProofBuilder(t.Context(), n, f.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range []uint64{0, n / 2, n - 1} {
			theirs, err := builder.InclusionProof(t.Context(), index)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := translog.InclusionProof(t.Context(), l, index, n)
			if err != nil || !equalProofs(ours, theirs) {
				t.Errorf("proof of %d in %d differs from tessera's: %v", index, n, err)
			}
			theirs, err = builder.ConsistencyProof(t.Context(), index+1, n)
			if err != nil {
				t.Fatal(err)
			}
			ours, err = translog.ConsistencyProof(t.Context(), l, index+1, n)
			if err != nil || !equalProofs(ours, theirs) {
				t.Errorf("proof from %d to %d differs from tessera's: %v", index+1, n, err)
			}
		}
		bundle, err := client.GetEntryBundle(t.Context(), f.ReadEntryBundle, (n-1)/translog.TileWidth, n)
		if err != nil || !bytes.Equal(bundle.Entries[len(bundle.Entries)-1], l.entries[size-1]) {
			t.Errorf("last bundle of %d: %v", n, err)
		}
	}
}

func equalProofs(ours []translog.Hash, theirs [][]byte) bool {
	if len(ours) != len(theirs) {
		return false
	}
	for i := range ours {
		if !bytes.Equal(ours[i][:], theirs[i]) {
			return false
		}
	}
	return true
}

// TestTesseraFollowsOurLogs: its tracker accepts each step of a log that grows, and finds the one that forks.
func TestTesseraFollowsOurLogs(t *testing.T) {
	l := newLog(t, 3, "a")
	f := fetcher(t, l)
	tracker, err := client.NewLogStateTracker(t.Context(), f.ReadTile, nil, verifier(t, origin), origin, client.UnilateralConsensus(f.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{1, 0, 252, 1, 400, 1} {
		old := l.checkpoint
		l.grow(t, canonical(step, "more"))
		_, steps, raw, err := tracker.Update(t.Context())
		if err != nil || !bytes.Equal(raw, l.checkpoint.Note) {
			t.Fatalf("to %d entries: %v", l.checkpoint.Size, err)
		}
		if step > 0 {
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old.Size, l.checkpoint.Size, steps, old.Root[:], l.checkpoint.Root[:]); err != nil {
				t.Fatal(err)
			}
		}
	}
	*l = *newLog(t, 1000, "another history")
	if _, _, _, err := tracker.Update(t.Context()); err == nil {
		t.Error("tessera follows a fork: the test would not see anything")
	}
}

// TestPathsAreTesseras holds the paths of tiles and bundles to tessera's.
func TestPathsAreTesseras(t *testing.T) {
	for _, tile := range []translog.Tile{
		{Level: 0, Index: 0, Width: 256}, {Level: 0, Index: 0, Width: 1}, {Level: 1, Index: 999, Width: 255}, {Level: 0, Index: 1000, Width: 256},
		{Level: 2, Index: 1_234_067, Width: 8}, {Level: 5, Index: 0, Width: 256}, {Level: 0, Index: 1<<40 - 1, Width: 256},
	} {
		partial := uint8(tile.Width % translog.TileWidth)
		if want := layout.TilePath(uint64(tile.Level), tile.Index, partial); tile.Path() != want {
			t.Errorf("%+v: %s, tessera says %s", tile, tile.Path(), want)
		}
		if want := layout.EntriesPath(tile.Index, partial); tile.EntriesPath() != want {
			t.Errorf("%+v: %s, tessera says %s", tile, tile.EntriesPath(), want)
		}
		got, entries, err := translog.ParseTilePath(tile.Path())
		if err != nil || entries || got != tile {
			t.Errorf("%s: %+v, %v", tile.Path(), got, err)
		}
		tile.Level = 0
		if got, entries, err := translog.ParseTilePath(tile.EntriesPath()); err != nil || !entries || got != tile {
			t.Errorf("%s: %+v, %v", tile.EntriesPath(), got, err)
		}
	}
}
