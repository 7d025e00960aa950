package federation_test

import (
	"testing"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestConvergence: what any node accepted becomes readable at all others, as it was signed and verified by each of them.
func TestConvergence(t *testing.T) {
	for name, size := range map[string]struct{ nodes, claims int }{"3 nodes": {3, 150}, "10 nodes": {10, 20}} {
		t.Run(name, func(t *testing.T) {
			w := startWorld(t, cluster.Options{Nodes: size.nodes})
			var all []*protocol.Claim
			for i := range size.nodes {
				claims := w.claims(size.claims)
				w.mustSubmit(i, claims...)
				all = append(all, claims...)
			}
			w.awaitAgreement(w.everybody())
			w.wantClaims(w.everybody(), all)
			w.wantSameRecords(w.everybody())
			w.wantVerified(w.everybody()[:3])
		})
	}
}
