package verifier

import (
	"context"
	"sync"
	"sync/atomic"

	"mirnode/protocol"
)

// Outcome is what became of one claim of a batch: a verdict, or the reason why there is none.
type Outcome struct {
	Verdict Verdict
	Err     error
}

// VerifyBatch verifies the claims, several at once, and returns one outcome for each in the same order: exactly what VerifyClaim
// would return. When the context ends, the claims that were not begun get its error.
func (v *Verifier) VerifyBatch(ctx context.Context, claims []*protocol.Claim, p Policy) []Outcome {
	outcomes := make([]Outcome, len(claims))
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(claims) {
				return
			}
			if err := ctx.Err(); err != nil {
				outcomes[i] = Outcome{Err: err}
				continue
			}
			verdict, err := v.VerifyClaim(ctx, claims[i], p)
			outcomes[i] = Outcome{Verdict: verdict, Err: err}
		}
	}
	var workers sync.WaitGroup
	for range min(v.parallel, len(claims)) {
		workers.Go(work)
	}
	workers.Wait()
	return outcomes
}
