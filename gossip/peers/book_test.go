package peers_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
)

// TestObserve is about which descriptors make a peer. want "" is admission; asks: the domain's key is looked up.
func TestObserve(t *testing.T) {
	stranger := ed25519.NewKeyFromSeed(make([]byte, 32))
	cases := map[string]struct {
		change func(w *world, d *protocol.DescriptorDraft)
		want   string
		asks   bool
	}{
		"good":            {nil, "", true},
		"another network": {func(_ *world, d *protocol.DescriptorDraft) { d.Origin.Network = protocol.Production }, "network production", false},
		"this node itself": {func(_ *world, d *protocol.DescriptorDraft) {
			d.Origin.Domain = "node1.test"
		}, "this node itself", false},
		"blocked":       {func(_ *world, d *protocol.DescriptorDraft) { d.Origin.Domain = "bad.test" }, "blocked", false},
		"below a block": {func(_ *world, d *protocol.DescriptorDraft) { d.Origin.Domain = "deep.in.bad.test" }, "blocked", false},
		"expired": {func(w *world, d *protocol.DescriptorDraft) {
			d.Issued, d.ExpiresAt = w.Now().Add(-2*time.Hour), w.Now()
		}, "expired", false},
		"from the future": {func(w *world, d *protocol.DescriptorDraft) { d.Issued = w.Now().Add(time.Hour) }, "future", false},
		"a key that the domain does not publish": {func(_ *world, d *protocol.DescriptorDraft) {
			d.Origin.Domain = "keyless.test"
		}, "KEY_NOT_FOUND", true},
		"a domain that is silent": {func(_ *world, d *protocol.DescriptorDraft) { d.Origin.Domain = "silent.test" }, "unreachable", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.publish("node2.test", "bad.test", "deep.in.bad.test")
			w.silent["silent.test"] = true
			b := w.book(t, func(o *peers.Options) { o.Admission, o.Block = peers.Open, []string{"Bad.test"} })
			d := w.draft("node2.test", 7)
			if c.change != nil {
				c.change(w, &d)
			}
			err := b.Observe(t.Context(), sign(t, d, w.key(d.Origin.Domain)), "test")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, ok := b.Peer(d.Origin.Domain); ok != (c.want == "") {
				t.Errorf("admitted: %v", ok)
			}
			if (w.lookups > 0) != c.asks {
				t.Errorf("%d look-ups, want any: %v", w.lookups, c.asks)
			}
		})
	}
	t.Run("forged", func(t *testing.T) {
		w := newWorld()
		w.publish("node2.test")
		b := w.book(t, open)
		good := w.descriptor(t, "node2.test", 7)
		bad := []byte(strings.Replace(string(good), ":8443", ":9443", 1))
		var refusal *protocol.Error
		if err := b.Observe(t.Context(), bad, "test"); !errors.As(err, &refusal) || refusal.Code != protocol.InvalidSignature {
			t.Errorf("an altered one: %v", err)
		}
		if err := b.Observe(t.Context(), sign(t, w.draft("node2.test", 7), stranger), "test"); !errors.As(err, &refusal) || refusal.Code != protocol.KeyNotFound {
			t.Errorf("one by another key: %v", err)
		}
		if err := b.Observe(t.Context(), []byte("{}"), "test"); !errors.As(err, &refusal) || len(b.Admitted()) != 0 {
			t.Errorf("nonsense: %v, %v", err, admitted(b))
		}
	})
}

// TestAllowlist: nobody else is admitted, and nobody else is even looked up.
func TestAllowlist(t *testing.T) {
	w := newWorld()
	w.publish("node2.test", "node3.test")
	b := w.book(t, func(o *peers.Options) { o.Domains = []string{"NODE2.test"} })
	var refusal *peers.Refusal
	if err := b.Observe(t.Context(), w.descriptor(t, "node3.test", 1), "test"); !errors.As(err, &refusal) || w.lookups != 0 {
		t.Errorf("a stranger: %v after %d look-ups", err, w.lookups)
	}
	if err := b.Observe(t.Context(), w.descriptor(t, "node2.test", 1), "test"); err != nil {
		t.Error(err)
	}
	if got := admitted(b); !slices.Equal(got, []string{"node2.test"}) {
		t.Errorf("admitted: %v", got)
	}
}

