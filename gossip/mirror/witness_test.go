package mirror_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/translog"
)

// request makes the body with which a node asks for a cosignature of its own log's head.
func (n *node) request(old uint64) []byte {
	n.t.Helper()
	head := n.head(n.origin)
	proof, err := translog.ConsistencyProof(n.t.Context(), n.store.Tiles(n.origin.String()), min(old, head.Size), head.Size)
	if err != nil {
		n.t.Fatal(err)
	}
	return translog.AddCheckpoint{OldSize: old, Proof: proof, Note: head.Checkpoint.Note}.Marshal()
}

func TestAWitnessCosignsWhatItHolds(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	verifier, err := translog.NewCosignatureVerifier(two.origin.String(), public("node2.test"))
	if err != nil {
		t.Fatal(err)
	}
	one.takes(claims(t, 0, 10)...)
	reply, status, err := two.mirror.AddCheckpoint(t.Context(), one.request(0))
	if status != http.StatusOK || err != nil {
		t.Fatalf("the first request gave %d (%v)", status, err)
	}
	if _, sig, err := translog.VerifyCosignature(one.head(one.origin).Checkpoint, reply, verifier); err != nil || !sig.Time.Equal(start) {
		t.Fatalf("the cosignature is of %v (%v)", sig.Time, err)
	}
	two.same(one) // it was pulled before it was vouched for

	one.takes(claims(t, 10, 40)...)
	if reply, status, _ := two.mirror.AddCheckpoint(t.Context(), one.request(0)); status != http.StatusConflict || string(reply) != "10" && string(reply) != "10\n" {
		t.Errorf("a request that builds on nothing gave %d %q", status, reply)
	}
	if _, status, err := two.mirror.AddCheckpoint(t.Context(), one.request(10)); status != http.StatusOK {
		t.Errorf("a request that builds on the last one gave %d (%v)", status, err)
	}
	if _, status, err := two.mirror.AddCheckpoint(t.Context(), one.request(40)); status != http.StatusOK {
		t.Errorf("the same head again gave %d (%v)", status, err)
	}
}

func TestWhatAWitnessRefuses(t *testing.T) {
	w := newWorld(t)
	one, two, stranger := w.node("node1.test"), w.node("node2.test"), w.node("stranger.test")
	two.knowsOnly(one)
	one.takes(claims(t, 0, 10)...)
	stranger.takes(claim(t, 1))
	if _, status, err := two.mirror.AddCheckpoint(t.Context(), one.request(0)); status != http.StatusOK {
		t.Fatalf("%d (%v)", status, err)
	}
	one.takes(claims(t, 10, 20)...)
	signer, err := translog.NewSigner(one.origin.String(), keyOf("somebody else"))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := translog.SignCheckpoint(signer, 20, translog.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	good := string(one.request(10))
	cases := map[string]struct {
		body string
		want int
	}{
		"nonsense":                {"hello", http.StatusBadRequest},
		"an unknown origin":       {string(stranger.request(0)), http.StatusNotFound},
		"a forged signature":      {string(translog.AddCheckpoint{Note: forged.Note}.Marshal()), http.StatusForbidden},
		"an old size that is new": {strings.Replace(good, "old 10\n", "old 21\n", 1), http.StatusBadRequest},
		"another old size":        {strings.Replace(good, "old 10\n", "old 9\n", 1), http.StatusConflict},
		"no proof":                {string(translog.AddCheckpoint{OldSize: 10, Note: one.head(one.origin).Checkpoint.Note}.Marshal()), http.StatusUnprocessableEntity},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, status, err := two.mirror.AddCheckpoint(t.Context(), []byte(c.body)); status != c.want || err == nil {
				t.Errorf("status %d (%v), want %d", status, err, c.want)
			}
		})
	}
	one.server.Close() // the mirror cannot come up
	if _, status, _ := two.mirror.AddCheckpoint(t.Context(), []byte(good)); status != http.StatusServiceUnavailable {
		t.Errorf("a head that is not held gave %d", status)
	}
}

func TestAWitnessCatchesAFork(t *testing.T) {
	for name, second := range map[string]int{"of the same size": 10, "of another size": 25} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.evil(claims(t, 0, 10), claims(t, 50, 50+second))
			two := w.node("node2.test")
			two.meet(a)
			if _, status, err := two.mirror.AddCheckpoint(t.Context(), a.request(0)); status != http.StatusOK {
				t.Fatalf("%d (%v)", status, err)
			}
			two.meet(b)
			if _, status, _ := two.mirror.AddCheckpoint(t.Context(), b.request(10)); status == http.StatusOK {
				t.Fatal("the other history was cosigned")
			}
			if second == 10 {
				two.frozen(a.origin)
			}
		})
	}
}

