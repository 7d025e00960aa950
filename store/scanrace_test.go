package store_test

import (
	"errors"
	"testing"
	"time"

	"mirnode/store"
)

// A page that is read while claims arrive does not take those for damage which came after its view of the log began.
func TestPagesWhileClaimsArrive(t *testing.T) {
	const batches, batch = 150, 20
	s := open(t, t.TempDir(), store.Options{})
	arrived := make(chan error, 1)
	// Each claim is older than all before it: it stands at the end of the page, which is read last.
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	next := uint64(0)
	older := func() []store.ClaimToAppend {
		claims := make([]store.ClaimToAppend, batch)
		for i := range claims {
			next++
			claims[i].Claim = made{id: next, subject: 1, at: at.Add(-time.Duration(next) * time.Second)}.claim(t)
		}
		return claims
	}
	if _, err := s.AppendClaims(t.Context(), older()); err != nil {
		t.Fatal(err)
	}
	go func() {
		var failed error
		for range batches {
			_, err := s.AppendClaims(t.Context(), older())
			failed = errors.Join(failed, err)
		}
		arrived <- failed
	}()
	for {
		records := 0
		_, err := s.Visit(t.Context(), store.Query{Subject: subject(1), Limit: store.MaxLimit}, func(*store.Record) { records++ })
		if err != nil || records == 0 {
			t.Fatalf("%d records, %v", records, err)
		}
		select {
		case err := <-arrived:
			if err != nil {
				t.Fatal(err)
			}
			if found := len(findAll(t, s, store.Query{Subject: subject(1), Limit: store.MaxLimit})); found != (batches+1)*batch {
				t.Errorf("found %d of %d claims", found, (batches+1)*batch)
			}
			return
		default:
		}
	}
}
