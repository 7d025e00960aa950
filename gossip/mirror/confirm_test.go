package mirror_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"mirnode/gossip/mirror"
	"mirnode/protocol"
	"mirnode/store"
)

// backup copies a node's folder. The node's store must be closed.
func backup(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		in, err := os.Open(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := os.Create(filepath.Join(to, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, in); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

var ownOrigin = protocol.Origin{Domain: "node1.test", Network: protocol.Development, Epoch: 1}

func TestARestoredNodeLearnsItsLogBack(t *testing.T) {
	w := newWorld(t)
	two := w.node("node2.test")
	dir := t.TempDir()
	before := w.nodeAt(ownOrigin, dir, true)
	before.takes(claims(t, 0, 5)...)
	if err := before.store.Close(); err != nil {
		t.Fatal(err)
	}
	old := backup(t, dir)
	before = w.nodeAt(ownOrigin, dir, true)
	before.takes(claims(t, 5, 260)...)
	two.page = 100
	two.pull(before, ownOrigin)

	restored := w.nodeAt(ownOrigin, old, false)
	if _, err := restored.store.AppendClaim(t.Context(), claim(t, 9_000), store.Provenance{}); !errors.Is(err, store.ErrNotConfirmed) {
		t.Fatalf("before it was confirmed a write gave %v", err)
	}
	if err := restored.mirror.Confirm(t.Context(), ownOrigin, false); err != nil {
		t.Fatal(err)
	}
	if head := restored.head(ownOrigin); head.Size != 260 || head.Root != before.head(ownOrigin).Root || head.Settled != 260 {
		t.Fatalf("learnt back: %d entries, %d settled", head.Size, head.Settled)
	}
	restored.holds(claims(t, 0, 260)...)
	appended, err := restored.store.AppendClaim(t.Context(), claim(t, 9_000), store.Provenance{})
	if err != nil || appended.Index != 260 {
		t.Fatalf("the next write has index %d (%v)", appended.Index, err)
	}
	two.pull(restored, ownOrigin) // one history, not two
	two.same(restored)
}

func TestANodeThatIsAheadIsConfirmed(t *testing.T) {
	w := newWorld(t)
	two, three := w.node("node2.test"), w.node("node3.test")
	dir := t.TempDir()
	before := w.nodeAt(ownOrigin, dir, true)
	before.takes(claims(t, 0, 5)...)
	two.pull(before, ownOrigin)
	before.takes(claims(t, 5, 9)...)
	if err := before.store.Close(); err != nil {
		t.Fatal(err)
	}
	three.server.Close() // one of two peers answers
	again := w.nodeAt(ownOrigin, dir, false)
	if err := again.mirror.Confirm(t.Context(), ownOrigin, false); err != nil {
		t.Fatal(err)
	}
	again.takes(claim(t, 10))
}

func TestANodeNobodyAnswersStaysUnconfirmed(t *testing.T) {
	w := newWorld(t)
	two := w.node("node2.test")
	one := w.nodeAt(ownOrigin, t.TempDir(), false)
	two.server.Close()
	if err := one.mirror.Confirm(t.Context(), ownOrigin, false); !errors.Is(err, mirror.ErrUnconfirmed) {
		t.Fatalf("without an answer: %v", err)
	}
	if err := one.store.Ready(); !errors.Is(err, store.ErrNotConfirmed) {
		t.Fatalf("the store says %v", err)
	}
	if err := one.mirror.Confirm(t.Context(), ownOrigin, true); err != nil {
		t.Fatal(err)
	}
	one.takes(claim(t, 1))
}

func TestANodeThatForkedItselfStops(t *testing.T) {
	w := newWorld(t)
	two := w.node("node2.test")
	before := w.nodeAt(ownOrigin, t.TempDir(), true)
	before.takes(claims(t, 0, 5)...)
	two.pull(before, ownOrigin)
	for name, claims := range map[string][]*protocol.Claim{"shorter": claims(t, 10, 13), "longer": claims(t, 10, 20)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			other := w.nodeAt(ownOrigin, dir, true)
			other.takes(claims...)
			if err := other.store.Close(); err != nil {
				t.Fatal(err)
			}
			restored := w.nodeAt(ownOrigin, dir, false)
			var fork *mirror.ForkError
			if err := restored.mirror.Confirm(t.Context(), ownOrigin, false); !errors.As(err, &fork) {
				t.Fatalf("another history at a peer gave %v", err)
			}
			restored.frozen(ownOrigin)
			restored.store.StartWriting()
			if _, err := restored.store.AppendClaim(t.Context(), claim(t, 99), store.Provenance{}); !errors.Is(err, store.ErrFrozen) {
				t.Errorf("a write to the frozen log gave %v", err)
			}
		})
	}
}

func TestALiarDoesNotKeepANodeFromItsLog(t *testing.T) {
	w := newWorld(t)
	two, three := w.node("node2.test"), w.node("node3.test")
	before := w.nodeAt(ownOrigin, t.TempDir(), true)
	before.takes(claims(t, 0, 50)...)
	two.pull(before, ownOrigin)
	three.pull(before, ownOrigin)
	two.lies(func(path string, honest []byte) []byte { return append(honest, "garbage"...) })
	restored := w.nodeAt(ownOrigin, t.TempDir(), false)
	if err := restored.mirror.Confirm(t.Context(), ownOrigin, false); err != nil {
		t.Fatal(err)
	}
	restored.holds(claims(t, 0, 50)...)
	if said := restored.book.reported("node2.test"); said == nil {
		t.Error("the liar is not reported")
	}
}

// A node that took writes although peers knew more hears of it from their heads.
func TestAPeerAheadOfOurOwnLogIsNoticed(t *testing.T) {
	w := newWorld(t)
	two := w.node("node2.test")
	before := w.nodeAt(ownOrigin, t.TempDir(), true)
	before.takes(claims(t, 0, 5)...)
	two.pull(before, ownOrigin)
	empty := w.nodeAt(ownOrigin, t.TempDir(), true)
	if _, _, err := empty.mirror.Heads(t.Context(), two.peer, ""); err != nil || empty.mirror.Stats().OwnAhead != 1 {
		t.Errorf("the peer's head gave %v and %+v", err, empty.mirror.Stats())
	}
	empty.takes(claim(t, 7))
	if _, _, err := empty.mirror.Heads(t.Context(), two.peer, ""); err != nil {
		t.Errorf("after a write the peer's head gave %v", err)
	}
	empty.frozen(ownOrigin)
}
