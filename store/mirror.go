package store

import (
	"context"
	"fmt"

	"mirnode/protocol"
	"mirnode/translog"
)

const (
	// MaxMirrors bounds the logs that are held.
	MaxMirrors = 1_024
	// MaxMirrorsPerDomain bounds those of one domain: its epochs.
	MaxMirrorsPerDomain = 8
	// MaxAppendEntries is the most entries that one AppendEntries takes.
	MaxAppendEntries = 16_384

	// entriesPerClaim is how many entries cost a transaction as much as a claim.
	entriesPerClaim = 8
)

// OpenMirror makes room for the log of another node, empty, if it is not held already. A log whose fork was found before is frozen from the
// start. Errors: ErrFull at MaxMirrors, and at MaxMirrorsPerDomain.
func (s *Store) OpenMirror(ctx context.Context, origin protocol.Origin) error {
	if _, err := protocol.ParseOrigin(origin.String()); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if _, held := s.logs.named(origin.String()); held {
		return nil
	}
	return s.submit(ctx, &request{mirror: true, weight: 1, work: func(t *transaction) (refused, failed error) {
		if _, held := s.logs.named(origin.String()); held {
			return nil, nil
		}
		of := s.logs.ofDomain(origin.Domain)
		for _, log := range t.opened {
			if log.name == origin.String() {
				return nil, nil
			}
			if log.origin.Domain == origin.Domain {
				of++
			}
		}
		if of >= MaxMirrorsPerDomain {
			return fmt.Errorf("%w: %d logs of %s are held", ErrFull, of, origin.Domain), nil
		}
		if len(s.logs.all)+len(t.opened) >= MaxMirrors {
			return fmt.Errorf("%w: %d logs are held", ErrFull, MaxMirrors), nil
		}
		log, err := s.createLog(t.log, origin, len(t.opened))
		if err != nil {
			return nil, err
		}
		t.opened, t.changed = append(t.opened, log), true
		return nil, nil
	}}).err
}

// ofDomain counts a domain's logs.
func (l *logs) ofDomain(domain string) (n int) {
	l.RLock()
	defer l.RUnlock()
	for _, log := range l.all {
		if log.origin.Domain == domain {
			n++
		}
	}
	return n
}

// AppendEntries appends entries to the mirror of a log, whose size must be start, and returns when they are safe on disk. The tree is
// recomputed, and must have the given root, which the caller has by proof: it is that of a signed head, or AuthenticatedRoot told it. A
// checkpoint of just the new size becomes the mirror's; it must have been checked. Another one is left alone.
//
// Errors: *RootError, ErrNotNext, ErrFrozen, ErrNotFound without mirror, ErrInvalid for what no log can hold and for the own log, and those
// of AppendClaim.
func (s *Store) AppendEntries(
	ctx context.Context, origin string, start uint64, entries []protocol.Entry, root translog.Hash, checkpoint *translog.Checkpoint,
) error {
	log, held := s.logs.named(origin)
	switch {
	case !held:
		return fmt.Errorf("%w: no mirror of %s", ErrNotFound, origin)
	case log == s.logs.own.Load():
		return fmt.Errorf("%w: %s is the own log", ErrInvalid, origin)
	}
	return s.extend(ctx, log, start, entries, root, checkpoint)
}

// RelearnEntries is AppendEntries for the own log, of which the peers hold more than this store: it was restored from an older backup. Only
// before StartWriting; afterwards ErrInvalid. The bodies follow by Settle.
func (s *Store) RelearnEntries(
	ctx context.Context, start uint64, entries []protocol.Entry, root translog.Hash, checkpoint *translog.Checkpoint,
) error {
	own := s.logs.own.Load()
	if own == nil || s.logs.writing.Load() {
		return fmt.Errorf("%w: the own log is being written, or there is none", ErrInvalid)
	}
	return s.extend(ctx, own, start, entries, root, checkpoint)
}

func (s *Store) extend(
	ctx context.Context, log *originLog, start uint64, entries []protocol.Entry, root translog.Hash, checkpoint *translog.Checkpoint,
) error {
	if len(entries) > MaxAppendEntries {
		return fmt.Errorf("%w: %d entries, at most %d", ErrInvalid, len(entries), MaxAppendEntries)
	}
	size := start + uint64(len(entries))
	if size > translog.MaxSize {
		return fmt.Errorf("%w: no log has %d entries", ErrInvalid, size)
	}
	if checkpoint != nil && (checkpoint.Size != size || checkpoint.Origin != log.name) {
		checkpoint = nil
	}
	if checkpoint != nil && checkpoint.Root != root {
		return &RootError{Origin: log.name, Size: size, Got: root, Want: checkpoint.Root}
	}
	if len(entries) == 0 && checkpoint == nil {
		return nil
	}
	// All that is much work is done here: the committer is the one that all wait for.
	state := s.logs.snapshot(log)
	if err := state.takes(log, start); err != nil {
		return err
	}
	if len(entries) == 0 && state.checkpoint.Note != nil && state.checkpoint.Size == size {
		return nil // it has a head of this size, and one is as good as another
	}
	encoded, leaves, err := encodeEntries(entries)
	if err != nil {
		return err
	}
	growth := translog.Grow(state.frontier, state.tails, leaves)
	if got := growth.Root(); got != root {
		return &RootError{Origin: log.name, Size: size, Got: got, Want: root}
	}
	return s.submit(ctx, &request{
		mirror: true, weight: 1 + len(entries)/entriesPerClaim, bytes: int64(len(entries)) * entryBytes,
		work: func(t *transaction) (refused, failed error) {
			if err := t.peek(log).takes(log, start); err != nil {
				return err, nil
			}
			c := t.change(log)
			bucket := c.entries(t)
			for i, e := range encoded {
				if err := bucket.Put(beBytes(start+uint64(i)), e); err != nil {
					return nil, err
				}
			}
			if checkpoint != nil {
				c.state.setCheckpoint(*checkpoint)
				t.changed = true
			}
			if n := len(entries); n > 0 && log == s.logs.own.Load() { // its times go on from there
				t.ingested, t.relearned = max(t.ingested, entries[n-1].IngestedAt.UnixMilli()), true
			}
			return nil, c.grow(t, growth)
		},
	}).err
}

// takes tells whether the log takes entries from that index on.
func (s *logState) takes(log *originLog, start uint64) error {
	switch {
	case s.Frozen:
		return fmt.Errorf("%w: %s, %s", ErrFrozen, log.name, s.FrozenWhy)
	case s.size != start:
		return fmt.Errorf("%w: %s has %d entries here, these start at %d", ErrNotNext, log.name, s.size, start)
	}
	return nil
}

// lastMilli is the last time that an entry can say.
const lastMilli = 253_402_300_799_999

// encodeEntries makes entries ready to be written, with their leaf hashes. What has no canonical form is refused.
func encodeEntries(entries []protocol.Entry) (encoded [][]byte, leaves []translog.Hash, err error) {
	encoded, leaves = make([][]byte, len(entries)), make([]translog.Hash, len(entries))
	var buffer [protocol.MaxEntryBytes]byte
	for i, e := range entries {
		milli := e.IngestedAt.UnixMilli()
		if _, err := protocol.ParseKind(string(e.Kind)); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if milli < 0 || milli > lastMilli || e.IngestedAt.Nanosecond()%1_000_000 != 0 {
			return nil, nil, fmt.Errorf("%w: an entry of the time %s", ErrInvalid, e.IngestedAt)
		}
		encoded[i], leaves[i] = encodeEntry(e), translog.LeafHash(e.AppendCanonical(buffer[:0]))
	}
	return encoded, leaves, nil
}
