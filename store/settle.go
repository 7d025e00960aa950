package store

import (
	"context"
	"fmt"

	"mirnode/protocol"
)

// BodyState is what this store knows of the body that an entry commits to.
type BodyState uint8

// The states of a body.
const (
	Unknown     BodyState = iota // never heard of
	Held                         // verified, kept and served
	Quarantined                  // kept, not served: whether it is genuine cannot be told yet
	Erased                       // was erased, here or by an honoured notice
	Missing                      // could not be had; it is asked for again
	Refused                      // not genuine, or not wanted here: it is not asked for again
	Skipped                      // of a kind that this program does not know
)

// SettleState is BodyState as Settle takes it: any but Unknown.
type SettleState = BodyState

// HaveState is BodyState as Have gives it: Unknown, Held, Quarantined or Erased.
type HaveState = BodyState

// MaxOutcomes is the most outcomes that one Settle takes.
const MaxOutcomes = 4_096

// Outcome is what became of the body of one entry.
type Outcome struct {
	Index uint64
	State SettleState // any but Unknown
	// Record is the body: for Held nil if it is held already, for Quarantined never nil, nil otherwise.
	Record     protocol.Record
	Provenance Provenance // of a Held Record
	// Code and Reason say why it is Quarantined or Refused. They go to the log, and are kept with what is in quarantine.
	Code   protocol.Code
	Reason string
	// Wants is the ID of the issuer whose record, or of the assertion, that a Quarantined Record waits for, at most MaxWants bytes: QuarantinedBy finds it by
	// that. Empty: an assertion waits for its issuer's record, a revocation for its assertion, any other record for the key that it names.
	Wants string
	// Displaces are the hashes of records, at most MaxDisplaced, in whose place a Held Record of an issuer or of what it says is kept, since it comes before
	// them in its home's log: in the same transaction they go, as if they had never been held. The Record itself among them moves to its place here.
	Displaces [][32]byte
}

// MaxWants bounds Outcome.Wants.
const MaxWants = 128

// settlement is an outcome on its way in.
type settlement struct {
	Outcome
	entry protocol.Entry
	item  *item
	known lookup // by record hash
	sig   lookup // by sigHash, of a body that has one
	place place

	displaced []displaced
}

