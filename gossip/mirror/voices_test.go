package mirror_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"mirnode/protocol"
)

// hears lets the node know a peer that its operator did not name.
func (n *node) hears(others ...*node) {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	for i := range n.book.peers {
		for _, other := range others {
			if n.book.peers[i].Domain == other.domain {
				n.book.peers[i].Named = false
			}
		}
	}
}

// TestWhoHasAVoice: a quorum is of nodes that the operator named, of different registered domains, and of this node.
func TestWhoHasAVoice(t *testing.T) {
	for _, c := range []struct {
		name      string
		observers []string
		heard     string // one of these that the operator did not name
		own       bool   // what this node saw counts too
		want      []string
	}{
		{name: "two domains", observers: []string{"node1.test", "node2.test"}, want: []string{"node1.test", "node2.test"}},
		{name: "two names below one domain", observers: []string{"a.attacker.test", "b.attacker.test"}},
		{name: "a domain and a name below it", observers: []string{"attacker.test", "b.attacker.test"}},
		{name: "two names below one public suffix", observers: []string{"a.co.uk", "b.co.uk"}, want: []string{"a.co.uk", "b.co.uk"}},
		{name: "one domain twice, and another", observers: []string{"a.attacker.test", "b.attacker.test", "node1.test"}, want: []string{"a.attacker.test", "node1.test"}},
		{name: "one that nobody named", observers: []string{"node1.test", "node2.test"}, heard: "node2.test"},
		{name: "one and this node", observers: []string{"node1.test"}, own: true, want: []string{"node1.test", "node9.test"}},
		{name: "one beside this node", observers: []string{"b.node9.test"}, own: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			holder, nine := w.node("holder.example"), w.node("node9.test")
			old := claimOf(t, "old.test", "old.test", 1)
			holder.takes(old)
			w.domains.publish("old.test")
			var all []*node
			for _, name := range c.observers {
				n := w.node(name)
				n.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
				all = append(all, n)
				if name == c.heard {
					nine.hears(n)
				}
			}
			if c.own {
				nine.observes("old.test", "old.test", start.Add(-24*time.Hour), start)
			}
			for _, n := range append(all, holder) {
				nine.pull(n, n.origin)
			}
			if c.want == nil {
				nine.lacks(old)
				return
			}
			nine.holds(old)
			record, err := nine.store.Claim(t.Context(), old.SigHash())
			if err != nil || !slices.Equal(record.Provenance.Quorum, c.want) {
				t.Errorf("verified by %v (%v)", record.Provenance.Quorum, err)
			}
		})
	}
}

// TestAFloodOfObservationsSilencesNobody: what one peer logs, however much, takes no voice from others.
func TestAFloodOfObservationsSilencesNobody(t *testing.T) {
	w := newWorld(t)
	one, two, flood, late := w.node("node1.test"), w.node("node2.test"), w.node("flood.test"), w.node("late.test")
	for _, n := range []*node{one, two} {
		n.observes("old.test", "old.test", start.Add(-48*time.Hour), start.Add(-24*time.Hour))
		late.pull(n, n.origin)
	}
	var logging sync.WaitGroup
	for part := range 100 {
		logging.Go(func() {
			for i := range 50 {
				o := observation(t, flood, "old.test", "another key", start.Add(-time.Duration(50*part+i)*time.Millisecond), start)
				if _, err := flood.store.AppendStatement(t.Context(), o); err != nil {
					t.Error(err)
				}
			}
		})
	}
	logging.Wait()
	late.pull(flood, flood.origin)
	if head := late.head(flood.origin); head.Settled != 5_000 || head.Refused > 0 {
		t.Fatalf("settled %d, refused %d", head.Settled, head.Refused)
	}
	draft := protocol.Draft{
		Type: "mir.transaction.completed", Domain: "old.test", Subject: protocol.Subject("old.test", "user"), Timestamp: start.Add(-30 * time.Hour).Format(time.RFC3339),
		KeyFingerprint: protocol.Fingerprint(public("old.test")),
	}
	old, err := draft.Sign(keyOf("old.test"))
	if err != nil {
		t.Fatal(err)
	}
	w.domains.publish("old.test")
	one.takes(old)
	late.pull(one, one.origin)
	late.holds(old)
}
