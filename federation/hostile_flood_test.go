package federation_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestHostileFlood: a peer announces a thousand million entries, proves each, and sends them as fast as they are taken; another announces as many
// records as it likes and never gives one; others drip. Meanwhile the nodes' own clients are answered and the nodes converge, in bounded memory.
func TestHostileFlood(t *testing.T) {
	w := startHostileWorld(t, cluster.Options{Nodes: 2}, "flood.test", "empty.test", "drip.test", "hang.test")
	flood, empty, drip, hang := w.newHostile("flood.test"), w.newHostile("empty.test"), w.newHostile("drip.test"), w.newHostile("hang.test")
	flood.showAll(flood.repeat())
	empty.showAll(empty.promise(20_000))
	drip.lies(except(func(rw http.ResponseWriter, r *http.Request) { slowly(rw, r) }))
	hang.lies(except(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	all := []*hostile{flood, empty, drip, hang}
	for _, h := range all {
		h.publish()
	}
	for _, h := range all {
		h.awaitAdmitted()
	}
	for _, i := range w.running() {
		before := flood.awaitTaken(i, 1)
		claims := w.claims(20)
		for _, claim := range claims { // each is answered while the flood goes on
			w.mustSubmit(i, claim)
		}
		flood.awaitTaken(i, before+10_000)
		w.wantEverywhere(claims...)
	}
	w.wantConverging()
	w.wantSmall()
	for _, i := range w.running() {
		w.await("what empty.test promised is missed", func(context.Context) error {
			s, err := empty.status(w.t.Context(), i)
			if err == nil && s.Missing == 0 {
				err = fmt.Errorf("%+v", s)
			}
			return err
		})
		s, err := flood.status(w.t.Context(), i)
		if err != nil || s.LagEntries < 900_000_000 || s.HeadSize != 1<<repeatedLevels {
			t.Errorf("%s says of the flood: %+v (%v)", w.node(i).Name, s, err)
		}
	}
	drip.awaitWords("it answered by drips")
	hang.awaitWords("it did not answer in time")
	for _, i := range w.running() {
		for _, h := range all {
			h.order(i, "block")
		}
	}
	flood.awaitWords("blocked")
	w.wantConverging()
	w.wantSmall()
}

// awaitTaken waits until the i-th node has taken so many of the peer's entries, and tells how many there are.
func (h *hostile) awaitTaken(i int, size uint64) (taken uint64) {
	h.w.t.Helper()
	h.w.await("the flood is taken in", func(context.Context) error {
		s, err := h.status(h.w.t.Context(), i)
		if taken = s.MirroredSize; err == nil && taken < size {
			err = fmt.Errorf("%d entries: %s", taken, s)
		}
		return err
	})
	return taken
}

// promise makes a log of n claims that do not exist.
func (h *hostile) promise(n int) *written {
	l := h.write()
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	for i := range n {
		entry := protocol.Entry{IngestedAt: at, Kind: protocol.KindClaim, Record: [32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}}
		l.lines = append(l.lines, entry.Canonical())
	}
	h.sign(l)
	return l
}

// except lies about all but the descriptor.
func except(lie http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/.well-known/mir-node.json" {
			return false
		}
		lie(w, r)
		return true
	}
}

// slowly writes a byte now and then, until nobody reads any more.
func slowly(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}
