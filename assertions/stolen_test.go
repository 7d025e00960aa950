package assertions_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

// What a key signed at or after its owner thinks that others had it is told as such: what it signed before is told too, and warned of by nobody.
func TestAReportedKeyIsTold(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	before := one.say(protocol.IssuedBy, artifact(0))
	w.clock.advance(time.Minute)
	stolen := w.clock.Now()
	thiefs := one.say(protocol.IssuedBy, artifact(1))
	w.clock.advance(time.Minute)
	key := &one.draft.Keys[0]
	key.RevokedAt, key.CompromisedAt = w.clock.Now(), stolen
	one.publish()

	for n, want := range []bool{false, true} {
		a := w.lookup(artifact(n))
		said := a.Assertions[0]
		if said.KeyRevokedAt != "2026-11-22T12:02:00.000Z" || said.KeyCompromisedAt != "2026-11-22T12:01:00.000Z" || strings.Contains(a.Guidance, "keyCompromisedAt") != want {
			t.Errorf("%d: %+v, %s", n, said, a.Guidance)
		}
	}
	for _, made := range []struct {
		id   [32]byte
		want bool
	}{{before.State.SigHash, false}, {thiefs.State.SigHash, true}} {
		state, err := w.store.Assertion(context.Background(), made.id)
		must(t, err)
		parsed, err := protocol.ParseAssertion(state.Raw)
		must(t, err)
		judged, err := w.service.Verify(context.Background(), one.sealed(parsed.Payload.Encode()))
		must(t, err)
		if judged.Compromised() != made.want {
			t.Errorf("%x is judged %+v", made.id, judged)
		}
	}

	another := w.issuer()
	another.say(protocol.NotIssuedBy, artifact(1))
	if a := w.lookup(artifact(1)); !a.Conflicts || !strings.Contains(a.Guidance, "keyCompromisedAt") || !strings.Contains(a.Guidance, "Issuers disagree") {
		t.Errorf("beside a conflict: %s", a.Guidance)
	}
	if a := w.lookup(artifact(2)); a.Guidance != guidanceNone {
		t.Error(a.Guidance)
	}
}

func TestTheReasonOfARevocationIsTold(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	for n, reason := range []string{"a \"thief\" signed it", ""} {
		made := one.say(protocol.IssuedBy, artifact(n))
		p := protocol.RevocationPayload{
			Action: protocol.ActionRevoke, AssertionID: protocol.AssertionID(made.State.SigHash), IssuerID: one.id, Timestamp: millis(w.clock.Now()), Reason: reason,
		}
		_, err := w.service.Revoke(context.Background(), one.caller(), made.State.SigHash, one.sealed(p.Encode()))
		must(t, err)
		if got := w.lookup(artifact(n)).Assertions[0].RevocationReason; got != reason {
			t.Errorf("%q is told, want %q", got, reason)
		}
	}
}
