package store_test

import (
	"errors"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// waitingFor gives the record hashes that QuarantinedBy finds.
func waitingFor(t *testing.T, s *store.Store, what string) (hashes [][32]byte) {
	t.Helper()
	found, err := s.QuarantinedBy(t.Context(), what, "", [32]byte{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range found {
		hashes = append(hashes, q.Hash)
	}
	return hashes
}

func TestWhatAnIssuerSignedWaitsForWhatItDependsOn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{}))
	const domain = "other.example"
	issuer, later := issuerRecord(t, domain, 0, 1), time.Now().Add(time.Hour)
	a := said{home: domain}.assertion(t)
	revocation := revoking(t, a.ID(), issuer.ID, protocol.ActionRevoke, noon)
	edit := editing(t, a, domain, issuer.ID, 1, protocol.AssertionMetadata{DisplayName: "x"})
	other := newOtherLog(domain)
	other.add(a, revocation, edit)
	other.mirror(t, s)
	outcomes := other.outcomes(0, 3, store.Quarantined)
	outcomes[2].Wants = a.ID()
	if err := s.Settle(t.Context(), other.name(), 0, outcomes); err != nil {
		t.Fatal(err)
	}
	offered := func(id string, want bool) {
		t.Helper()
		if got, err := s.Offered(t.Context(), id); len(got) > 0 != want || err != nil {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
	if got := waitingFor(t, s, issuer.ID); len(got) != 1 || got[0] != a.RecordHash() {
		t.Errorf("%x wait for the issuer", got)
	}
	if got := waitingFor(t, s, a.ID()); len(got) != 2 {
		t.Errorf("%x wait for the assertion", got)
	}
	offered(a.ID(), true)
	offered(issuer.ID, false)
	if _, err := s.Assertion(t.Context(), a.IDHash()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an assertion in quarantine is told: %v", err)
	}
	if err := s.Postpone(t.Context(), a.RecordHash(), later, issuer.ID+" key"); err != nil {
		t.Fatal(err)
	}
	if err := s.Postpone(t.Context(), a.RecordHash(), later, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	if got := waitingFor(t, s, issuer.ID); len(got) != 0 {
		t.Errorf("%x wait for the issuer still", got)
	}
	if got := waitingFor(t, s, issuer.ID+" key"); len(got) != 1 {
		t.Errorf("%x wait for its key", got)
	}
	q, err := s.Waiting(t.Context(), a.RecordHash())
	if err != nil || q.Attempts != 2 || q.Domain != issuer.ID+" key" || !q.ClaimedAt.Equal(noon) || len(q.Places) != 1 || q.Places[0].Index != 0 {
		t.Errorf("%+v, %v", q, err)
	}
	// What amends it is let out before it: it counts as soon as the assertion is there.
	for _, r := range []protocol.Record{revocation, edit, a} {
		if err := s.Release(t.Context(), r.RecordHash(), domain, store.Provenance{}); err != nil {
			t.Fatal(err)
		}
	}
	offered(a.ID(), false)
	state, err := s.Assertion(t.Context(), a.IDHash())
	if err != nil || state.Revocation == nil || state.MetadataSequence != 1 || !state.HomeIngestedAt.Equal(other.entries[0].IngestedAt) {
		t.Errorf("%+v, %v", state, err)
	}
	if _, err := s.Waiting(t.Context(), a.RecordHash()); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := s.Postpone(t.Context(), a.RecordHash(), later, string(make([]byte, store.MaxWants+1))); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
}

func TestOnlyItsHomesLogsCountForAnIssuersRecord(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	const domain = "home-of.example"
	a, b := said{home: domain}.assertion(t), said{home: domain, artifact: 1}.assertion(t)
	stranger, its := newOtherLog("stranger.example"), newOtherLog(domain)
	stranger.add(a, b)
	its.add(b, a)
	stranger.mirror(t, s)
	stranger.settle(t, s, store.Quarantined)
	if err := s.Release(t.Context(), a.RecordHash(), domain, store.Provenance{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("released without an entry of its home: %v", err)
	}
	its.mirror(t, s)
	quarantined := its.outcomes(0, 2, store.Quarantined)
	quarantined[1].State = store.Held // the home's log settles one, the other is let out
	if err := s.Settle(t.Context(), its.name(), 0, quarantined); err != nil {
		t.Fatal(err)
	}
	if q, err := s.Waiting(t.Context(), b.RecordHash()); err != nil || len(q.Places) != 2 || q.Places[0].Origin != stranger.name() {
		t.Errorf("%+v, %v", q, err)
	}
	if err := s.Release(t.Context(), b.RecordHash(), domain, store.Provenance{}); err != nil {
		t.Fatal(err)
	}
	for i, r := range []*protocol.Assertion{b, a} {
		state, err := s.Assertion(t.Context(), r.IDHash())
		if err != nil || len(state.Places) != 1 || state.Places[0].Origin != its.name() || !state.HomeIngestedAt.Equal(its.entries[i].IngestedAt) {
			t.Errorf("%+v, %v", state, err)
		}
	}
	if head, _ := s.Head(stranger.name()); head.Refused != 2 || head.Quarantined != 0 {
		t.Errorf("%+v", head)
	}
	if n, err := s.CountArtifact(t.Context(), artifactOf(0), domain, 10); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
