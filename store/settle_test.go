package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
)

func TestAMirroredClaimIsReadableOnceItIsSettled(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{MergeClaims: 16}))
	other := newOtherLog("other.example")
	other.add(claims(t, 0, 60)...)
	other.mirror(t, s)
	first := other.records[0].(*protocol.Claim)
	if _, err := s.Claim(t.Context(), first.SigHash()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a claim whose body is not here: %v", err)
	}
	provenance := store.Provenance{Quorum: []string{"a.example", "b.example"}, Form: "text", Flags: []string{"x"}}
	outcomes := other.outcomes(0, 40, store.Held)
	for i := range outcomes {
		outcomes[i].Provenance = provenance
	}
	if err := s.Settle(t.Context(), other.name(), 0, outcomes); err != nil {
		t.Fatal(err)
	}
	check := func(s *store.Store, when string) {
		t.Helper()
		for i, r := range other.records[:40] {
			record, err := s.Claim(t.Context(), r.(*protocol.Claim).SigHash())
			want := store.Place{Origin: other.name(), Index: uint64(i), IngestedAt: other.entries[i].IngestedAt}
			if err != nil || !bytes.Equal(record.Raw, r.Raw()) || record.Own || !slices.Equal(record.Places, []store.Place{want}) ||
				!slices.Equal(record.Provenance.Quorum, provenance.Quorum) || !slices.Equal(record.Provenance.Flags, provenance.Flags) {
				t.Fatalf("%s: %+v, %v", when, record, err)
			}
			if _, err := s.Receipt(t.Context(), r.RecordHash()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: a receipt for what another log has: %v", when, err)
			}
		}
		found := findAll(t, s, store.Query{Domain: "shop.example.com"})
		if len(found) != 40 || len(found[0].Places) != 1 || found[0].Places[0].Origin != other.name() {
			t.Errorf("%s: Find gives %d", when, len(found))
		}
		if head, _ := s.Head(other.name()); head.Settled != 40 || head.Size != 60 {
			t.Errorf("%s: %+v", when, head)
		}
		if stats := s.Stats(); stats.Claims != 40 || stats.Entries != 60 || stats.Logs != 2 {
			t.Errorf("%s: %+v", when, stats)
		}
	}
	check(s, "at once")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{MergeClaims: 16}))
	check(s, "after a restart")
	for name, try := range map[string]struct {
		from     uint64
		outcomes []store.Outcome
		want     error
	}{
		"what is settled":        {0, other.outcomes(0, 10, store.Refused), store.ErrNotNext},
		"a gap":                  {41, other.outcomes(41, 42, store.Refused), store.ErrNotNext},
		"past the entries":       {40, append(other.outcomes(40, 60, store.Refused), store.Outcome{Index: 60, State: store.Refused}), store.ErrNotNext},
		"another's body":         {40, []store.Outcome{{Index: 40, State: store.Held, Record: other.records[41]}}, store.ErrInvalid},
		"a body that nobody has": {40, []store.Outcome{{Index: 40, State: store.Held}}, store.ErrNotHeld},
		"out of order":           {40, []store.Outcome{{Index: 41, State: store.Refused}}, store.ErrInvalid},
		"no state":               {40, []store.Outcome{{Index: 40}}, store.ErrInvalid},
		"quarantine of nothing":  {40, []store.Outcome{{Index: 40, State: store.Quarantined}}, store.ErrInvalid},
	} {
		if err := s.Settle(t.Context(), other.name(), try.from, try.outcomes); !errors.Is(err, try.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(s, "after refusals")
}

func TestARecordOfSeveralLogsLiesOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{MergeClaims: 16}))
	one, two := newOtherLog("one.example"), newOtherLog("two.example")
	shared := claims(t, 0, 30)
	one.add(shared...)
	two.add(shared[10:]...)
	two.add(shared[10]) // a log may have a record twice: the first place counts
	one.mirror(t, s)
	one.settle(t, s, store.Held)
	two.mirror(t, s)
	head, _ := s.Head(two.name())
	// Bodies that are held need not be handed in.
	outcomes := make([]store.Outcome, head.Size)
	for i := range outcomes {
		outcomes[i] = store.Outcome{Index: uint64(i), State: store.Held}
	}
	if err := s.Settle(t.Context(), two.name(), 0, outcomes); err != nil {
		t.Fatal(err)
	}
	var appended []store.Appended
	for _, r := range shared[20:] {
		appended = append(appended, mustAppend(t, s, r.(*protocol.Claim))...)
	}
	own := claims(t, 30, 31)[0] // the own log has it first, the mirror later
	appended = append(appended, mustAppend(t, s, own.(*protocol.Claim))...)
	one.add(own)
	one.mirror(t, s)
	one.settle(t, s, store.Held)
	for i, a := range appended {
		if a.Duplicate || a.Index != uint64(i) {
			t.Errorf("%d: %+v", i, a)
		}
		checkReceipt(t, store.Appended{Record: withPlaceFirst(a.Record, home.String()), Index: a.Index, Receipt: a.Receipt})
	}
	check := func(s *store.Store) {
		t.Helper()
		if stats := s.Stats(); stats.Claims != 31 || stats.LastSeq != 31 {
			t.Errorf("%+v", stats)
		}
		for i, r := range append(slices.Clone(shared), own) {
			record, err := s.Record(t.Context(), r.RecordHash())
			if err != nil {
				t.Fatal(err)
			}
			places := map[string]uint64{}
			for _, p := range record.Places {
				places[p.Origin] = p.Index
			}
			index, mirrored := places[two.name()]
			if places[one.name()] != uint64(i) || mirrored != (i >= 10 && i < 30) || mirrored && index != uint64(i-10) || record.Own != (i >= 20) ||
				record.Own && places[home.String()] != uint64(i-20) || len(record.Places) != 1+b2i(mirrored)+b2i(record.Own) {
				t.Errorf("record %d: %+v", i, record.Places)
			}
		}
		if again := mustAppend(t, s, shared[25].(*protocol.Claim))[0]; !again.Duplicate || again.Index != 5 || again.Receipt == nil {
			t.Errorf("a second time: %+v", again)
		} else if !again.Record.IngestedAt.Equal(appended[5].Record.IngestedAt) {
			t.Errorf("it was taken in at %s, and is said to have been at %s", appended[5].Record.IngestedAt, again.Record.IngestedAt)
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, withLog(store.Options{})))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// withPlaceFirst brings the place in that log to the front.
func withPlaceFirst(r store.Record, origin string) store.Record {
	r.Places = slices.Clone(r.Places)
	slices.SortStableFunc(r.Places, func(a, b store.Place) int { return b2i(b.Origin == origin) - b2i(a.Origin == origin) })
	return r
}

