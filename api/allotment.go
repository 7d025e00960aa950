package api

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// allotment is a gate that shares an amount out, of bytes or of places, and lets no client have more than its part: one that holds on to what it has takes
// nothing from the others. It is safe for concurrent use.
type allotment struct {
	all        *semaphore.Weighted
	each       int64 // a client's part
	patience   time.Duration
	maxWaiting int64
	waiting    atomic.Int64

	mu    sync.Mutex
	parts map[netip.Addr]*part // of the clients that hold or wait for something: as many as requests are under way at most
}

// part is one client's part.
type part struct {
	left  *semaphore.Weighted
	users int // requests that hold or wait for something
}

func newAllotment(all, each int64, maxWaiting int, patience time.Duration) *allotment {
	each = min(each, all)
	return &allotment{all: semaphore.NewWeighted(all), each: each, patience: patience, maxWaiting: int64(maxWaiting), parts: make(map[netip.Addr]*part)}
}

// held is what one request has of an allotment. It belongs to one goroutine.
type held struct {
	from   *allotment
	client netip.Addr
	part   *part
	amount int64
}

// take takes n, or all that a client may have where that is less, or gives errBusy when too many wait already or patience ends, or the context's error. After nil, give must be called.
func (a *allotment) take(ctx context.Context, client netip.Addr, n int64) (*held, error) {
	n = min(n, a.each)
	h := &held{from: a, client: client, part: a.join(client)}
	if err := a.acquire(ctx, h.part, n); err != nil {
		a.leave(client, h.part)
		return nil, err
	}
	h.amount = n
	return h, nil
}

// try takes n, or all that a client may have where that is less, if it is there at once; else it gives nil.
func (a *allotment) try(client netip.Addr, n int64) *held {
	n = min(n, a.each)
	h := &held{from: a, client: client, part: a.join(client), amount: n}
	if !h.part.left.TryAcquire(n) {
		a.leave(client, h.part)
		return nil
	}
	if !a.all.TryAcquire(n) {
		h.part.left.Release(n)
		a.leave(client, h.part)
		return nil
	}
	return h
}

func (a *allotment) acquire(ctx context.Context, p *part, n int64) error {
	if p.left.TryAcquire(n) {
		if a.all.TryAcquire(n) {
			return nil
		}
		p.left.Release(n)
	}
	defer a.waiting.Add(-1)
	if a.waiting.Add(1) > a.maxWaiting {
		return errBusy
	}
	patient, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	err := p.left.Acquire(patient, n)
	if err == nil {
		if err = a.all.Acquire(patient, n); err != nil {
			p.left.Release(n)
		}
	}
	if err != nil && ctx.Err() == nil {
		return errBusy
	}
	return err
}

func (a *allotment) join(client netip.Addr) *part {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.parts[client]
	if p == nil {
		p = &part{left: semaphore.NewWeighted(a.each)}
		a.parts[client] = p
	}
	p.users++
	return p
}

func (a *allotment) leave(client netip.Addr, p *part) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.users--; p.users == 0 {
		delete(a.parts, client)
	}
}

// shrink gives back what is over n.
func (h *held) shrink(n int64) {
	if over := h.amount - n; over > 0 {
		h.from.all.Release(over)
		h.part.left.Release(over)
		h.amount = n
	}
}

// give gives everything back.
func (h *held) give() {
	h.shrink(0)
	h.from.leave(h.client, h.part)
}
