package peers_test

import (
	"strings"
	"testing"
	"time"

	"mirnode/gossip/peers"
)

// TestRaises: logs of one peer are few, and few a day, over restarts; what is refused shows, and the peer stays one.
func TestRaises(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	sequence := uint64(0)
	raise := func(epoch int) error {
		sequence++
		d := w.draft("node2.test", sequence)
		d.Origin.Epoch = epoch
		return b.Observe(t.Context(), sign(t, d, w.key("node2.test")), "test")
	}
	for _, step := range []struct {
		epoch int
		want  string
		logs  int
		pause time.Duration // before
	}{
		{1, "", 1, 0},
		{1000, "would have 1000 logs", 1, 0},
		{6, "begun 5 logs within a day", 1, 0},
		{2, "", 2, 0},
		{4, "", 4, 0}, // one was not seen
		{5, "begun 4 logs within a day", 4, time.Hour},
		{5, "", 5, 24 * time.Hour},
		{8, "begun 4 logs within a day", 5, time.Hour},
		{8, "", 8, 24 * time.Hour},
		{9, "would have 9 logs", 8, time.Hour},
	} {
		w.advance(step.pause)
		b = w.book(t, open)
		err := raise(step.epoch)
		if step.want == "" && err != nil || step.want != "" && (err == nil || !strings.Contains(err.Error(), step.want)) {
			t.Errorf("epoch %d: %v, want %q", step.epoch, err, step.want)
		}
		if n := len(b.Origins("node2.test")); n != step.logs {
			t.Errorf("epoch %d: %d logs, want %d", step.epoch, n, step.logs)
		}
		if s := status(t, b, "node2.test"); step.want != "" && !strings.Contains(s.LastError, step.want) {
			t.Errorf("epoch %d: the status says %+v", step.epoch, s)
		}
	}
}

// A new peer may be at any epoch: a few of its earlier logs count too, and there is room for later ones.
func TestFirstEpoch(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	d := w.draft("node2.test", 1)
	d.Origin.Epoch = 500
	if err := b.Observe(t.Context(), sign(t, d, w.key("node2.test")), "test"); err != nil {
		t.Fatal(err)
	}
	list := b.Origins("node2.test")
	if len(list) != 1+peers.MaxEarlier || list[0].Epoch != 500 || list[peers.MaxEarlier].Epoch != 500-peers.MaxEarlier {
		t.Errorf("logs %v", list)
	}
}

// TestWakeAfterACut: however often a look failed before, somebody's sign ends the wait; but not more often than every few seconds.
func TestWakeAfterACut(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, func(o *peers.Options) { o.Domains = []string{"node2.test"} })
	for range 12 {
		b.Refresh(t.Context())
		w.advance(time.Minute)
	}
	b.Refresh(t.Context())
	reads := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.reads["https://node2.test"+nodePath]
	}
	before := reads()
	for range 100 {
		b.Wake("node2.test")
		w.advance(50 * time.Millisecond)
		b.Refresh(t.Context())
	}
	if n := reads() - before; n < 1 || n > 3 {
		t.Errorf("%d looks in five seconds of signs, want one or two", n)
	}
	w.serve("node2.test", w.descriptor(t, "node2.test", 1))
	w.advance(4 * time.Second)
	b.Wake("node2.test")
	w.advance(time.Second)
	b.Refresh(t.Context())
	if len(admitted(b)) != 1 {
		t.Error("it is back, and was not found")
	}
}
