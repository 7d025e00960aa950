package mirror_test

import (
	"bytes"
	"errors"
	"testing"

	"mirnode/gossip/mirror"
	"mirnode/gossip/planner"
	"mirnode/protocol"
	"mirnode/translog"
)

// evil makes two nodes of one origin, with a log each: a node that shows two histories.
func (w *world) evil(first, second []*protocol.Claim) (a, b *node) {
	origin := protocol.Origin{Domain: "evil.test", Network: protocol.Development, Epoch: 1}
	a, b = w.nodeAt(origin, w.t.TempDir(), true), w.nodeAt(origin, w.t.TempDir(), true)
	a.takes(first...)
	b.takes(second...)
	return a, b
}

// frozen fails the test unless the node froze the log and keeps a proof that holds under the log's key and nothing else.
func (n *node) frozen(origin protocol.Origin) {
	n.t.Helper()
	if head := n.head(origin); !head.Frozen {
		n.t.Fatalf("%s did not freeze %s", n.domain, origin)
	}
	v, err := translog.NewVerifier(origin.String(), public(origin.Domain))
	if err != nil {
		n.t.Fatal(err)
	}
	forks, err := n.store.Forks(n.t.Context())
	if err != nil || len(forks) == 0 {
		n.t.Fatalf("%s keeps %d proofs (%v)", n.domain, len(forks), err)
	}
	if err := forks[0].Proof.Verify(v); err != nil {
		n.t.Errorf("the proof does not hold: %v", err)
	}
}

func TestForksAreCaught(t *testing.T) {
	cases := []struct {
		name          string
		first, second int // claims of each history
		by            func(victim, b *node) error
	}{
		{"heads of one size", 10, 10, (*node).looksAt},
		{"a shorter head", 30, 7, (*node).looksAt},
		{"a shorter head pulled", 30, 27, (*node).pullsFrom},
		{"a longer log pulled", 10, 50, (*node).pullsFrom},
		{"the same size pulled", 10, 10, (*node).pullsFrom},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.evil(claims(t, 0, c.first), claims(t, 1_000, 1_000+c.second))
			victim := w.node("node1.test")
			victim.pull(a, a.origin)
			err := c.by(victim, b)
			if err != nil && !errors.As(err, new(*mirror.ForkError)) {
				t.Fatalf("the fork is told as %v", err)
			}
			victim.frozen(a.origin)
			victim.holds(claims(t, 0, c.first)...) // what was there stays
			if result, _ := victim.mirror.Pull(t.Context(), a.peer, a.origin, 99); result.Outcome != planner.Frozen {
				t.Errorf("pulling a frozen log gave %+v", result)
			}
		})
	}
}

func (n *node) looksAt(other *node) error {
	_, _, err := n.mirror.Heads(n.t.Context(), other.peer, "")
	return err
}

func (n *node) pullsFrom(other *node) error {
	result, err := n.mirror.Pull(n.t.Context(), other.peer, other.origin, 1)
	if result.Outcome != planner.Frozen {
		n.t.Errorf("pulling the other history gave %+v (%v)", result, err)
	}
	return err
}

// TestForksAreCaughtThoughTheOriginHurries: a peer tells of a head before we hold so much, and what the origin shows us then is another history. The peer
// does not tell of that head again.
func TestForksAreCaughtThoughTheOriginHurries(t *testing.T) {
	for name, second := range map[string]int{"as long": 10, "shorter": 7} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.evil(claims(t, 0, 10), claims(t, 1_000, 1_000+second))
			other, victim := w.node("node2.test"), w.node("node1.test")
			other.pull(b, b.origin)
			victim.meet(a)
			_, since, err := victim.mirror.Heads(t.Context(), other.peer, "")
			if err != nil {
				t.Fatal(err)
			}
			result, err := victim.mirror.Pull(t.Context(), a.peer, a.origin, 10)
			if result.Outcome != planner.Frozen || !errors.As(err, new(*mirror.ForkError)) {
				t.Errorf("the pull gave %+v (%v)", result, err)
			}
			if hints, _, err := victim.mirror.Heads(t.Context(), other.peer, since); err != nil || len(hints) != 0 {
				t.Errorf("the peer tells again: %v (%v)", hints, err)
			}
			victim.frozen(a.origin)
		})
	}
}

// TestAHeadThatWasAheadIsNoFork: what a peer showed early is on our history, and the log goes on.
func TestAHeadThatWasAheadIsNoFork(t *testing.T) {
	w := newWorld(t)
	one, other, late := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	one.takes(claims(t, 0, 10)...)
	other.pull(one, one.origin)
	late.meet(one)
	if _, _, err := late.mirror.Heads(t.Context(), other.peer, ""); err != nil {
		t.Fatal(err)
	}
	one.takes(claims(t, 10, 20)...)
	late.pull(one, one.origin)
	late.same(one)
}

