package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mirnode/store"
)

func TestErasedClaimLeavesReasonAndCannotComeBack(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	options := store.Options{MergeClaims: 16, Now: func() time.Time { return now }}
	s := open(t, dir, options)
	gone, kept := made{id: 1, subject: 7, padding: 99}.claim(t), made{id: 2, subject: 7}.claim(t)
	mustAppend(t, s, gone, kept)
	for i := range 40 { // some of it reaches the index on disk
		mustAppend(t, s, made{id: uint64(100 + i)}.claim(t))
	}
	now = now.Add(time.Hour)
	if err := s.EraseClaim(t.Context(), gone.SigHash(), "court order 12", nil); err != nil {
		t.Fatal(err)
	}
	check := func(s *store.Store, when string) {
		t.Helper()
		want := store.ErasedError{Reason: "court order 12", At: now}
		var erased *store.ErasedError
		if record, err := s.Claim(t.Context(), gone.SigHash()); !errors.As(err, &erased) || *erased != want || record.Raw != nil {
			t.Errorf("%s: Claim gives %+v, %v", when, record, err)
		}
		if _, err := s.AppendClaim(t.Context(), gone, store.Provenance{}); !errors.As(err, &erased) || *erased != want {
			t.Errorf("%s: AppendClaim gives %v", when, err)
		}
		if batch := mustAppend(t, s, kept, gone); batch[0].Err != nil || !batch[0].Duplicate || !errors.As(batch[1].Err, &erased) {
			t.Errorf("%s: a batch with it gives %+v", when, batch)
		}
		if err := s.EraseClaim(t.Context(), gone.SigHash(), "another reason", nil); !errors.As(err, &erased) || *erased != want {
			t.Errorf("%s: erasing again gives %v", when, err)
		}
		if found := findAll(t, s, store.Query{Subject: gone.Subject}); len(found) != 1 || found[0].SigHash != kept.SigHash() {
			t.Errorf("%s: Find gives %v", when, ids(found))
		}
		if stats := s.Stats(); stats.Claims != 41 || stats.Erased != 1 {
			t.Errorf("%s: %+v", when, stats)
		}
	}
	check(s, "at once")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, options)
	check(s, "after a restart")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "index.db")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, options)
	check(s, "after the index was made anew")
	if err := s.EraseClaim(t.Context(), [32]byte{9}, "x", nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("erasing what was never there: %v", err)
	}
	for _, reason := range []string{"", string(make([]byte, store.MaxReasonBytes+1))} {
		if err := s.EraseClaim(t.Context(), kept.SigHash(), reason, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a reason of %d bytes: %v", len(reason), err)
		}
	}
}

func TestErasedBytesLeaveTheFileOnceItsPagesAreUsedAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	secret := []byte(`"order":"00000000000000000000000000000000000000000000000000000000000000000000000000000004242"`)
	claim := made{id: 4242, padding: 82}.claim(t)
	if !bytes.Contains(claim.Raw(), secret) {
		t.Fatalf("the claim is %s", claim.Raw())
	}
	mustAppend(t, s, claim)
	if err := s.EraseClaim(t.Context(), claim.SigHash(), "asked for", nil); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		mustAppend(t, s, made{id: uint64(i)}.claim(t))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log.db", "index.db"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || bytes.Contains(data, secret) {
			t.Errorf("%s still has the claim's bytes (%v)", name, err)
		}
	}
}
