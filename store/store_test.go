package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mirnode/protocol"
	"mirnode/store"
)

func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeBenchDir()
		os.Exit(code)
	}))
}

func TestAppendedClaimIsFoundAndKeptVerbatim(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	dir := t.TempDir()
	s := open(t, dir, store.Options{Now: func() time.Time { return now }})
	claim := made{id: 1, subject: 5}.claim(t)
	provenance := store.Provenance{
		Channels: []protocol.Channel{"well-known", "dns"}, DNSSEC: true, Form: "sdk", Flags: []string{"before-key-created", "x"},
	}
	appended, err := s.AppendClaim(t.Context(), claim, provenance)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Record{
		Seq: 1, Kind: protocol.KindClaim, IngestedAt: now.Truncate(time.Millisecond), ClaimedAt: claim.Time(),
		RecordHash: claim.RecordHash(), SigHash: claim.SigHash(), Raw: claim.Raw(), Provenance: provenance,
	}
	if appended.Duplicate || !reflect.DeepEqual(appended.Record, want) {
		t.Errorf("appended %+v, want the record %+v", appended, want)
	}
	check := func(s *store.Store, when string) {
		t.Helper()
		got, err := s.Claim(t.Context(), claim.SigHash())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Claim gives %+v, %v; want %+v", when, got, err, want)
		}
		for _, q := range []store.Query{{Subject: claim.Subject}, {Domain: "SHOP.example.com"}, {Domain: claim.Domain, Type: claim.Type}} {
			if found := findAll(t, s, q); len(found) != 1 || !reflect.DeepEqual(found[0], want) {
				t.Errorf("%s: Find(%+v) gives %+v", when, q, found)
			}
		}
	}
	check(s, "at once")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, store.Options{}), "after a restart")
	if _, err := s.AppendClaim(t.Context(), claim, provenance); !errors.Is(err, store.ErrClosed) {
		t.Errorf("AppendClaim on a closed store: %v", err)
	}
	if _, err := s.Claim(t.Context(), claim.SigHash()); !errors.Is(err, store.ErrClosed) && err == nil {
		t.Errorf("Claim on a closed store: %v", err)
	}
}

func TestClaimNotFound(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	if _, err := s.Claim(t.Context(), [32]byte{1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Claim: %v", err)
	}
}

func TestFolderAndFilesAreForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	open(t, dir, store.Options{})
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "log.db"): 0o600, filepath.Join(dir, "index.db"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestOneOfManyConcurrentSameClaimsIsTheFirst(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{MergeClaims: 16})
	const claims, writers = 40, 8
	var firsts [claims]int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for i := range claims {
				claim := made{id: uint64(i)}.claim(t)
				appended, err := s.AppendClaim(t.Context(), claim, store.Provenance{})
				if err != nil || !bytes.Equal(appended.Record.Raw, claim.Raw()) {
					t.Errorf("claim %d: %+v, %v", i, appended, err)
				}
				mu.Lock()
				if !appended.Duplicate {
					firsts[i]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for i, n := range firsts {
		if n != 1 {
			t.Errorf("claim %d was the first %d times", i, n)
		}
	}
	if got := s.Stats().Claims; got != claims {
		t.Errorf("the store counts %d claims, has %d", got, claims)
	}
}

func TestDuplicateGivesTheFirstOnesValues(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, t.TempDir(), store.Options{Now: func() time.Time { return now }})
	claim := made{id: 1}.claim(t)
	batch := mustAppend(t, s, claim, made{id: 2}.claim(t), claim)
	if batch[0].Duplicate || batch[1].Duplicate || !batch[2].Duplicate || batch[2].Record.Seq != batch[0].Record.Seq {
		t.Errorf("a batch with a claim twice: %+v", batch)
	}
	now = now.Add(time.Hour)
	again := mustAppend(t, s, claim)[0]
	if !again.Duplicate || !reflect.DeepEqual(again.Record, batch[0].Record) {
		t.Errorf("the second time: %+v, want the first one %+v", again, batch[0])
	}
}

func TestIngestedAtNeverStepsBack(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	options := store.Options{Now: func() time.Time { return now }}
	s := open(t, dir, options)
	first := mustAppend(t, s, made{id: 1}.claim(t))[0]
	now = now.Add(-time.Hour)
	second := mustAppend(t, s, made{id: 2}.claim(t))[0]
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	third := mustAppend(t, open(t, dir, options), made{id: 3}.claim(t))[0]
	if second.Record.IngestedAt.Before(first.Record.IngestedAt) || third.Record.IngestedAt.Before(first.Record.IngestedAt) {
		t.Errorf("ingestedAt runs %s, %s, %s", first.Record.IngestedAt, second.Record.IngestedAt, third.Record.IngestedAt)
	}
}

func TestASecondStoreOnTheFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, store.Options{})
	_, err := store.Open(dir, store.Options{LockTimeout: 60 * time.Millisecond})
	if !errors.Is(err, store.ErrLocked) || !bytes.Contains([]byte(err.Error()), []byte(filepath.Join(dir, "log.db"))) {
		t.Errorf("Open gives %v, want ErrLocked that names the file", err)
	}
}

func TestAnEndedContextIsAnswered(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.AppendClaim(ctx, made{id: 1}.claim(t), store.Provenance{}); !errors.Is(err, context.Canceled) {
		t.Errorf("AppendClaim: %v", err)
	}
	if _, err := s.Find(ctx, store.Query{Domain: "a.example"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Find: %v", err)
	}
	if _, err := s.Claim(ctx, [32]byte{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Claim: %v", err)
	}
}

func TestUnfitArgumentsAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	claim := made{id: 1}.claim(t)
	for name, p := range map[string]store.Provenance{
		"channel": {Channels: []protocol.Channel{"pigeon"}},
		"form":    {Form: "other"},
		"flag":    {Flags: []string{""}},
		"flags":   {Flags: make([]string, store.MaxFlags+1)},
	} {
		if _, err := s.AppendClaim(t.Context(), claim, p); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.AppendClaims(t.Context(), make([]store.ClaimToAppend, store.MaxBatch+1)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a batch too large: %v", err)
	}
	if _, err := store.Open(t.TempDir(), store.Options{MergeClaims: 1}); err == nil {
		t.Error("MergeClaims 1 was taken")
	}
}