// TestSequence: a descriptor is followed only by newer ones.
func TestSequence(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	first, fourth := w.descriptor(t, "node2.test", 1), w.descriptor(t, "node2.test", 4)
	changed := w.draft("node2.test", 4)
	changed.URL = "https://elsewhere.test"
	back := w.draft("node2.test", 6)
	later := w.draft("node2.test", 5)
	later.Origin.Epoch = 3
	for _, step := range []struct {
		document []byte
		want     string
		sequence uint64
	}{
		{fourth, "", 4},
		{fourth, "", 4},
		{first, peers.ErrStale.Error(), 4},
		{sign(t, changed, w.key("node2.test")), "two different descriptors", 4},
		{sign(t, later, w.key("node2.test")), "", 5},
		{sign(t, back, w.key("node2.test")), "went back", 5},
	} {
		err := b.Observe(t.Context(), step.document, "test")
		if step.want == "" && err != nil || step.want != "" && (err == nil || !strings.Contains(err.Error(), step.want)) {
			t.Errorf("%v, want %q", err, step.want)
		}
		if p, _ := b.Peer("node2.test"); p.Descriptor == nil || p.Descriptor.Sequence != step.sequence {
			t.Errorf("%+v, want sequence %d", p.Descriptor, step.sequence)
		}
	}
}

// TestOrigins: the logs of a peer stay known over its epochs and keys, and over a restart.
func TestOrigins(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	second := w.draft("node2.test", 2)
	second.Origin.Epoch = 2
	second.LogKey = w.key("a second log key").Public().(ed25519.PublicKey)
	for _, d := range []protocol.DescriptorDraft{w.draft("node2.test", 1), second} {
		if err := b.Observe(t.Context(), sign(t, d, w.key("node2.test")), "test"); err != nil {
			t.Fatal(err)
		}
	}
	restarted := w.book(t, open)
	for name, b := range map[string]*peers.Book{"live": b, "restarted": restarted} {
		present, ok2 := b.OriginKey("node2.test/mir-dev/2")
		earlier, ok1 := b.OriginKey("node2.test/mir-dev")
		if !ok1 || !ok2 || present.KeyHash() == earlier.KeyHash() || earlier.Name() != "node2.test/mir-dev" {
			t.Errorf("%s: the epochs' keys: %v %v %v %v", name, present, ok2, earlier, ok1)
		}
		if _, ok := b.OriginKey("node3.test/mir-dev"); ok {
			t.Errorf("%s: a stranger's log has a key", name)
		}
		if o, ok := b.OriginByHash(second.Origin.Hash()); !ok || o != second.Origin {
			t.Errorf("%s: by hash: %v %v", name, o, ok)
		}
		if list := b.Origins("node2.test"); len(list) != 2 || list[0].Epoch != 2 || list[1].Epoch != 1 {
			t.Errorf("%s: logs %v", name, list)
		}
		w.mu.Lock()
		lookups := w.lookups
		w.mu.Unlock()
		if lookups != 2 {
			t.Errorf("%s: %d look-ups; a restart must not ask again", name, lookups)
		}
	}
	w.advance(48 * time.Hour) // past the descriptors' end
	if got := admitted(b); len(got) != 0 {
		t.Errorf("admitted with an expired descriptor: %v", got)
	}
	if _, ok := b.OriginKey("node2.test/mir-dev/2"); !ok {
		t.Error("the log's key is gone with the descriptor's time")
	}
	if s := status(t, b, "node2.test"); s.Admitted || !strings.Contains(s.State, "expired") {
		t.Errorf("status %+v", s)
	}
}

