package store_test

import (
	"context"
	"fmt"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// The log that the child mirrors can be made again at any length: its i-th record is the claim that follows from i.
var distant = originOf("distant.example", 1)

func distantClaim(i uint64) (*protocol.Claim, error) {
	return protocol.ParseClaim(made{id: 1<<40 + i, subject: int(i % 10), domain: "crash.example", padding: 200}.document())
}

// distantState is what becomes of the i-th body.
func distantState(i uint64) store.SettleState {
	switch i % 7 {
	case 3:
		return store.Quarantined
	case 5:
		return store.Missing
	}
	return store.Held
}

// mirrorForever is a part of the child.
func mirrorForever(s *store.Store) {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(s.OpenMirror(ctx, distant))
	var tree translog.Frontier
	claims := map[uint64]*protocol.Claim{}
	grow := func(to uint64) (added []protocol.Entry) {
		for i := tree.Size(); i < to; i++ {
			claim, err := distantClaim(i)
			must(err)
			claims[i] = claim
			entry := protocol.NewEntry(claim, noon)
			tree.Append(translog.LeafHash(entry.Canonical()))
			added = append(added, entry)
		}
		return added
	}
	head, _ := s.Head(distant.String())
	for grow(head.Size); ; head, _ = s.Head(distant.String()) {
		added := grow(head.Size + 10)
		c, err := translog.SignCheckpoint(mustSigner(distant), tree.Size(), tree.Root())
		must(err)
		must(s.AppendEntries(ctx, distant.String(), head.Size, added, c.Root, &c))
		var outcomes []store.Outcome
		for i := head.Settled; i < tree.Size()-3; i++ {
			o := store.Outcome{Index: i, State: distantState(i)}
			if o.State != store.Missing {
				o.Record = claims[i]
			}
			outcomes = append(outcomes, o)
		}
		must(s.Settle(ctx, distant.String(), head.Settled, outcomes))
		fmt.Printf("mirrored %d settled %d\n", tree.Size(), tree.Size()-3)
	}
}

// checkMirrorAfterCrash sees that a mirror has what it was said to have, and that its bodies are as far as it says.
func checkMirrorAfterCrash(t *testing.T, s *store.Store, mirrored [2]uint64) {
	t.Helper()
	head, ok := s.Head(distant.String())
	if !ok {
		if mirrored[0] > 0 {
			t.Fatal("the mirror is lost")
		}
		return
	}
	if head.Size < mirrored[0] || head.Settled < mirrored[1] || head.Settled > head.Size {
		t.Fatalf("%+v, though it was said to have %d, settled up to %d", head, mirrored[0], mirrored[1])
	}
	checkLog(t, s, distant)
	quarantined, missing := uint64(0), uint64(0)
	for from := uint64(0); from < head.Size; from += store.MaxEntries {
		var hashes [][32]byte
		for i := from; i < min(head.Size, from+store.MaxEntries); i++ {
			claim, err := distantClaim(i)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, claim.RecordHash())
		}
		have, err := s.Have(t.Context(), hashes)
		if err != nil {
			t.Fatal(err)
		}
		for n, got := range have {
			i := from + uint64(n)
			want := distantState(i)
			switch {
			case i >= head.Settled:
				want = store.Unknown
			case want == store.Missing:
				missing++
				want = store.Unknown
			case want == store.Quarantined:
				quarantined++
			}
			if got != want {
				t.Fatalf("record %d of the mirror is %v, want %v (settled up to %d)", i, got, want, head.Settled)
			}
			if want != store.Held || i+100 < head.Settled {
				continue
			}
			if r, err := s.Record(t.Context(), hashes[n]); err != nil || len(r.Places) != 1 || r.Places[0].Index != i {
				t.Fatalf("record %d of the mirror: %+v, %v", i, r.Places, err)
			}
		}
	}
	if head.Quarantined != quarantined || head.Missing != missing {
		t.Fatalf("%+v, want %d in quarantine, %d missing", head, quarantined, missing)
	}
}
