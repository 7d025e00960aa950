package federation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestRestoredNodes: a node that comes back with an older copy of its data, or with none, learns its own log back from its peers before it takes a
// claim, and signs no second history.
func TestRestoredNodes(t *testing.T) {
	t.Parallel()
	w := startWorld(t, cluster.Options{Nodes: 3})
	data := w.node(0).DataDir
	backup := filepath.Join(t.TempDir(), "backup")
	kept := w.keep(0, 300)
	w.awaitAgreement(w.everybody())
	w.must(w.c.Stop(0), os.CopyFS(backup, os.DirFS(data)))
	w.start(0)
	kept = append(kept, w.keep(0, 700)...)
	w.awaitAgreement(w.everybody())

	for _, step := range []struct {
		name    string
		restore func() error
	}{
		{"an older copy", func() error { return os.CopyFS(data, os.DirFS(backup)) }},
		{"an empty disk", func() error { return nil }},
	} {
		t.Run(step.name, func(t *testing.T) {
			w.must(w.c.Kill(0), os.RemoveAll(data), step.restore())
			w.start(0)
			kept = append(kept, w.keep(0, 1)...)
			w.wantOneHistory(kept)
		})
	}
	for name, how := range map[string]cluster.Break{"refused": cluster.Reset, "silent": cluster.Silent} {
		t.Run("an older copy, and every peer "+name, func(t *testing.T) {
			w.must(w.c.Kill(0), os.RemoveAll(data), os.CopyFS(data, os.DirFS(backup)), w.c.Partition([][]int{{0}}, how))
			w.must(w.c.Start(w.t.Context(), 0))
			claim := w.claims(1)[0]
			w.await("node1 has tried its peers", func(ctx context.Context) error {
				if _, status, err := w.submit(ctx, 0, claim); status != http.StatusServiceUnavailable {
					t.Fatalf("a node that does not know where its log ends took a claim, or failed otherwise: %d %v", status, err)
				}
				return w.triedInVain(ctx, 0)
			})
			if _, err := w.lookUp(t.Context(), 0, kept[0].claim); err != nil {
				t.Errorf("it does not even answer what it has: %v", err)
			}
			w.must(w.c.Heal())
			w.awaitOpen(0)
			kept = append(kept, w.keepThese(0, claim)...)
			w.wantOneHistory(kept)
		})
	}
}

// TestARestoredNodeWaitsForTheSlower: of two peers the one that answers first has an old mirror. It must not have the last word.
func TestARestoredNodeWaitsForTheSlower(t *testing.T) {
	t.Parallel()
	w := startWorld(t, cluster.Options{Nodes: 3})
	kept := w.keep(0, 50)
	w.awaitAgreement(w.everybody())
	w.must(w.c.Cut(0, 1, cluster.Reset), w.c.Cut(1, 2, cluster.Reset))
	kept = append(kept, w.keep(0, 50)...)
	w.await("node3 has what node2 has not", func(ctx context.Context) error { return w.agree2(ctx, 0, 2) })
	w.must(w.c.Kill(0), os.RemoveAll(w.node(0).DataDir), w.c.HealLink(0, 1), w.c.DelayLink(0, 2, 100*time.Millisecond))
	w.start(0)
	kept = append(kept, w.keep(0, 1)...)
	w.must(w.c.Heal())
	w.wantOneHistory(kept)
}

// keep submits n new claims to the i-th node, and remembers the answers.
func (w *world) keep(i, n int) []answered {
	w.t.Helper()
	return w.keepThese(i, w.claims(n)...)
}

func (w *world) keepThese(i int, claims ...*protocol.Claim) []answered {
	w.t.Helper()
	var kept []answered
	for n, s := range w.mustSubmit(i, claims...) {
		kept = append(kept, answered{i, claims[n], s})
	}
	return kept
}

// wantOneHistory waits until all nodes agree, and wants that what the first one promised still holds.
func (w *world) wantOneHistory(kept []answered) {
	w.t.Helper()
	w.awaitAgreement(w.everybody())
	w.wantReceipts(0, kept)
	for _, i := range w.everybody() {
		w.wantNoForks(i)
	}
	w.wantVerified(w.everybody())
}

// agree2 complains while b's mirror of a's log is not as long as the log.
func (w *world) agree2(ctx context.Context, a, b int) error {
	origin := w.origin(a).String()
	own, err := w.heads(ctx, a)
	mirrored, err2 := w.heads(ctx, b)
	if err = errors.Join(err, err2); err == nil && own[origin].Size != mirrored[origin].Size {
		err = fmt.Errorf("%d of %d entries", mirrored[origin].Size, own[origin].Size)
	}
	return err
}

// triedInVain complains while there is a peer that the i-th node has not failed to reach.
func (w *world) triedInVain(ctx context.Context, i int) error {
	var answer struct {
		Peers []struct {
			Domain   string
			Failures int
		}
	}
	if err := w.read(ctx, i, "/peers", &answer); err != nil {
		return err
	}
	for _, p := range answer.Peers {
		if p.Failures == 0 {
			return fmt.Errorf("%s was not tried", p.Domain)
		}
	}
	if len(answer.Peers) == 0 {
		return errors.New("no peers")
	}
	return nil
}
