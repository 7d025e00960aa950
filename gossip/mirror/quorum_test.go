package mirror_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/gossip/planner"
	"mirnode/protocol"
)

// observes lets the node log that it saw a domain publish a key.
func (n *node) observes(domain, key string, from, to time.Time) {
	n.t.Helper()
	n.logs(observation(n.t, n, domain, key, from, to))
}

// observation is what a node says of a key.
func observation(t testing.TB, n *node, domain, key string, from, to time.Time) *protocol.Observation {
	t.Helper()
	o, err := protocol.ObservationDraft{
		Observer: n.domain, Network: n.origin.Network, Domain: domain,
		Key:       protocol.DomainKey{Public: public(key), Fingerprint: protocol.Fingerprint(public(key)), Channels: []protocol.Channel{protocol.DNS}},
		FirstSeen: from, LastSeen: to,
	}.Sign(n.key)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// logs appends a statement of the node to its own log.
func (n *node) logs(s protocol.Statement) {
	n.t.Helper()
	if _, err := n.store.AppendStatement(n.t.Context(), s); err != nil {
		n.t.Fatal(err)
	}
}

// retry runs what is due, until nothing is.
func (n *node) retry() (done int) {
	n.t.Helper()
	for _, look := range []func(context.Context) (int, time.Time, error){n.mirror.Retry, n.mirror.RetryMissing} {
		for due := true; due; {
			some, next, err := look(n.t.Context())
			if err != nil {
				n.t.Fatal(err)
			}
			done += some
			due = !next.After(n.clock.Now())
		}
	}
	return done
}

func TestAKeyThatIsGoneNeedsAQuorum(t *testing.T) {
	w := newWorld(t)
	one, two, three, late := w.node("node1.test"), w.node("node2.test"), w.node("node3.test"), w.node("late.test")
	old := claimOf(t, "old.test", "old.test", 1) // an hour before the start
	one.takes(old)
	w.domains.publish("old.test", public("the next key")) // the old one is removed

	late.pull(one, one.origin)
	late.lacks(old)
	if head := late.head(one.origin); head.Settled != 1 || head.Quarantined != 1 {
		t.Fatalf("settled %d, in quarantine %d", head.Settled, head.Quarantined)
	}

	one.observes("old.test", "old.test", start.Add(-48*time.Hour), start.Add(-30*time.Minute))
	late.pull(one, one.origin)
	late.lacks(old) // one observer is not enough, be it the claim's own origin

	one.observes("old.test", "old.test", start.Add(-48*time.Hour), start.Add(-20*time.Minute))
	late.pull(one, one.origin)
	late.lacks(old) // nor is one observer twice

	two.observes("old.test", "old.test", start.Add(30*24*time.Hour), start.Add(31*24*time.Hour))
	late.pull(two, two.origin)
	late.lacks(old) // nor one who saw it at another time

	two.observes("old.test", "another key", start.Add(-48*time.Hour), start)
	late.pull(two, two.origin)
	late.lacks(old) // nor one who saw another key

	three.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
	late.pull(three, three.origin)
	late.holds(old)
	record, err := late.store.Claim(t.Context(), old.SigHash())
	if err != nil || !slices.Equal(record.Provenance.Quorum, []string{"node1.test", "node3.test"}) || len(record.Provenance.Channels) != 0 {
		t.Fatalf("it was verified by %+v (%v)", record.Provenance, err)
	}
	if len(record.Places) != 1 || record.Places[0].Origin != one.origin.String() {
		t.Errorf("it stands at %+v", record.Places)
	}
	if head := late.head(one.origin); head.Quarantined != 0 {
		t.Errorf("%d are left in quarantine", head.Quarantined)
	}

	// Who comes later still knows at once, and a forgery under the old key's name is refused.
	forged := claimOf(t, "old.test", "old.test", 2)
	one.takes(claimOf(t, "old.test", "old.test", 3), forge(t, forged))
	late.pull(one, one.origin)
	late.holds(claimOf(t, "old.test", "old.test", 3))
	if head := late.head(one.origin); head.Refused != 1 || head.Quarantined != 0 {
		t.Errorf("refused %d, in quarantine %d", head.Refused, head.Quarantined)
	}
}

// forge gives a claim the signature of another.
func forge(t *testing.T, c *protocol.Claim) *protocol.Claim {
	t.Helper()
	forged, err := protocol.ParseClaim([]byte(strings.Replace(string(c.Raw()), c.Sig, claim(t, 77).Sig, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return forged
}

func TestOurOwnObservationCountsAsOne(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	old := claimOf(t, "old.test", "old.test", 1)
	one.takes(old)
	w.domains.publish("old.test")
	two.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
	two.pull(one, one.origin)
	two.lacks(old)
	one.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
	two.pull(one, one.origin)
	two.holds(old)

	// What this node saw itself later lets records out as well, when it says so.
	gone := claimOf(t, "gone.test", "gone.test", 1)
	w.domains.publish("gone.test")
	one.takes(gone)
	one.observes("gone.test", "gone.test", start.Add(-24*time.Hour), start)
	two.pull(one, one.origin)
	two.lacks(gone)
	two.observes("gone.test", "gone.test", start.Add(-24*time.Hour), start)
	if err := two.mirror.Observed(t.Context(), "gone.test", protocol.Fingerprint(public("gone.test"))); err != nil {
		t.Fatal(err)
	}
	two.holds(gone)
}

func TestObserversThatAreNotAdmittedHaveNoVoice(t *testing.T) {
	w := newWorld(t)
	one, two, three, four := w.node("node1.test"), w.node("node2.test"), w.node("node3.test"), w.node("node4.test")
	two.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
	three.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
	four.pull(two, two.origin)
	four.pull(three, three.origin)
	four.knowsOnly(one, two) // node3 was admitted, and is not any more
	old := claimOf(t, "old.test", "old.test", 1)
	one.takes(old)
	w.domains.publish("old.test")
	four.pull(one, one.origin)
	four.lacks(old)
	four.meet(three)
	w.clock.move(time.Minute)
	four.retry()
	four.holds(old)
}

func TestADomainThatIsSilentIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	list := claims(t, 0, 20)
	one.takes(list...)
	w.domains.silence("shop.test")
	two.pull(one, one.origin)
	if head := two.head(one.origin); head.Settled != 20 || head.Quarantined != 20 {
		t.Fatalf("settled %d, in quarantine %d", head.Settled, head.Quarantined)
	}
	lookups := w.domains.asked()
	if two.retry() != 0 || w.domains.asked() != lookups {
		t.Error("records were tried again before their time")
	}
	tries := 0
	for range 60 { // an hour
		w.clock.move(time.Minute)
		before := w.domains.asked()
		two.retry()
		if w.domains.asked() != before {
			tries++
		}
	}
	if tries < 4 || tries > 12 {
		t.Errorf("in an hour a silent domain was tried %d times", tries)
	}
	w.domains.publish("shop.test", public("shop.test"))
	w.clock.move(6 * time.Hour)
	if done := two.retry(); done != 20 {
		t.Errorf("%d left quarantine", done)
	}
	two.holds(list...)
	if asked := one.askedRecords(); asked != 20 {
		t.Errorf("%d bodies were asked for: what is in quarantine is here", asked)
	}
}

func TestADomainThatHangsHoldsUpNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.domains.hangs = "hangs.test"
	one := w.node("node1.test")
	two := w.node("node2.test", func(o *mirror.Options) { o.Limits.VerifyTimeout = 50 * time.Millisecond })
	one.takes(claim(t, 0), claimOf(t, "hangs.test", "hangs.test", 1), claim(t, 2))
	two.pull(one, one.origin)
	two.holds(claim(t, 0), claim(t, 2))
	if head := two.head(one.origin); head.Settled != 3 || head.Quarantined != 1 {
		t.Fatalf("settled %d, in quarantine %d", head.Settled, head.Quarantined)
	}
}

func TestAnObserverThatForkedHasNoVoice(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	a, b := w.evil(nil, claims(t, 0, 3))
	a.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
	one.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
	two.pull(a, a.origin)
	two.pull(one, one.origin)
	_ = two.pullsFrom(b)
	two.frozen(a.origin)
	old := claimOf(t, "old.test", "old.test", 1)
	w.domains.publish("old.test")
	one.takes(old)
	two.pull(one, one.origin)
	two.lacks(old)
}

func TestALargerQuorum(t *testing.T) {
	w := newWorld(t)
	one := w.node("node1.test")
	var observers []*node
	for _, name := range []string{"a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test", "h.test", "i.test"} {
		n := w.node(name)
		n.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
		observers = append(observers, n)
	}
	two := w.node("node2.test", func(o *mirror.Options) { o.Quorum = 9 })
	old := claimOf(t, "old.test", "old.test", 1)
	w.domains.publish("old.test")
	one.takes(old)
	two.pull(one, one.origin)
	for i, n := range observers {
		two.lacks(old)
		two.pull(n, n.origin)
		if i == len(observers)-1 {
			two.holds(old)
		}
	}
}

func TestWhatIsRefusedIsNotAskedForAgain(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	bad := forge(t, claim(t, 1))
	one.takes(claim(t, 0), bad, claim(t, 2))
	two.pull(one, one.origin)
	two.holds(claim(t, 0), claim(t, 2))
	two.lacks(bad)
	if head := two.head(one.origin); head.Refused != 1 || head.Settled != 3 {
		t.Fatalf("refused %d of %d", head.Refused, head.Settled)
	}
	three.pull(two, one.origin) // node2 has not got it; node1, asked next, has
	if head := three.head(one.origin); head.Refused != 1 || head.Missing != 0 {
		t.Fatalf("refused %d, missing %d", head.Refused, head.Missing)
	}
	asked := one.askedRecords() + two.askedRecords()
	for range 100 {
		w.clock.move(time.Hour)
		two.retry()
		three.retry()
		two.pull(one, one.origin)
		three.pull(two, one.origin)
	}
	if again := one.askedRecords() + two.askedRecords() - asked; again != 0 {
		t.Errorf("%d bodies were asked for again", again)
	}
}

func TestWhatNobodyHasIsGivenUp(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	lost, kept := claim(t, 0), claim(t, 1)
	one.takes(lost, kept)
	one.lies(func(path string, honest []byte) []byte {
		if path == "/records/fetch" {
			return missing(honest, lost)
		}
		return honest
	})
	result := two.pull(one, one.origin)
	if head := two.head(one.origin); result.Outcome != planner.Pulled || head.Missing != 1 || head.Settled != 2 {
		t.Fatalf("the pull gave %+v, missing %d", result, head.Missing)
	}
	two.holds(kept)
	for range 30 * 24 {
		w.clock.move(time.Hour)
		two.retry()
	}
	if head := two.head(one.origin); head.Missing != 0 || head.GivenUp != 1 {
		t.Fatalf("missing %d, given up %d", head.Missing, head.GivenUp)
	}
	asked := one.askedRecords() + three.askedRecords()
	w.clock.move(30 * 24 * time.Hour)
	two.retry()
	if again := one.askedRecords() + three.askedRecords() - asked; again != 0 {
		t.Errorf("%d bodies were asked for after they were given up", again)
	}
}

func TestWhatOneLacksAnotherHas(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	list := claims(t, 0, 10)
	one.takes(list...)
	two.pull(one, one.origin)
	two.lies(func(path string, honest []byte) []byte {
		if path == "/records/fetch" {
			return missing(honest, list[3])
		}
		return honest
	})
	if result := three.pull(two, one.origin); result.Size != 10 {
		t.Fatalf("the pull gave %+v", result)
	}
	three.holds(list...)
	if asked := one.askedRecords(); asked != 10+1 {
		t.Errorf("the origin was asked for %d bodies", asked)
	}
}

func TestStatementsOfOthersAreRefused(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	key := protocol.DomainKey{Public: public("shop.test"), Fingerprint: protocol.Fingerprint(public("shop.test")), Channels: []protocol.Channel{protocol.DNS}}
	for _, o := range []protocol.ObservationDraft{
		{Observer: "node1.test", Network: protocol.Staging},     // of another network
		{Observer: "node9.test", Network: protocol.Development}, // of another node
		{Observer: "node1.test", Network: protocol.Development}, // good
	} {
		o.Domain, o.Key, o.FirstSeen, o.LastSeen = "shop.test", key, start, start
		s, err := o.Sign(one.key)
		if err != nil {
			t.Fatal(err)
		}
		one.logs(s)
	}
	two.pull(one, one.origin)
	if head := two.head(one.origin); head.Refused != 2 || head.Settled != 3 {
		t.Fatalf("refused %d of %d", head.Refused, head.Settled)
	}
	list, _, err := two.store.Observations(t.Context(), "shop.test", 10, "")
	if err != nil || len(list) != 1 {
		t.Errorf("%d observations are held (%v)", len(list), err)
	}
}
