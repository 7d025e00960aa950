package store_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

func observed(t testing.TB, observer, domain string, at time.Time) *protocol.Observation {
	t.Helper()
	o, err := protocol.ObservationDraft{
		Observer: observer, Network: protocol.Development, Domain: domain, FirstSeen: at, LastSeen: at,
		Key: protocol.DomainKey{Public: nodeKey(domain).Public().(ed25519.PublicKey), Channels: []protocol.Channel{protocol.DNS}},
	}.Sign(nodeKey(observer))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func described(t testing.TB, domain string, sequence uint64) *protocol.Descriptor {
	t.Helper()
	d, err := protocol.DescriptorDraft{
		Origin: originOf(domain, 1), URL: "https://" + domain, LogKey: nodeKey(domain).Public().(ed25519.PublicKey),
		Sequence: sequence, Issued: noon, ExpiresAt: noon.Add(time.Hour),
	}.Sign(nodeKey(domain))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestObservationsOfADomainAreFoundNewestFirst(t *testing.T) {
	dir := t.TempDir()
	options := withLog(store.Options{MergeClaims: 16})
	s := open(t, dir, options)
	other := newOtherLog("other.example")
	for i := range 20 {
		at := noon.Add(time.Duration(i) * time.Hour)
		a, err := s.AppendStatement(t.Context(), observed(t, home.Domain, "shop.example", at))
		if err != nil || a.Duplicate {
			t.Fatal(err)
		}
		checkReceipt(t, a)
		other.add(observed(t, "other.example", "shop.example", at.Add(time.Minute)), observed(t, "other.example", "else.example", at))
	}
	mustAppend(t, s, made{id: 1, domain: "shop.example"}.claim(t))
	other.mirror(t, s)
	other.settle(t, s, store.Held)
	check := func(s *store.Store) {
		t.Helper()
		var found []store.PlacedObservation
		for cursor := ""; ; {
			page, next, err := s.Observations(t.Context(), "Shop.example", 7, cursor)
			if err != nil || len(page) > 7 {
				t.Fatalf("%d observations, %v", len(page), err)
			}
			found = append(found, page...)
			if cursor = next; cursor == "" {
				break
			}
		}
		if len(found) != 40 {
			t.Fatalf("%d observations", len(found))
		}
		for i, o := range found {
			if i > 0 && o.LastSeen.After(found[i-1].LastSeen) || o.Domain != "shop.example" || o.Place.Origin != o.Observer+"/mir-dev" {
				t.Errorf("%d: %+v", i, o)
			}
		}
		if stats := s.Stats(); stats.Claims != 1 || stats.Statements != 60 {
			t.Errorf("%+v", stats)
		}
		if found := findAll(t, s, store.Query{Domain: "shop.example"}); len(found) != 1 || found[0].Kind != protocol.KindClaim {
			t.Errorf("claims of the domain: %v", found)
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, options)
	check(s)
	for name, err := range map[string]error{
		"a bad domain": second(s.Observations(t.Context(), "no domain", 1, "")),
		"a bad cursor": second(s.Observations(t.Context(), "shop.example", 1, "x")),
		"a bad limit":  second(s.Observations(t.Context(), "shop.example", -1, "")),
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []store.PlacedObservation, _ string, err error) error { return err }

func TestTheNewestDescriptorOfEachDomainCounts(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	other := newOtherLog("other.example")
	other.add(described(t, "other.example", 5), described(t, "other.example", 3), described(t, "other.example", 9))
	other.mirror(t, s)
	other.settle(t, s, store.Held)
	if _, err := s.AppendStatement(t.Context(), described(t, home.Domain, 1)); err != nil {
		t.Fatal(err)
	}
	got := ""
	descriptors, err := s.Descriptors(t.Context())
	for _, d := range descriptors {
		got += fmt.Sprintf("%s %d ", d.Domain, d.Sequence)
	}
	if err != nil || got != "home.example 1 other.example 9 " {
		t.Errorf("%s, %v", got, err)
	}
}

// forkOf makes a log that shows two histories of one size.
func forkOf(t testing.TB, o protocol.Origin) translog.Fork {
	t.Helper()
	heads := make([]translog.Checkpoint, 2)
	for i := range heads {
		var err error
		if heads[i], err = translog.SignCheckpoint(mustSigner(o), 5, translog.Hash{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := translog.NewFork(heads[0], heads[1], translog.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAForkFreezesItsLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{}))
	other, later := newOtherLog("other.example"), newOtherLog("later.example")
	other.add(claims(t, 0, 3)...)
	other.mirror(t, s)
	for _, o := range []protocol.Origin{other.origin, other.origin, later.origin} {
		if err := s.SaveFork(t.Context(), forkOf(t, o), "finder.example"); err != nil {
			t.Fatal(err)
		}
	}
	other.settle(t, s, store.Held) // what it has is settled and served on
	if err := s.OpenMirror(t.Context(), later.origin); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	forks, err := s.Forks(t.Context())
	if err != nil || len(forks) != 2 || forks[0].FoundBy != "finder.example" {
		t.Fatalf("%+v, %v", forks, err)
	}
	for _, l := range []*otherLog{other, later} {
		head, _ := s.Head(l.name())
		if !head.Frozen || head.FrozenWhy == "" {
			t.Errorf("%+v", head)
		}
		if err := s.AppendEntries(t.Context(), l.name(), head.Size, []protocol.Entry{{IngestedAt: noon, Kind: "claim"}}, translog.Hash{}, nil); !errors.Is(err, store.ErrFrozen) {
			t.Errorf("%s takes entries: %v", l.name(), err)
		}
	}
	for _, f := range forks {
		o, err := protocol.ParseOrigin(f.Proof.Origin)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Proof.Verify(mustVerifier(o)); err != nil {
			t.Errorf("%s: %v", o, err)
		}
	}
}

func TestAFrozenOwnLogStartsAgainWithTheNextEpoch(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{}))
	first := made{id: 1}.claim(t)
	mustAppend(t, s, first)
	if err := s.SaveFork(t.Context(), forkOf(t, home), "finder.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendClaim(t.Context(), made{id: 2}.claim(t), store.Provenance{}); !errors.Is(err, store.ErrFrozen) || !errors.Is(s.Ready(), store.ErrFrozen) {
		t.Errorf("AppendClaim: %v; Ready: %v", err, s.Ready())
	}
	other := newOtherLog("other.example") // mirrors go on
	other.add(claims(t, 5, 6)...)
	other.mirror(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	next := originOf(home.Domain, 2)
	s = open(t, dir, store.Options{Log: &store.LogOptions{Origin: next, Signer: mustSigner(next)}})
	a := mustAppend(t, s, first, made{id: 2}.claim(t))
	if a[0].Duplicate || a[0].Index != 0 || a[1].Index != 1 || len(a[0].Record.Places) != 2 {
		t.Errorf("%+v", a)
	}
	if entry, _, err := a[0].Receipt.Verify(mustVerifier(next)); err != nil || entry.Record != first.RecordHash() {
		t.Errorf("the receipt: %v", err)
	}
	for _, o := range []protocol.Origin{home, next, other.origin} {
		checkLog(t, s, o)
		if head, _ := s.Head(o.String()); head.Own != (o == next) || head.Frozen != (o == home) {
			t.Errorf("%+v", head)
		}
	}
}

func TestARestoredStoreRelearnsItsOwnLog(t *testing.T) {
	lost := newOtherLog(home.Domain) // what the peers hold of it
	s := open(t, t.TempDir(), withLog(store.Options{Now: func() time.Time { return noon }}))
	for id := range uint64(5) {
		claim := made{id: id}.claim(t)
		a := mustAppend(t, s, claim)[0]
		lost.addEntry(protocol.NewEntry(claim, a.Record.IngestedAt), claim)
	}
	for id := uint64(5); id < 300; id++ {
		claim := made{id: id}.claim(t)
		lost.addEntry(protocol.NewEntry(claim, noon.Add(time.Duration(id)*time.Hour)), claim)
	}
	if err := s.RelearnEntries(t.Context(), 5, lost.entries[5:], lost.tree.Root(), nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("relearning while it is written: %v", err)
	}
	dir := t.TempDir() // the backup: the first five
	options := withLog(store.Options{Now: func() time.Time { return noon }})
	s = open(t, dir, options)
	mustAppend(t, s, lost.records[0].(*protocol.Claim), lost.records[1].(*protocol.Claim), lost.records[2].(*protocol.Claim),
		lost.records[3].(*protocol.Claim), lost.records[4].(*protocol.Claim))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	options.Log.Confirm = true
	s = open(t, dir, options)
	if _, err := s.AppendClaim(t.Context(), made{id: 1_000}.claim(t), store.Provenance{}); !errors.Is(err, store.ErrNotConfirmed) || !errors.Is(s.Ready(), store.ErrNotConfirmed) {
		t.Fatalf("AppendClaim: %v; Ready: %v", err, s.Ready())
	}
	c := lost.checkpoint(t)
	if err := s.RelearnEntries(t.Context(), 5, lost.entries[5:], c.Root, &c); err != nil {
		t.Fatal(err)
	}
	lost.settle(t, s, store.Held)
	s.StartWriting()
	a := mustAppend(t, s, made{id: 1_000}.claim(t), made{id: 200}.claim(t))
	if a[0].Index != 300 || a[0].Record.IngestedAt.Before(lost.entries[299].IngestedAt) || !a[1].Duplicate || a[1].Index != 200 {
		t.Errorf("%+v", a)
	}
	for i := range a {
		checkReceipt(t, a[i])
	}
	checkLog(t, s, home)
	if head, _ := s.Own(); head.Settled != head.Size {
		t.Errorf("%+v", head)
	}
}

func TestSmallStateIsKeptWithinBounds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	put := func(space, key, value string) {
		t.Helper()
		if err := s.PutState(t.Context(), space, key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	put("peers", "a", "1")
	put("peers", "b", "2")
	put("peers", "a", "3")
	put("peers", "b", "")
	put("heads", "a", "4")
	for name, err := range map[string]error{
		"too large":    s.PutState(t.Context(), "peers", "x", make([]byte, store.MaxStateBytes+1)),
		"no key":       s.PutState(t.Context(), "peers", "", []byte("x")),
		"no space":     s.PutState(t.Context(), "", "x", []byte("x")),
		"a long space": s.PutState(t.Context(), string(make([]byte, 1000)), "x", []byte("x")),
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, store.Options{})
	state, err := s.State("peers")
	if err != nil || len(state) != 1 || string(state["a"]) != "3" {
		t.Errorf("%v, %v", state, err)
	}
	if state, err := s.State("nothing"); err != nil || len(state) != 0 {
		t.Errorf("%v, %v", state, err)
	}
}
