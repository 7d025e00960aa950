package mirror

import (
	"context"
	"errors"
	"fmt"

	"mirnode/protocol"
	"mirnode/store"
)

var (
	// ErrNotAdmitted means that we do not mirror this origin.
	ErrNotAdmitted = errors.New("this origin is not admitted")
	// ErrFuture means that entries carry times too far in our future: a clock is wrong, theirs or ours, and waiting mends it.
	ErrFuture = errors.New("entries lie in the future: a clock is wrong")
	// ErrBudget means that an origin's share of entries is used up for now.
	ErrBudget = errors.New("the origin sends more entries than it may")
	// ErrBehind means that the peer does not hold what was asked for.
	ErrBehind = errors.New("the peer does not hold this yet")
)

// LieError says that what a peer sent contradicts a signature or a hash, or breaks the form that it must have: no honest node sends it.
type LieError struct {
	Peer string // domain of the peer
	What string // for the operator; bounded, and free of the peer's own bytes but for what is quoted

	noted bool // see Mirror.blame
}

func (e *LieError) Error() string { return "the peer " + e.Peer + " lies: " + e.What }

// lie makes a LieError.
func lie(peer, format string, args ...any) error {
	const most = 300
	what := fmt.Sprintf(format, args...)
	if len(what) > most {
		what = what[:most] + "…"
	}
	return &LieError{Peer: peer, What: what}
}

// ForkError says that an origin signed two histories. The proof is saved, and the origin frozen.
type ForkError struct{ Origin string }

func (e *ForkError) Error() string {
	return "the origin " + e.Origin + " signed two histories; it is frozen, and the proof is kept"
}

// isLie reports whether the error is a peer's lie.
func isLie(err error) bool {
	_, ok := errors.AsType[*LieError](err)
	return ok
}

// ours reports whether an error is this node's own: its store, its context. It says nothing about a peer.
func ours(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrClosed) || isStore(err)
}

// storeError marks what came from our own store, so that no peer is blamed for it.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func isStore(err error) bool {
	_, ok := errors.AsType[*storeError](err)
	return ok
}

// stored wraps an error of the store, and keeps nil nil.
func stored(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &storeError{fmt.Errorf("%s: %w", doing, err)}
}

// unanswered reports whether an error leaves a verdict open: the domain did not answer, or our own time was over.
func unanswered(err error) bool {
	_, ok := errors.AsType[*protocol.UnreachableError](err)
	return ok || errors.Is(err, context.DeadlineExceeded)
}