func TestWhatIsNotHeldIsSettledOnce(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	other := newOtherLog("other.example")
	other.add(claims(t, 0, 3)...)
	other.addEntry(protocol.Entry{IngestedAt: noon, Kind: "a-later-kind", Record: [32]byte{9}}, nil)
	other.mirror(t, s)
	err := s.Settle(t.Context(), other.name(), 0, []store.Outcome{
		{Index: 0, State: store.Refused, Code: protocol.InvalidSignature, Reason: "no"},
		{Index: 1, State: store.Erased},
		{Index: 2, State: store.Held, Record: other.records[2]},
		{Index: 3, State: store.Skipped},
	})
	if err != nil {
		t.Fatal(err)
	}
	if head, _ := s.Head(other.name()); head.Settled != 4 || head.Refused != 1 {
		t.Errorf("%+v", head)
	}
	entries, err := s.Entries(t.Context(), other.name(), 3, 100)
	if err != nil || len(entries) != 1 || entries[0] != other.entries[3] {
		t.Errorf("%+v, %v", entries, err)
	}
	hashes := make([][32]byte, 0, 4)
	for _, e := range other.entries {
		hashes = append(hashes, e.Record)
	}
	have, err := s.Have(t.Context(), hashes)
	if want := []store.HaveState{store.Unknown, store.Unknown, store.Held, store.Unknown}; err != nil || !slices.Equal(have, want) {
		t.Errorf("Have gives %v, %v", have, err)
	}
	var raw [][]byte
	err = s.Bodies(t.Context(), hashes, func(i int, b store.Body) bool {
		if b.Missing != (i != 2) || len(raw) != i {
			t.Errorf("body %d: %+v", i, b)
		}
		raw = append(raw, bytes.Clone(b.Raw))
		return true
	})
	if err != nil || len(raw) != 4 || !bytes.Equal(raw[2], other.records[2].Raw()) {
		t.Errorf("%d bodies, %v", len(raw), err)
	}
}

