package verifier_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/verifier"
)

// BenchmarkBytesToVerdict measures the whole way of a document whose key is known and comes often, on one core and on all, and reports
// how many times faster that is than crypto/ed25519.Verify alone over the same bytes, measured in the same run.
func BenchmarkBytesToVerdict(b *testing.B) {
	private := newKey(1)
	claim := claimOf(b, private, clock())
	v := verifier.New(verifier.StaticKeys(published(private)), verifier.Options{Now: clock})
	verify := func() bool {
		verdict, err := v.Verify(b.Context(), claim.Raw(), verifier.Policy{})
		return err == nil && verdict.Accepted()
	}
	public, message, sig := private.Public().(ed25519.PublicKey), claim.Canonical(), claim.Signature()
	standard := func() bool { return ed25519.Verify(public, message, sig) }

	b.Run("cores=1", func(b *testing.B) {
		for b.Loop() {
			if !verify() {
				b.Fatal("refused")
			}
		}
		report(b, perSecond(b), rate(standard))
	})
	b.Run("cores=all", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if !verify() {
					b.Error("refused")
				}
			}
		})
		report(b, perSecond(b), rate(standard))
	})
	b.Run("batch=1000", func(b *testing.B) {
		claims := make([]*protocol.Claim, 1000)
		for i := range claims {
			claims[i] = claim
		}
		for b.Loop() {
			v.VerifyBatch(b.Context(), claims, verifier.Policy{})
		}
		report(b, perSecond(b)*float64(len(claims)), rate(standard))
	})
}

// BenchmarkNewKey measures a claim by a key that was never seen.
func BenchmarkNewKey(b *testing.B) {
	private := newKey(1)
	claim := claimOf(b, private, clock())
	keys := verifier.StaticKeys(published(private))
	for b.Loop() {
		v := verifier.New(keys, verifier.Options{Now: clock, ExpandedKeys: 1})
		if verdict, err := v.Verify(b.Context(), claim.Raw(), verifier.Policy{}); err != nil || !verdict.Accepted() {
			b.Fatal("refused")
		}
	}
}

func perSecond(b *testing.B) float64 { return float64(b.N) / b.Elapsed().Seconds() }

// rate returns how often a second one core can do something.
func rate(do func() bool) float64 {
	const times = 4000
	began := time.Now()
	for range times {
		do()
	}
	return times / time.Since(began).Seconds()
}

func report(b *testing.B, rate, standard float64) {
	b.ReportMetric(rate, "claims/s")
	b.ReportMetric(standard, "std-verify/s")
	b.ReportMetric(rate/standard, "x-std")
}
