package federation_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mirnode/cluster"
)

// TestHostileSilence: a node comes back with an older copy of its data while its honest peer is away, and a hostile one says that it holds nothing
// of the node's log. That word opens nothing: the node takes no claim until the honest peer is there, and then signs no second history.
func TestHostileSilence(t *testing.T) {
	t.Parallel()
	w := startHostileWorld(t, cluster.Options{Nodes: 2}, "quiet.test")
	h := w.newHostile("quiet.test")
	hash := w.origin(0).Hash()
	var asked atomic.Int64 // how often the hostile peer was asked for the node's log
	h.lies(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, fmt.Sprintf("/mirror/%x/", hash)) {
			return false
		}
		asked.Add(1)
		rw.WriteHeader(http.StatusNotFound)
		return true
	})
	h.publish()
	h.awaitAdmitted()

	data, backup := w.node(0).DataDir, filepath.Join(t.TempDir(), "backup")
	kept := w.keep(0, 3)
	w.await("node2 cosigned", func(ctx context.Context) error {
		s, err := w.peerStatus(ctx, 0, "node2.test")
		if err == nil && s.CosignedUpTo == 0 {
			err = fmt.Errorf("node1 says: %s", s)
		}
		return err
	})
	w.must(w.c.Stop(0), os.CopyFS(backup, os.DirFS(data)))
	w.start(0)
	kept = append(kept, w.keep(0, 3)...)
	w.await("node2 has it all", func(ctx context.Context) error { return w.agree2(ctx, 0, 1) })

	w.must(w.c.Kill(0), os.RemoveAll(data), os.CopyFS(data, os.DirFS(backup)), w.c.Stop(1))
	asked.Store(0)
	w.must(w.c.Start(t.Context(), 0))
	claim := w.claims(1)[0]
	w.await("the hostile peer was asked again and again", func(ctx context.Context) error {
		_, status, err := w.submit(ctx, 0, claim)
		if status == http.StatusOK || status == http.StatusCreated {
			t.Fatal("a node that does not know where its log ends took a claim at a hostile peer's word")
		}
		if n := asked.Load(); n < 15 { // about a second apart, so that its patience with those who are away is over
			return fmt.Errorf("%d times (%w)", n, err)
		}
		return nil
	})
	w.start(1)
	w.awaitOpen(0)
	kept = append(kept, w.keepThese(0, claim)...)
	w.awaitAgreement([]int{0, 1})
	w.wantReceipts(0, kept)
	for _, i := range w.everybody() {
		w.wantNoForks(i)
	}
}