func TestWhatWasCosignedOutlivesARestart(t *testing.T) {
	w := newWorld(t)
	one := w.node("node1.test")
	dir, origin := t.TempDir(), protocol.Origin{Domain: "node2.test", Network: protocol.Development, Epoch: 1}
	two := w.nodeAt(origin, dir, true)
	one.takes(claims(t, 0, 10)...)
	if _, status, err := two.mirror.AddCheckpoint(t.Context(), one.request(0)); status != http.StatusOK {
		t.Fatalf("%d (%v)", status, err)
	}
	if err := two.store.Close(); err != nil {
		t.Fatal(err)
	}
	again := w.nodeAt(origin, dir, true)
	if reply, status, _ := again.mirror.AddCheckpoint(t.Context(), one.request(0)); status != http.StatusConflict || !strings.HasPrefix(string(reply), "10") {
		t.Errorf("after a restart: %d %q", status, reply)
	}
}

func TestCosignaturesAreCollected(t *testing.T) {
	w := newWorld(t)
	one, two, three, gone := w.node("node1.test"), w.node("node2.test"), w.node("node3.test"), w.node("gone.test")
	gone.server.Close()
	one.takes(claims(t, 0, 10)...)
	if n, err := one.mirror.CollectCosignatures(t.Context()); err != nil || n != 2 {
		t.Fatalf("%d cosigned (%v)", n, err)
	}
	one.cosignedBy(two, three)
	one.takes(claims(t, 10, 20)...)
	if n, _ := one.mirror.CollectCosignatures(t.Context()); n != 0 {
		t.Error("a round began at once after another")
	}
	w.clock.move(time.Minute)
	if n, err := one.mirror.CollectCosignatures(t.Context()); err != nil || n != 2 {
		t.Fatalf("%d cosigned (%v)", n, err)
	}
	one.cosignedBy(two, three)
	asked := two.requests("/witness/add-checkpoint")
	w.clock.move(time.Minute)
	if n, _ := one.mirror.CollectCosignatures(t.Context()); n != 0 || two.requests("/witness/add-checkpoint") != asked {
		t.Error("who has cosigned was asked again")
	}

	// A node that does not know what its witnesses know is told by them.
	one.takes(claims(t, 20, 30)...)
	if _, status, err := two.mirror.AddCheckpoint(t.Context(), one.request(20)); status != http.StatusOK {
		t.Fatalf("%d (%v)", status, err)
	}
	one.takes(claims(t, 30, 40)...)
	w.clock.move(time.Minute)
	if n, err := one.mirror.CollectCosignatures(t.Context()); err != nil || n != 2 {
		t.Fatalf("%d cosigned (%v)", n, err)
	}
	one.cosignedBy(two, three)
}

// cosignedBy fails the test unless the served head of the node's own log bears the peers' cosignatures.
func (n *node) cosignedBy(others ...*node) {
	n.t.Helper()
	cosigned := n.head(n.origin).Cosigned
	if cosigned.Size != n.head(n.origin).Size {
		n.t.Fatalf("cosigned are %d entries of %d", cosigned.Size, n.head(n.origin).Size)
	}
	for _, other := range others {
		v, err := translog.NewCosignatureVerifier(other.origin.String(), public(other.domain))
		if err != nil {
			n.t.Fatal(err)
		}
		if _, _, err := translog.VerifyCosignature(n.head(n.origin).Checkpoint, signatures(cosigned.Note), v); err != nil {
			n.t.Errorf("%s: %v", other.domain, err)
		}
	}
}

func TestAFalseCosignatureIsALie(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	one.takes(claims(t, 0, 10)...)
	two.lies(func(path string, honest []byte) []byte {
		if path == "/witness/add-checkpoint" {
			return []byte(strings.Replace(string(honest), "node2", "node3", 1))
		}
		return honest
	})
	if n, err := one.mirror.CollectCosignatures(t.Context()); err != nil || n != 0 {
		t.Fatalf("%d cosigned (%v)", n, err)
	}
	if two := one.book.reported("node2.test"); two == nil {
		t.Error("the lie is not reported")
	}
}
