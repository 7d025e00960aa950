package gossip_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mirnode/gossip"
	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
)

var three = []string{"node1.test", "node2.test", "node3.test"}

// quiet polls so seldom that no test sees it.
func quiet(o *gossip.Options) { o.Planner.PollEvery = time.Hour }

// polling polls often, and has no hint channel.
func polling(o *gossip.Options) {
	o.Planner.PollEvery = 50 * time.Millisecond
	o.Hints.Listen = ""
}

// spreads has each node's log grow and waits until all hold all.
func spreads(t *testing.T, size uint64, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		n.grow(size)
		for _, other := range nodes {
			await(t, other.domain+" holds "+n.domain, other.reached(n.origin(), size))
		}
	}
}

// TestHintsOverHTTP: without memberlist and without polls, what one log gains reaches all.
func TestHintsOverHTTP(t *testing.T) {
	w := newWorld(t, three...)
	var nodes []*node
	for _, d := range three {
		nodes = append(nodes, w.node(d, three, func(o *gossip.Options) { quiet(o); o.Hints.Listen = "" }))
	}
	introduce(t, nodes...)
	for size := uint64(1); size < 5; size++ {
		spreads(t, size, nodes...)
	}
	for _, n := range nodes {
		if _, ok := n.f.HintAddress(); ok || n.f.Descriptor().Gossip != "" {
			t.Error("a hint channel that is off has an address")
		}
		for _, s := range n.f.Peers() {
			if !s.Admitted || s.State != "in contact" || s.LastContact.IsZero() || s.BytesIn == 0 || s.MirroredSize != 4 || s.LagEntries != 0 || s.Hints != "off" {
				t.Errorf("%s: %+v", n.domain, s)
			}
		}
	}
}

// TestHintsByMemberlist: with nodes that do not listen to HTTP hints, memberlist's alone do.
func TestHintsByMemberlist(t *testing.T) {
	w := newWorld(t, three...)
	key := slices.Repeat([]byte{7}, 32)
	var nodes []*node
	for _, d := range three {
		n := w.node(d, three, func(o *gossip.Options) { quiet(o); o.Hints.Keys = [][]byte{key} })
		n.deaf = true
		nodes = append(nodes, n)
	}
	introduce(t, nodes...)
	for _, n := range nodes {
		await(t, n.domain+" has all members", n.there.reached(three...))
	}
	for size := uint64(1); size < 5; size++ {
		spreads(t, size, nodes...)
	}
}

// TestPollingAlone: a node without memberlist that hears no hints converges too.
func TestPollingAlone(t *testing.T) {
	w := newWorld(t, three...)
	var nodes []*node
	for _, d := range three {
		n := w.node(d, three, polling)
		n.deaf = true
		nodes = append(nodes, n)
	}
	introduce(t, nodes...)
	spreads(t, 3, nodes...)
}

// TestNetworksApart: nodes with another key or another label do not even become members.
func TestNetworksApart(t *testing.T) {
	w := newWorld(t, three...)
	keys := [][]byte{slices.Repeat([]byte{7}, 32), slices.Repeat([]byte{8}, 32)}
	one := w.node("node1.test", three, func(o *gossip.Options) { quiet(o); o.Hints.Keys = keys[:1] })
	two := w.node("node2.test", three, func(o *gossip.Options) { quiet(o); o.Hints.Keys = keys[1:] })
	both := w.node("node3.test", three, func(o *gossip.Options) { quiet(o); o.Hints.Keys = [][]byte{keys[0], keys[1]} })
	introduce(t, one, two, both)
	await(t, "node1 has node3, which knows both keys and sends by the first", one.there.reached("node1.test", "node3.test"))
	for _, s := range one.f.Peers() {
		if s.Domain == "node2.test" && s.Hints != "not a member" {
			t.Errorf("a node with another key: %+v", s)
		}
	}
	spreads(t, 2, one, two, both) // they converge all the same
}

// TestFindingEachOther: nodes that know no more than an address find each other, and whom their peers know, and log themselves.
func TestFindingEachOther(t *testing.T) {
	w := newWorld(t, three...)
	first := w.bare("node1.test", nil, func(o *gossip.Options) { o.Peers.Admission = peers.Open })
	address := first.f.Descriptor().URL
	second := w.bare("node2.test", nil, func(o *gossip.Options) { o.Peers.Admission, o.Peers.Addresses = peers.Open, []string{address} })
	third := w.bare("node3.test", nil, func(o *gossip.Options) { o.Peers.Admission, o.Peers.Addresses = peers.Open, []string{address} })
	for _, n := range []*node{first, second, third} {
		n.start()
		await(t, n.domain+" may write", n.f.Confirmed())
	}
	introduce(t, first, second) // the first hears of the second somehow, as from its log
	first.grow(1)
	await(t, "node3 holds node1", third.reached("node1.test/mir-dev", 1))
	third.f.Book().Exchange(t.Context(), peers.NewClient(mustOutside(t, w), third.f.Book(), "node3.test", nil))
	if _, ok := third.f.Book().Peer("node2.test"); !ok {
		t.Error("node3 has not learned of node2 by node1")
	}
	second.grow(5)
	await(t, "node3 holds node2", third.reached("node2.test/mir-dev", 5))
}

