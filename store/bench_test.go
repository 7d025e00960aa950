package store_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/store/baseline"
)

// The benchmarks work on an empty store unless MIR_BENCH_HELD says how many claims it holds already:
//
//	MIR_BENCH_HELD=1000000 go test ./store -run '^$' -bench . -benchtime 100000x
//
// Filling with a million takes about half a minute for the store and some minutes for the plain layout. MIR_BENCH_DIR names a folder to fill
// once, on the disk that is to be measured, and to use again in later runs; without it a temporary one is made and removed.
var held = sync.OnceValue(func() int {
	n, _ := strconv.Atoi(os.Getenv("MIR_BENCH_HELD"))
	return n
})

const benchBatch = 1_000

// benchClaim is like what nodes see: a thousand domains, a hundred thousand subjects, some months of timestamps, about 700 bytes.
func benchClaim(tb testing.TB, id uint64) *protocol.Claim {
	random := rand.New(rand.NewPCG(id, 7))
	return made{
		id: id, subject: random.IntN(100_000), domain: fmt.Sprintf("shop-%d.example.com", random.IntN(1_000)),
		typ:     protocol.CoreTypes()[random.IntN(len(protocol.CoreTypes()))],
		at:      time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.Int64N(int64(3_000 * time.Hour)))),
		padding: 180,
	}.claim(tb)
}

func benchClaims(tb testing.TB, from uint64, n int) []store.ClaimToAppend {
	claims := make([]store.ClaimToAppend, n)
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				claims[i].Claim = benchClaim(tb, from+uint64(i))
			}
		})
	}
	all.Wait()
	return claims
}

// benchDir outlives one benchmark function's runs: filling it takes long.
var benchDir = sync.OnceValue(func() string {
	if dir := os.Getenv("MIR_BENCH_DIR"); dir != "" {
		return dir
	}
	dir, err := os.MkdirTemp("", "mirnode-bench")
	if err != nil {
		panic(err)
	}
	return dir
})

func removeBenchDir() {
	if os.Getenv("MIR_BENCH_DIR") == "" && flag.Lookup("test.bench").Value.String() != "" {
		_ = os.RemoveAll(benchDir())
	}
}

// next numbers claims from a random start, so that none is the same as another's, of this run or of an earlier one in the same folder.
var next = sync.OnceValue(func() *atomic.Uint64 {
	var n atomic.Uint64
	n.Store(rand.Uint64() >> 8)
	return &n
})

func newClaims(b *testing.B, n int) []store.ClaimToAppend {
	return benchClaims(b, next().Add(uint64(n))-uint64(n), n)
}

