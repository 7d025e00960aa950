package mirror_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/gossip/planner"
	"mirnode/protocol"
)

// claimAt makes a claim of shop.test that was signed at a time.
func claimAt(t *testing.T, at time.Time) *protocol.Claim {
	t.Helper()
	draft := protocol.Draft{
		Type: "mir.transaction.completed", Domain: "shop.test", Subject: protocol.Subject("shop.test", "a user"),
		Timestamp: at.Format(time.RFC3339Nano), KeyFingerprint: protocol.Fingerprint(public("shop.test")),
	}
	c, err := draft.Sign(keyOf("shop.test"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAClaimAheadOfOurClockWaits: the origin took it by its own clock, and ours may be the one that is wrong.
func TestAClaimAheadOfOurClockWaits(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	soon, later, never := claimAt(t, start.Add(9*time.Minute)), claimAt(t, start.Add(50*time.Hour)), claimAt(t, start.Add(100*time.Hour))
	one.takes(soon, later, never)
	two.pull(one, one.origin)
	if head := two.head(one.origin); head.Quarantined != 2 || head.Refused != 1 {
		t.Fatalf("in quarantine %d, refused %d", head.Quarantined, head.Refused)
	}
	two.lacks(soon)
	for range 20 { // tries before its time are no harm
		w.clock.move(time.Minute)
		two.retry()
	}
	two.holds(soon)
	two.lacks(later)
	for range 100 {
		w.clock.move(time.Hour)
		two.retry()
	}
	two.holds(later)
	two.lacks(never)
}

// TestAClaimOfAnOldKeyAheadOfOurClockWaits: so does one that a quorum of observers stands for.
func TestAClaimOfAnOldKeyAheadOfOurClockWaits(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	soon := claimAt(t, start.Add(9*time.Minute))
	w.domains.publish("shop.test", public("the next key"))
	one.observes("shop.test", "shop.test", start.Add(-time.Hour), start)
	two.observes("shop.test", "shop.test", start.Add(-time.Hour), start)
	three := w.node("node3.test")
	three.pull(two, two.origin)
	one.takes(soon)
	three.pull(one, one.origin)
	if head := three.head(one.origin); head.Quarantined != 1 || head.Refused != 0 {
		t.Fatalf("in quarantine %d, refused %d", head.Quarantined, head.Refused)
	}
	for range 20 {
		w.clock.move(time.Minute)
		three.retry()
	}
	three.holds(soon)
}

// TestOnlyTheOriginsOwnTimesAreHeldAgainstIt: a relay can write what it likes into entries.
func TestOnlyTheOriginsOwnTimesAreHeldAgainstIt(t *testing.T) {
	w := newWorld(t)
	one, relay, two := w.node("node1.test"), w.node("relay.test"), w.node("node2.test")
	one.takes(claims(t, 0, 30)...)
	relay.pull(one, one.origin)
	relay.lies(func(path string, honest []byte) []byte {
		if strings.HasSuffix(path, "/entries") {
			return []byte(strings.ReplaceAll(string(honest), `"2026-11-22T07`, `"2026-11-22T09`))
		}
		return honest
	})
	result, err := two.mirror.Pull(t.Context(), relay.peer, one.origin, 30)
	if lie := new(mirror.LieError); !errors.As(err, &lie) || lie.Peer != "relay.test" || result.Outcome != planner.Refused {
		t.Errorf("the relay's entries gave %+v, %v", result, err)
	}
	if said := two.book.reported("node1.test"); said != nil {
		t.Errorf("the origin is blamed: %v", said)
	}
}