// TestHintNeverBlocks: nobody takes hints in, and any number is taken.
func TestHintNeverBlocks(t *testing.T) {
	w := newWorld(t, three...)
	n := w.bare("node1.test", three, nil)
	defer func() { _ = n.f.Close() }()
	for i := range 20_000 {
		n.f.Hint("node2.test", []planner.Hint{{Origin: planner.OriginID{byte(i), byte(i >> 8)}, Size: uint64(i)}})
	}
	for range 20_000 {
		n.f.Observed("shop.test", "00")
	}
	if _, ok := n.f.HintAddress(); !ok {
		t.Error("no hint channel")
	}
	if err := n.f.Close(); err != nil {
		t.Error(err)
	}
}

// TestOwnObservations: when this node's own observer logs a key, what waits for that key is looked at.
func TestOwnObservations(t *testing.T) {
	w := newWorld(t, three...)
	n := w.node("node1.test", three, quiet)
	n.f.Observed("shop.test", "00")
	select {
	case got := <-n.observed:
		if got != "shop.test 00" {
			t.Errorf("looked at %s", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was looked at")
	}
}

// TestRestart: what was learned of the peers, and that one was left alone, outlives a restart.
func TestRestart(t *testing.T) {
	w := newWorld(t, three...)
	two := w.node("node2.test", three, quiet)
	one := w.bare("node1.test", three, quiet)
	introduce(t, one, two)
	one.start()
	two.grow(1)
	await(t, "node1 holds node2", one.reached("node2.test/mir-dev", 1))
	one.stop()
	if err := <-one.ended; err != nil {
		t.Fatal(err)
	}
	one.ended <- nil
	state, _ := one.State("peers")
	if len(state["node2.test"]) == 0 {
		t.Errorf("kept: %q", state)
	}
	again := w.bare("node1.test", three, func(o *gossip.Options) { quiet(o); o.Store = one.disk })
	defer func() { _ = again.f.Close() }()
	if p, ok := again.f.Book().Peer("node2.test"); !ok || p.URL != two.f.Descriptor().URL {
		t.Errorf("after a restart: %+v", p)
	}
	if again.f.Descriptor().Sequence <= one.f.Descriptor().Sequence { // its server has another port
		t.Error("the descriptor's sequence did not grow")
	}
}

// TestOptions: what a start must stumble over.
func TestOptions(t *testing.T) {
	w := newWorld(t, three...)
	for name, change := range map[string]func(*gossip.Options){
		"no key":     func(o *gossip.Options) { o.Key = nil },
		"no mirror":  func(o *gossip.Options) { o.Mirror = nil },
		"listen":     func(o *gossip.Options) { o.Hints.Listen = "localhost" },
		"advertise":  func(o *gossip.Options) { o.Hints.Advertise = "node1.test" },
		"gossip key": func(o *gossip.Options) { o.Hints.Keys = [][]byte{{1, 2, 3}} },
		"url":        func(o *gossip.Options) { o.URL = "http://node1.test" },
		"taken":      func(o *gossip.Options) { o.Hints.Listen = netip.MustParseAddrPort(w.resolver[len("udp://"):]).String() },
	} {
		o := gossip.Options{
			Origin: origin("node1.test"), Key: w.keys["node1.test"], URL: "https://node1.test", Store: newDisk(), Outside: mustOutside(t, w),
			Verifier: anyVerifier(w), Mirror: func(*peers.Book, *peers.Client) (gossip.Mirror, error) { return &fakeMirror{}, nil },
		}
		o.Hints.Listen = "127.0.0.1:0"
		change(&o)
		if f, err := gossip.New(o); err == nil {
			t.Errorf("%s: accepted", name)
			_ = f.Close()
		}
	}
	for text, want := range map[string]int{
		"": 0, "# nothing\n": 0, "AAAA": 0, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n\n# old\nMDEyMzQ1Njc4OTAxMjM0NQ==": 2,
	} {
		if keys, err := gossip.ParseKeys([]byte(text)); len(keys) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
	}
}

// TestStops: a node that cannot reach anybody ends at once when it is told to.
func TestStops(t *testing.T) {
	w := newWorld(t, three...)
	n := w.bare("node1.test", three, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.f.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	n.f.Peers()
	cancel()
	await(t, "the node stops", done)
	if list := n.f.Peers(); len(list) != 2 {
		t.Errorf("after the end: %+v", list)
	}
	if err := n.f.Retry("stranger.test"); err == nil {
		t.Error("retrying a stranger")
	}
	if err := n.f.Retry("node2.test"); err != nil {
		t.Error(err)
	}
}
