package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// Pull brings the mirror of an origin up from one peer: at most MaxPullEntries entries, each proven before it is kept, then their bodies,
// verified. It also settles what an earlier pull left. to is the size that the peer is thought to hold, and says what "behind" means.
//
// The result's Size is the number of entries that are settled: proven, with their records kept or judged. What was reached stays reached,
// whatever the error. Of pulls of one origin one runs at a time; the others wait.
func (m *Mirror) Pull(ctx context.Context, from peers.Peer, origin protocol.Origin, to uint64) (planner.PullResult, error) {
	name := origin.String()
	release, err := m.origins.lock(ctx, name)
	if err != nil {
		return planner.PullResult{Size: m.settled(name), Outcome: planner.Local}, err
	}
	defer release()
	size, err := m.pull(ctx, from, origin)
	if err == nil {
		err = m.compareAhead(ctx, origin)
	}
	m.blame(err)
	result := planner.PullResult{Size: m.settled(name), Outcome: outcome(err)}
	result.Behind = result.Outcome == planner.Pulled && size < to
	m.stalled(origin, err, result.Behind || result.Size < size)
	return result, err
}

// settled gives how many entries of an origin are settled.
func (m *Mirror) settled(origin string) uint64 {
	head, _ := m.store.Head(origin)
	return head.Settled
}

// pull is Pull under the origin's lock. It returns the size that the peer's signed checkpoint has.
func (m *Mirror) pull(ctx context.Context, from peers.Peer, origin protocol.Origin) (uint64, error) {
	name := origin.String()
	key, ok := m.book.OriginKey(name)
	if !ok || origin.Domain == m.own.Origin.Domain {
		return 0, ErrNotAdmitted
	}
	head, opened := m.store.Head(name)
	if head.Frozen {
		return 0, store.ErrFrozen
	}
	remote := m.remote(from, origin, key)
	c, err := remote.checkpoint(ctx)
	if errors.Is(err, ErrBehind) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if !opened { // only now: a log that was never shown costs nothing
		if err := m.store.OpenMirror(ctx, origin); err != nil {
			return 0, stored("opening a mirror", err)
		}
		if head, _ = m.store.Head(name); head.Frozen {
			return 0, store.ErrFrozen
		}
	}
	if from.Domain == origin.Domain && c.Size < head.Checkpoint.Size {
		m.wentBack(origin, head.Checkpoint.Size, c.Size)
	}
	if c.Size <= head.Size {
		if err := m.compare(ctx, remote, head, c); err != nil {
			return c.Size, err
		}
	}
	job := &pulling{m: m, name: name, origin: origin, remote: remote, tiles: cacheTiles(remote), checkpoint: c, head: head, append: m.appendMirror}
	return c.Size, job.run(ctx)
}

// appender keeps proven entries: in a mirror, or in our own log that is learnt back.
type appender func(ctx context.Context, origin string, start uint64, entries []protocol.Entry, root translog.Hash, c *translog.Checkpoint) error

// appendMirror appends to a mirror. A checkpoint that is wholly held then gets our cosignature, which becomes durable with what it vouches for.
func (m *Mirror) appendMirror(ctx context.Context, origin string, start uint64, entries []protocol.Entry, root translog.Hash, c *translog.Checkpoint) error {
	if c != nil {
		signed := m.cosigned(*c)
		c = &signed
	}
	return m.store.AppendEntries(ctx, origin, start, entries, root, c)
}

// cosigned adds our cosignature, or leaves the checkpoint as it is where there is no room for one more.
func (m *Mirror) cosigned(c translog.Checkpoint) translog.Checkpoint {
	line, err := m.cosigner.Cosign(c)
	if err != nil {
		return c
	}
	if signed, err := translog.AddSignatures(c, line); err == nil {
		return signed
	}
	return c
}

// pulling is one pull under way: one goroutine appends entries, others fetch and judge the bodies of what is appended, and the first settles
// them in order.
type pulling struct {
	m          *Mirror
	name       string
	origin     protocol.Origin
	remote     *remoteLog
	tiles      *tileCache // the appending goroutine's
	checkpoint translog.Checkpoint
	head       store.Head // as it was before
	append     appender
	whole      bool // no budget: our own log
	pinned     bool // the checkpoint is kept; the appending goroutine's
	bad        badPeers
	turn       chan struct{} // one token: the batch that is being verified
}

func (j *pulling) run(ctx context.Context) error {
	j.turn = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	grown := make(chan uint64, maxRanges) // sizes of the mirror, as it grows; the appender never waits
	var appending error
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(grown)
		appending = j.entries(ctx, grown)
	})
	settling := j.settle(ctx, grown)
	if settling != nil {
		cancel() // no entries without their bodies
	}
	wait.Wait()
	if settling == nil {
		settling = j.bad.of(j.remote.peer.Domain) // bodies came from elsewhere: the lie stands all the same
	}
	// A lie or a fork says more than the fault that it led to.
	for _, err := range []error{appending, settling} {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(appending, settling)
}

// entries reads, proves and appends ranges, up to the checkpoint or the bounds.
func (j *pulling) entries(ctx context.Context, grown chan<- uint64) error {
	m, next := j.m, j.head.Size
	end := min(j.checkpoint.Size, next+MaxPullEntries)
	if next >= end {
		return j.takeCheckpoint(ctx)
	}
	previous, err := j.lastTime(ctx)
	if err != nil {
		return err
	}
	if !j.whole {
		granted := m.budgets.take(j.name, int(end-next), m.now())
		if granted == 0 {
			return ErrBudget
		}
		end = next + uint64(granted)
	}
	for range maxRanges {
		if next == end {
			return nil
		}
		entries, err := j.remote.entries(ctx, next, end)
		if err != nil {
			return err
		}
		if previous, err = j.checkTimes(ctx, entries, next, previous); err != nil {
			return err
		}
		size := next + uint64(len(entries))
		if err := j.keep(ctx, next, entries); err != nil {
			return err
		}
		m.stats.entries.Add(uint64(len(entries)))
		next = size
		grown <- size
	}
	return nil
}

