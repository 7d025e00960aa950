package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/translog"
)

// ownReady tells whether the own log takes entries. A store without one has nothing against it.
func (s *Store) ownReady() error {
	own := s.logs.own.Load()
	if own == nil {
		return nil
	}
	if !s.logs.writing.Load() {
		return fmt.Errorf("%w: %s waits to hear from its peers", ErrNotConfirmed, own.name)
	}
	if state := s.logs.snapshot(own); state.Frozen {
		return fmt.Errorf("%w: %s, %s; start it again with the next epoch", ErrFrozen, own.name, state.FrozenWhy)
	}
	return nil
}

// StartWriting lets the own log take entries, where Options.Log.Confirm made it wait: whoever calls it has asked the peers whether they hold a
// longer one. It cannot be taken back.
func (s *Store) StartWriting() { s.logs.writing.Store(true) }

// ownGrowth is what the own log became by a transaction. It does not change any more.
type ownGrowth struct {
	first      uint64 // index of the first new entry
	growth     *translog.Growth
	checkpoint translog.Checkpoint
}

// ownEntry appends an entry to the own log, where there is one, and gives its place.
func (t *transaction) ownEntry(kind protocol.Kind, record [32]byte) (place, error) {
	own := t.store.logs.own.Load()
	if own == nil {
		return place{}, nil
	}
	if t.own == nil {
		t.own = t.change(own)
	}
	p := place{log: own.number, index: t.own.state.size + uint64(len(t.leaves)), ingested: t.ingested}
	entry := protocol.Entry{IngestedAt: t.time(), Kind: kind, Record: record}
	var buffer [protocol.MaxEntryBytes]byte
	t.leaves = append(t.leaves, translog.LeafHash(entry.AppendCanonical(buffer[:0])))
	if t.own.state.Settled == p.index {
		t.own.state.Settled++
	}
	t.changed = true
	return p, t.own.entries(t).Put(beBytes(p.index), encodeEntry(entry))
}

// grow makes the own log's new tree and signs its head. The signature leaves this transaction only once the tree is on disk.
func (t *transaction) grow() error {
	if len(t.leaves) == 0 {
		return nil
	}
	c := t.own
	g := &ownGrowth{first: c.state.size, growth: translog.Grow(c.state.frontier, c.state.tails, t.leaves)}
	if err := c.grow(t, g.growth); err != nil {
		return err
	}
	var err error
	if g.checkpoint, err = translog.SignCheckpoint(t.store.options.Log.Signer, c.state.size, c.state.root); err != nil {
		return err
	}
	c.state.setCheckpoint(g.checkpoint)
	t.grown = g
	return nil
}

// prove makes the receipts of what was appended, in the caller's goroutine: those of new entries out of memory.
func (s *Store) prove(ctx context.Context, appended []Appended, grown *ownGrowth) error {
	own := s.logs.own.Load()
	if own == nil {
		return nil
	}
	for i := range appended {
		a := &appended[i]
		if a.Err != nil || !a.Record.Own {
			continue
		}
		entry := protocol.Entry{IngestedAt: a.Record.IngestedAt, Kind: a.Record.Kind, Record: a.Record.RecordHash}
		if grown != nil && a.Index >= grown.first {
			a.Receipt = &translog.Receipt{
				Index: a.Index, Entry: entry.Canonical(), Proof: grown.growth.Proof(int(a.Index - grown.first)), Checkpoint: grown.checkpoint.Note,
			}
			continue
		}
		receipt, err := s.receipt(ctx, own, a.Index, entry)
		if err != nil {
			return err
		}
		a.Receipt = &receipt
	}
	return nil
}

