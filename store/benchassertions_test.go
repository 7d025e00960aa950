package store_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
)

// benchAssertion is like what nodes see: a thousand issuers, one assertion an artifact, about 900 bytes.
func benchAssertion(tb testing.TB, i int) *protocol.Assertion {
	return said{issuer: i % 1_000, artifact: i, name: "A photograph of the harbour at dawn", context: "Published in the morning edition"}.assertion(tb)
}

// asserted opens a store that holds as many assertions as MIR_BENCH_HELD says, 100,000 without; one in a hundred is revoked.
func asserted(b *testing.B) (*store.Store, int) {
	b.Helper()
	n := held()
	if n == 0 {
		n = 100_000
	}
	s, err := store.Open(filepath.Join(benchDir(), "assertions"), withLog(store.Options{MergeClaims: 20_000}))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	other := newOtherLog("other.example")
	if head, _ := s.Head(other.name()); head.Settled >= uint64(n) {
		return s, n
	}
	const batch = 4_000
	for from := 0; from < n; from += batch {
		made, workers := make([]protocol.Record, min(batch, n-from)), runtime.GOMAXPROCS(0)
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for i := w; i < len(made); i += workers {
					if made[i] = benchAssertion(b, from+i); i%100 == 99 {
						before := benchAssertion(b, from+i-1)
						made[i] = revoking(b, before.ID(), before.Payload.IssuerID, protocol.ActionRevoke, noon)
					}
				}
			})
		}
		all.Wait()
		other.add(made...)
		other.mirror(b, s)
		other.settle(b, s, store.Held)
	}
	b.Logf("%+v", s.Stats())
	return s, n
}

// BenchmarkVisitArtifact looks up random artifacts, one call each. The memory is warm after a while, as the file's pages are.
func BenchmarkVisitArtifact(b *testing.B) {
	s, n := asserted(b)
	artifacts := make([][32]byte, 1<<16)
	for i := range artifacts {
		artifacts[i] = artifactOf(rand.IntN(n))
	}
	found := 0
	see := func(*store.AssertionState) { found++ }
	cpu := cpuTime()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := s.VisitArtifact(context.Background(), artifacts[i%len(artifacts)], store.ArtifactQuery{}, see); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime()-cpu).Seconds()*1e6/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(found)/float64(b.N), "assertions/op")
}

// BenchmarkVisitArtifacts looks up a hundred random artifacts at once. ns/op is per hundred.
func BenchmarkVisitArtifacts(b *testing.B) {
	s, n := asserted(b)
	artifacts := make([][32]byte, store.MaxArtifacts)
	found := 0
	see, begin, end := func(*store.AssertionState) { found++ }, func(int) {}, func(int, bool) {}
	cpu := cpuTime()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for i := range artifacts {
			artifacts[i] = artifactOf(rand.IntN(n))
		}
		if err := s.VisitArtifacts(context.Background(), artifacts, store.ArtifactQuery{}, begin, see, end); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime()-cpu).Seconds()*1e6/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(found)/float64(b.N), "assertions/op")
}