// A mirror that is still catching up holds no whole checkpoint. What its prefix was proven by is kept for this case.
func TestForksAreCaughtWhileCatchingUp(t *testing.T) {
	for name, second := range map[string]int{"longer": 130, "shorter than what proved the prefix": 80, "shorter than the prefix": 30} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.evil(claims(t, 0, 120), claims(t, 200, 200+second))
			two, three := w.node("node2.test"), w.node("node3.test")
			two.pull(a, a.origin)
			three.pull(b, b.origin)
			victim := w.node("node1.test", func(o *mirror.Options) { o.Limits.EntriesPerSecond = 10 })
			victim.meet(a)
			if result := victim.pull(two, a.origin); result.Size != 40 {
				t.Fatalf("the first pull gave %+v", result)
			}
			w.clock.move(10e9)
			result, err := victim.mirror.Pull(t.Context(), three.peer, a.origin, 1)
			if result.Outcome != planner.Frozen {
				t.Fatalf("the other history gave %+v (%v)", result, err)
			}
			victim.frozen(a.origin)
		})
	}
}

func TestForkProofsSpread(t *testing.T) {
	w := newWorld(t)
	a, b := w.evil(claims(t, 0, 10), claims(t, 20, 30))
	finder, other, late := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	finder.pull(a, a.origin)
	other.pull(a, a.origin)
	if err := finder.looksAt(b); err != nil {
		t.Fatal(err)
	}
	if err := other.looksAt(finder); err != nil { // its head is marked as frozen
		t.Fatal(err)
	}
	other.frozen(a.origin)
	if n, err := late.mirror.LearnForks(t.Context(), other.peer); err != nil || n != 1 {
		t.Fatalf("%d proofs were learnt (%v)", n, err)
	}
	late.frozen(a.origin)
	if n, err := late.mirror.LearnForks(t.Context(), other.peer); err != nil || n != 0 {
		t.Errorf("%d proofs were learnt again (%v)", n, err)
	}
}

func TestForkProofsThatDoNotHoldAreNotTaken(t *testing.T) {
	w := newWorld(t)
	a, b := w.evil(claims(t, 0, 10), claims(t, 20, 35))
	finder, other := w.node("node1.test"), w.node("node2.test")
	finder.pull(a, a.origin)
	_ = finder.pullsFrom(b)
	finder.frozen(a.origin)
	for name, change := range map[string]func([]byte) []byte{
		"an altered note": func(honest []byte) []byte {
			return bytes.ReplaceAll(honest, []byte(`mir-dev\n10\n`), []byte(`mir-dev\n11\n`))
		},
		"another prefix": func(honest []byte) []byte {
			return bytes.Replace(honest, []byte(`"prefix":"`), []byte(`"prefix":"00`), 1)
		},
		"another origin":    func(honest []byte) []byte { return bytes.Replace(honest, []byte(`evil.test`), []byte(`node1.test`), 1) },
		"twice one history": func(honest []byte) []byte { return bytes.ReplaceAll(honest, []byte(`"second":`), []byte(`"third":`)) },
	} {
		t.Run(name, func(t *testing.T) {
			finder.lies(func(path string, honest []byte) []byte {
				if path == "/log/forks" {
					return change(honest)
				}
				return honest
			})
			n, err := other.mirror.LearnForks(t.Context(), finder.peer)
			if n != 0 || err != nil || other.head(a.origin).Frozen {
				t.Errorf("%d proofs were taken (%v)", n, err)
			}
		})
	}
	finder.lies(func(string, []byte) []byte { return []byte("[") })
	if _, err := other.mirror.LearnForks(t.Context(), finder.peer); !errors.As(err, new(*mirror.LieError)) {
		t.Errorf("what cannot be read gave %v", err)
	}
}

func TestAFrozenOriginStartsAgain(t *testing.T) {
	w := newWorld(t)
	a, b := w.evil(claims(t, 0, 10), claims(t, 20, 35))
	victim := w.node("node1.test")
	victim.pull(a, a.origin)
	_ = victim.pullsFrom(b)
	victim.frozen(a.origin)

	next := a.origin
	next.Epoch = 2
	reborn := w.nodeAt(next, t.TempDir(), true)
	reborn.takes(claims(t, 50, 60)...)
	if hints, _, err := victim.mirror.Heads(t.Context(), reborn.peer, ""); err != nil || len(hints) != 1 || hints[0].Origin != planner.OriginID(next.Hash()) {
		t.Fatalf("the new epoch's heads are %v (%v)", hints, err)
	}
	victim.pull(reborn, next)
	victim.same(reborn)
	victim.holds(claims(t, 0, 10)...)
	victim.holds(claims(t, 50, 60)...)
}
