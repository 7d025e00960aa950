package mirror_test

import (
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/protocol"
)

// TestWhoDripsHoldsUpNoBodies: a peer that hangs when it is asked for missing bodies keeps nobody else's away, and is left alone for a while.
func TestWhoDripsHoldsUpNoBodies(t *testing.T) {
	w := newWorld(t)
	drip, good := w.node("drip.test"), w.node("node1.test")
	two := w.node("node2.test", func(o *mirror.Options) { o.Limits.CallTimeout = 400 * time.Millisecond })
	lost, kept := claim(t, 0), claim(t, 1)
	for n, c := range map[*node]*protocol.Claim{drip: lost, good: kept} {
		n.takes(c)
		n.lies(func(path string, honest []byte) []byte {
			if path == "/records/fetch" {
				return missing(honest, c)
			}
			return honest
		})
		two.pull(n, n.origin)
		two.lacks(c)
		n.lies(nil)
	}
	drip.stalls("/records/fetch")
	asked := drip.requests("/records/fetch")
	w.clock.move(time.Minute)
	if done := two.retry(); done != 1 {
		t.Errorf("%d bodies were found", done)
	}
	two.holds(kept)
	if n := drip.requests("/records/fetch") - asked; n != 1 && n != 2 { // the two logs are looked at side by side
		t.Errorf("who hangs was asked %d times", n)
	}
	asked = drip.requests("/records/fetch")
	w.clock.move(5 * time.Minute)
	two.retry()
	if n := drip.requests("/records/fetch") - asked; n != 0 {
		t.Errorf("who hung was asked %d times", n)
	}
	drip.stalls("")
	w.clock.move(24 * time.Hour)
	two.retry()
	two.holds(lost)
}

// stalls has the node never answer where the path ends so; "" ends that.
func (n *node) stalls(path string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stall = path
}
