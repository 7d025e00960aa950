package mirror_test

import (
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/protocol"
)

// benchClaims is what a node that was away has missed.
const benchClaims = 100_000

// BenchmarkCatchUp brings a mirror up by 100,000 claims over loopback HTTP, from a store to a store, with every signature verified. Both ends
// share the machine.
func BenchmarkCatchUp(b *testing.B) {
	list := make([]*protocol.Claim, benchClaims)
	for i := range list {
		list[i] = claim(b, i)
	}
	for b.Loop() {
		b.StopTimer()
		w := newWorld(b)
		one := w.node("node1.test")
		two := w.node("node2.test", func(o *mirror.Options) { o.Limits.EntriesPerSecond, o.Limits.EntriesPerDay = 1_000_000, 1_000_000 })
		one.takes(list...)
		b.StartTimer()
		began := time.Now()
		for two.head(one.origin).Settled < benchClaims {
			if _, err := two.mirror.Pull(b.Context(), one.peer, one.origin, benchClaims); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(benchClaims/time.Since(began).Seconds(), "claims/s")
		stats := two.mirror.Stats()
		b.ReportMetric(float64(stats.Sent+stats.Received)/benchClaims, "bytes/claim")
		b.ReportMetric(float64(len(list[0].Raw())), "claim-bytes")
	}
}
