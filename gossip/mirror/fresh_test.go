package mirror_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/gossip/mirror"
)

// srv is a Home that knows which hosts serve a domain.
type srv map[string][]string

func (s srv) HomeNodes(_ context.Context, domain string) ([]string, error) { return s[domain], nil }

func TestFreshReadsWhatTheHomeNodeHasNow(t *testing.T) {
	w := newWorld(t)
	one := w.node("node1.test")
	two := w.node("node2.test", func(o *mirror.Options) { o.Home = srv{"shop.test": {"stranger.test", "NODE1.test."}} })
	one.takes(claims(t, 0, 30)...)
	for _, domain := range []string{"node1.test", "Shop.test"} {
		fresh, err := two.mirror.Fresh(t.Context(), domain)
		if err != nil || !fresh.Reached || fresh.Node != "node1.test" || fresh.Detail == "" {
			t.Fatalf("%s: %+v (%v)", domain, fresh, err)
		}
		two.same(one)
		one.takes(claim(t, 100+len(domain)))
	}
	if fresh, err := two.mirror.Fresh(t.Context(), "node2.test"); err != nil || !fresh.Reached || fresh.Node != "node2.test" {
		t.Errorf("our own domain: %+v (%v)", fresh, err)
	}
	if fresh, err := two.mirror.Fresh(t.Context(), "nobody.test"); err != nil || fresh.Reached || fresh.Node != "" {
		t.Errorf("a domain without a node: %+v (%v)", fresh, err)
	}
}

func TestFreshIsBounded(t *testing.T) {
	w := newWorld(t)
	slow, gone, liar := w.node("slow.test"), w.node("gone.test"), w.node("liar.test")
	hasty := w.node("node2.test", func(o *mirror.Options) { o.Limits.FreshTimeout = 50 * time.Millisecond })
	patient := w.node("node3.test") // on a busy machine even the word that somebody lies takes longer than that
	slow.takes(claim(t, 0))
	slow.stall = "/entries"
	gone.server.Close()
	liar.lies(func(string, []byte) []byte { return []byte("x") })
	for domain, want := range map[string]string{"slow.test": "within", "gone.test": "did not answer", "liar.test": "did not prove itself"} {
		asked := patient
		if domain == "slow.test" {
			asked = hasty
		}
		fresh, err := asked.mirror.Fresh(t.Context(), domain)
		if err != nil || fresh.Reached || fresh.Node != domain || !strings.Contains(fresh.Detail, want) {
			t.Errorf("%s: %+v (%v)", domain, fresh, err)
		}
	}
}

func TestFreshCallersShareAPull(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	one.takes(claims(t, 0, 10)...)
	var asked, release sync.WaitGroup
	asked.Add(1)
	release.Add(1)
	var once sync.Once
	one.lies(func(path string, honest []byte) []byte {
		if path == "/log/checkpoint" {
			once.Do(func() { asked.Done(); release.Wait() })
		}
		return honest
	})
	const callers = 50
	var wait sync.WaitGroup
	wait.Go(func() { _, _ = two.mirror.Fresh(t.Context(), "node1.test") })
	asked.Wait()
	late := claim(t, 99)
	one.takes(late) // after the first call's look at the head, before the others ask
	var started sync.WaitGroup
	for range callers {
		started.Add(1)
		wait.Go(func() {
			started.Done()
			fresh, err := two.mirror.Fresh(t.Context(), "node1.test")
			if err != nil || !fresh.Reached {
				t.Errorf("%+v (%v)", fresh, err)
			}
			two.holds(late) // what was there when the caller asked
		})
	}
	started.Wait()
	release.Done()
	wait.Wait()
	if n := one.requests("/log/checkpoint"); n > 2*callers {
		t.Errorf("%d callers asked for the head %d times", callers, n)
	}
}
