package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// crowd makes a mirror whose home says n things about artifact 0, each by another issuer.
func crowd(t testing.TB, s *store.Store, domain string, n int) *otherLog {
	t.Helper()
	l := newOtherLog(domain)
	for i := range n {
		l.add(said{home: domain, issuer: i, kind: []protocol.AssertionType{protocol.IssuedBy, protocol.Intent}[i%2], name: domain}.assertion(t))
	}
	l.mirror(t, s)
	l.settle(t, s, store.Held)
	return l
}

func TestOneHomeDoesNotBuryTheOthers(t *testing.T) {
	for _, merge := range []int{16, 10_000} { // out of index.db, and out of memory
		s := open(t, t.TempDir(), withLog(store.Options{MergeClaims: merge}))
		crowd(t, s, "small.example", 3)
		crowd(t, s, "large.example", 120)
		appendRecords(t, s, said{name: "own"}.assertion(t))
		for name, test := range map[string]struct {
			query             store.ArtifactQuery
			own, small, large int
			truncated         bool
		}{
			"the defaults":    {store.ArtifactQuery{}, 1, 3, 50, true},
			"a small share":   {store.ArtifactQuery{PerHome: 2}, 1, 2, 2, true},
			"all":             {store.ArtifactQuery{Limit: 1_000, PerHome: 1_000}, 1, 3, 120, false},
			"a limit":         {store.ArtifactQuery{Limit: 60, PerHome: 55}, 1, 3, 55, true},
			"a lower limit":   {store.ArtifactQuery{Limit: 10, PerHome: 9}, 1, 3, 6, true},
			"the lowest":      {store.ArtifactQuery{Limit: 2, PerHome: 2}, 1, 0, 1, true},
			"an issuer":       {store.ArtifactQuery{Issuer: issuerOf("large.example", 7)}, 0, 0, 1, false},
			"bounded work":    {store.ArtifactQuery{Scan: 5}, 1, 0, 4, true},
			"one home":        {store.ArtifactQuery{Home: "small.example"}, 0, 3, 0, false},
			"a type":          {store.ArtifactQuery{Type: protocol.Intent, PerHome: 100}, 0, 1, 60, false},
			"home and type":   {store.ArtifactQuery{Home: "large.example", Type: protocol.Intent, PerHome: 10}, 0, 0, 10, true},
			"an unknown home": {store.ArtifactQuery{Home: "nobody.example"}, 0, 0, 0, false},
		} {
			counts := map[string]int{}
			var before time.Time
			truncated, err := s.VisitArtifact(t.Context(), artifactOf(0), test.query, func(a *store.AssertionState) {
				counts[strings.TrimSuffix(strings.TrimPrefix(string(a.Metadata), `{"displayName":"`), `"}`)]++
				if !before.IsZero() && a.HomeIngestedAt.After(before) {
					t.Errorf("%s: %s follows %s", name, a.HomeIngestedAt, before)
				}
				before = a.HomeIngestedAt
			})
			if err != nil || truncated != test.truncated || counts["own"] != test.own || counts["small.example"] != test.small || counts["large.example"] != test.large {
				t.Errorf("merges of %d, %s: %v, %v, %v", merge, name, counts, truncated, err)
			}
		}
		for home, want := range map[string]int{"large.example": 100, "small.example": 3, home.Domain: 1, "nobody.example": 0} {
			if n, err := s.CountArtifact(t.Context(), artifactOf(0), home, 100); n != want || err != nil {
				t.Errorf("%s: %d, %v", home, n, err)
			}
		}
	}
}

