package store_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// nodeKey is the key of a node of the tests.
func nodeKey(domain string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

func originOf(domain string, epoch int) protocol.Origin {
	return protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: epoch}
}

func mustSigner(o protocol.Origin) note.Signer {
	s, err := translog.NewSigner(o.String(), nodeKey(o.Domain))
	if err != nil {
		panic(err)
	}
	return s
}

func mustVerifier(o protocol.Origin) note.Verifier {
	v, err := translog.NewVerifier(o.String(), nodeKey(o.Domain).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return v
}

var home = originOf("home.example", 1)

// withLog are options with an own log.
func withLog(options store.Options) store.Options {
	options.Log = &store.LogOptions{Origin: home, Signer: mustSigner(home)}
	return options
}

// checkReceipt verifies what an append was answered.
func checkReceipt(t testing.TB, a store.Appended) {
	t.Helper()
	if a.Err != nil || a.Receipt == nil {
		t.Fatalf("no receipt: %+v", a)
	}
	parsed, err := translog.ParseReceipt(a.Receipt.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	entry, _, err := parsed.Verify(mustVerifier(home))
	if err != nil {
		t.Fatal(err)
	}
	want := protocol.Entry{IngestedAt: a.Record.IngestedAt, Kind: a.Record.Kind, Record: a.Record.RecordHash}
	if entry != want || parsed.Index != a.Index || !a.Record.Own || a.Record.Places[0].Index != a.Index {
		t.Errorf("the receipt is of %+v at %d; the answer is %+v", entry, parsed.Index, a)
	}
}

func TestAppendsAreAnsweredWithReceipts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{MergeClaims: 16}))
	var hashes [][32]byte
	for i := range 300 {
		claim := made{id: uint64(i)}.claim(t)
		a := mustAppend(t, s, claim)[0]
		if a.Duplicate || a.Index != uint64(i) {
			t.Fatalf("%+v", a)
		}
		checkReceipt(t, a)
		hashes = append(hashes, claim.RecordHash())
	}
	batch := mustAppend(t, s, made{id: 7}.claim(t), made{id: 1_000}.claim(t), made{id: 1_000}.claim(t))
	for i, want := range []struct {
		index     uint64
		duplicate bool
	}{{7, true}, {300, false}, {300, true}} {
		if a := batch[i]; a.Duplicate != want.duplicate || a.Index != want.index {
			t.Errorf("%d: %+v", i, a)
		}
		checkReceipt(t, batch[i])
	}
	head, ok := s.Own()
	if !ok || head.Size != 301 || head.Settled != 301 || head.Checkpoint.Size != 301 || head.Checkpoint.Root != head.Root {
		t.Errorf("%+v", head)
	}
	checkLog(t, s, home)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	checkLog(t, s, home)
	for i, hash := range hashes {
		receipt, err := s.Receipt(t.Context(), hash)
		if err != nil || receipt.Index != uint64(i) {
			t.Fatal(err)
		}
		if _, _, err := receipt.Verify(mustVerifier(home)); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := s.Receipt(t.Context(), [32]byte{1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a receipt of what is not there: %v", err)
	}
}

// checkLog recomputes a log's tree out of its entries, and holds head, checkpoint and tiles to it.
func checkLog(t testing.TB, s *store.Store, o protocol.Origin) {
	t.Helper()
	head, ok := s.Head(o.String())
	if !ok {
		t.Fatalf("no log %s", o)
	}
	var tree translog.Frontier
	roots := map[uint64]translog.Hash{0: translog.EmptyRoot()}
	last := time.Time{}
	for start := uint64(0); start < head.Size; {
		entries, err := s.Entries(t.Context(), o.String(), start, head.Size)
		if err != nil || len(entries) == 0 {
			t.Fatalf("Entries from %d: %d, %v", start, len(entries), err)
		}
		for _, e := range entries {
			if head.Own && e.IngestedAt.Before(last) {
				t.Errorf("time steps back to %s in the own log", e.IngestedAt)
			}
			last = e.IngestedAt
			tree.Append(translog.LeafHash(e.Canonical()))
			roots[tree.Size()] = tree.Root()
		}
		start += uint64(len(entries))
	}
	if head.Root != roots[head.Size] || head.Checkpoint.Root != roots[head.Checkpoint.Size] && head.Checkpoint.Note != nil {
		t.Fatalf("%s: the entries make another tree than the head says", o)
	}
	if head.Own && head.Checkpoint.Size != head.Size {
		t.Errorf("the own log of %d entries has a signed head of %d", head.Size, head.Checkpoint.Size)
	}
	if head.Checkpoint.Note != nil {
		if _, err := translog.ParseCheckpoint(head.Checkpoint.Note, mustVerifier(o)); err != nil {
			t.Error(err)
		}
	}
	if root, err := translog.Root(t.Context(), s.Tiles(o.String()), head.Size); err != nil || root != head.Root {
		t.Errorf("%s: the tiles make another tree: %v", o, err)
	}
}
