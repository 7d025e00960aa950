package issuers

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

const (
	// keepSilent is how long a domain that does not answer keeps what was seen of it.
	keepSilent = 90 * 24 * time.Hour
	// lookTimeout bounds one look-up, of the token and of the keys.
	lookTimeout = 30 * time.Second
	// firstRetry is when a domain without the token is asked again: its record may be on its way through DNS. The wait doubles each time, up
	// to RecheckEvery.
	firstRetry = time.Minute
	// askAgain is when a domain is asked again that answered without the token it had, and missesToEnd so many such answers in a row end what was
	// seen: one server of several may be behind, or one answer forged.
	askAgain    = 30 * time.Second
	missesToEnd = 2
	// tokenTimeout bounds the question for the token: one in DNS.
	tokenTimeout = 10 * time.Second
	// idle is how long Run sleeps where nothing is due.
	idle = time.Hour
)

// Run looks domains up until the context ends, and then returns nil. It may be called once.
func (d *Directory) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { d.saveLoop(ctx) })
	slots := make(chan struct{}, atOnce)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		for {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			s, done, wait := d.next()
			if s == nil {
				<-slots
				timer.Reset(wait)
				break
			}
			running.Go(func() {
				defer func() { <-slots }()
				defer done()
				d.look(ctx, s)
			})
		}
	}
}

// enteredAtOnce bounds what one call of next does: after a long stop everything is due.
const enteredAtOnce = 1_000

// next takes a sight that is due out of the lines, if there is budget for it; otherwise it says how long there is nothing to do.
func (d *Directory) next() (s *sight, done func(), wait time.Duration) {
	now := d.options.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for range enteredAtOnce {
		if len(d.queue) == 0 || d.queue[0].due.After(now) {
			break
		}
		due := d.queue[0]
		d.unqueue(due)
		d.enter(due)
	}
	s, done, opens := d.serve(d.budgets, now)
	if s != nil {
		return s, done, 0
	}
	wait = idle
	if !opens.IsZero() {
		wait = min(wait, opens.Sub(now))
	}
	if len(d.queue) > 0 {
		wait = min(wait, d.queue[0].due.Sub(now))
	}
	return nil, nil, max(wait, 0)
}

// look asks the issuer's domain what is due of it.
func (d *Directory) look(ctx context.Context, s *sight) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	record, _, err := d.options.Store.Issuer(ctx, s.id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		d.forget(s)
	case err != nil:
		d.options.Logger.Warn("an issuer's record could not be read", "issuer", s.id, "error", err)
		d.after(s, func(now time.Time) { s.due = now.Add(firstRetry) })
	case record.VerifiedBy != protocol.ByDomain || record.Domain != s.domain || record.DomainNonce != s.nonce:
		d.forget(s)
		d.mu.Lock()
		d.want(record, d.options.Now())
		d.mu.Unlock()
	default:
		if d.lookForToken(ctx, s) {
			d.lookForKeys(ctx, s, record)
		}
	}
}

// lookForToken asks for the token, unless it was seen lately and only keys may have changed, and tells whether it is there.
func (d *Directory) lookForToken(ctx context.Context, s *sight) bool {
	d.mu.Lock()
	lately := s.isSeen() && d.options.Now().Sub(s.seen) < d.options.RecheckEvery/2
	d.mu.Unlock()
	if lately {
		return true
	}
	asking, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	values, err := d.options.DNS.TXT(asking, protocol.VerifyLabel+s.domain)
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		d.after(s, func(now time.Time) { s.due = now })
		return false
	}
	if err == nil && Published(values, protocol.DomainToken(s.id, s.domain, s.nonce)) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.seen[s.id] != s {
			return false // replaced meanwhile
		}
		if !s.isSeen() {
			d.options.Logger.Info("an issuer's domain was confirmed", "issuer", s.id, "home", s.home, "domain", s.domain)
		}
		s.found(d.options.Now())
		return true
	}
	d.notFound(s, err)
	return false
}

// notFound notes that the domain answered without the token (err is nil), or did not answer.
func (d *Directory) notFound(s *sight, err error) {
	d.after(s, func(now time.Time) {
		s.asked, s.silent = now, err != nil
		s.due = now.Add(d.backoff(s.failures))
		s.failures++
		if !s.isSeen() || s.silent && now.Sub(s.seen) < keepSilent {
			return
		}
		if !s.silent {
			if s.misses++; s.misses < missesToEnd {
				s.due, s.failures = now.Add(askAgain), 0
				d.dirty[s.id] = true
				return
			}
		}
		d.options.Logger.Info("an issuer's domain is no longer confirmed", "issuer", s.id, "home", s.home, "domain", s.domain, "answered", !s.silent)
		s.since, s.seen, s.anchors, s.sequence, s.misses = time.Time{}, time.Time{}, nil, 0, 0
		s.due, s.failures = now.Add(d.backoff(0)), 1
		d.dirty[s.id] = true
	})
}

// lookForKeys asks which of the record's keys the domain publishes. What it does not answer stands as it was.
func (d *Directory) lookForKeys(ctx context.Context, s *sight, record *protocol.Issuer) {
	d.mu.Lock()
	before := s.anchors
	d.mu.Unlock()
	var anchors []string
	silent := false
	for i := range record.Keys {
		key := &record.Keys[i]
		if key.Algorithm != protocol.Ed25519 {
			continue
		}
		published, known := false, false
		if !silent {
			published, known = d.publishes(ctx, s.domain, key.Fingerprint)
			silent = !known // and would be for the next key too
		}
		if published || !known && slices.Contains(before, key.Fingerprint) {
			anchors = append(anchors, key.Fingerprint)
		}
	}
	d.after(s, func(now time.Time) {
		s.anchors, s.sequence = anchors, record.Sequence
		every := d.options.RecheckEvery
		s.due = s.seen.Add(every - every/10 + rand.N(every/5)) //nolint:gosec // G404: it only spreads look-ups over the day
		if silent {
			s.due, s.sequence = now.Add(min(time.Hour, every)), 0
		}
		d.dirty[s.id] = true
	})
}

// publishes asks whether the domain publishes the key; known is false where that is open.
func (d *Directory) publishes(ctx context.Context, domain, fingerprint string) (published, known bool) {
	found, err := d.options.Keys.FindKey(ctx, domain, fingerprint)
	var verdict *protocol.Error
	switch {
	case err == nil:
		return found.Key.Expires.IsZero() || found.Key.Expires.After(d.options.Now()), true
	case errors.As(err, &verdict):
		return false, true
	}
	return false, false
}

// after changes a sight that was looked at, and puts it back into the queue, unless it was replaced or dropped meanwhile.
func (d *Directory) after(s *sight, change func(now time.Time)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[s.id] != s {
		return
	}
	change(d.options.Now())
	d.requeue(s)
	d.settle(s)
	d.poke()
}

func (d *Directory) forget(s *sight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[s.id] == s {
		d.drop(s)
		d.cache.Remove(s.id)
	}
}

// settle brings what depends on a sight up to date: its place in the bounds, the cache, the disk. The caller holds mu.
func (d *Directory) settle(s *sight) {
	d.recount(s)
	if s.isSeen() {
		d.dirty[s.id] = true
	}
	d.cache.Remove(s.id)
	if len(d.dirty) > 0 {
		select {
		case d.unsaved <- struct{}{}:
		default:
		}
	}
}

// backoff is how long to wait after so many failures before this one.
func (d *Directory) backoff(failures int) time.Duration {
	wait := firstRetry << min(failures, 16)
	return min(wait, d.options.RecheckEvery)
}
