package mirror

import (
	"errors"
	"fmt"
	"sync"

	"mirnode/protocol"
	"mirnode/store"
)

// badPeers are the peers that one piece of work will not ask again, with the first error of each. The zero value is ready.
type badPeers struct {
	mu     sync.Mutex
	errors map[string]error // owned by mu; by domain
}

func (b *badPeers) add(domain string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.errors == nil {
		b.errors = make(map[string]error)
	}
	if b.errors[domain] == nil {
		b.errors[domain] = err
	}
}

// of returns the peer's first error, nil while it has none.
func (b *badPeers) of(domain string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.errors[domain]
}

// blame notes a peer's lie, once: for the operator, and in the book, where it shows beside the peer. Other errors are left alone. It is called
// by whoever made the error, before anybody else has it, or after.
func (m *Mirror) blame(err error) {
	lie, ok := errors.AsType[*LieError](err)
	if !ok || lie.noted {
		return
	}
	lie.noted = true
	m.stats.lies.Add(1)
	m.log.Warn("a peer lies", "peer", lie.Peer, "error", lie)
	m.book.Complain(lie.Peer, lie)
}

// wentBack notes that an origin shows fewer entries of its own log than it has signed. That proves nothing: its operator may have restored an
// older copy, which learns the rest back. Both are for the operator to see.
func (m *Mirror) wentBack(origin protocol.Origin, from, to uint64) {
	m.book.Complain(origin.Domain, fmt.Errorf("its log went back from %d entries to %d: it was restored from an older copy, or lies", from, to))
}

// stalled notes what keeps an origin's log from being taken though nobody lied, for the operator is to see why the mirror does not come up; and, of a pull
// that took all there was, that nothing does any more.
func (m *Mirror) stalled(origin protocol.Origin, err error, behind bool) {
	switch {
	case err == nil && !behind:
		m.book.HeldUp(origin.Domain, nil)
	case errors.Is(err, ErrBudget):
		m.book.HeldUp(origin.Domain, fmt.Errorf("its log grows faster than this node takes of one origin, which takes the rest later: %w", err))
	case errors.Is(err, store.ErrFull):
		m.book.HeldUp(origin.Domain, fmt.Errorf("its log %s is taken no further: %w", origin, err))
	case errors.Is(err, ErrFuture):
		m.book.HeldUp(origin.Domain, err)
	}
}
