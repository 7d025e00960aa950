package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// TestTheFirstOfALogDisplacesWhatCameFirst: of an assertion, its revocation and its metadata each has a second one, which the log names later and whose body came
// sooner. When the first comes, nothing finds the second any more, in memory or on disk, after a restart, and out of an index made anew.
func TestTheFirstOfALogDisplacesWhatCameFirst(t *testing.T) {
	const domain = "other.example"
	by := issuerOf(domain, 0)
	name := func(s string) protocol.AssertionMetadata { return protocol.AssertionMetadata{DisplayName: s} }
	first, second := said{home: domain, name: "first"}.assertion(t), said{home: domain, name: "second", sig: 1}.assertion(t)
	ends, ended := revoking(t, first.ID(), by, protocol.ActionRevoke, noon), revoking(t, first.ID(), by, protocol.ActionSupersede, noon)
	edits, edited := editing(t, first, domain, by, 1, name("an edit")), editing(t, first, domain, by, 1, name("another edit"))
	for _, merge := range []int{16, 10_000} {
		dir, options := t.TempDir(), withLog(store.Options{MergeClaims: merge})
		s := open(t, dir, options)
		log := newOtherLog(domain)
		log.add(issuerRecord(t, domain, 0, 1), first, ends, edits, second, ended, edited)
		for i := range 40 { // what is merged before
			log.add(said{home: domain, artifact: 1 + i}.assertion(t))
		}
		log.mirror(t, s)
		outcomes := log.outcomes(0, 47, store.Held)
		for i := 1; i <= 3; i++ {
			outcomes[i].State, outcomes[i].Record = store.Missing, nil
		}
		if err := s.Settle(t.Context(), log.name(), 0, outcomes); err != nil {
			t.Fatal(err)
		}
		if state, err := s.Assertion(t.Context(), first.IDHash()); err != nil || state.Revocation == nil || state.RecordHash != second.RecordHash() {
			t.Fatalf("%+v, %v", state, err)
		}
		for i, out := range []protocol.Record{second, ended, edited} {
			o := store.Outcome{State: store.Held, Record: log.records[1+i], Displaces: [][32]byte{out.RecordHash()}}
			if err := s.ResolveMissing(t.Context(), log.name(), uint64(1+i), o, noon); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string) {
			t.Helper()
			state, err := s.Assertion(t.Context(), first.IDHash())
			if err != nil || string(state.Raw) != string(first.Raw()) || len(state.Places) != 1 || state.Places[0].Index != 1 {
				t.Fatalf("%s: %+v, %v", when, state, err)
			}
			if r := state.Revocation; r == nil || r.RecordHash != ends.RecordHash() || state.MetadataRecord != edits.RecordHash() {
				t.Errorf("%s: it ends by %+v, and is edited by %x", when, r, state.MetadataRecord)
			}
			for _, gone := range []protocol.Record{second, ended, edited} {
				if _, err := s.Record(t.Context(), gone.RecordHash()); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s: the second %s is there: %v", when, gone.Kind(), err)
				}
			}
			seen := 0
			_, err = s.VisitArtifact(t.Context(), artifactOf(0), store.ArtifactQuery{}, func(*store.AssertionState) { seen++ })
			count, fault := s.CountArtifact(t.Context(), artifactOf(0), domain, 9)
			if seen != 1 || count != 1 || err != nil || fault != nil {
				t.Errorf("%s: %d are shown and %d counted (%v, %v)", when, seen, count, err, fault)
			}
			if head, _ := s.Head(log.name()); head.Refused != 3 || head.Missing != 0 || s.Stats().Erased != 0 {
				t.Errorf("%s: %+v", when, head)
			}
		}
		check("at once")
		for _, forget := range []bool{false, true} {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if forget {
				if err := os.Remove(filepath.Join(dir, "index.db")); err != nil {
					t.Fatal(err)
				}
			}
			s = open(t, dir, options)
			check("after a restart")
		}
	}
}

// TestIssuersAreKnownAsTheyWere at each place of their home's log.
func TestIssuersAreKnownAsTheyWere(t *testing.T) {
	const domain = "other.example"
	s := open(t, t.TempDir(), withLog(store.Options{}))
	log := newOtherLog(domain)
	at := map[int]uint64{0: 1, 2: 2, 3: 9, 7: 1 << 40} // sequences by place
	for i := range 9 {
		if n, ok := at[i]; ok {
			log.add(issuerRecord(t, domain, 0, n))
		} else {
			log.add(said{home: domain, artifact: i}.assertion(t))
		}
	}
	log.mirror(t, s)
	log.settle(t, s, store.Held)
	want := uint64(0)
	for i := range 10 {
		got, err := s.IssuerBefore(t.Context(), issuerOf(domain, 0), store.Place{Origin: log.name(), Index: uint64(i), IngestedAt: time.Now()})
		if want == 0 && !errors.Is(err, store.ErrNotFound) || want != 0 && (err != nil || got.Sequence != want) {
			t.Errorf("before entry %d: %+v, %v", i, got, err)
		}
		if n, ok := at[i]; ok {
			want = n
		}
	}
}