// Receipt proves that the own log has the record with this hash, against its present head. Errors: ErrNotFound when it has not; an erased
// record has a receipt still.
func (s *Store) Receipt(ctx context.Context, recordHash [32]byte) (translog.Receipt, error) {
	record, err := s.Record(ctx, recordHash)
	if _, erased := errors.AsType[*ErasedError](err); err != nil && !erased {
		return translog.Receipt{}, err
	}
	own := s.logs.own.Load()
	for _, p := range record.Places {
		if own != nil && p.Origin == own.name {
			return s.receipt(ctx, own, p.Index, protocol.Entry{IngestedAt: p.IngestedAt, Kind: record.Kind, Record: recordHash})
		}
	}
	return translog.Receipt{}, fmt.Errorf("%w in the own log", ErrNotFound)
}

// LogReceipt proves that a log has the record with this hash, against that log's own signed head: the own log where it has the record, else the first of the
// mirrors that have it and hold a signed head which covers it. Errors: ErrNotFound where there is none; an erased record has a receipt still.
func (s *Store) LogReceipt(ctx context.Context, recordHash [32]byte) (translog.Receipt, error) {
	record, err := s.Record(ctx, recordHash)
	if _, erased := errors.AsType[*ErasedError](err); err != nil && !erased {
		return translog.Receipt{}, err
	}
	own := s.logs.own.Load()
	var from *originLog
	var at Place
	for _, p := range record.Places {
		log, held := s.logs.named(p.Origin)
		if !held || s.logs.snapshot(log).checkpoint.Size <= p.Index {
			continue
		}
		if from == nil || log == own {
			from, at = log, p
		}
	}
	if from == nil {
		return translog.Receipt{}, fmt.Errorf("%w under a signed head of a log", ErrNotFound)
	}
	return s.receipt(ctx, from, at.Index, protocol.Entry{IngestedAt: at.IngestedAt, Kind: record.Kind, Record: recordHash})
}

// receipt proves an entry against the newest signed head of its log that is wholly held.
func (s *Store) receipt(ctx context.Context, own *originLog, index uint64, entry protocol.Entry) (translog.Receipt, error) {
	state := s.logs.snapshot(own)
	proof, err := translog.InclusionProof(ctx, tiles{s, own}, index, state.checkpoint.Size)
	if err != nil {
		return translog.Receipt{}, err
	}
	return translog.Receipt{Index: index, Entry: entry.Canonical(), Proof: proof, Checkpoint: state.checkpoint.Note}, nil
}

// openOwn makes the options' own log the store's, creating it if it is new. It runs before the goroutines do.
func (s *Store) openOwn() error {
	if s.options.Log == nil {
		return nil
	}
	name := s.options.Log.Origin.String()
	if signer := s.options.Log.Signer; signer == nil || signer.Name() != name {
		return fmt.Errorf("%w: the signer of the log is not that of %s", ErrInvalid, name)
	}
	own, known := s.logs.named(name)
	if !known {
		err := s.log.update(func(tx *bbolt.Tx) (err error) {
			own, err = s.createLog(tx, s.options.Log.Origin, 0)
			return err
		})
		if err != nil {
			return err
		}
		s.logs.add(own)
	}
	s.logs.own.Store(own)
	s.logs.writing.Store(!s.options.Log.Confirm)
	if err := s.takeOver(own); err != nil {
		return err
	}
	if err := s.keepTime(); err != nil {
		return err
	}
	return s.signEmpty(own)
}

// keepTime sees to it that the own log's time does not step back behind its last entry.
func (s *Store) keepTime() error {
	own := s.logs.own.Load()
	if own == nil || own.state.size == 0 {
		return nil
	}
	last, err := s.entries(own, own.state.size-1, own.state.size)
	if err == nil {
		s.lastIngested = max(s.lastIngested, last[0].IngestedAt.UnixMilli())
	}
	return err
}

// signEmpty signs the head of a log without entries, in memory alone: a log has a checkpoint from its first day.
func (s *Store) signEmpty(own *originLog) (err error) {
	if own.state.size == 0 && own.state.checkpoint.Note == nil {
		own.state.checkpoint, err = translog.SignCheckpoint(s.options.Log.Signer, 0, translog.EmptyRoot())
	}
	return err
}
