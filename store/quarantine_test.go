package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

func TestQuarantineIsKeptAndNotServed(t *testing.T) {
	dir, now := t.TempDir(), noon
	options := withLog(store.Options{Now: func() time.Time { return now }})
	s := open(t, dir, options)
	one, two := newOtherLog("one.example"), newOtherLog("two.example")
	records := claims(t, 0, 6)
	one.add(records...)
	two.add(records[0])
	for _, l := range []*otherLog{one, two} {
		l.mirror(t, s)
		l.settle(t, s, store.Quarantined)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, options)
	if _, err := s.Record(t.Context(), records[0].RecordHash()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a record in quarantine is served: %v", err)
	}
	if found := findAll(t, s, store.Query{Domain: "shop.example.com"}); len(found) != 0 {
		t.Errorf("Find gives what is in quarantine: %v", found)
	}
	hashes := [][32]byte{records[0].RecordHash(), {1}}
	if have, err := s.Have(t.Context(), hashes); err != nil || !slices.Equal(have, []store.HaveState{store.Quarantined, store.Unknown}) {
		t.Errorf("Have gives %v, %v", have, err)
	}
	if err := s.Bodies(t.Context(), hashes, func(i int, b store.Body) bool {
		if !b.Missing || b.Raw != nil {
			t.Errorf("body %d: %+v", i, b)
		}
		return true
	}); err != nil {
		t.Error(err)
	}
	if head, _ := s.Head(one.name()); head.Quarantined != 6 || head.Settled != 6 {
		t.Errorf("%+v", head)
	}
	if due, err := s.QuarantineDue(t.Context(), now, 100, 100); err != nil || len(due) != 0 {
		t.Errorf("due at once: %v, %v", due, err)
	}
	now = now.Add(time.Minute)
	due, err := s.QuarantineDue(t.Context(), now, 100, 100)
	if err != nil || len(due) != 6 {
		t.Fatalf("%d are due, %v", len(due), err)
	}
	wanted := due[0]
	if claim, err := protocol.ParseClaim(wanted.Raw); err != nil || claim.RecordHash() != wanted.Hash || !wanted.ClaimedAt.Equal(claim.Time()) ||
		wanted.Domain != claim.Host() || wanted.Fingerprint != claim.KeyFingerprint || wanted.Origin != one.name() || !wanted.Since.Equal(noon) {
		t.Errorf("%+v, %v", wanted, err)
	}
	by, err := s.QuarantinedBy(t.Context(), wanted.Domain, wanted.Fingerprint, [32]byte{}, 4)
	if err != nil || len(by) != 4 {
		t.Errorf("%d wait for the key, %v", len(by), err)
	}
	if by, err := s.QuarantinedBy(t.Context(), "other.example", wanted.Fingerprint, [32]byte{}, 4); err != nil || len(by) != 0 {
		t.Errorf("%d wait for another key, %v", len(by), err)
	}
	quarantineOutcomes(t, s, one, two, records, now)
	checkLog(t, s, one.origin)
}

// quarantineOutcomes lets each record out of quarantine in its own way.
func quarantineOutcomes(t *testing.T, s *store.Store, one, two *otherLog, records []protocol.Record, now time.Time) {
	t.Helper()
	quorum := store.Provenance{Quorum: []string{"a.example", "b.example"}}
	for name, err := range map[string]error{
		"release":  s.Release(t.Context(), records[0].RecordHash(), "", quorum),
		"reject":   s.Reject(t.Context(), records[1].RecordHash(), protocol.KeyNotFound, "no such key"),
		"postpone": s.Postpone(t.Context(), records[2].RecordHash(), now.Add(time.Hour), ""),
		"erase":    s.EraseMirrored(t.Context(), records[3].RecordHash(), "by law"),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	mine := mustAppend(t, s, records[4].(*protocol.Claim))[0] // a client brings it, and its key is found
	if mine.Duplicate || len(mine.Record.Places) != 1 {
		t.Errorf("%+v", mine)
	}
	record, err := s.Record(t.Context(), records[0].RecordHash())
	if err != nil || len(record.Places) != 2 || record.Places[0].Origin != one.name() || record.Places[1].Origin != two.name() ||
		!slices.Equal(record.Provenance.Quorum, quorum.Quorum) || !bytes.Equal(record.Raw, records[0].Raw()) {
		t.Errorf("released: %+v, %v", record, err)
	}
	if record, err := s.Record(t.Context(), records[4].RecordHash()); err != nil || len(record.Places) != 2 || !record.Own {
		t.Errorf("what a client brought: %+v, %v", record, err)
	}
	for _, i := range []int{0, 1, 3, 4} {
		if err := s.Release(t.Context(), records[i].RecordHash(), "", quorum); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d is still in quarantine: %v", i, err)
		}
	}
	due, err := s.QuarantineDue(t.Context(), now, 100, 100)
	if err != nil || len(due) != 1 || due[0].Hash != records[5].RecordHash() {
		t.Errorf("due: %+v, %v", due, err)
	}
	if due, err := s.QuarantineDue(t.Context(), now.Add(2*time.Hour), 100, 100); err != nil || len(due) != 2 || due[1].Attempts != 1 {
		t.Errorf("due later: %+v, %v", due, err)
	}
	if head, _ := s.Head(one.name()); head.Quarantined != 2 || head.Refused != 1 {
		t.Errorf("%+v", head)
	}
}

