package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
)

// What the child asserts can be made again from a number: an assertion, and the pair that supersedes it.
func crashAssertion(i uint64) *protocol.Assertion {
	a, err := said{artifact: int(i), name: "before"}.make()
	if err != nil {
		panic(err)
	}
	return a
}

func crashSuccessor(i uint64) (*protocol.Revocation, *protocol.Assertion) {
	old := crashAssertion(i)
	payload := protocol.RevocationPayload{
		Action: protocol.ActionSupersede, AssertionID: old.ID(), IssuerID: old.Payload.IssuerID, Timestamp: old.Payload.Timestamp,
	}
	revocation, err := protocol.NewRevocation(payload.Encode(), old.KeyFingerprint, make([]byte, 64))
	if err != nil {
		panic(err)
	}
	next, err := said{artifact: int(i), name: "after", supersedes: old.ID()}.make()
	if err != nil {
		panic(err)
	}
	return revocation, next
}

// assertForever is a part of the child: it asserts, and supersedes every second time.
func assertForever(s *store.Store, start uint64) {
	ctx := context.Background()
	for i := start; ; i++ {
		appended, err := s.AppendRecords(ctx, []store.RecordToAppend{{Record: crashAssertion(i)}})
		if err != nil {
			panic(err)
		}
		fmt.Printf("asserted %d at %d\n", i, appended[0].Index)
		if i%2 == 0 {
			continue
		}
		revocation, next := crashSuccessor(i)
		if _, err := s.AppendRecords(ctx, []store.RecordToAppend{{Record: revocation}, {Record: next}}); err != nil {
			panic(err)
		}
		fmt.Printf("superseded %d\n", i)
	}
}

// assertionsSaid is what the child said of assertions: their places in the own log, and which of them are superseded.
type assertionsSaid struct {
	at         map[uint64]uint64
	superseded map[uint64]bool
}

func (a *assertionsSaid) scan(line string) {
	var i, at uint64
	if _, err := fmt.Sscanf(line, "asserted %d at %d", &i, &at); err == nil {
		a.at[i] = at
	} else if _, err := fmt.Sscanf(line, "superseded %d", &i); err == nil {
		a.superseded[i] = true
	}
}

// checkAssertionsAfterCrash sees that what was acknowledged is there, that pairs are whole or not there at all, and that the index leads to every assertion
// of the own log.
func checkAssertionsAfterCrash(t *testing.T, s *store.Store, a *assertionsSaid) {
	t.Helper()
	last := uint64(0)
	for i, at := range a.at {
		last = max(last, i)
		state, err := s.Assertion(t.Context(), crashAssertion(i).IDHash())
		if err != nil || a.superseded[i] && state.Revocation == nil {
			t.Fatalf("assertion %d, superseded %v: %+v, %v", i, a.superseded[i], state, err)
		}
		if receipt, err := s.LogReceipt(t.Context(), state.RecordHash); err != nil || receipt.Index != at {
			t.Fatalf("assertion %d was at %d: %+v, %v", i, at, receipt, err)
		}
		checkPair(t, s, i)
	}
	checkPair(t, s, last+1) // begun, maybe
	head, _ := s.Own()
	logged := 0
	for from := uint64(0); from < head.Size; from += store.MaxEntries {
		entries, err := s.Entries(t.Context(), home.String(), from, head.Size)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			logged += b2i(e.Kind == protocol.KindAssertion)
		}
	}
	found := 0
	for cursor := ""; ; {
		next, err := s.VisitIssuer(t.Context(), issuerOf(home.Domain, 0), store.MaxLimit, cursor, func(*store.AssertionState) { found++ })
		if err != nil {
			t.Fatal(err)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if found != logged {
		t.Fatalf("the log has %d assertions, the index %d", logged, found)
	}
}

// checkPair sees that an assertion is superseded wholly or not at all.
func checkPair(t *testing.T, s *store.Store, i uint64) {
	t.Helper()
	state, err := s.Assertion(t.Context(), crashAssertion(i).IDHash())
	if errors.Is(err, store.ErrNotFound) {
		return
	}
	_, next := crashSuccessor(i)
	successor, missing := s.Assertion(t.Context(), next.IDHash())
	whole := state.Revocation != nil && state.SupersededBy != nil && *state.SupersededBy == next.IDHash() && missing == nil && successor.Revocation == nil
	none := state.Revocation == nil && state.SupersededBy == nil && errors.Is(missing, store.ErrNotFound)
	if err != nil || !whole && !none {
		t.Fatalf("assertion %d: %+v, %v; its successor: %v", i, state, err, missing)
	}
}