// TestBounds: one hostile domain cannot fill the book, nor can all of them; seeds always have a place.
func TestBounds(t *testing.T) {
	w := newWorld()
	b := w.book(t, func(o *peers.Options) {
		o.Admission, o.Max, o.PerSite, o.Domains = peers.Open, 6, 3, []string{"seed.test", "late.test"}
	})
	flood := func(format string, n int) (taken int) {
		for i := range n {
			domain := fmt.Sprintf(format, i)
			w.publish(domain)
			if b.Observe(t.Context(), w.descriptor(t, domain, 1), "test") == nil {
				taken++
			}
		}
		return taken
	}
	if n := flood("n%d.hostile.test", 50); n != 3 {
		t.Errorf("%d names below one domain were admitted, want 3", n)
	}
	if w.lookups != 3 {
		t.Errorf("%d look-ups for 3 places", w.lookups)
	}
	if n := flood("flood%d.test", 50); n != 1 {
		t.Errorf("%d further domains were admitted, want 1 of 6, of which 2 are kept for seeds", n)
	}
	w.publish("late.test")
	if err := b.Observe(t.Context(), w.descriptor(t, "late.test", 1), "test"); err != nil {
		t.Errorf("a seed: %v", err)
	}
	for _, p := range b.Admitted() {
		if p.Named != (p.Domain == "late.test") {
			t.Errorf("%s is named by the operator: %v", p.Domain, p.Named)
		}
	}
}

func TestBlock(t *testing.T) {
	w := newWorld()
	w.publish("node2.test", "a.node2.test", "node3.test")
	changes := 0
	b := w.book(t, func(o *peers.Options) { o.Admission, o.Changed = peers.Open, func() { changes++ } })
	for _, domain := range []string{"node2.test", "a.node2.test", "node3.test"} {
		if err := b.Observe(t.Context(), w.descriptor(t, domain, 1), "test"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Block(t.Context(), "Node2.test"); err != nil {
		t.Fatal(err)
	}
	restarted := w.book(t, open)
	for name, b := range map[string]*peers.Book{"live": b, "restarted": restarted} {
		if got := admitted(b); !slices.Equal(got, []string{"node3.test"}) {
			t.Errorf("%s: admitted %v", name, got)
		}
		if _, ok := b.OriginKey("node2.test/mir-dev"); ok {
			t.Errorf("%s: a blocked peer's log is still mirrored", name)
		}
		if s := status(t, b, "node2.test"); s.Admitted || !strings.Contains(s.State, "blocked") {
			t.Errorf("%s: status %+v", name, s)
		}
	}
	if changes != 4 {
		t.Errorf("%d changes were told, want 4", changes)
	}
	if err := b.Unblock(t.Context(), "node3.test"); !errors.Is(err, peers.ErrUnknown) {
		t.Errorf("unblocking what is not blocked: %v", err)
	}
	if err := b.Unblock(t.Context(), "node2.test"); err != nil || len(b.Admitted()) != 3 {
		t.Errorf("unblocked: %v, %v", err, admitted(b))
	}
}

// TestSettings: what a start must stumble over.
func TestSettings(t *testing.T) {
	w := newWorld()
	for name, change := range map[string]func(*peers.Options){
		"policy":    func(o *peers.Options) { o.Admission = "everybody" },
		"domain":    func(o *peers.Options) { o.Domains = []string{"10.0.0.1"} },
		"address":   func(o *peers.Options) { o.Addresses = []string{"http://node2.test"} },
		"path":      func(o *peers.Options) { o.Addresses = []string{"https://node2.test/path"} },
		"too many":  func(o *peers.Options) { o.Domains, o.Max = []string{"node2.test", "node3.test"}, 1 },
		"block":     func(o *peers.Options) { o.Block = []string{"nonsense"} },
		"no finder": func(o *peers.Options) { o.Finder = nil },
	} {
		o := peers.Options{Domain: "node1.test", Network: protocol.Development, Finder: w, State: w, Verifier: verifierOf(w)}
		change(&o)
		if _, err := peers.NewBook(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestKeeping: a full disk is an error of whoever learned the peer, and is made up for later.
func TestKeeping(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	w.stateFaults = 1
	if err := b.Observe(t.Context(), w.descriptor(t, "node2.test", 1), "test"); err == nil {
		t.Error("a full disk went unnoticed")
	}
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := admitted(w.book(t, open)); !slices.Equal(got, []string{"node2.test"}) {
		t.Errorf("after a restart: %v", got)
	}
}