// keep proves that the entries belong under the checkpoint, and appends them. The store computes the root and compares.
func (j *pulling) keep(ctx context.Context, start uint64, entries []protocol.Entry) error {
	size := start + uint64(len(entries))
	root, checkpoint := j.checkpoint.Root, &j.checkpoint
	if size < j.checkpoint.Size {
		var err error
		if root, err = translog.AuthenticatedRoot(ctx, j.tiles, j.checkpoint, size); errors.Is(err, translog.ErrProof) {
			return lie(j.remote.peer.Domain, "its tiles of %s do not belong to the checkpoint of %d entries", j.name, j.checkpoint.Size)
		} else if err != nil {
			return err
		}
		checkpoint = nil
	}
	err := j.append(ctx, j.name, start, entries, root, checkpoint)
	if _, ok := errors.AsType[*store.RootError](err); ok {
		return j.contradiction(ctx, start)
	}
	if err != nil {
		return stored("keeping entries", err)
	}
	if checkpoint == nil && !j.pinned {
		j.pinned = true
		return j.m.pin(ctx, j.checkpoint)
	}
	return nil
}

// contradiction is called when the peer's entries after ours do not make the signed root: they are altered, or the origin signed a history
// other than the one that we hold.
func (j *pulling) contradiction(ctx context.Context, start uint64) error {
	prefix, err := translog.AuthenticatedRoot(ctx, j.tiles, j.checkpoint, start)
	switch {
	case errors.Is(err, translog.ErrProof):
		return lie(j.remote.peer.Domain, "its tiles of %s do not belong to the checkpoint of %d entries", j.name, j.checkpoint.Size)
	case err != nil:
		return err
	case start > 0 && prefix != j.rootAt(start):
		return j.m.fork(ctx, j.remote, j.checkpoint)
	}
	return lie(j.remote.peer.Domain, "the entries of %s from %d on are not those under the checkpoint of %d entries", j.name, start, j.checkpoint.Size)
}

// rootAt is our own root at the size that the mirror has now.
func (j *pulling) rootAt(size uint64) translog.Hash {
	head, _ := j.m.store.Head(j.name)
	if head.Size != size {
		return translog.Hash{}
	}
	return head.Root
}

// takeCheckpoint keeps a checkpoint of exactly the entries that we hold, where the one that we have is of fewer.
func (j *pulling) takeCheckpoint(ctx context.Context) error {
	c := j.checkpoint
	if c.Size != j.head.Size || j.head.Checkpoint.Size >= c.Size {
		return nil
	}
	return stored("keeping a checkpoint", j.append(ctx, j.name, c.Size, nil, c.Root, &c))
}

// lastTime gives ingestedAt of the last entry held, in Unix milliseconds: 0 for an empty mirror.
func (j *pulling) lastTime(ctx context.Context) (int64, error) {
	if j.head.Size == 0 {
		return 0, nil
	}
	last, err := j.m.store.Entries(ctx, j.name, j.head.Size-1, j.head.Size)
	if err != nil || len(last) != 1 {
		return 0, stored("reading the last entry", errors.Join(err, fmt.Errorf("%d entries where one must be", len(last))))
	}
	return last[0].IngestedAt.UnixMilli(), nil
}

// checkTimes refuses entries whose times step back, which no log does and no node mirrors, or that lie in our future.
func (j *pulling) checkTimes(ctx context.Context, entries []protocol.Entry, start uint64, previous int64) (int64, error) {
	latest := j.m.now().Add(j.m.limits.Ahead).UnixMilli()
	for i := range entries {
		at := entries[i].IngestedAt.UnixMilli()
		if at < previous {
			return 0, lie(j.remote.peer.Domain, "entry %d of %s is older than the one before it", start+uint64(i), j.name)
		}
		if at > latest {
			return 0, j.ahead(ctx, &entries[i], start+uint64(i))
		}
		previous = at
	}
	return previous, nil
}

// ahead is the error of an entry that lies in our future: the origin's if it logged it, or the peer's who says so.
func (j *pulling) ahead(ctx context.Context, entry *protocol.Entry, index uint64) error {
	proof, err := translog.InclusionProof(ctx, j.tiles, index, j.checkpoint.Size)
	if err != nil {
		return err
	}
	if translog.CheckInclusion(translog.LeafHash(entry.Canonical()), index, j.checkpoint.Size, j.checkpoint.Root, proof) != nil {
		return lie(j.remote.peer.Domain, "entry %d of %s is not that under the checkpoint of %d entries", index, j.name, j.checkpoint.Size)
	}
	return fmt.Errorf("entry %d of %s: %w", index, j.name, ErrFuture)
}

// outcome says what the planner is to make of a pull's error.
func outcome(err error) planner.Outcome {
	status, answered := errors.AsType[*peers.StatusError](err)
	_, forked := errors.AsType[*ForkError](err)
	switch {
	case err == nil || errors.Is(err, ErrBehind):
		return planner.Pulled
	case isLie(err):
		return planner.Refused
	case forked || errors.Is(err, store.ErrFrozen):
		return planner.Frozen
	case answered && (status.Code == 429 || status.Code == 503):
		return planner.Busy
	case ours(err), errors.Is(err, ErrBudget), errors.Is(err, ErrFuture), errors.Is(err, ErrNotAdmitted):
		return planner.Local
	case errors.Is(err, peers.ErrSlow):
		return planner.Slow
	}
	return planner.Unreachable
}
