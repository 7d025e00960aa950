package bench

import (
	"context"
	"crypto/ed25519"
	"errors"
	"runtime"
	"time"

	"mirnode/verifier"
)

const (
	verifyRounds = 15    // rounds that alternate between the two sides
	verifyClaims = 2_000 // different claims that are verified over and over

	// referenceJavaScript is what the reference SDK verified per second where the project was planned: a fixed anchor, not a measurement.
	referenceJavaScript = 4_200
)

// benchVerify compares a whole verification with a cached key, from bytes to verdict, with the standard library's bare signature
// check, on one core.
func benchVerify(ctx context.Context, w *workshop) ([]Measurement, error) {
	claims, err := w.corpus.claims(ctx, 0, verifyClaims)
	if err != nil {
		return nil, err
	}
	raw, check := documents(claims), w.corpus.verifier()
	public := make(map[string]ed25519.PublicKey)
	for d, private := range w.corpus.keys {
		public[w.corpus.domain(d)] = private.Public().(ed25519.PublicKey)
	}

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var ours, limit []float64
	for range verifyRounds {
		rate, err := turn(ctx, w.Turn, func(i int) error {
			verdict, err := check.Verify(ctx, raw[i%verifyClaims], verifier.Policy{})
			if err == nil && !verdict.Accepted() {
				err = errors.New("a good claim was refused: " + verdict.Reason)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		ours = append(ours, rate)
		rate, err = turn(ctx, w.Turn, func(i int) error {
			claim := claims[i%verifyClaims]
			if !ed25519.Verify(public[claim.Domain], claim.Canonical(), claim.Signature()) {
				return errors.New("a good signature was refused")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		limit = append(limit, rate)
	}
	m := Measurement{Name: "verify a claim, bytes to verdict, key cached, one core", Value: median(ours), Unit: "/s"}
	return []Measurement{
		against(m, "crypto/ed25519.Verify alone", median(limit), "≥ 1.3 ×", func(m Measurement) bool { return m.Ratio >= 1.3 }),
		against(m, "the reference JavaScript SDK (fixed)", referenceJavaScript, "≥ 5 ×", func(m Measurement) bool { return m.Ratio >= 5 }),
	}, nil
}

// turn repeats step for the given time and returns how often a second it ran.
func turn(ctx context.Context, length time.Duration, step func(i int) error) (float64, error) {
	start, n := time.Now(), 0
	for time.Since(start) < length {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		for range 50 {
			if err := step(n); err != nil {
				return 0, err
			}
			n++
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
