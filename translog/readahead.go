package translog

import (
	"context"
	"iter"
	"sync"
)

// readAhead reads items 0 to count-1 and gives them in order, with at most parallel reads under way. It ends after the first error. Its
// goroutines have ended when it returns.
func readAhead[T any](ctx context.Context, count uint64, parallel int, read func(context.Context, uint64) (T, error)) iter.Seq2[T, error] {
	type result struct {
		item T
		err  error
	}
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var readers sync.WaitGroup
		defer readers.Wait()
		defer cancel()
		slots := uint64(parallel)
		pending := make([]chan result, slots)
		for i := range pending {
			pending[i] = make(chan result, 1) // its reader never waits
		}
		start := func(i uint64) {
			readers.Go(func() {
				item, err := read(ctx, i)
				pending[i%slots] <- result{item, err}
			})
		}
		for i := range min(count, slots) {
			start(i)
		}
		for i := range count {
			got := <-pending[i%slots]
			if next := i + slots; next < count && got.err == nil {
				start(next)
			}
			if !yield(got.item, got.err) || got.err != nil {
				return
			}
		}
	}
}
