package federation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mirnode/cluster"
	"mirnode/protocol"
	"mirnode/translog"
)

// TestHostileFork: a peer shows one history of its log to one node and another to the next. The nodes find out, freeze that log, and each keeps
// the proof, which anybody verifies without them; what they held of the log stays readable. In the second case the histories are not of one
// length, and begin alike.
func TestHostileFork(t *testing.T) {
	cases := map[string]struct{ common, first, second int }{"equal": {2, 3, 3}, "longer": {3, 1, 6}}
	domains := []string{"fork-equal.test", "fork-longer.test"}
	all := startHostileWorld(t, cluster.Options{Nodes: 3}, domains...)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := all.in(t, "shop-"+name+".example")
			h := w.newHostile("fork-" + name + ".test")
			common, one, two := w.claims(c.common), w.claims(c.first), w.claims(c.second)
			shared := h.write(records(common)...)
			h.showAll(shared)
			h.publish()
			h.awaitAdmitted()
			w.wantEverywhere(common...)
			h.showForked(h.extend(shared, records(one)...), h.extend(shared, records(two)...))
			h.awaitWords("frozen")
			for _, i := range w.running() {
				h.wantProof(i)
			}
			w.wantForksTold(h)
			w.wantConverging()
			w.wantEverywhere(common...) // what was held stays
			w.wantNotBoth(one, two)
		})
	}
	all.wantSmall()
}

// showForked shows one log to the first node and another to the others, and tells each that it has grown.
func (h *hostile) showForked(first, second shown) {
	h.w.t.Helper()
	h.show(func(node int) shown {
		if node == 0 {
			return first
		}
		return second
	})
	for _, i := range h.w.running() {
		h.hint(i, h.shownTo(i).size())
	}
}

// wantProof wants the i-th node to keep a proof that holds by the peer's key alone.
func (h *hostile) wantProof(i int) {
	h.w.t.Helper()
	h.w.await("the proof is kept", func(context.Context) error {
		var answer struct {
			Forks []struct {
				Origin string
				Proof  json.RawMessage
			}
		}
		if err := h.w.read(h.w.t.Context(), i, "/log/forks", &answer); err != nil {
			return err
		}
		for _, f := range answer.Forks {
			if f.Origin != h.origin.String() {
				continue
			}
			var proof translog.Fork
			h.w.must(json.Unmarshal(f.Proof, &proof))
			if err := proof.Verify(h.verifier()); err != nil {
				h.w.t.Fatalf("%s keeps a proof that does not hold: %v", h.w.node(i).Name, err)
			}
			return nil
		}
		return fmt.Errorf("%s has no proof", h.w.node(i).Name)
	})
}

// wantForksTold has `mir log forks` verify the proofs of each node.
func (w *world) wantForksTold(h *hostile) {
	w.t.Helper()
	for _, i := range w.running() {
		out, err := w.mir("log", "forks", w.node(i).URL)
		if err != nil || !strings.Contains(out, "PROVEN  "+h.origin.String()) {
			w.t.Errorf("mir log forks %s: %v\n%s", w.node(i).Name, err, out)
		}
	}
}

// wantNotBoth wants no node to serve claims of both histories.
func (w *world) wantNotBoth(one, two []*protocol.Claim) {
	w.t.Helper()
	read := func(i int, claims []*protocol.Claim) (n int) {
		for _, claim := range claims {
			if _, err := w.lookUp(w.t.Context(), i, claim); err == nil {
				n++
			}
		}
		return n
	}
	for _, i := range w.running() {
		if first, second := read(i, one), read(i, two); first > 0 && second > 0 {
			w.t.Errorf("%s serves %d claims of one history and %d of the other", w.node(i).Name, first, second)
		}
	}
}
