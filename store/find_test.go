package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/store"
)

var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

func ids(records []store.Record) (seqs []uint64) {
	for _, r := range records {
		seqs = append(seqs, r.Seq)
	}
	return seqs
}

func TestFindFiltersAndOrders(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	mustAppend(t, s,
		made{id: 1, subject: 1, domain: "a.example", typ: "mir.account.created", at: noon}.claim(t),
		made{id: 2, subject: 1, domain: "A.Example", typ: "mir.account.closed", at: noon.Add(time.Second)}.claim(t),
		made{id: 3, subject: 1, domain: "b.example", typ: "mir.account.created", at: noon.Add(time.Nanosecond)}.claim(t),
		made{id: 4, subject: 2, domain: "a.example", typ: "mir.account.created", at: noon.Add(-time.Hour)}.claim(t),
		made{id: 5, subject: 1, domain: "a.example", typ: "mir.account.created", at: noon}.claim(t),
		made{id: 6, subject: 3, domain: "c.example", typ: "c.example:x.y", at: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)}.claim(t),
		made{id: 7, subject: 3, domain: "c.example", typ: "c.example:x.y", at: time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC)}.claim(t),
	)
	for _, c := range []struct {
		query store.Query
		want  []uint64
	}{
		{store.Query{Subject: subject(1)}, []uint64{2, 3, 5, 1}},
		{store.Query{Subject: subject(2)}, []uint64{4}},
		{store.Query{Subject: subject(9)}, nil},
		{store.Query{Subject: strings.ToUpper(subject(10))}, nil},
		{store.Query{Domain: "a.EXAMPLE"}, []uint64{2, 5, 1, 4}},
		{store.Query{Domain: "a.example", Type: "mir.account.created"}, []uint64{5, 1, 4}},
		{store.Query{Domain: "a.example", Type: "mir.account.Created"}, nil},
		{store.Query{Subject: subject(1), Domain: "a.example"}, []uint64{2, 5, 1}},
		{store.Query{Subject: subject(1), Type: "mir.account.created"}, []uint64{3, 5, 1}},
		{store.Query{Subject: subject(1), Domain: "b.example", Type: "mir.account.created"}, []uint64{3}},
		{store.Query{Subject: subject(1), Domain: "b.example", Type: "mir.account.closed"}, nil},
		{store.Query{Subject: subject(1), After: noon}, []uint64{2, 3}},
		{store.Query{Subject: subject(1), Before: noon.Add(time.Nanosecond)}, []uint64{5, 1}},
		{store.Query{Subject: subject(1), After: noon, Before: noon.Add(time.Second)}, []uint64{3}},
		{store.Query{Domain: "a.example", After: noon.Add(-time.Hour), Before: noon.Add(time.Hour), Type: "mir.account.created"}, []uint64{5, 1}},
		{store.Query{Domain: "a.example", After: noon, Before: noon}, nil},
		{store.Query{Domain: "a.example", After: noon.Add(time.Hour), Before: noon}, nil},
		{store.Query{Domain: "c.example"}, []uint64{7, 6}},
		{store.Query{Domain: "c.example", After: time.Date(-50_000, 1, 1, 0, 0, 0, 0, time.UTC)}, []uint64{7, 6}},
		{store.Query{Domain: "c.example", Before: time.Date(500_000, 1, 1, 0, 0, 0, 0, time.UTC)}, []uint64{7, 6}},
	} {
		for _, limit := range []int{0, 1, 2} {
			c.query.Limit = limit
			if got := ids(findAll(t, s, c.query)); !slices.Equal(got, c.want) {
				t.Errorf("%+v gives %v, want %v", c.query, got, c.want)
			}
		}
	}
}

// Large claims make short pages, which together have all that is asked for.
func TestPagesEndAtTheirBytes(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	size := 0
	for i := range 10 {
		c := made{id: uint64(i), domain: "a.example", at: noon.Add(time.Duration(i) * time.Second)}.claim(t)
		size = len(c.Raw())
		mustAppend(t, s, c)
	}
	for _, c := range []struct{ bytes, perPage int }{{0, 10}, {1, 1}, {2*size + 1, 3}, {100 * size, 10}} {
		page, err := s.Find(t.Context(), store.Query{Domain: "a.example", Bytes: c.bytes})
		if err != nil || len(page.Records) != c.perPage || (page.Cursor == "") != (c.perPage == 10) {
			t.Errorf("%d bytes: %d claims, cursor %q, %v", c.bytes, len(page.Records), page.Cursor, err)
		}
		if rest := findAll(t, s, store.Query{Domain: "a.example", Bytes: c.bytes}); len(rest) != 10 {
			t.Errorf("%d bytes: all pages have %d claims", c.bytes, len(rest))
		}
	}
}

func TestUnfitQueriesAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	for name, q := range map[string]store.Query{
		"nothing":         {},
		"only a type":     {Type: "mir.account.created"},
		"short subject":   {Subject: "ab"},
		"subject not hex": {Subject: strings.Repeat("g", 64)},
		"no domain":       {Domain: "not a domain"},
		"long type":       {Domain: "a.example", Type: strings.Repeat("x", 513)},
		"limit":           {Domain: "a.example", Limit: store.MaxLimit + 1},
		"negative limit":  {Domain: "a.example", Limit: -1},
		"negative bytes":  {Domain: "a.example", Bytes: -1},
		"cursor":          {Domain: "a.example", Cursor: "x"},
	} {
		if _, err := s.Find(t.Context(), q); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCursorsStayGoodAndBelongToTheirQuery(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Options{MergeClaims: 16})
	for i := range 60 {
		mustAppend(t, s, made{id: uint64(i), domain: "a.example", at: noon.Add(time.Duration(i) * time.Second)}.claim(t))
	}
	query := store.Query{Domain: "a.example", Limit: 7}
	page, err := s.Find(t.Context(), query)
	if err != nil || len(page.Records) != 7 || page.Cursor == "" {
		t.Fatalf("the first page: %+v, %v", page, err)
	}
	for i := range 60 { // newer ones come before the cursor, older ones after it
		mustAppend(t, s, made{id: uint64(1_000 + i), domain: "a.example", at: noon.Add(time.Duration(i) * time.Hour)}.claim(t))
	}
	mustAppend(t, s, made{id: 5_000, domain: "a.example", at: noon.Add(-time.Hour)}.claim(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, store.Options{MergeClaims: 16})
	query.Cursor, query.Limit = page.Cursor, 11
	if rest := findAll(t, s, query); len(rest) != 60-7+1+1 || rest[0].Seq != 53 || rest[len(rest)-1].ClaimedAt != noon.Add(-time.Hour) {
		t.Errorf("the rest has %d records, first %d", len(rest), rest[0].Seq)
	}
	for name, q := range map[string]store.Query{
		"another domain": {Domain: "b.example"},
		"a type more":    {Domain: "a.example", Type: "mir.account.created"},
		"a bound more":   {Domain: "a.example", After: noon},
		"a subject":      {Domain: "a.example", Subject: subject(0)},
	} {
		q.Cursor = page.Cursor
		if _, err := s.Find(t.Context(), q); !errors.Is(err, store.ErrCursor) || !strings.Contains(err.Error(), "another query") {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := open(t, t.TempDir(), store.Options{})
	if _, err := other.Find(t.Context(), query); !errors.Is(err, store.ErrCursor) {
		t.Errorf("another store takes the cursor: %v", err)
	}
}

func TestACallDoesBoundedWork(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{ScanKeys: 10})
	for i := range 95 {
		mustAppend(t, s, made{id: uint64(i), domain: "a.example", typ: "mir.account.created"}.claim(t))
	}
	mustAppend(t, s, made{id: 200, domain: "b.example", at: noon.AddDate(-1, 0, 0)}.claim(t))
	query := store.Query{Subject: subject(0), Domain: "b.example"}
	page, err := s.Find(t.Context(), query)
	if err != nil || len(page.Records) != 0 || page.Cursor == "" {
		t.Errorf("the first call gives %+v, %v; want no record and a cursor", page, err)
	}
	if got := findAll(t, s, query); len(got) != 1 || got[0].Seq != 96 {
		t.Errorf("all calls give %v", ids(got))
	}
}

func TestAPanicOfTheVisitorIsNotTakenForDamage(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	mustAppend(t, s, made{id: 1, domain: "a.example"}.claim(t))
	func() {
		defer func() {
			if reason := recover(); !strings.Contains(fmt.Sprint(reason), "mine") {
				t.Errorf("recovered %v", reason)
			}
		}()
		_, err := s.Visit(t.Context(), store.Query{Domain: "a.example"}, func(*store.Record) { panic("mine") })
		t.Errorf("Visit returned %v", err)
	}()
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	mustAppend(t, s, made{id: 2, domain: "a.example"}.claim(t))
	if got := findAll(t, s, store.Query{Domain: "a.example"}); len(got) != 2 {
		t.Errorf("found %v", ids(got))
	}
}

func FuzzCursor(f *testing.F) {
	s, err := store.Open(f.TempDir(), store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	for i := range 3 {
		mustAppend(f, s, made{id: uint64(i)}.claim(f))
	}
	query := store.Query{Domain: "shop.example.com", Limit: 1}
	page, err := s.Find(f.Context(), query)
	if err != nil {
		f.Fatal(err)
	}
	genuine := page.Cursor
	f.Add(genuine)
	f.Add(strings.Repeat("A", len(genuine)))
	f.Add(fmt.Sprintf("%.*s=", len(genuine)-1, genuine))
	f.Fuzz(func(t *testing.T, cursor string) {
		q := query
		q.Cursor = cursor
		page, err := s.Find(t.Context(), q)
		switch {
		case cursor == genuine || cursor == "":
			if err != nil || len(page.Records) != 1 {
				t.Errorf("%q: %+v, %v", cursor, page, err)
			}
		case !errors.Is(err, store.ErrCursor) && page.Cursor != cursor:
			t.Errorf("%q was taken: %+v, %v", cursor, page, err)
		}
	})
}