// Settle notes what became of the bodies of the next entries of a log, from index from on, which must be its Head's Settled. It returns when
// that is safe on disk; what is Held is readable then. Each entry is settled once, so that what was refused is never asked for again. What
// exceeds MaxQuarantine becomes Missing.
//
// An entry that is settled as Erased leaves no trace: that its body is erased is only some peer's word. For a notice that is honoured there is
// EraseMirrored.
//
// Errors: ErrNotNext; ErrNotFound without such a log; ErrNotHeld for a Held body that is neither here nor handed in; ErrFull at MaxMissing;
// ErrInvalid for a body that the entry does not commit to; and those of AppendClaim. All or nothing is settled.
func (s *Store) Settle(ctx context.Context, origin string, from uint64, outcomes []Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	log, held := s.logs.named(origin)
	if !held {
		return fmt.Errorf("%w: the log %s", ErrNotFound, origin)
	}
	if len(outcomes) > MaxOutcomes {
		return fmt.Errorf("%w: %d outcomes, at most %d", ErrInvalid, len(outcomes), MaxOutcomes)
	}
	if state := s.logs.snapshot(log); state.Settled != from || from+uint64(len(outcomes)) > state.size {
		return fmt.Errorf("%w: %s is settled up to %d of %d, these outcomes start at %d", ErrNotNext, origin, state.Settled, state.size, from)
	}
	entries, err := s.entries(log, from, from+uint64(len(outcomes)))
	if err != nil {
		return err
	}
	settlements := make([]settlement, len(outcomes))
	r := &request{mirror: true}
	for i, o := range outcomes {
		if o.Index != from+uint64(i) {
			return fmt.Errorf("%w: outcome %d stands where that of %d must", ErrInvalid, o.Index, from+uint64(i))
		}
		if err := s.prepare(&settlements[i], o, log, entries[i], r); err != nil {
			return err
		}
	}
	r.work = func(t *transaction) (refused, failed error) {
		if t.peek(log).Settled != from {
			return fmt.Errorf("%w: %s is settled up to %d, these outcomes start at %d", ErrNotNext, origin, t.peek(log).Settled, from), nil
		}
		if refused := t.settleable(log, settlements); refused != nil {
			return refused, nil
		}
		c := t.change(log)
		c.state.Settled += uint64(len(settlements))
		t.changed = true
		for i := range settlements {
			if err := t.settle(c, &settlements[i]); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	return s.submit(ctx, r).err
}

// prepare makes an outcome ready for the committer, and checks it against its entry.
func (s *Store) prepare(st *settlement, o Outcome, log *originLog, entry protocol.Entry, r *request) error {
	*st = settlement{
		Outcome: o, entry: entry, known: lookup{by: byRecordHash, hash: entry.Record},
		place: place{log: log.number, index: o.Index, ingested: entry.IngestedAt.UnixMilli()},
	}
	r.weight++
	switch {
	case len(o.Wants) > MaxWants:
		return fmt.Errorf("%w: an outcome that waits for a name of %d bytes", ErrInvalid, len(o.Wants))
	case o.State == Unknown || o.State > Skipped:
		return fmt.Errorf("%w: an outcome of state %d", ErrInvalid, o.State)
	case o.State != Held && o.State != Quarantined:
		return nil
	}
	r.lookups = append(r.lookups, &st.known)
	if o.Record == nil {
		if o.State == Quarantined {
			return fmt.Errorf("%w: nothing to keep in quarantine for entry %d", ErrInvalid, o.Index)
		}
		return nil
	}
	if o.Record.Kind() != entry.Kind || o.Record.RecordHash() != entry.Record {
		return fmt.Errorf("%w: entry %d of %s does not commit to this body", ErrInvalid, o.Index, log.name)
	}
	made, err := s.item(o.Record, o.Provenance)
	if err != nil {
		return err
	}
	st.item = &made
	r.bytes += int64(len(made.envelope))
	if named(made.record.Kind) {
		st.sig = lookup{by: bySigHash, of: made.record.Kind, hash: made.record.SigHash}
		r.lookups = append(r.lookups, &st.sig)
	}
	r.relate(st.item)
	st.displaced, err = s.displaced(&o, r)
	return err
}

// settleable tells, before anything is changed, whether all outcomes can be settled.
func (t *transaction) settleable(log *originLog, settlements []settlement) error {
	missing := t.peek(log).Missing
	for i := range settlements {
		st := &settlements[i]
		switch {
		case st.State == Missing:
			missing++
		case st.State == Held && st.item == nil:
			if err := t.mustHold(&st.known); err != nil {
				return fmt.Errorf("entry %d of %s: %w", st.Index, log.name, err)
			}
		case st.State == Quarantined && t.quarantineFull(log):
			missing++
		}
	}
	if missing > MaxMissing {
		return fmt.Errorf("%w: %d missing bodies of %s", ErrFull, MaxMissing, log.name)
	}
	return nil
}

// mustHold is nil if the record is held, or must not be: ErrNotHeld.
func (t *transaction) mustHold(l *lookup) error {
	_, found, err := t.find(l)
	if err != nil || found {
		return err
	}
	if _, yes := t.buried(l.hash); yes {
		return nil
	}
	return ErrNotHeld
}

// settle does what an outcome says. The log's cursor has been moved.
func (t *transaction) settle(c *logChange, st *settlement) error {
	switch st.State {
	case Held:
		return t.hold(c, st)
	case Quarantined:
		return t.quarantine(c, st)
	case Missing:
		return t.miss(c, st.Index, t.store.options.Now().Add(firstRetry))
	case Refused:
		c.state.Refused++
	}
	return nil
}

// hold keeps a verified body, or notes a further place of one that is held.
func (t *transaction) hold(c *logChange, st *settlement) error {
	moved, err := t.makeWay(st)
	if err != nil {
		return err
	}
	held, found, err := t.find(&st.known)
	if err != nil {
		return err
	}
	if found {
		return t.addPlace(&held, st.place)
	}
	if _, yes := t.buried(st.known.hash); yes || st.item == nil {
		return nil
	}
	if named(st.item.record.Kind) {
		_, found, err := t.find(&st.sig)
		if err != nil {
			return err
		}
		if found { // another claim with the same signature, or the same payload signed once more: the first counts
			c.state.Refused++
			return nil
		}
	}
	if err := t.put(st.item, st.place); err != nil {
		return err
	}
	return t.comeAgain(moved, st.place)
}
