package peers

import (
	"strconv"
	"strings"
	"time"
)

// Backoff after failures that follow one another: doubling, with jitter, up to a bound.
const (
	backoffFirst = time.Second
	backoffMost  = 10 * time.Minute
	backoffSteps = 16 // more would only overflow
	// contactAge is how old a kept time of last contact may become before it is kept anew.
	contactAge = 5 * time.Minute
	// maxWords bounds what a peer's errors may put into our reports, in bytes.
	maxWords = 200
)

// health is our own experience with a peer over HTTP.
type health struct {
	lastContact time.Time // the last answer
	keptContact time.Time // lastContact as State has it
	failures    int       // since the last answer
	until       time.Time // not to be asked before; zero: at any time
	lastError   string    // of the last failure; "" after an answer
	complaint   string    // what it did wrong last, though it answered; until Reset
	complained  time.Time // when
	heldUp      string    // what keeps its log from being taken now, though nobody did wrong; not kept in State, for the next pull says it again
	heldUpSince time.Time // when
	in, out     int64     // bytes of bodies, since the peer is known
}

// Report takes note of an exchange with a peer: an answer where err is nil, else what went wrong. What it says in err shows on the
// status page, so it must be fit for people. bytes are those of the answer's body.
func (b *Book) Report(domain string, err error, bytes int64, _ time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[domain]
	if e == nil {
		return
	}
	now := b.o.Now()
	h := &e.health
	h.in += bytes
	if err == nil {
		if h.failures > 0 || now.Sub(h.keptContact) >= contactAge {
			e.dirty = true
		}
		h.lastContact, h.failures, h.until, h.lastError = now, 0, time.Time{}, ""
		return
	}
	h.failures++
	h.lastError = clip(err.Error())
	h.until = now.Add(b.backoff(h.failures, backoffFirst, backoffMost))
	e.dirty = true
}

// Complain notes what a peer did wrong though it answers: a lie, or a log that cannot be taken as it is. Unlike the error of an exchange it
// stays on the status page, with its time, until the operator's Reset: a liar answers well in between. err must be fit for people.
func (b *Book) Complain(domain string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[domain]
	if e == nil || err == nil {
		return
	}
	e.health.complaint, e.health.complained, e.dirty = clip(err.Error()), b.o.Now(), true
}

// HeldUp notes what keeps a peer's log from being taken though nobody did wrong: a clock, a bound. It shows on the status page, behind any complaint, until
// err is nil: nothing does any more. err must be fit for people.
func (b *Book) HeldUp(domain string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[domain]
	switch {
	case e == nil:
	case err == nil:
		e.health.heldUp, e.health.heldUpSince = "", time.Time{}
	default:
		e.health.heldUp, e.health.heldUpSince = clip(err.Error()), b.o.Now()
	}
}

// troubled gives what the status page says of a peer that answers, and since when.
func (h *health) troubled() (words string, since time.Time) {
	if h.complaint != "" {
		return h.complaint, h.complained
	}
	return h.heldUp, h.heldUpSince
}

// Sent counts the bytes of a request's body.
func (b *Book) Sent(domain string, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[domain]; e != nil {
		e.health.out += bytes
	}
}

// Reset forgets a peer's failures at the operator's word: it is asked again at once. ErrUnknown where the book has not got it.
func (b *Book) Reset(domain string) error {
	domain = strings.ToLower(domain)
	b.mu.Lock()
	e := b.entries[domain]
	if e == nil {
		b.mu.Unlock()
		return ErrUnknown
	}
	e.health.failures, e.health.until, e.health.lastError, e.refusal, e.dirty = 0, time.Time{}, "", "", true
	e.health.complaint, e.health.complained = "", time.Time{}
	e.health.heldUp, e.health.heldUpSince = "", time.Time{}
	b.hurry(domain, b.o.Now())
	b.mu.Unlock()
	b.poke()
	return nil
}

// backoff returns how long to wait after n failures: between half of the step and all of it. The caller holds mu.
func (b *Book) backoff(n int, first, most time.Duration) time.Duration {
	step := min(first<<min(max(n-1, 0), backoffSteps), most)
	return step/2 + time.Duration(b.o.Random.Int64N(int64(step/2)+1))
}

// clip makes a text from outside fit for a report: printable and short.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords], "") + "…"
	}
	return s
}
