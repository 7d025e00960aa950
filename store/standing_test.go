package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/store"
)

// endless is one issuer's chain of successors about artifact 0, each revoking the one before.
func endless(t testing.TB, s *store.Store, issuer, n int) {
	t.Helper()
	var last *protocol.Assertion
	for i := range n {
		next := said{issuer: issuer, context: fmt.Sprint(i), name: fmt.Sprint("chain ", i)}
		if last == nil {
			last = next.assertion(t)
			appendRecords(t, s, last)
			continue
		}
		next.supersedes = last.ID()
		successor := next.assertion(t)
		appendRecords(t, s, revoking(t, last.ID(), issuerOf(home.Domain, issuer), protocol.ActionSupersede, noon), successor)
		last = successor
	}
}

// names are the display names in summaries' order.
func names(lines []string) (names []string) {
	for _, line := range lines {
		if !strings.Contains(line, "displayName") {
			continue // there is more
		}
		_, name, _ := strings.Cut(line, `"displayName":"`)
		name, _, _ = strings.Cut(name, `"`)
		names = append(names, name)
	}
	return names
}

func TestNothingActiveStandsBehindWhatEnded(t *testing.T) {
	for _, merge := range []int{16, 10_000} {
		dir := t.TempDir()
		s := open(t, dir, withLog(store.Options{MergeClaims: merge}))
		appendRecords(t, s, said{issuer: 1, kind: protocol.NotIssuedBy, name: "denial"}.assertion(t))
		endless(t, s, 2, 60)
		check := func(what string) {
			t.Helper()
			all := names(about(t, s, 0, store.ArtifactQuery{Limit: 1_000, PerHome: 1_000}))
			if len(all) != 61 || !slices.Equal(all[:3], []string{"chain 59", "denial", "chain 58"}) || all[60] != "chain 0" {
				t.Errorf("%s, merges of %d: %q", what, merge, all)
			}
			if few := names(about(t, s, 0, store.ArtifactQuery{Limit: 3, PerHome: 3})); !slices.Equal(few, []string{"chain 59", "denial", "chain 58"}) {
				t.Errorf("%s, merges of %d: %q", what, merge, few)
			}
		}
		check("as it was made")
		for _, lose := range []bool{false, true} {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if lose {
				if err := os.Remove(filepath.Join(dir, "index.db")); err != nil {
					t.Fatal(err)
				}
			}
			s = open(t, dir, withLog(store.Options{MergeClaims: merge}))
			check(fmt.Sprint("after a restart, the index lost: ", lose))
		}
	}
}

// An index of the version before does not know which assertions ended.
func TestAnIndexWithoutEndingsIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{MergeClaims: 16}))
	endless(t, s, 2, 20)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := bbolt.Open(filepath.Join(dir, "index.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = file.Update(func(tx *bbolt.Tx) error {
		terms := tx.Bucket([]byte("terms")) // as if by the version before: nothing of it may be kept
		for k, _ := terms.Cursor().First(); k != nil; k, _ = terms.Cursor().First() {
			if err := terms.Delete(k); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("version"), []byte{7: 3})
	})
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	if all := names(about(t, s, 0, store.ArtifactQuery{})); len(all) != 20 || all[0] != "chain 19" {
		t.Errorf("%q", all)
	}
}

// What is revoked before it comes has ended from the first, as what is revoked later has.
func TestARevocationMayComeFirst(t *testing.T) {
	for _, merge := range []int{16, 10_000} {
		dir := t.TempDir()
		s := open(t, dir, withLog(store.Options{MergeClaims: merge}))
		gone := said{issuer: 1, name: "gone"}.assertion(t)
		appendRecords(t, s, revoking(t, gone.ID(), issuerOf(home.Domain, 1), protocol.ActionRevoke, noon))
		appendRecords(t, s, revoking(t, said{issuer: 3, name: "stays"}.assertion(t).ID(), issuerOf(home.Domain, 4), protocol.ActionRevoke, noon)) // another's
		for i := range 40 {
			appendRecords(t, s, said{artifact: 1 + i}.assertion(t))
		}
		appendRecords(t, s, said{issuer: 3, name: "stays"}.assertion(t), gone)
		for range 2 {
			if got := names(about(t, s, 0, store.ArtifactQuery{})); !slices.Equal(got, []string{"stays", "gone"}) {
				t.Errorf("merges of %d: %q", merge, got)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, "index.db")); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, withLog(store.Options{MergeClaims: merge}))
		}
	}
}

func TestAnIssuerHasNoMoreRoomThanAnother(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{MergeClaims: 16}))
	appendRecords(t, s, said{issuer: 1, kind: protocol.NotIssuedBy, name: "denial"}.assertion(t))
	for i := range 10 {
		for _, kind := range protocol.AssertionTypes() {
			appendRecords(t, s, said{issuer: 10 + i, kind: kind, name: fmt.Sprint(i)}.assertion(t))
		}
	}
	got := names(about(t, s, 0, store.ArtifactQuery{Limit: 20, PerHome: 15}))
	counts := map[string]int{}
	for _, name := range got {
		counts[name]++
	}
	if len(got) != 15 || counts["denial"] != 1 || len(counts) != 11 {
		t.Errorf("%q", got)
	}
}

func TestASurveySeesAllThatIsActive(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{MergeClaims: 16}))
	appendRecords(t, s, said{issuer: 1, kind: protocol.NotIssuedBy}.assertion(t))
	endless(t, s, 2, 30)
	crowd(t, s, "large.example", 120)
	var seen []uint64
	add := func(a *store.AssertionState) { seen = append(seen, a.Seq) }
	truncated, err := s.VisitArtifact(t.Context(), artifactOf(0), store.ArtifactQuery{}, add)
	if err != nil || !truncated {
		t.Fatal(truncated, err)
	}
	whole := slices.Clone(seen)
	cursor := ""
	for {
		survey, err := s.SurveyArtifact(t.Context(), artifactOf(0), 0, cursor, seen)
		if err != nil {
			t.Fatal(err)
		}
		if a := survey.Active; a[protocol.NotIssuedBy].One == 0 || a[protocol.NotIssuedBy].More || !a[protocol.IssuedBy].More || !a[protocol.Intent].More || a[protocol.Dispute].One != 0 {
			t.Errorf("%+v", a)
		}
		if survey.Cursor == "" {
			break
		}
		cursor, seen = survey.Cursor, nil
		if _, err := s.VisitArtifact(t.Context(), artifactOf(0), store.ArtifactQuery{Cursor: cursor, Limit: 7}, add); err != nil || len(seen) == 0 || len(seen) > 7 {
			t.Fatal(len(seen), err)
		}
		whole = append(whole, seen...)
	}
	slices.Sort(whole)
	if got := len(slices.Compact(whole)); got != 151 {
		t.Errorf("%d are shown, want 151", got)
	}
	if _, err := s.VisitArtifact(t.Context(), artifactOf(1), store.ArtifactQuery{Cursor: cursor}, add); err == nil {
		t.Error("a cursor of another artifact is taken")
	}
}
