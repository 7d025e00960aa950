package mirror_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/protocol"
)

// restorable is a node of which there is an older copy of the folder, with peers that hold more.
type restorable struct {
	*world
	peers []*node
	old   string // the folder, at six entries
	dir   string // the folder, at ten
}

// restorable makes a node whose peers all cosigned six entries, and of which the first peers that know hold ten. It is closed.
func newRestorable(t *testing.T, peers, know int) *restorable {
	r := &restorable{world: newWorld(t), dir: t.TempDir()}
	for i := range peers {
		r.peers = append(r.peers, r.node(string(rune('a'+i))+".peer.test"))
	}
	one := r.nodeAt(ownOrigin, r.dir, true)
	one.takes(claims(t, 0, 6)...)
	for _, p := range r.peers {
		p.pull(one, ownOrigin)
	}
	if n, err := one.mirror.CollectCosignatures(t.Context()); err != nil || n != peers {
		t.Fatalf("%d peers cosigned (%v)", n, err)
	}
	if err := one.store.Close(); err != nil {
		t.Fatal(err)
	}
	r.old = backup(t, r.dir)
	one = r.nodeAt(ownOrigin, r.dir, true)
	one.takes(claims(t, 6, 10)...)
	for _, p := range r.peers[:know] {
		p.pull(one, ownOrigin)
	}
	if err := one.store.Close(); err != nil {
		t.Fatal(err)
	}
	one.server.Close()
	return r
}

// tries starts the node from a folder and has it look for confirmation, a second and a minute after its start.
func (r *restorable) tries(dir string) (n *node, first, late error) {
	r.t.Helper()
	n = r.nodeAt(ownOrigin, dir, false)
	first = n.mirror.Confirm(r.t.Context(), ownOrigin, false)
	if first == nil {
		return n, nil, nil
	}
	r.clock.move(time.Minute)
	return n, first, n.mirror.Confirm(r.t.Context(), ownOrigin, false)
}

// has nothing of anybody's log.
func has404(n *node) { n.away("/mirror/") }

func TestWhoseWordANodeWritesAt(t *testing.T) {
	const now, later, never = "at once", "after a while", "never"
	cases := []struct {
		name        string
		peers, know int
		prepare     func(p []*node)
		restored    bool // from the older copy
		want        string
		size        uint64 // of the log then
	}{
		{"all answer", 3, 3, func([]*node) {}, false, now, 10},
		{"all answer with a little less, as after a power cut", 3, 0, func([]*node) {}, false, now, 10},
		{"of three one is away", 3, 3, func(p []*node) { p[0].server.Close() }, false, later, 10},
		{"of three one is away, and the others have less", 3, 1, func(p []*node) { p[0].server.Close() }, false, never, 10},
		{"of two one is away", 2, 2, func(p []*node) { p[0].server.Close() }, false, later, 10},
		{"of three two are away", 3, 3, func(p []*node) { p[0].server.Close(); p[1].server.Close() }, false, never, 10},
		{"the only one has lost its disk", 1, 1, func(p []*node) { has404(p[0]) }, false, never, 10},

		{"restored, and all answer", 3, 1, func([]*node) {}, true, now, 10},
		{"restored, and one that hides the log is alone", 3, 3, func(p []*node) { has404(p[0]); p[1].server.Close(); p[2].server.Close() }, true, never, 6},
		{"restored, and one hides the log", 3, 3, func(p []*node) { has404(p[0]) }, true, later, 10},
		{"restored, and the longest copy is broken", 3, 2, func(p []*node) {
			p[0].lies(func(path string, honest []byte) []byte {
				if strings.HasSuffix(path, "/entries") {
					return []byte("nonsense\n")
				}
				return honest
			})
		}, true, now, 10},
		{"restored, and nobody gives what this node signed", 3, 1, func(p []*node) { p[0].isBusy("/entries") }, true, never, 6},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRestorable(t, c.peers, c.know)
			c.prepare(r.peers)
			dir := r.dir
			if c.restored {
				dir = r.old
			}
			n, first, late := r.tries(dir)
			got := now
			switch {
			case late != nil:
				got = never
			case first != nil:
				got = later
			}
			if got != c.want || n.head(ownOrigin).Size != c.size {
				t.Fatalf("it may write %s, at %d entries, want %s at %d (%v; %v)", got, n.head(ownOrigin).Size, c.want, c.size, first, late)
			}
			for _, err := range []error{first, late} {
				if err != nil && !errors.Is(err, mirror.ErrUnconfirmed) {
					t.Errorf("it waits with %v", err)
				}
			}
			if (n.store.Ready() == nil) != (got != never) {
				t.Errorf("the store says %v", n.store.Ready())
			}
		})
	}
}

