package peers_test

import (
	"testing"
	"testing/synctest"

	"mirnode/gossip/peers"
)

// TestSeeking: a named peer is sought until it was found, or looked for once in vain; one that the book remembers need not be.
func TestSeeking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.publish("node2.test", "node3.test", "node4.test")
		w.serve("node2.test", w.descriptor(t, "node2.test", 1))
		named := func(hangs string) *peers.Book {
			return w.book(t, func(o *peers.Options) {
				o.Domains, o.Finder = []string{"node2.test", "node3.test"}, hanging{w, hangs}
			})
		}
		b := named("https://node3.test" + nodePath)
		if !b.Seeking() {
			t.Error("it seeks nobody before it has looked for anybody")
		}
		b.Refresh(t.Context())
		if len(b.Admitted()) != 1 || !b.Seeking() {
			t.Errorf("%d found, and the one that hangs is not sought any more", len(b.Admitted()))
		}
		b.Wait()
		if b.Seeking() {
			t.Error("the one that was looked for in vain is sought still")
		}
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b = named(""); !b.Seeking() {
			t.Error("after a restart it seeks nobody")
		}
		w.serve("node3.test", w.descriptor(t, "node3.test", 1))
		b.Refresh(t.Context())
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b = named(""); b.Seeking() {
			t.Error("it seeks peers that it remembers")
		}
		if b = w.book(t, func(o *peers.Options) { o.Domains, o.Block = []string{"node4.test"}, []string{"node4.test"} }); b.Seeking() {
			t.Error("it seeks a peer that is blocked")
		}
	})
}
