package api

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// errBusy says that all places behind a gate are taken and that waiting did not help.
var errBusy = errors.New("the node is busy")

// gate bounds how much work of one kind is under way, how much more may wait, and for how long. It is safe for concurrent use.
type gate struct {
	places     chan struct{}
	waiting    atomic.Int64
	maxWaiting int64
	patience   time.Duration
}

func newGate(places, maxWaiting int, patience time.Duration) *gate {
	return &gate{places: make(chan struct{}, max(1, places)), maxWaiting: int64(maxWaiting), patience: patience}
}

// enter takes a place, or gives errBusy when too many wait already or patience ends, or the context's error. After nil, leave must be called.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.maxWaiting {
		g.waiting.Add(-1)
		return errBusy
	}
	defer g.waiting.Add(-1)
	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait takes a place however long that takes, for a request that has begun to answer; only the context ends it. After nil, leave must be called.
func (g *gate) wait(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.places }