// TestANewLogNeedsHalfOfThePeers: what was never mirrored has nobody who could say more.
func TestANewLogNeedsHalfOfThePeers(t *testing.T) {
	for name, c := range map[string]struct {
		away        int
		entries     int
		first, late bool
	}{
		"all there":                     {0, 0, true, true},
		"half away":                     {2, 0, true, true},
		"most away":                     {3, 0, false, true},
		"all away":                      {4, 0, false, false},
		"entries, nobody cosigned":      {2, 3, true, true},
		"entries, nobody cosigned, few": {3, 3, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var peers []*node
			for _, domain := range []string{"a.peer.test", "b.peer.test", "c.peer.test", "d.peer.test"} {
				peers = append(peers, w.node(domain))
			}
			for _, p := range peers[:c.away] {
				p.server.Close()
			}
			dir := t.TempDir()
			if c.entries > 0 {
				before := w.nodeAt(ownOrigin, dir, true)
				before.takes(claims(t, 0, c.entries)...)
				before.store.Close()
			}
			one := w.nodeAt(ownOrigin, dir, false)
			if err := one.mirror.Confirm(t.Context(), ownOrigin, false); (err == nil) != c.first {
				t.Errorf("at once: %v", err)
			}
			w.clock.move(time.Minute)
			if err := one.mirror.Confirm(t.Context(), ownOrigin, false); (err == nil) != c.late {
				t.Errorf("after a minute: %v", err)
			}
		})
	}
}

// TestStrangersHaveNoSayInANodesOwnLog: under open admission anybody can be a hundred peers.
func TestStrangersHaveNoSayInANodesOwnLog(t *testing.T) {
	r := newRestorable(t, 3, 3)
	r.peers[0].server.Close() // the one that the operator named
	n := r.nodeAt(ownOrigin, r.old, false)
	n.book.mu.Lock()
	for i := range n.book.peers {
		n.book.peers[i].Named = n.book.peers[i].Domain == r.peers[0].domain
	}
	n.book.mu.Unlock()
	has404(r.peers[1])
	has404(r.peers[2])
	r.clock.move(time.Minute)
	if err := n.mirror.Confirm(t.Context(), ownOrigin, false); !errors.Is(err, mirror.ErrUnconfirmed) {
		t.Errorf("without the word of the peer that was named: %v", err)
	}
}

// TestAWordIsNoCosignature: a peer that only says that it cosigned much is no witness.
func TestAWordIsNoCosignature(t *testing.T) {
	w := newWorld(t)
	two := w.node("node2.test")
	dir := t.TempDir()
	one := w.nodeAt(ownOrigin, dir, true)
	one.takes(claims(t, 0, 3)...)
	two.conflicts("2")
	if n, err := one.mirror.CollectCosignatures(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d cosigned (%v)", n, err)
	}
	one.store.Close()
	again := w.nodeAt(ownOrigin, dir, false)
	if err := again.mirror.Confirm(t.Context(), ownOrigin, false); err != nil {
		t.Errorf("a peer that never had the log, and says so, gave %v", err)
	}
}

// TestTheNextEpochHasWitnessesOfItsOwn: what peers cosigned of the log before says nothing about the one that begins.
func TestTheNextEpochHasWitnessesOfItsOwn(t *testing.T) {
	r := newRestorable(t, 2, 2)
	next := protocol.Origin{Domain: ownOrigin.Domain, Network: ownOrigin.Network, Epoch: 2}
	n := r.nodeAt(next, r.dir, false)
	if err := n.mirror.Confirm(t.Context(), next, false); err != nil {
		t.Fatal(err)
	}
	n.takes(claim(t, 50))
	for _, p := range r.peers {
		p.pull(n, next)
	}
	r.clock.move(time.Minute)
	if count, err := n.mirror.CollectCosignatures(t.Context()); err != nil || count != 2 {
		t.Errorf("%d peers cosigned the new log (%v)", count, err)
	}
}
