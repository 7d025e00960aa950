package mirror_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/planner"
	"mirnode/protocol"
)

// bodyLines alters each line of an answer of bodies.
func bodyLines(change func(line map[string]any)) func(path string, honest []byte) []byte {
	return func(path string, honest []byte) []byte {
		if path != "/records/fetch" {
			return honest
		}
		var out []byte
		for line := range bytes.Lines(honest) {
			var said map[string]any
			if json.Unmarshal(line, &said) != nil {
				return honest
			}
			change(said)
			altered, _ := json.Marshal(said)
			out = append(append(out, altered...), '\n')
		}
		return out
	}
}

// TestARelaySettlesNothingForGood: what a peer that hands on another's log says of its records, without being able to show it, costs at most a
// second question: no record is lost, and nothing is held against the log's origin.
func TestARelaySettlesNothingForGood(t *testing.T) {
	cases := []struct {
		name string
		lie  func(line map[string]any)
		want planner.Outcome // Refused: the relay's lie
	}{
		{"another kind", func(l map[string]any) { l["kind"] = "key-observation" }, planner.Refused},
		{"a kind that nobody knows", func(l map[string]any) { l["kind"] = "novelty" }, planner.Refused},
		{"no kind", func(l map[string]any) { delete(l, "kind") }, planner.Refused},
		{"no JSON", func(l map[string]any) { l["body"] = "{" }, planner.Refused},
		{"too long to be one", func(l map[string]any) { l["body"] = l["body"].(string) + strings.Repeat(" ", 16<<10) }, planner.Pulled},
		{"erased", func(l map[string]any) {
			delete(l, "body")
			l["erased"] = map[string]any{"reason": "so I say", "at": start}
		}, planner.Pulled},
		{"missing", func(l map[string]any) { delete(l, "body"); l["missing"] = true }, planner.Pulled},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			one, relay, two := w.node("node1.test"), w.node("relay.test"), w.node("node2.test")
			list := claims(t, 0, 5)
			one.takes(list...)
			relay.pull(one, one.origin)
			relay.lies(bodyLines(c.lie))

			result, err := two.mirror.Pull(t.Context(), relay.peer, one.origin, 5)
			if result.Outcome != c.want || result.Size != 5 {
				t.Errorf("the pull gave %+v, %v", result, err)
			}
			two.holds(list...)
			if head := two.head(one.origin); head.Refused != 0 {
				t.Errorf("%d records of an honest log are refused", head.Refused)
			}
			if said := two.book.reported("node1.test"); said != nil {
				t.Errorf("the origin is blamed: %v", said)
			}
			if said := two.book.reported("relay.test"); (said != nil) != (c.want == planner.Refused) {
				t.Errorf("of the relay is said: %v", said)
			}
		})
		t.Run(c.name+", the origin away", func(t *testing.T) {
			w := newWorld(t)
			one, relay, two := w.node("node1.test"), w.node("relay.test"), w.node("node2.test")
			list := claims(t, 0, 5)
			one.takes(list...)
			relay.pull(one, one.origin)
			relay.lies(bodyLines(c.lie))
			one.isBusy("/records/fetch")
			_, _ = two.mirror.Pull(t.Context(), relay.peer, one.origin, 5)
			if head := two.head(one.origin); head.Refused != 0 {
				t.Fatalf("%d records of an honest log are refused", head.Refused)
			}
			one.isBusy("")
			two.pull(one, one.origin)
			w.clock.move(time.Hour)
			two.retry()
			two.holds(list...)
		})
	}
}

// TestALogThatNamesAnotherKindIsItsOriginsFault: who shows the record under its true kind tells no lie.
func TestALogThatNamesAnotherKindIsItsOriginsFault(t *testing.T) {
	w := newWorld(t)
	one, relay, two := w.node("node1.test"), w.node("relay.test"), w.node("node2.test")
	spaced, err := protocol.ParseClaim(bytes.Replace(claim(t, 1).Raw(), []byte(`,`), []byte(", "), 1))
	if err != nil {
		t.Fatal(err)
	}
	relay.takes(spaced)
	one.shows(protocol.Entry{IngestedAt: start, Kind: protocol.KindObservation, Record: spaced.RecordHash()})
	relay.pull(one, one.origin)
	two.pull(relay, one.origin)
	if head := two.head(one.origin); head.Refused != 1 || head.Missing != 0 {
		t.Errorf("refused %d, missing %d", head.Refused, head.Missing)
	}
	if said := two.book.reported("relay.test"); said != nil {
		t.Errorf("the relay is blamed: %v", said)
	}
	if said := two.book.reported("node1.test"); said == nil {
		t.Error("the origin is not blamed")
	}
}

// TestARelayDoesNotChooseTheSpelling: white space is not covered by an entry's hash.
func TestARelayDoesNotChooseTheSpelling(t *testing.T) {
	w := newWorld(t)
	one, relay, two := w.node("node1.test"), w.node("relay.test"), w.node("node2.test")
	spell := func(c *protocol.Claim, old, replacement string) *protocol.Claim {
		spelled, err := protocol.ParseClaim(bytes.ReplaceAll(c.Raw(), []byte(old), []byte(replacement)))
		if err != nil {
			t.Fatal(err)
		}
		return spelled
	}
	airy := spell(claim(t, 1), ",", ",\n        ")                          // as programs print it
	wide := spell(claim(t, 2), `"mir"`, strings.Repeat(" ", 4_000)+`"mir"`) // as its client wanted it
	one.takes(claim(t, 0), airy, wide)
	relay.pull(one, one.origin)
	spelled := func(n *node, list ...*protocol.Claim) {
		t.Helper()
		for i, c := range list {
			if record, err := n.store.Claim(t.Context(), c.SigHash()); err != nil || string(record.Raw) != string(c.Raw()) {
				t.Errorf("claim %d is held in %d bytes, and its origin has %d (%v)", i, len(record.Raw), len(c.Raw()), err)
			}
		}
	}
	spelled(relay, claim(t, 0), airy, wide)

	asked := one.askedRecords()
	two.pull(relay, one.origin)
	spelled(two, claim(t, 0), airy, wide)
	if asked = one.askedRecords() - asked; asked != 1 {
		t.Errorf("the origin was asked for %d bodies: only the wide one is not taken of others", asked)
	}
	three := w.node("node3.test")
	three.knowsOnly(relay, one)
	relay.lies(bodyLines(func(l map[string]any) {
		l["body"] = "{" + strings.Repeat(" ", 8_000) + l["body"].(string)[1:]
	}))
	three.pull(relay, one.origin)
	spelled(three, claim(t, 0), airy, wide)
	for _, n := range []*node{two, three} {
		if said := n.book.reported("relay.test"); said != nil {
			t.Errorf("who hands on what it got is blamed: %v", said)
		}
	}
}

// TestOurOwnSpellingComesBack: nobody but peers can give back what our own log was given.
func TestOurOwnSpellingComesBack(t *testing.T) {
	w := newWorld(t)
	two := w.node("node2.test")
	before := w.nodeAt(ownOrigin, t.TempDir(), true)
	wide, err := protocol.ParseClaim([]byte("{" + strings.Repeat(" ", 8_000) + string(claim(t, 1).Raw()[1:])))
	if err != nil {
		t.Fatal(err)
	}
	before.takes(wide)
	two.pull(before, ownOrigin)
	restored := w.nodeAt(ownOrigin, t.TempDir(), false)
	if err := restored.mirror.Confirm(t.Context(), ownOrigin, false); err != nil {
		t.Fatal(err)
	}
	restored.holds(wide)
}
