package federation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mirnode/cluster"
	"mirnode/protocol"
)

// withoutGossip switches a node's hint channel off: it opens no UDP socket.
var withoutGossip = []string{"--gossip-listen", "", "--gossip-advertise", "", "--gossip-keys", ""}

// missed is how many claims arrive while a node is down.
const missed = 4000

// TestCatchingUp: a node that was down while thousands of claims arrived comes to hold them all, each verified by itself, and its own log goes on where
// it was.
func TestCatchingUp(t *testing.T) {
	t.Parallel()
	w := startWorld(t, cluster.Options{Nodes: 3})
	kept := w.keep(2, 20)
	w.awaitAgreement(w.everybody())
	before, err := w.heads(t.Context(), 2)
	w.must(err, w.c.Kill(2))
	claims := w.claims(missed)
	w.mustSubmitBatch(0, claims[:missed*3/4])
	w.mustSubmitBatch(1, claims[missed*3/4:])
	w.awaitAgreement([]int{0, 1})
	w.start(2)
	w.awaitAgreement(w.everybody())
	w.wantClaims([]int{2}, claims)
	w.wantSameRecords(w.everybody())
	after, err := w.heads(t.Context(), 2)
	w.must(err)
	own := w.origin(2).String()
	_, entries, err := w.entries(t.Context(), 2, own)
	w.must(err)
	for i := before[own].Size; i < after[own].Size; i++ {
		if entries[i].Kind == "claim" {
			t.Errorf("entry %d of its own log is a claim that others took", i)
		}
	}
	w.wantReceipts(2, append(kept, w.keep(2, 1)...))
	w.awaitAgreement(w.everybody())
	w.wantVerified(w.everybody())
}

// TestWithoutGossip: nodes without the hint channel converge all the same, and so do those that have it, with them.
func TestWithoutGossip(t *testing.T) {
	t.Parallel()
	w := startWorld(t, cluster.Options{Nodes: 3, Flags: func(i int) []string {
		if i == 0 {
			return nil
		}
		return withoutGossip
	}})
	var answer struct{ Peers []struct{ Hints string } }
	w.must(w.read(t.Context(), 1, "/peers", &answer))
	if len(answer.Peers) != 2 || answer.Peers[0].Hints != "off" {
		t.Fatalf("the hint channel is not off: %+v", answer.Peers)
	}
	var all []*protocol.Claim
	for range 3 { // one round after the other: what was heard once must not be all
		for i := range 3 {
			claims := w.claims(10)
			w.mustSubmit(i, claims...)
			all = append(all, claims...)
		}
		w.awaitAgreement(w.everybody())
	}
	w.wantClaims(w.everybody(), all)
}

// TestNetworksDoNotMix: a node of another network, at a domain that the others name as a peer's, stays outside, and they say why.
func TestNetworksDoNotMix(t *testing.T) {
	t.Parallel()
	const stranger = 2
	w := startWorld(t, cluster.Options{Nodes: 3, Idle: []int{stranger}, Flags: func(i int) []string {
		if i == stranger {
			return []string{"--network", "staging", "--origin-start-alone"}
		}
		return nil
	}})
	w.start(stranger)
	theirs, ours := w.claims(20), w.claims(20)
	w.mustSubmit(stranger, theirs...)
	w.mustSubmit(0, ours...)
	w.awaitAgreement([]int{0, 1})
	for i, refused := range map[int]string{0: "staging", 1: "staging", stranger: "development"} {
		w.await(w.node(i).Name+" refuses the other network", func(ctx context.Context) error { return w.refuses(ctx, i, stranger, refused) })
		heads, err := w.heads(t.Context(), i)
		w.must(err)
		for origin := range heads {
			if o, err := protocol.ParseOrigin(origin); err != nil || (o.Network == protocol.Staging) != (i == stranger) {
				t.Errorf("%s holds the log %s", w.node(i).Name, origin)
			}
		}
		foreign := theirs
		if i == stranger {
			foreign = ours
		}
		for _, claim := range foreign {
			if _, err := w.lookUp(t.Context(), i, claim); err == nil {
				t.Fatalf("%s has a claim of the other network", w.node(i).Name)
			}
		}
	}
	w.wantClaims([]int{0, 1}, ours)
	w.wantClaims([]int{stranger}, theirs)
}

// refuses complains while the i-th node does not say of each peer on the other side that it is of the network that is refused.
func (w *world) refuses(ctx context.Context, i, stranger int, network string) error {
	var answer struct {
		Peers []struct {
			Domain, State, LastError string
			Admitted                 bool
		}
	}
	if err := w.read(ctx, i, "/peers", &answer); err != nil {
		return err
	}
	var failed error
	for _, p := range answer.Peers {
		across := i == stranger || p.Domain == w.node(stranger).Domain
		if across && (p.Admitted || !strings.HasPrefix(p.State, "refused: it is a node of the network "+network)) {
			failed = errors.Join(failed, fmt.Errorf("of %s it says %q, %q", p.Domain, p.State, p.LastError))
		}
	}
	return failed
}
