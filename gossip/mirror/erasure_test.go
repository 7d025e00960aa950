package mirror_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/protocol"
	"mirnode/store"
)

// erases lets the node log a notice that it erased a claim.
func (n *node) erases(c *protocol.Claim, domain string) {
	n.t.Helper()
	notice, err := protocol.ErasureDraft{
		Node: n.domain, Network: n.origin.Network, Record: c.RecordHash(), ClaimDomain: domain, Reason: "asked for by the subject", ErasedAt: start,
	}.Sign(n.key)
	if err != nil {
		n.t.Fatal(err)
	}
	n.logs(notice)
}

func (n *node) erased(c *protocol.Claim) bool {
	n.t.Helper()
	_, err := n.store.Claim(n.t.Context(), c.SigHash())
	return errors.As(err, new(*store.ErasedError))
}

func TestErasureNotices(t *testing.T) {
	cases := []struct {
		name    string
		domain  string // the claim's
		says    string // what the notice says it is
		trusted bool
		want    bool
	}{
		{"of the claim's own domain", "node1.test", "node1.test", false, true},
		{"of another node", "shop.test", "shop.test", false, false},
		{"of another node that is trusted", "shop.test", "shop.test", true, true},
		{"that lies about the claim's domain", "shop.test", "node1.test", false, false},
	}
	for _, c := range cases {
		for _, first := range []string{"the claim first", "the notice first"} {
			t.Run(c.name+", "+first, func(t *testing.T) {
				w := newWorld(t)
				one, holder := w.node("node1.test"), w.node("holder.test")
				two := w.node("node2.test", func(o *mirror.Options) {
					if c.trusted {
						o.TrustErasures = []string{"node1.test"}
					}
				})
				record := claimOf(t, c.domain, c.domain, 1)
				holder.takes(record)
				one.erases(record, c.says)
				if first == "the claim first" {
					two.pull(holder, holder.origin)
					two.pull(one, one.origin)
				} else {
					two.pull(one, one.origin)
					two.pull(holder, holder.origin)
				}
				if got := two.erased(record); got != c.want {
					if _, err := two.store.Claim(t.Context(), record.SigHash()); !c.want || !errors.Is(err, store.ErrNotFound) {
						t.Errorf("erased: %v, want %v (%v)", got, c.want, err)
					}
				}
				if head := two.head(holder.origin); head.Settled != 1 {
					t.Errorf("settled %d", head.Settled)
				}
			})
		}
	}
}

func TestWhatItsOriginErasedIsNotAskedForAgain(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	gone := claim(t, 1)
	one.takes(claim(t, 0), gone)
	if err := one.store.EraseClaim(t.Context(), gone.SigHash(), "by law", nil); err != nil {
		t.Fatal(err)
	}
	two.pull(one, one.origin)
	two.same(one)
	two.lacks(gone)
	if head := two.head(one.origin); head.Missing != 0 {
		t.Errorf("%d are asked for again", head.Missing)
	}
}

func TestANoticeThatWaitsOutlivesARestart(t *testing.T) {
	w := newWorld(t)
	one, holder := w.node("node1.test"), w.node("holder.test")
	dir, origin := t.TempDir(), protocol.Origin{Domain: "node2.test", Network: protocol.Development, Epoch: 1}
	two := w.nodeAt(origin, dir, true)
	late, submitted := claimOf(t, "node1.test", "node1.test", 1), claimOf(t, "node1.test", "node1.test", 2)
	one.erases(late, "node1.test")
	one.erases(submitted, "node1.test")
	two.pull(one, one.origin)
	if err := two.store.Close(); err != nil {
		t.Fatal(err)
	}
	two = w.nodeAt(origin, dir, true)
	holder.takes(late)
	two.pull(holder, holder.origin)
	two.lacks(late)
	two.takes(submitted) // by a client of our own, past the mirror
	w.clock.move(time.Hour)
	two.retry()
	if !two.erased(submitted) {
		t.Error("a claim that came in beside the mirror is still served")
	}
}

// TestNoticesOfOneDomainCrowdOutNoOthers: what a domain says of records that nobody has takes a share of the room, says so, and ends.
func TestNoticesOfOneDomainCrowdOutNoOthers(t *testing.T) {
	w := newWorld(t)
	var said bytes.Buffer // only read when nothing is under way
	evil, shop, holder := w.node("evil.test"), w.node("node1.test"), w.node("holder.test")
	two := w.node("node2.test", func(o *mirror.Options) { o.Logger = slog.New(slog.NewTextHandler(&said, nil)) })
	mine, early, late := claimOf(t, "node1.test", "node1.test", 1), claimOf(t, "evil.test", "evil.test", 1), claimOf(t, "evil.test", "evil.test", 2)
	evil.erases(early, "evil.test")
	shop.erases(mine, "node1.test")
	two.pull(evil, evil.origin)
	two.pull(shop, shop.origin)
	var logging sync.WaitGroup
	for part := range 50 {
		logging.Go(func() {
			for i := range 12 {
				evil.erases(claimOf(t, "node1.test", "node1.test", 1_000+12*part+i), "evil.test") // of no matter whose records
			}
		})
	}
	logging.Wait()
	evil.erases(mine, "evil.test") // takes nothing from whom the record is of
	evil.erases(late, "evil.test")
	two.pull(evil, evil.origin)
	if n := strings.Count(said.String(), "no room for more erasure notices"); n != 1 || !strings.Contains(said.String(), "evil.test") {
		t.Errorf("it was said %d times that there is no room", n)
	}
	other := claimOf(t, "node1.test", "node1.test", 2)
	shop.erases(other, "node1.test")
	two.pull(shop, shop.origin)
	holder.takes(mine, early, other, late)
	two.pull(holder, holder.origin)
	for name, c := range map[string]*protocol.Claim{"the shop's": mine, "another of the shop's": other, "the flood's first": early} {
		if _, err := two.store.Claim(t.Context(), c.SigHash()); err == nil {
			t.Errorf("%s is served", name)
		}
	}
	two.holds(late) // past the share
	w.clock.move(91 * 24 * time.Hour)
	two.retry()
	kept, err := two.store.State("mirror-notices")
	if err != nil || len(kept) != 0 {
		t.Errorf("%d notices are kept after three months (%v)", len(kept), err)
	}
}