func TestMissingBodiesAreAskedForUntilTheyAreGivenUp(t *testing.T) {
	dir, now := t.TempDir(), noon
	options := withLog(store.Options{Now: func() time.Time { return now }})
	s := open(t, dir, options)
	other := newOtherLog("other.example")
	other.add(claims(t, 0, 4)...)
	other.mirror(t, s)
	other.settle(t, s, store.Missing)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, options)
	now = now.Add(time.Minute)
	due, err := s.MissingDue(t.Context(), now, 100, 100)
	if err != nil || len(due) != 4 || due[1].Index != 1 || due[1].Hash != other.records[1].RecordHash() || due[1].Kind != protocol.KindClaim {
		t.Fatalf("%+v, %v", due, err)
	}
	resolve := func(index uint64, o store.Outcome) error {
		return s.ResolveMissing(t.Context(), other.name(), index, o, now.Add(time.Second))
	}
	if err := resolve(0, store.Outcome{State: store.Held}); !errors.Is(err, store.ErrNotHeld) {
		t.Errorf("held, and nowhere: %v", err)
	}
	if err := resolve(0, store.Outcome{State: store.Held, Record: other.records[0]}); err != nil {
		t.Error(err)
	}
	if err := resolve(1, store.Outcome{State: store.Quarantined, Record: other.records[1]}); err != nil {
		t.Error(err)
	}
	if err := resolve(2, store.Outcome{State: store.Refused}); err != nil {
		t.Error(err)
	}
	if err := resolve(2, store.Outcome{State: store.Refused}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what is not missing: %v", err)
	}
	tries := 0
	for {
		now = now.Add(time.Hour)
		due, err := s.MissingDue(t.Context(), now, 100, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			break
		}
		if due[0].Index != 3 || due[0].Attempts != tries {
			t.Fatalf("after %d tries: %+v", tries, due)
		}
		tries++
		if err := resolve(3, store.Outcome{State: store.Missing}); err != nil {
			t.Fatal(err)
		}
	}
	head, _ := s.Head(other.name())
	if tries != store.MissingAttempts || head.Missing != 0 || head.GivenUp != 1 || head.Refused != 1 || head.Quarantined != 1 {
		t.Errorf("%d tries, %+v", tries, head)
	}
	record, err := s.Record(t.Context(), other.records[0].RecordHash())
	if err != nil || record.Places[0].Index != 0 {
		t.Errorf("%+v, %v", record, err)
	}
}

// TestNobodysWaitingHidesAnothers: of one log's waiting bodies a share is given, so that another's come in the same answer, and all come page by page.
func TestNobodysWaitingHidesAnothers(t *testing.T) {
	now := noon
	s := open(t, t.TempDir(), withLog(store.Options{Now: func() time.Time { return now }}))
	for _, state := range []store.SettleState{store.Quarantined, store.Missing} {
		many, few := newOtherLog(fmt.Sprintf("many%d.example", state)), newOtherLog(fmt.Sprintf("few%d.example", state))
		many.add(claims(t, 1_000*uint64(state), 1_000*uint64(state)+50)...)
		few.add(claims(t, 1_000*uint64(state)+50, 1_000*uint64(state)+52)...)
		for _, l := range []*otherLog{many, few} {
			l.mirror(t, s)
			l.settle(t, s, state)
			now = now.Add(time.Second)
		}
	}
	now = now.Add(time.Minute)
	quarantined, err := s.QuarantineDue(t.Context(), now, 20, 8)
	if err != nil {
		t.Fatal(err)
	}
	missing, err := s.MissingDue(t.Context(), now, 20, 8)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, r := range quarantined {
		got[r.Origin]++
	}
	for _, r := range missing {
		got[r.Origin]++
	}
	for _, state := range []store.SettleState{store.Quarantined, store.Missing} {
		if many, few := got[fmt.Sprintf("many%d.example/mir-dev", state)], got[fmt.Sprintf("few%d.example/mir-dev", state)]; many != 8 || few != 2 {
			t.Errorf("state %d: %d of the one, %d of the other", state, many, few)
		}
	}
	seen := make(map[[32]byte]bool)
	for after := ([32]byte{}); ; {
		page, err := s.QuarantinedBy(t.Context(), quarantined[0].Domain, quarantined[0].Fingerprint, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			if seen[r.Hash] {
				t.Fatal("a body comes twice")
			}
			seen[r.Hash] = true
			after = r.Hash
		}
		if len(page) < 7 {
			break
		}
	}
	if len(seen) != 52 {
		t.Errorf("%d of 52 that wait for the key", len(seen))
	}
}