func TestManyArtifactsAreReadAtOnce(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{MergeClaims: 16}))
	for i := range 50 {
		appendRecords(t, s, said{artifact: i, name: fmt.Sprint(i)}.assertion(t), said{artifact: i, issuer: 1, name: fmt.Sprint(i)}.assertion(t))
	}
	wanted := []int{7, 99, 7, 0, 49, 23}
	artifacts := make([][32]byte, len(wanted))
	for i, n := range wanted {
		artifacts[i] = artifactOf(n)
	}
	got, open := map[int][]string{}, -1
	err := s.VisitArtifacts(t.Context(), artifacts, store.ArtifactQuery{Limit: 1},
		func(i int) { open, got[i] = i, nil },
		func(a *store.AssertionState) { got[open] = append(got[open], string(a.Metadata)) },
		func(i int, truncated bool) {
			if i != open || truncated != (wanted[i] < 50) {
				t.Errorf("%d ends with %v, %d is open", i, truncated, open)
			}
		})
	if err != nil || len(got) != len(wanted) {
		t.Fatalf("%v, %v", got, err)
	}
	for i, n := range wanted {
		if want := []string{fmt.Sprintf(`{"displayName":"%d"}`, n)}; n < 50 && !slices.Equal(got[i], want) || n >= 50 && len(got[i]) != 0 {
			t.Errorf("%d: %v, want %v", i, got[i], want)
		}
	}
	none := func(int) {}
	err = s.VisitArtifacts(t.Context(), make([][32]byte, store.MaxArtifacts+1), store.ArtifactQuery{}, none, nil, func(int, bool) {})
	if !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
	for _, q := range []store.ArtifactQuery{{Limit: -1}, {Limit: store.MaxLimit + 1}, {PerHome: -1}, {Scan: -1}} {
		if _, err := s.VisitArtifact(t.Context(), [32]byte{}, q, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.VisitArtifact(gone, artifactOf(0), store.ArtifactQuery{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A visitor's panic is the visitor's, and the reader is good afterwards.
func TestAVisitorsPanicIsNoDamage(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	appendRecords(t, s, said{}.assertion(t))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_, _ = s.VisitArtifact(t.Context(), artifactOf(0), store.ArtifactQuery{}, func(*store.AssertionState) { panic("mine") })
	}()
	if lines := about(t, s, 0, store.ArtifactQuery{}); len(lines) != 1 || s.Ready() != nil {
		t.Error(lines, s.Ready())
	}
}

func TestAnIssuersAssertionsComeInPages(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{MergeClaims: 16}))
	issuer := issuerOf(home.Domain, 0)
	for i := range 40 {
		appendRecords(t, s, said{artifact: i, name: fmt.Sprint(i)}.assertion(t), said{artifact: i, issuer: 1}.assertion(t))
	}
	pages := func(s *store.Store, limit int) (names []string) {
		t.Helper()
		for cursor := ""; ; {
			n := 0
			next, err := s.VisitIssuer(t.Context(), issuer, limit, cursor, func(a *store.AssertionState) {
				n++
				names = append(names, string(a.Metadata))
			})
			if err != nil || n > limit {
				t.Fatalf("%d are told, %v", n, err)
			}
			if cursor = next; cursor == "" {
				return names
			}
		}
	}
	all := pages(s, 1_000)
	if len(all) != 40 || all[0] != `{"displayName":"39"}` || !slices.Equal(pages(s, 7), all) || !slices.Equal(pages(s, 40), all) {
		t.Errorf("%v", all)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	if !slices.Equal(pages(s, 3), all) {
		t.Error("others after a restart")
	}
	for _, try := range []struct {
		issuer, cursor string
		limit          int
	}{{issuer, "x", 1}, {issuer, "", -1}, {issuer, "", store.MaxLimit + 1}, {strings.Repeat("x", 100), "", 1}} {
		if _, err := s.VisitIssuer(t.Context(), try.issuer, try.limit, try.cursor, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", try, err)
		}
	}
}

func TestTheIssuerRecordWithTheHighestSequenceCounts(t *testing.T) {
	dir := t.TempDir()
	var learned []string
	options := withLog(store.Options{MergeClaims: 16, Learned: func(r protocol.Record) {
		learned = append(learned, fmt.Sprint(r.(*protocol.Issuer).Home, " ", r.(*protocol.Issuer).Sequence))
	}})
	s := open(t, dir, options)
	other := newOtherLog("other.example")
	other.add(issuerRecord(t, "other.example", 0, 1), said{home: "other.example"}.assertion(t), issuerRecord(t, "other.example", 0, 3), issuerRecord(t, "other.example", 0, 2))
	other.mirror(t, s)
	other.settle(t, s, store.Held)
	own := issuerRecord(t, home.Domain, 0, 1)
	appendRecords(t, s, own)
	if _, err := s.AppendStatement(t.Context(), issuerRecord(t, home.Domain, 0, 1<<52)); err != nil {
		t.Fatal(err)
	}
	appendRecords(t, s, own) // nothing new
	if want := []string{"other.example 1", "other.example 3", "other.example 2", "home.example 1", "home.example 4503599627370496"}; !slices.Equal(learned, want) {
		t.Errorf("%q was learned, want %q", learned, want)
	}
	check := func(s *store.Store) {
		t.Helper()
		for domain, want := range map[string]uint64{"other.example": 3, home.Domain: 1 << 52} {
			issuer, record, err := s.Issuer(t.Context(), issuerOf(domain, 0))
			if err != nil || issuer.Sequence != want || issuer.Home != domain || !bytes.Equal(record.Raw, issuer.Raw()) || len(record.Places) != 1 ||
				record.Own != (domain == home.Domain) {
				t.Errorf("%+v, %+v, %v", issuer, record, err)
			}
		}
		for _, id := range []string{issuerOf("nobody.example", 0), "", strings.Repeat("x", 1_000)} {
			if _, _, err := s.Issuer(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, options))
}

func TestALogProvesWhatItHas(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	other := newOtherLog("other.example")
	foreign, own, both := said{home: "other.example"}.assertion(t), said{}.assertion(t), made{id: 1}.claim(t)
	other.add(foreign, both)
	other.mirror(t, s)
	other.settle(t, s, store.Held)
	appendRecords(t, s, own)
	mustAppend(t, s, both)
	for name, test := range map[string]struct {
		record protocol.Record
		origin protocol.Origin
		index  uint64
	}{"a mirror's": {foreign, other.origin, 0}, "our own": {own, home, 0}, "in both": {both, home, 1}} {
		receipt, err := s.LogReceipt(t.Context(), test.record.RecordHash())
		if err != nil || receipt.Index != test.index {
			t.Errorf("%s: %+v, %v", name, receipt, err)
			continue
		}
		entry, _, err := receipt.Verify(mustVerifier(test.origin))
		if err != nil || entry.Record != test.record.RecordHash() {
			t.Errorf("%s: %+v, %v", name, entry, err)
		}
	}
	// An entry that no signed head covers yet cannot be proved.
	late := said{home: "other.example", artifact: 1}.assertion(t)
	other.add(late)
	part := translog.Frontier{}
	for _, e := range other.entries {
		part.Append(translog.LeafHash(e.Canonical()))
	}
	if err := s.AppendEntries(t.Context(), other.name(), 2, other.entries[2:], part.Root(), nil); err != nil {
		t.Fatal(err)
	}
	other.settle(t, s, store.Held)
	for _, hash := range [][32]byte{late.RecordHash(), {1}} {
		if receipt, err := s.LogReceipt(t.Context(), hash); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v, %v", receipt, err)
		}
	}
	if _, err := s.LogReceipt(t.Context(), foreign.RecordHash()); err != nil {
		t.Errorf("what the last signed head covers: %v", err)
	}
}

func TestNotesAreThisNodesOwn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{}))
	id := said{}.assertion(t).IDHash()
	must := func(want string) {
		t.Helper()
		if note, err := s.Note(t.Context(), id); note != want || err != nil {
			t.Errorf("%q, %v, want %q", note, err, want)
		}
	}
	must("")
	for _, note := range []string{"first", "second", "", "third", strings.Repeat("x", store.MaxNoteBytes)} {
		if err := s.PutNote(t.Context(), id, note); err != nil {
			t.Fatal(err)
		}
		must(note)
	}
	if err := s.PutNote(t.Context(), id, strings.Repeat("x", store.MaxNoteBytes+1)); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
	appendRecords(t, s, said{}.assertion(t))
	if head, _ := s.Own(); head.Size != 1 || s.Stats().LastSeq != 1 {
		t.Errorf("a note is in the log: %+v", head)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	must(strings.Repeat("x", store.MaxNoteBytes))
}

func TestAppendedRecordsAreAllOrNone(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	gone := made{id: 1}.claim(t)
	mustAppend(t, s, gone)
	if err := s.EraseClaim(t.Context(), gone.SigHash(), "because", nil); err != nil {
		t.Fatal(err)
	}
	var erased *store.ErasedError
	batch := []store.RecordToAppend{{Record: said{}.assertion(t)}, {Record: gone}}
	if _, err := s.AppendRecords(t.Context(), batch); !errors.As(err, &erased) {
		t.Error(err)
	}
	if head, _ := s.Own(); head.Size != 1 {
		t.Errorf("%+v", head)
	}
	if _, err := s.Assertion(t.Context(), said{}.assertion(t).IDHash()); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	again := appendRecords(t, s, said{}.assertion(t), said{}.assertion(t), said{sig: 5}.assertion(t))
	if again[0].Duplicate || !again[1].Duplicate || !again[2].Duplicate || again[2].Index != again[0].Index || again[2].Receipt == nil {
		t.Errorf("%+v", again)
	}
}
