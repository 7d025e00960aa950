package assertions_test

import (
	"context"
	"testing"
	"time"

	"mirnode/assertions"
	"mirnode/protocol"
)

func TestRoomAboutOneFile(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	one.logged(assertions.MaxOfIssuer-1, artifact(0))
	one.say(protocol.Method, artifact(0))
	_, err := one.create(one.payload(protocol.Intent, artifact(0)))
	wantRefusal(t, err, assertions.Invalid, "32", "revoked ones included")
	one.say(protocol.Intent, artifact(1))

	for range 15 { // 512 in all: the rest is for whoever said little
		w.issuer().logged(assertions.MaxOfIssuer, artifact(0))
	}
	last := w.issuer()
	for _, typ := range protocol.AssertionTypes() {
		last.say(typ, artifact(0))
	}
	ninth := last.payload(protocol.Method, artifact(0))
	ninth.Scope = "another"
	held := w.lookup(artifact(0)).Assertions
	var method [32]byte
	for _, a := range held {
		if a.Type == "METHOD" && a.Issuer.ID == last.id {
			method, err = protocol.ParseAssertionID(a.ID)
			must(t, err)
		}
	}
	_, err = last.supersede(method, ninth)
	wantRefusal(t, err, assertions.Invalid, "520", "kept for those with less than 8")
	_, err = last.revoke(method)
	must(t, err)

	for range 15 {
		w.issuer().logged(assertions.MaxOfIssuer, artifact(0))
	}
	latest := w.issuer()
	_, err = latest.create(latest.payload(protocol.NotIssuedBy, artifact(0)))
	wantRefusal(t, err, assertions.Invalid, "1000", "this node")
	if a := w.lookup(artifact(0)); len(a.Assertions) != assertions.MaxShownOfHome || !a.Truncated {
		t.Errorf("%d shown", len(a.Assertions))
	}
}

// An issuer that goes on superseding what it says drives nobody's denial out of the answer.
func TestOneIssuerDoesNotHideAnother(t *testing.T) {
	w := newWorld(t)
	victim, evil := w.issuer(), w.issuer()
	victim.say(protocol.NotIssuedBy, artifact(0))
	w.clock.advance(time.Second)
	evil.say(protocol.IssuedBy, artifact(0))
	evil.logged(30, artifact(0))
	for range 20 {
		w.issuer().logged(10, artifact(0))
	}
	a := w.lookup(artifact(0))
	if len(a.Assertions) != assertions.MaxShownOfHome || a.Assertions[0].Issuer.ID != evil.id || a.Assertions[1].Issuer.ID != victim.id || !a.Conflicts || !a.Truncated || a.Cursor == "" {
		t.Fatalf("%d shown, conflicts %t, cursor %q, first %+v", len(a.Assertions), a.Conflicts, a.Cursor, a.Assertions[:2])
	}
	seen, pages := map[string]bool{}, 0
	for ended := false; ; pages++ {
		for _, said := range a.Assertions {
			if ended = ended || said.Revoked; ended && !said.Revoked {
				t.Errorf("%s is active, and stands behind what ended", said.ID)
			}
			seen[said.ID] = true
		}
		if a.Cursor == "" {
			break
		}
		b, err := w.service.AppendLookup(context.Background(), nil, artifact(0), a.Cursor)
		must(t, err)
		if a = decode[answer](t, b); !a.Conflicts || a.Truncated != (a.Cursor != "") || len(a.Assertions) == 0 {
			t.Fatalf("page %d: %+v", pages, a)
		}
	}
	if len(seen) != 232 || pages > 2 {
		t.Errorf("%d are shown on %d pages after the first", len(seen), pages)
	}
	for _, cursor := range []string{"x", w.lookup(artifact(0)).Cursor} {
		_, err := w.service.AppendLookup(context.Background(), nil, artifact(1), cursor)
		wantRefusal(t, err, assertions.Invalid, "cursor")
	}
}

// More issuers than are shown hide no conflict either.
func TestACrowdDoesNotHideAConflict(t *testing.T) {
	w := newWorld(t)
	victim := w.issuer()
	victim.say(protocol.NotIssuedBy, artifact(0))
	for range 60 {
		w.clock.advance(time.Second)
		w.issuer().say(protocol.IssuedBy, artifact(0))
	}
	if a := w.lookup(artifact(0)); !a.Conflicts || !a.Truncated || len(a.Assertions) != assertions.MaxShownOfHome {
		t.Errorf("conflicts %t, %d shown", a.Conflicts, len(a.Assertions))
	}
	_, err := victim.revoke(mustID(t, w, victim, artifact(0)))
	must(t, err)
	if a := w.lookup(artifact(0)); a.Conflicts {
		t.Error("a denial that is revoked conflicts")
	}
}

// mustID is the ID of the one assertion of an issuer, wherever it stands.
func mustID(t *testing.T, w *world, by *issuer, artifact [32]byte) [32]byte {
	t.Helper()
	for cursor := ""; ; {
		b, err := w.service.AppendLookup(context.Background(), nil, artifact, cursor)
		must(t, err)
		a := decode[answer](t, b)
		for _, said := range a.Assertions {
			if said.Issuer.ID == by.id {
				id, err := protocol.ParseAssertionID(said.ID)
				must(t, err)
				return id
			}
		}
		if cursor = a.Cursor; cursor == "" {
			t.Fatal("it is nowhere")
		}
	}
}
