package translog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/protocol"
	"mirnode/translog"
)

const origin = "node1.test/mir-dev"

// key gives the test's key of that name, always the same.
func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) ed25519.PublicKey { return key(name).Public().(ed25519.PublicKey) }

func signer(t fataler, name string) note.Signer {
	t.Helper()
	s, err := translog.NewSigner(name, key(name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verifier(t fataler, name string) note.Verifier {
	t.Helper()
	v, err := translog.NewVerifier(name, public(name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// memLog is a log in memory, and a translog.LogSource.
type memLog struct {
	entries    [][]byte
	tiles      tileMap
	frontier   translog.Frontier
	tails      translog.Tails
	checkpoint translog.Checkpoint
}

// newLog makes a log of n canonical entries; salt makes entries of equal numbers differ.
func newLog(t fataler, n int, salt string) *memLog {
	t.Helper()
	l := &memLog{tiles: tileMap{}}
	l.grow(t, canonical(n, salt))
	return l
}

func (l *memLog) grow(t fataler, entries [][]byte) *translog.Growth {
	t.Helper()
	g := translog.Grow(l.frontier, l.tails, leavesOf(entries))
	g.Tiles(l.tiles.put)
	l.entries = append(l.entries, entries...)
	l.frontier, l.tails = g.Frontier(), g.Tails()
	l.sign(t)
	return g
}

func (l *memLog) sign(t fataler) {
	t.Helper()
	var err error
	if l.checkpoint, err = translog.SignCheckpoint(signer(t, origin), l.frontier.Size(), l.frontier.Root()); err != nil {
		t.Fatal(err)
	}
}

func (l *memLog) Checkpoint(context.Context) ([]byte, error) { return l.checkpoint.Note, nil }

func (l *memLog) ReadTile(ctx context.Context, t translog.Tile) ([]byte, error) {
	return l.tiles.ReadTile(ctx, t)
}

func (l *memLog) ReadEntries(_ context.Context, t translog.Tile) ([]byte, error) {
	from := int(t.Index) * translog.TileWidth
	if from+t.Width > len(l.entries) {
		return nil, errors.New("no such bundle: " + t.EntriesPath())
	}
	return translog.EntryBundle(l.entries[from : from+t.Width]), nil
}

// serve offers the log over HTTP as c2sp.org/tlog-tiles says.
func (l *memLog) serve(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/log/")
		if path == "checkpoint" {
			w.Write(l.checkpoint.Note)
			return
		}
		tile, entries, err := translog.ParseTilePath(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		read := l.ReadTile
		if entries {
			read = l.ReadEntries
		}
		data, err := read(r.Context(), tile)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(s.Close)
	return s
}

// canonical gives n different canonical entries.
func canonical(n int, salt string) [][]byte {
	entries := make([][]byte, n)
	for i := range entries {
		e := protocol.Entry{
			IngestedAt: time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Millisecond),
			Kind:       "claim",
			Record:     sha256.Sum256(fmt.Append(nil, salt, i)),
		}
		entries[i] = e.Canonical()
	}
	return entries
}

// changed gives data with one bit turned.
func changed(data []byte, bit int) []byte {
	data = bytes.Clone(data)
	data[bit/8%len(data)] ^= 1 << (bit % 8)
	return data
}

// withHash gives a proof with another hash at i.
func withHash(proof []translog.Hash, i int) []translog.Hash {
	proof = slices.Clone(proof)
	proof[i][0] ^= 1
	return proof
}
