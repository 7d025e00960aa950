package federation_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestQuorum: claims outlive the publication of their keys. A node that joins when a key is gone serves what was signed with it because two nodes
// saw it published, and says so. One node that says to have seen a key is not enough, however often it says it.
func TestQuorum(t *testing.T) {
	w := startHostileWorld(t, cluster.Options{Nodes: 3, Idle: []int{2}}, "liar.test", "b.liar.test", "accomplice.test")
	gone, stays := w.domains[0], w.domains[1]
	var old []*protocol.Claim
	for i := range 2 {
		claim, err := w.claimOf(gone)
		w.must(err)
		w.mustSubmit(i, claim)
		old = append(old, claim)
	}
	w.wantEverywhere(old...)
	for i := range 2 {
		w.awaitObserved(i, gone, "node1.test", "node2.test")
	}
	w.must(cluster.UpdatePublished(w.c.State().Dir, func(p *cluster.Published) error {
		return p.Domain(gone.domain).RemoveKeys("", []protocol.Channel{protocol.DNS, protocol.WellKnown})
	}))

	h := w.newHostile("liar.test")
	_, never, err := ed25519.GenerateKey(nil)
	w.must(err)
	forged, err := w.claimOf(shop{stays.domain, never})
	w.must(err)
	h.showAll(h.write(
		forged, h.observe("liar.test", stays.domain, never, time.Hour), h.observe("liar.test", stays.domain, never, time.Minute),
		h.observe("node1.test", stays.domain, never, time.Hour), // in another's name
	))
	h.publish()
	h.awaitAdmitted()

	w.start(2)
	w.await("the old claims are served by quorum", func(context.Context) error {
		for _, claim := range old {
			f, err := w.lookUp(w.t.Context(), 2, claim)
			if err != nil {
				return err
			}
			if f.Verified.By != "quorum" || !slices.Equal(f.Verified.Observers, []string{"node1.test", "node2.test"}) {
				t.Fatalf("verified by %q, observers %q", f.Verified.By, f.Verified.Observers)
			}
		}
		return nil
	})
	for _, claim := range old { // those who saw the key themselves go on
		if f, err := w.lookUp(t.Context(), 0, claim); err != nil || f.Verified.By != "discovery" || len(f.Verified.Observers) > 0 {
			t.Errorf("node1: %+v (%v)", f, err)
		}
	}
	h.awaitAdmitted()
	h.awaitQuarantined(1)
	w.domains = w.domains[1:]
	w.wantConverging()
	h.showAll(h.extend(h.shownTo(0).(*written), h.observe("liar.test", stays.domain, never, time.Second))) // has them look again
	for _, i := range w.running() {
		h.hint(i, h.shownTo(i).size())
	}
	h.awaitQuarantined(1)
	h.awaitWords("a statement of node1.test in the log of liar.test")
	w.wantNowhere(forged)

	beside := w.newHostile("b.liar.test") // another name below the same registered domain is the same voice
	beside.showAll(beside.write(beside.observe("b.liar.test", stays.domain, never, time.Hour)))
	beside.publish()
	beside.awaitAdmitted()
	beside.awaitQuarantined(0)
	h.awaitQuarantined(1)
	w.wantNowhere(forged)

	// That it was one alone is all that kept the claim out: this is how far a quorum of two carries.
	accomplice := w.newHostile("accomplice.test")
	accomplice.showAll(accomplice.write(accomplice.observe("accomplice.test", stays.domain, never, time.Hour)))
	accomplice.publish()
	w.wantEverywhere(forged)
	if f, err := w.lookUp(t.Context(), 2, forged); err != nil || !slices.Equal(f.Verified.Observers, []string{"accomplice.test", "b.liar.test"}) {
		t.Errorf("verified by %+v (%v)", f.Verified, err)
	}
}

// observe makes the peer's statement, for an observer, that it saw the domain publish a key, from so long ago to now.
func (h *hostile) observe(observer, domain string, key ed25519.PrivateKey, since time.Duration) *protocol.Observation {
	h.w.t.Helper()
	o, err := protocol.ObservationDraft{
		Observer: observer, Network: protocol.Development, Domain: domain,
		Key:       protocol.DomainKey{Public: key.Public().(ed25519.PublicKey), Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown}},
		FirstSeen: time.Now().Add(-since), LastSeen: time.Now(),
	}.Sign(h.key)
	h.w.must(err)
	return o
}

// awaitObserved waits until the i-th node shows that each of the observers saw the shop's key.
func (w *world) awaitObserved(i int, s shop, observers ...string) {
	w.t.Helper()
	w.await("the key is observed", func(ctx context.Context) error {
		var answer struct {
			History []struct{ Observer, Fingerprint string }
		}
		if err := w.read(ctx, i, "/domains/"+s.domain+"/keys", &answer); err != nil {
			return err
		}
		for _, observer := range observers {
			if !slices.ContainsFunc(answer.History, func(o struct{ Observer, Fingerprint string }) bool {
				return o.Observer == observer && o.Fingerprint == protocol.Fingerprint(s.key.Public().(ed25519.PublicKey))
			}) {
				return fmt.Errorf("%s knows of no observation by %s: %+v", w.node(i).Name, observer, answer)
			}
		}
		return nil
	})
}

// awaitQuarantined waits until all nodes have settled the peer's log and hold so many of its records in quarantine.
func (h *hostile) awaitQuarantined(n int) {
	h.w.t.Helper()
	for _, i := range h.w.running() {
		h.w.await("the forged claim is in quarantine", func(context.Context) error {
			s, err := h.status(h.w.t.Context(), i)
			if err == nil && (s.Quarantined != n || s.SettledSize != h.shownTo(i).size()) {
				err = fmt.Errorf("%s: %+v", h.w.node(i).Name, s)
			}
			return err
		})
	}
}
