package translog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"mirnode/translog"
)

// Each parser of outside input: whatever it takes it gives back in the same bytes, and whatever it refuses is malformed, or not signed.

func FuzzCheckpoint(f *testing.F) {
	l := newLog(f, 5, "a")
	f.Add(l.checkpoint.Note)
	line, err := cosigner(f, "w.test").Cosign(l.checkpoint)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(bytes.Clone(l.checkpoint.Note), line...))
	v, w := verifier(f, origin), cosignatureVerifier(f, "w.test")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := translog.ParseCheckpoint(data, v)
		if err != nil {
			if !errors.Is(err, translog.ErrMalformed) && !errors.Is(err, translog.ErrSignature) {
				t.Fatal(err)
			}
		} else if c.Size != 5 || c.Root != l.checkpoint.Root || !bytes.Equal(c.Note, data) {
			t.Fatalf("a head that was never signed: %q", data)
		}
		added, err := translog.AddSignatures(l.checkpoint, data)
		if err != nil {
			if !errors.Is(err, translog.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := translog.AddSignatures(added, data)
		if err != nil || !bytes.Equal(again.Note, added.Note) || len(added.Note) > translog.MaxCheckpointBytes {
			t.Fatalf("added twice: %v", err)
		}
		if _, _, err := translog.VerifyCosignature(l.checkpoint, data, w); err == nil && !bytes.Contains(data, line) {
			t.Fatalf("a cosignature that was never made: %q", data)
		}
	})
}

func FuzzReceipt(f *testing.F) {
	l := newLog(f, 5, "a")
	f.Add(receiptOf(f, l, 2).Marshal())
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra eA==\nindex 0\n\nx\n"))
	v := verifier(f, origin)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := translog.ParseReceipt(data)
		if err != nil {
			if !errors.Is(err, translog.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(r.Marshal(), data) {
			t.Fatalf("another spelling: %q", data)
		}
		if _, _, err := r.Verify(v); err == nil && !bytes.Equal(r.Entry, l.entries[r.Index]) {
			t.Fatalf("an entry that was never logged: %q", data)
		}
	})
}

func FuzzTilePath(f *testing.F) {
	f.Add("tile/0/x001/234.p/5")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, s string) {
		tile, entries, err := translog.ParseTilePath(s)
		if err != nil {
			if !errors.Is(err, translog.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		path := tile.Path()
		if entries {
			path = tile.EntriesPath()
		}
		if _, exists := translog.TileIn(tile.Level, tile.Index, translog.MaxSize); path != s || !exists || tile.Width < 1 || tile.Width > translog.TileWidth {
			t.Fatalf("%q gives %+v, whose path is %q", s, tile, path)
		}
	})
}

func FuzzEntryBundle(f *testing.F) {
	f.Add(translog.EntryBundle([][]byte{[]byte("one"), []byte("two")}), 2)
	f.Fuzz(func(t *testing.T, data []byte, want int) {
		entries, err := translog.ParseEntryBundle(data, want)
		if err != nil {
			if !errors.Is(err, translog.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if len(entries) != want || !bytes.Equal(translog.EntryBundle(entries), data) {
			t.Fatalf("%d entries of %q", len(entries), data)
		}
	})
}

func FuzzAddCheckpoint(f *testing.F) {
	l := newLog(f, 5, "a")
	f.Add(translog.AddCheckpoint{Note: l.checkpoint.Note}.Marshal())
	f.Add(translog.AddCheckpoint{OldSize: 3, Proof: make([]translog.Hash, 2), Note: l.checkpoint.Note}.Marshal())
	v := verifier(f, origin)
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := translog.ParseAddCheckpoint(data)
		if err != nil {
			if !errors.Is(err, translog.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(a.Marshal(), data) || len(a.Proof) > translog.MaxProofHashes {
			t.Fatalf("another spelling: %q", data)
		}
		if c, err := a.Verify(v, 0, translog.Hash{}); err == nil && c.Root != l.checkpoint.Root {
			t.Fatalf("a head that was never signed: %q", data)
		}
	})
}

func FuzzForkJSON(f *testing.F) {
	a, b := newLog(f, 5, "a"), newLog(f, 5, "b")
	fork, err := translog.NewFork(a.checkpoint, b.checkpoint, translog.Hash{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(fork)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	v := verifier(f, origin)
	f.Fuzz(func(t *testing.T, data []byte) {
		var read translog.Fork
		if err := read.UnmarshalJSON(data); err != nil {
			if !errors.Is(err, translog.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		text, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		var again translog.Fork
		if err := json.Unmarshal(text, &again); err != nil || !bytes.Equal(again.First, read.First) || again.Prefix != read.Prefix || len(again.Proof) != len(read.Proof) {
			t.Fatalf("round trip: %v", err)
		}
		if read.Verify(v) == nil && (bytes.Equal(read.First, read.Second) || !bytes.Contains(data, []byte(origin))) {
			t.Fatalf("proved out of nothing: %q", data)
		}
	})
}

func FuzzFrontier(f *testing.F) {
	l := newLog(f, 700, "a")
	b, err := l.frontier.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		var read translog.Frontier
		if err := read.UnmarshalBinary(data); err != nil {
			return
		}
		if again, err := read.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("another spelling: %v", err)
		}
		read.Root()
		if read.Size() < translog.MaxSize {
			read.Append(translog.Hash{})
		}
	})
}
