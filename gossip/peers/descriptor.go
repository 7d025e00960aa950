package peers

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"mirnode/protocol"
)

// logKey is a log of a peer and the key that its checkpoints are signed with.
type logKey struct {
	origin protocol.Origin
	key    ed25519.PublicKey
}

// ErrStale is returned for a descriptor that is not newer than the one that is known.
var ErrStale = errors.New("a newer descriptor of this domain is known")

// errKnown: it is the very descriptor that is known.
var errKnown = errors.New("this descriptor is known")

// Observe takes in a descriptor from anywhere, and is the only way into the book. nil: it is the one that is known, or is now. The
// other errors: *protocol.Error where it is no descriptor or not the domain's, *Refusal where it makes no peer, ErrStale, and, where
// its key could not be looked up, *protocol.UnreachableError or ctx's own. from names where it came from, for the log.
func (b *Book) Observe(ctx context.Context, document []byte, from string) error {
	d, err := protocol.ParseDescriptor(document)
	if err != nil {
		return err
	}
	_, err = b.observe(ctx, d, from, false)
	return err
}

// observe is Observe. seed: the operator named the address where it lies. asked tells whether the domain's key was looked up.
func (b *Book) observe(ctx context.Context, d *protocol.Descriptor, from string, seed bool) (asked bool, err error) {
	if err := b.begin(d, seed); err != nil {
		if errors.Is(err, errKnown) {
			return false, nil
		}
		b.refused(d.Domain, err)
		return false, err
	}
	defer b.end(d.Domain)
	verdict, err := b.o.Verifier.VerifyStatement(ctx, d)
	if err != nil {
		return true, err
	}
	if !verdict.Accepted() {
		err := &protocol.Error{Code: verdict.Code, Message: verdict.Reason, Hint: verdict.Hint}
		b.refused(d.Domain, err)
		return true, err
	}
	if err := b.take(d, seed); err != nil {
		return true, err
	}
	b.o.Logger.Info("learned a peer's descriptor", "peer", d.Domain, "origin", d.Origin.String(), "url", d.URL, "sequence", d.Sequence, "from", from)
	return true, b.save(ctx, d.Domain)
}

// begin checks all that costs nobody anything, and marks the domain as being looked at.
func (b *Book) begin(d *protocol.Descriptor, seed bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.acceptable(d, seed); err != nil {
		return err
	}
	if b.checking[d.Domain] {
		return ErrStale // another copy is on its way; the next round sees which is newer
	}
	b.checking[d.Domain] = true
	return nil
}

func (b *Book) end(domain string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.checking, domain)
}

// acceptable says why a descriptor is not taken, without looking its key up. The caller holds mu.
func (b *Book) acceptable(d *protocol.Descriptor, seed bool) error {
	if d.Network() != b.o.Network {
		return refuse("it is a node of the network %s, and this node is of %s", d.Network(), b.o.Network)
	}
	e := b.entries[d.Domain]
	if err := b.policy(d.Domain); err != nil && (!seed || d.Domain == b.o.Domain || b.blocked(d.Domain)) {
		return err
	}
	if e != nil && e.descriptor != nil {
		switch old := e.descriptor; {
		case old.RecordHash() == d.RecordHash():
			if seed && !e.seed { // the operator named it since
				e.seed = true
				b.settle()
			}
			return errKnown
		case d.Sequence < old.Sequence:
			return ErrStale
		case d.Sequence == old.Sequence:
			return refuse("it published two different descriptors with the sequence number %d", d.Sequence)
		case d.Origin.Epoch < old.Origin.Epoch:
			return refuse("it went back from the log %s to %s", old.Origin, d.Origin)
		}
		if err := e.mayRaise(d.Origin, b.o.Now()); err != nil {
			return err
		}
	}
	switch now := b.o.Now(); {
	case !now.Before(d.ExpiresAt):
		return refuse("its descriptor expired on %s", d.ExpiresAt.Format(time.RFC3339))
	case !d.Valid(now):
		return refuse("its descriptor is issued in the future, on %s: check both clocks", d.Issued.Format(time.RFC3339))
	case seed:
		return nil
	}
	return b.room(d.Domain)
}

