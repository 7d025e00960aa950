package store

import (
	"context"
	"errors"

	"golang.org/x/sync/semaphore"
)

// request is what the committer works on: this node's own records to append, or some other work.
type request struct {
	ctx   context.Context // of the one who waits; a request whose waiter has gone before it is begun is dropped
	items []item
	// work does anything else within a transaction. What it refuses is the caller's error, and must have changed nothing; what failed ends the
	// transaction. It must not read the index, but name before what it looks up.
	work    func(t *transaction) (refused, failed error)
	lookups []*lookup
	// relations are those of the items that work appends, or of items: see relate.
	relations []*relation
	whole     bool // items are appended all or none
	// certain makes the waiter stay until the committer answers, though its context ends: whoever holds a lock meanwhile must know whether it was written.
	certain bool
	// about are the artifacts of records that are appended InTurn: of two such requests about one artifact, the second is judged after the first is written.
	about  [][32]byte
	mirror bool // of a mirror: it comes after clients' requests
	weight int  // how much of a transaction it takes, in claims
	bytes  int64
	answer chan answer // capacity 1
}

type answer struct {
	appended []Appended
	grown    *ownGrowth // what the own log became by the transaction, nil where it stayed as it was
	err      error
}

// submit hands a request to the committer and waits for its answer.
func (s *Store) submit(ctx context.Context, r *request) answer {
	r.ctx, r.answer = ctx, make(chan answer, 1)
	room, queue := s.room(r)
	weight := min(r.bytes, s.options.QueueBytes)
	if err := room.Acquire(ctx, weight); err != nil {
		return answer{err: err}
	}
	select {
	case queue <- r:
	case <-ctx.Done():
		room.Release(weight)
		return answer{err: ctx.Err()}
	case <-s.quit:
		room.Release(weight)
		return answer{err: ErrClosed}
	}
	gone := ctx.Done()
	if r.certain {
		gone = nil
	}
	select {
	case a := <-r.answer:
		return a
	case <-gone:
		return answer{err: ctx.Err()}
	case <-s.stopped:
		select {
		case a := <-r.answer:
			return a
		default:
			return answer{err: ErrClosed}
		}
	}
}

// room is where the request waits, and what bounds the bytes that do.
func (s *Store) room(r *request) (*semaphore.Weighted, chan *request) {
	if r.mirror {
		return s.mirrorRoom, s.mirrored
	}
	return s.queued, s.queue
}

// reply answers a request, and gives back its share of the queue.
func (s *Store) reply(r *request, a answer) {
	r.answer <- a
	room, _ := s.room(r)
	room.Release(min(r.bytes, s.options.QueueBytes))
}

// Ready tells whether the store takes this node's own records: nil; ErrClosed; ErrReadOnly with the cause, while the disk takes none;
// ErrReadOnly with a *CorruptError when the log was found damaged, until the store is closed; *CorruptError alone when the index was, which
// the next Open mends; ErrNotConfirmed before StartWriting; ErrFrozen when the own log is frozen. In the last two cases mirrors go on.
func (s *Store) Ready() error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.ownReady()
}

// writable tells whether the store takes writes at all.
func (s *Store) writable() error {
	if s.stopping() {
		return ErrClosed
	}
	return errors.Join(s.index.healthy(), s.log.healthy(), s.fault.err())
}
