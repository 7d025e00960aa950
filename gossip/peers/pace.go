package peers

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// The least rate of answers. An answer that drips holds a place that others wait for, so it is left; an honest peer behind a slow line is
// faster than that by far.
const (
	// LeastRate is what a peer must send while it has more to give, in bytes a second.
	LeastRate = 16 << 10
	// RateGrace is how long it may send less, over all stretches that fast ones did not make up for.
	RateGrace = 3 * time.Second
)

// ErrSlow is the cause where an answer came more slowly than LeastRate. It stands in an *UnreachableError.
var ErrSlow = errors.New("it answered by drips, and was left")

// pace reads a body, and gives up when it drips. Only the time spent waiting for the peer counts, and not what the reader needs in between.
// It is for one goroutine.
type pace struct {
	body   io.Reader
	left   time.Duration // how long it may be waited for bytes that do not come
	timer  *time.Timer   // runs during a Read
	slow   atomic.Bool   // it ran out
	cancel context.CancelFunc
}

// newPace makes one; cancel ends a Read that hangs.
func newPace(body io.Reader, cancel context.CancelFunc) *pace {
	p := &pace{body: body, left: RateGrace, cancel: cancel}
	p.timer = time.AfterFunc(RateGrace, p.expired)
	p.timer.Stop()
	return p
}

func (p *pace) expired() {
	p.slow.Store(true)
	p.cancel()
}

// Read implements io.Reader. The error is ErrSlow where the answer was left.
func (p *pace) Read(b []byte) (int, error) {
	if p.slow.Load() {
		return 0, ErrSlow
	}
	began := time.Now()
	p.timer.Reset(p.left)
	n, err := p.body.Read(b)
	p.timer.Stop()
	earned := time.Duration(n) * time.Second / LeastRate
	p.left = min(p.left-time.Since(began)+earned, RateGrace)
	switch {
	case errors.Is(err, io.EOF) && !p.slow.Load():
		return n, err // all of it, in time
	case p.slow.Load() || p.left <= 0: // also where the answer ended because it was left: that is no whole one
		p.expired()
		return n, ErrSlow
	}
	return n, err
}