// filled opens the store with the claims held.
func filled(b *testing.B) *store.Store {
	b.Helper()
	dir := filepath.Join(benchDir(), "store")
	s, err := store.Open(dir, withLog(store.Options{}))
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for s.Stats().Claims < uint64(held()) {
		mustAppendAll(b, s, newClaims(b, 10_000))
	}
	if time.Since(began) > time.Second {
		b.Logf("filled to %d in %s: %+v", held(), time.Since(began), s.Stats())
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// cpuTime is the processor time that this process has used: unlike time on the clock it says the same on a busy machine.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // cannot fail for oneself
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func mustAppendAll(b *testing.B, s *store.Store, claims []store.ClaimToAppend) {
	for batch := range slices.Chunk(claims, benchBatch) {
		if _, err := s.AppendClaims(context.Background(), batch); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkAppendBatch appends batches of 1,000 by two callers, as a node does that verifies the next batch while the last one is written.
// ns/op is per claim.
func BenchmarkAppendBatch(b *testing.B) {
	s := filled(b)
	claims := newClaims(b, b.N)
	before, cpu := s.Stats(), cpuTime()
	b.ReportAllocs()
	b.ResetTimer()
	half := len(claims) / 2
	var all sync.WaitGroup
	for _, part := range [][]store.ClaimToAppend{claims[:half], claims[half:]} {
		all.Go(func() { mustAppendAll(b, s, part) })
	}
	all.Wait()
	b.StopTimer()
	after := s.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
	b.ReportMetric((cpuTime()-cpu).Seconds()*1e6/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(after.Merges-before.Merges), "merges")
	b.ReportMetric(after.LastMerge.Seconds(), "s/lastmerge")
	b.ReportMetric((after.Slowed - before.Slowed).Seconds(), "slowed-s")
}

// BenchmarkPlainBatch is the same with the plain layout: one transaction per 1,000 claims, with all index keys.
func BenchmarkPlainBatch(b *testing.B) {
	path := filepath.Join(benchDir(), "plain.db")
	_, err := os.Stat(path)
	s, openErr := baseline.Open(path)
	if openErr != nil {
		b.Fatal(openErr)
	}
	defer func() { _ = s.Close() }()
	add := func(claims []store.ClaimToAppend) {
		for batch := range slices.Chunk(claims, benchBatch) {
			plain := make([]*protocol.Claim, len(batch))
			for i := range batch {
				plain[i] = batch[i].Claim
			}
			if err := s.Append(plain); err != nil {
				b.Fatal(err)
			}
		}
	}
	for n := 0; os.IsNotExist(err) && n < held(); n += 10_000 {
		add(newClaims(b, 10_000))
	}
	claims, cpu := newClaims(b, b.N), cpuTime()
	b.ReportAllocs()
	b.ResetTimer()
	add(claims)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
	b.ReportMetric((cpuTime()-cpu).Seconds()*1e6/float64(b.N), "cpu-µs/op")
}

// BenchmarkAppendSingle appends one claim at a time from 64 goroutines.
func BenchmarkAppendSingle(b *testing.B) {
	s := filled(b)
	claims := newClaims(b, b.N)
	took := make([]time.Duration, b.N)
	var i atomic.Int64
	b.ResetTimer()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for n := i.Add(1) - 1; n < int64(b.N); n = i.Add(1) - 1 {
				began := time.Now()
				if _, err := s.AppendClaim(context.Background(), claims[n].Claim, store.Provenance{}); err != nil {
					b.Error(err)
				}
				took[n] = time.Since(began)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "ms/p99")
	b.ReportMetric(took[len(took)-1].Seconds()*1e3, "ms/max")
	b.ReportMetric(float64(s.Stats().Merges), "merges")
}

func BenchmarkClaim(b *testing.B) {
	s := filled(b)
	claims := newClaims(b, 1_000)
	mustAppendAll(b, s, claims)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := s.Claim(context.Background(), claims[i%len(claims)].Claim.SigHash()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindSubject(b *testing.B) {
	s := filled(b)
	mustAppendAll(b, s, newClaims(b, 100_000))
	b.ReportAllocs()
	b.ResetTimer()
	records := 0
	for i := range b.N {
		page, err := s.Find(context.Background(), store.Query{Subject: subject(i % 100_000), Limit: 10})
		if err != nil {
			b.Fatal(err)
		}
		records += len(page.Records)
	}
	b.ReportMetric(float64(records)/float64(b.N), "records/op")
}

func BenchmarkFindDomainPage(b *testing.B) {
	s := filled(b)
	mustAppendAll(b, s, newClaims(b, 100_000))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		_, err := s.Find(context.Background(), store.Query{Domain: fmt.Sprintf("shop-%d.example.com", i%1_000), Limit: 50})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(benchDir(), "store")
	if err := filled(b).Close(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		s, err := store.Open(dir, withLog(store.Options{}))
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory reports how many bytes of memory a claim takes until its index keys are on disk.
func BenchmarkMemory(b *testing.B) {
	s, err := store.Open(b.TempDir(), store.Options{MergeClaims: 10_000_000})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	inUse := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := inUse()
	for range b.N {
		for range 20 {
			mustAppendAll(b, s, newClaims(b, 5_000))
		}
	}
	b.ReportMetric((inUse()-before)/float64(s.Stats().ActiveClaims), "B/claim")
}
