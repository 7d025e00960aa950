package gossip

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// How often what nothing else wakes is done; each is spread by a fifth up and down.
const (
	exchangeEvery = 5 * time.Minute // descriptors that peers hold
	forksEvery    = time.Minute     // proofs of forks that peers hold
	cosignEvery   = 6 * time.Second // a little over the mirror's own pause between rounds
	joinMost      = 5 * time.Minute // the longest pause between two attempts to join a peer
	flushEvery    = 30 * time.Second
	retryLeast    = time.Second // between two looks at what waits
	retryMost     = time.Minute
	firstExchange = 2 * time.Second
	forkTimeout   = 30 * time.Second
	flushTimeout  = 5 * time.Second
	confirmPause  = time.Second
	seekPatience  = 10 * time.Second // for peers that were named and not found yet, before our log is confirmed by others
	seekPause     = 50 * time.Millisecond
)

// Run takes part until ctx ends, and then stops in order: nothing that it started is left. It is called once. The error is that of
// closing the hint channel's sockets.
func (f *Federation) Run(ctx context.Context) error {
	var running sync.WaitGroup
	d := f.newDriver()
	running.Go(func() { d.run(ctx) })
	for _, loop := range []func(context.Context){
		f.keepSelf, f.keepBook, f.keepExchange, f.keepRetrying, f.keepMissing, f.keepObserved, f.keepForks, f.keepCosignatures, f.keepFlushing, f.keepConfirming, f.keepJoining,
	} {
		running.Go(func() { loop(ctx) })
	}
	<-ctx.Done()
	running.Wait()
	f.workers.Wait()
	f.book.Wait()
	f.o.Outside.CloseIdleConnections()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := f.book.Flush(last); err != nil {
		f.log.Warn("what is known of the peers could not be kept", "error", err)
	}
	return f.Close()
}

// spread is a duration, a fifth longer or shorter by chance, so that nodes do not fall into step.
func spread(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1) //nolint:gosec // jitter is no secret
}

// sleep waits, or until one of the wakes speaks. It reports whether ctx still lives.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// keepSelf renews our descriptor.
func (f *Federation) keepSelf(ctx context.Context) {
	for {
		changed, next, err := f.self.Ensure(ctx)
		if changed && f.channel != nil {
			f.channel.renamed()
		}
		wake := f.confirmed
		switch {
		case err == nil:
			wake = nil
		case !errors.Is(err, errNotConfirmed) && ctx.Err() == nil:
			wake = nil
			f.log.Warn("this node's descriptor", "error", err)
			next = f.o.Now().Add(retryMost)
		}
		if !sleep(ctx, next.Sub(f.o.Now()), wake) {
			return
		}
	}
}

// keepBook reads peers' descriptors when they are due.
func (f *Federation) keepBook(ctx context.Context) {
	for {
		next := f.book.Refresh(ctx)
		if !sleep(ctx, next.Sub(f.o.Now()), f.book.Woken()) {
			return
		}
	}
}

// keepExchange asks peers whom they know.
func (f *Federation) keepExchange(ctx context.Context) {
	wait := firstExchange
	for sleep(ctx, spread(wait), nil) {
		f.book.Exchange(ctx, f.client)
		if len(f.book.Admitted()) > 0 {
			wait = exchangeEvery
		}
	}
}

// keepRetrying looks at records in quarantine, and keepMissing at bodies that nobody had: apart, since the one waits for the records' domains and the
// other for peers.
func (f *Federation) keepRetrying(ctx context.Context) { f.keepLooking(ctx, f.mirror.Retry) }
func (f *Federation) keepMissing(ctx context.Context)  { f.keepLooking(ctx, f.mirror.RetryMissing) }

func (f *Federation) keepLooking(ctx context.Context, look func(context.Context) (int, time.Time, error)) {
	wait := retryLeast
	for sleep(ctx, spread(wait), nil) {
		_, next, err := look(ctx)
		if err != nil && ctx.Err() == nil {
			f.log.Debug("what waits could not be looked at", "error", err)
		}
		wait = min(max(next.Sub(f.o.Now()), retryLeast), retryMost)
		if err != nil || next.IsZero() {
			wait = retryMost / 4
		}
	}
}

// keepObserved looks at the records that wait for keys which our own observer logged.
func (f *Federation) keepObserved(ctx context.Context) {
	for {
		select {
		case key := <-f.observed:
			if err := f.mirror.Observed(ctx, key[0], key[1]); err != nil && ctx.Err() == nil {
				f.log.Warn("records in quarantine could not be looked at", "domain", key[0], "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// keepForks asks each peer in turn for proofs of forks.
func (f *Federation) keepForks(ctx context.Context) {
	for sleep(ctx, spread(forksEvery), nil) {
		for _, p := range f.book.Admitted() {
			bounded, cancel := context.WithTimeout(ctx, forkTimeout)
			_, err := f.mirror.LearnForks(bounded, p)
			cancel()
			if err != nil {
				f.log.Debug("no proofs of forks", "peer", p.Domain, "error", err)
			}
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// keepCosignatures has peers cosign our log.
func (f *Federation) keepCosignatures(ctx context.Context) {
	for sleep(ctx, spread(cosignEvery), nil) {
		if _, err := f.mirror.CollectCosignatures(ctx); err != nil && ctx.Err() == nil {
			f.log.Debug("no cosignatures", "error", err)
		}
	}
}

func (f *Federation) keepFlushing(ctx context.Context) {
	for sleep(ctx, spread(flushEvery), nil) {
		if err := f.book.Flush(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("what is known of the peers could not be kept", "error", err)
		}
	}
}

// keepConfirming lets our own log take entries once the peers have said where it ends, or there are none to ask.
func (f *Federation) keepConfirming(ctx context.Context) {
	alone := f.o.StartAlone || len(f.o.Peers.Domains) == 0 && len(f.o.Peers.Addresses) == 0 && len(f.book.Admitted()) == 0
	said := ""
	if !alone && !f.seek(ctx) {
		return
	}
	for {
		err := f.mirror.Confirm(ctx, f.o.Origin, alone)
		if err == nil {
			f.log.Info("our own log takes entries", "origin", f.o.Origin.String())
			close(f.confirmed)
			return
		}
		if text := err.Error(); text != said && ctx.Err() == nil {
			f.log.Warn("our own log takes no entries yet", "error", err)
			said = text
		}
		if !sleep(ctx, spread(confirmPause), f.confirmNow) {
			return
		}
	}
}

// seek waits until each named peer was looked for once, or for seekPatience. A node that lost its disk knows none of them: the first that it finds may
// have an older copy of its log than the others, and must not be the only one that is asked. It reports whether ctx still lives.
func (f *Federation) seek(ctx context.Context) bool {
	for until := time.Now().Add(seekPatience); f.book.Seeking() && time.Now().Before(until); {
		if !sleep(ctx, seekPause, f.confirmNow) {
			return false
		}
	}
	return true
}

// keepJoining has the members of the hint channel be those peers that have one.
func (f *Federation) keepJoining(ctx context.Context) {
	if f.channel == nil {
		return
	}
	for {
		next := f.channel.join(ctx, f.book.Admitted(), f.o.Now(), joinMost)
		if !sleep(ctx, next.Sub(f.o.Now()), f.joinNow) {
			return
		}
	}
}