func TestAnErasureReachesWhatMirrorsBring(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{}))
	other := newOtherLog("other.example")
	other.add(claims(t, 0, 4)...)
	other.mirror(t, s)
	other.settle(t, s, store.Held)
	own := made{id: 77}.claim(t)
	mustAppend(t, s, own)
	held, unseen := other.records[0], made{id: 50}.claim(t)
	for _, r := range []protocol.Record{held, unseen} {
		if err := s.EraseMirrored(t.Context(), r.RecordHash(), "by law"); err != nil {
			t.Fatal(err)
		}
		var erased *store.ErasedError
		if err := s.EraseMirrored(t.Context(), r.RecordHash(), "again"); !errors.As(err, &erased) || erased.Reason != "by law" {
			t.Errorf("again: %v", err)
		}
	}
	notice, err := protocol.ErasureDraft{
		Node: home.Domain, Network: home.Network, Record: own.RecordHash(), ClaimDomain: own.Host(), Reason: "asked for", ErasedAt: noon,
	}.Sign(nodeKey(home.Domain))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EraseClaim(t.Context(), own.SigHash(), "asked for", notice); err != nil {
		t.Fatal(err)
	}
	other.add(unseen)
	other.mirror(t, s)
	other.settle(t, s, store.Held)
	check := func(s *store.Store) {
		t.Helper()
		var erased *store.ErasedError
		if _, err := s.Record(t.Context(), held.RecordHash()); !errors.As(err, &erased) {
			t.Errorf("the mirrored claim: %v", err)
		}
		if a := mustAppend(t, s, unseen)[0]; !errors.As(a.Err, &erased) || erased.Reason != "by law" {
			t.Errorf("a claim that was erased before it came: %+v", a)
		}
		have, err := s.Have(t.Context(), [][32]byte{held.RecordHash(), unseen.RecordHash(), own.RecordHash(), notice.RecordHash()})
		if want := []store.HaveState{store.Erased, store.Erased, store.Erased, store.Held}; err != nil || !slices.Equal(have, want) {
			t.Errorf("Have gives %v, %v", have, err)
		}
		n := 0
		err = s.Bodies(t.Context(), [][32]byte{unseen.RecordHash(), held.RecordHash()}, func(_ int, b store.Body) bool {
			if n++; b.Erased == nil || b.Erased.Reason != "by law" || b.Missing || b.Raw != nil {
				t.Errorf("%+v", b)
			}
			return true
		})
		if err != nil || n != 2 {
			t.Errorf("%d bodies, %v", n, err)
		}
		if record, err := s.Record(t.Context(), notice.RecordHash()); err != nil || record.Kind != protocol.KindErasure || !record.Own || record.Places[0].Index != 1 {
			t.Errorf("the notice: %+v, %v", record, err)
		}
		if receipt, err := s.Receipt(t.Context(), own.RecordHash()); err != nil || receipt.Index != 0 {
			t.Errorf("the receipt of an erased claim: %v", err)
		}
		checkLog(t, s, home)
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, withLog(store.Options{})))
}
