package federation_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"mirnode/cluster"
	"mirnode/protocol"
)

// maxResident bounds the memory of an honest node, in bytes, whatever is done to it. A node at rest has some 50 MB.
const maxResident = 256 << 20

// startHostileWorld starts nodes that expect these domains' nodes as peers, beside each other.
func startHostileWorld(t *testing.T, o cluster.Options, domains ...string) *world {
	t.Helper()
	for i := range o.Nodes {
		domains = append(domains, fmt.Sprintf("node%d.test", i+1))
	}
	o.Flags = func(int) []string { return []string{"--peers-domains", strings.Join(domains, ",")} }
	return startWorld(t, o)
}

// in gives the same world to a test inside of the one that it belongs to, with a shop of its own.
func (w *world) in(t *testing.T, shop string) *world {
	inner := &world{t: t, c: w.c, client: w.client}
	inner.domains = append(inner.domains, inner.newShop(shop))
	return inner
}

// running lists the nodes that run.
func (w *world) running() (list []int) {
	for i, n := range w.c.State().Nodes {
		if n.Status == cluster.Running {
			list = append(list, i)
		}
	}
	return list
}

// wantConverging has each node take a claim, and waits until all nodes serve all of them.
func (w *world) wantConverging() {
	w.t.Helper()
	var all []*protocol.Claim
	for _, i := range w.running() {
		claims := w.claims(2)
		w.mustSubmit(i, claims...)
		all = append(all, claims...)
	}
	w.wantEverywhere(all...)
}

func (w *world) wantEverywhere(claims ...*protocol.Claim) {
	w.t.Helper()
	for _, i := range w.running() {
		for _, claim := range claims {
			w.await("a claim is everywhere", func(ctx context.Context) error {
				_, err := w.lookUp(ctx, i, claim)
				return err
			})
		}
	}
}

// wantNowhere wants no node to serve the claims, or their bodies to other nodes.
func (w *world) wantNowhere(claims ...*protocol.Claim) {
	w.t.Helper()
	for _, i := range w.running() {
		for _, claim := range claims {
			status, answer, err := w.do(w.t.Context(), http.MethodGet, i, "/claims/"+claim.ID(), nil)
			if err != nil || status != http.StatusNotFound {
				w.t.Errorf("%s serves a claim that it must not: %d %v %.300s", w.node(i).Name, status, err, answer)
			}
			hash := claim.RecordHash()
			body := fmt.Sprintf(`{"records":["%x"]}`, hash)
			status, answer, err = w.do(w.t.Context(), http.MethodPost, i, "/records/fetch", []byte(body))
			if err != nil || status != http.StatusOK || !strings.Contains(string(answer), `"missing":true`) {
				w.t.Errorf("%s hands on a record that it must not: %d %v %.300s", w.node(i).Name, status, err, answer)
			}
		}
	}
}

// wantSmall wants each node to hold no more memory than it may.
func (w *world) wantSmall() {
	w.t.Helper()
	for _, i := range w.running() {
		metrics, err := w.metrics(w.t.Context(), i)
		if err != nil {
			w.t.Fatal(err)
		}
		resident := metrics["process_resident_memory_bytes"]
		w.t.Logf("%s holds %.0f MiB", w.node(i).Name, resident/(1<<20))
		if resident == 0 || resident > maxResident {
			w.t.Errorf("%s holds %.0f MiB of memory", w.node(i).Name, resident/(1<<20))
		}
	}
}