// take puts a verified descriptor into the book, unless things changed meanwhile.
func (b *Book) take(d *protocol.Descriptor, seed bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.acceptable(d, seed); err != nil {
		return err
	}
	e := b.entry(d.Domain)
	e.seed = e.seed || seed
	if e.descriptor != nil {
		e.previous = e.descriptor.RecordHash()
		for range d.Origin.Epoch - e.descriptor.Origin.Epoch { // at most MaxRaises
			e.raises = append(e.raises, b.o.Now())
		}
		e.raises = e.raises[max(0, len(e.raises)-MaxRaises):]
	}
	e.descriptor, e.refusal, e.dirty = d, "", true
	e.logs = slices.DeleteFunc(e.logs, func(l logKey) bool { return l.origin == d.Origin })
	e.logs = append([]logKey{{d.Origin, d.LogKey}}, e.logs...)
	e.logs = e.logs[:min(len(e.logs), MaxEpochs)]
	b.follow(e)
	b.settle()
	return nil
}

// mayRaise says why a peer's next log is not taken: each is a mirror to keep for good, so they are few, and few a day. Several that it began while
// we did not see it count as so many.
func (e *entry) mayRaise(to protocol.Origin, now time.Time) error {
	from := e.descriptor.Origin
	if to.Epoch == from.Epoch {
		return nil
	}
	if n := to.Epoch - e.firstEpoch() + 1; n > MaxEpochs {
		return refuse("with %s its domain would have %d logs, and this node takes %d of one", to, n, MaxEpochs)
	}
	raises := to.Epoch - from.Epoch
	for _, at := range e.raises {
		if now.Sub(at) < RaiseWindow {
			raises++
		}
	}
	if raises > MaxRaises {
		return refuse("with %s it would have begun %d logs within a day, and this node takes %d", to, raises, MaxRaises)
	}
	return nil
}

// firstEpoch is the oldest of the peer's logs that are told apart.
func (e *entry) firstEpoch() int {
	first := e.descriptor.Origin.Epoch
	for _, l := range e.logs {
		first = min(first, l.origin.Epoch)
	}
	return max(1, first-MaxEarlier)
}

// allLogs lists the peer's logs, the present one first. An earlier epoch that we never saw a descriptor of is taken to have the
// present key: a checkpoint that it does not fit shows that.
func (e *entry) allLogs() []logKey {
	list := slices.Clone(e.logs)
	present := e.descriptor.Origin
	for epoch := present.Epoch - 1; epoch >= e.firstEpoch() && len(list) < MaxEpochs; epoch-- {
		origin := present
		origin.Epoch = epoch
		if !slices.ContainsFunc(list, func(l logKey) bool { return l.origin == origin }) {
			list = append(list, logKey{origin, e.descriptor.LogKey})
		}
	}
	return list
}

// refused notes why a descriptor was not taken, where the operator waits for that domain.
func (b *Book) refused(domain string, err error) {
	var refusal *Refusal
	var verdict *protocol.Error
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[domain]
	if e == nil || !errors.As(err, &refusal) && !errors.As(err, &verdict) {
		return
	}
	e.refusal = clip(err.Error())
	if verdict != nil {
		e.refusal = clip("its descriptor is not signed by its domain: " + verdict.Message)
	}
}

// KnownDescriptor tells whether a hash is that of the domain's descriptor, or of the one before it.
func (b *Book) KnownDescriptor(domain string, hash [32]byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[domain]
	if e == nil || e.descriptor == nil || b.policy(domain) != nil {
		return false
	}
	return e.descriptor.RecordHash() == hash || e.previous == hash && hash != [32]byte{}
}
