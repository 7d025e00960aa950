package mirror

import (
	"context"
	"errors"
	"runtime"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// ledger is what the logs of one home hold of issuers and what these say, as far as it was looked up, and in its place what the records that are
// being judged bring. It is for one goroutine, which has the home's turn until the outcomes are settled, and lives for one batch.
type ledger struct {
	m          *Mirror
	home       string // domain
	issuers    map[string]*protocol.Issuer
	assertions map[[32]byte]*standing // by ID; nil: not held
	counts     map[[32]byte]int       // held of this home, by artifact
	// waiting and refused are the IDs of issuers and assertions that went to quarantine and that were refused in this batch.
	waiting, refused map[string]bool
	resolving        uint64   // how many of the home's missing bodies are no longer, once this batch is settled
	wakes            []string // what waits for these can be judged once the batch is settled
}

// standing is what a ledger knows of an assertion.
type standing struct {
	record     [32]byte
	issuer     string
	revocation [32]byte // record hash; zero: none
	revoked    time.Time
	sequence   uint64 // of the newest edit of its metadata
}

func (m *Mirror) newLedger(home string) *ledger {
	return &ledger{
		m: m, home: home, issuers: make(map[string]*protocol.Issuer), assertions: make(map[[32]byte]*standing), counts: make(map[[32]byte]int),
		waiting: make(map[string]bool), refused: make(map[string]bool),
	}
}

// judge decides the outcomes of matters, which stand in the order of the home's log. The error is the store's or the context's.
func (l *ledger) judge(ctx context.Context, matters []matter) error {
	if err := l.here(ctx, matters); err != nil {
		return err
	}
	for i := range matters {
		if err := l.underWhom(ctx, &matters[i]); err != nil {
			return err
		}
	}
	// The costly part needs no order any more.
	err := atOnceBy(runtime.GOMAXPROCS(0), len(matters), func(i int) error {
		matters[i].check(l.home)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for i := range matters {
		if err := l.decide(ctx, &matters[i]); err != nil {
			return err
		}
	}
	return nil
}

// here sees to the records that are held already: another log than the home's names them in vain.
func (l *ledger) here(ctx context.Context, matters []matter) error {
	hashes := make([][32]byte, len(matters))
	for i := range matters {
		hashes[i] = matters[i].hash
	}
	have, err := l.m.store.Have(ctx, hashes)
	if err != nil {
		return stored("looking for records", err)
	}
	for i := range matters {
		t := &matters[i]
		t.open = t.outcome.State == store.Held
		if !t.open || have[i] != store.Held {
			continue
		}
		t.open = false
		held, err := l.m.store.Record(ctx, t.hash)
		if err != nil {
			return stored("reading a record", err)
		}
		if held.Kind != t.kind {
			t.refuse("the log names a %s as a %s", held.Kind, t.kind)
			continue
		}
		if _, here := t.at(l.home); !here || len(held.Places) == 0 || domainOf(held.Places[0].Origin) != l.home {
			t.refuse("a record of an issuer of another node, in the log of %s", l.home)
			continue
		}
		t.outcome.Record = nil
	}
	return nil
}

// underWhom judges issuer records, in order, and finds for each other record the one that is in force at its place.
func (l *ledger) underWhom(ctx context.Context, t *matter) (err error) {
	id := ""
	switch r := t.record.(type) {
	case *protocol.Issuer:
		return l.issuerRecord(ctx, t, r)
	case *protocol.Assertion:
		id = r.Payload.IssuerID
	case *protocol.Revocation:
		id = r.IssuerID
	case *protocol.MetadataEdit:
		id = r.IssuerID
	}
	if t.open {
		t.issuer, err = l.issuer(ctx, id)
	}
	return err
}

// decide judges what is no issuer record.
func (l *ledger) decide(ctx context.Context, t *matter) (err error) {
	switch r := t.record.(type) {
	case *protocol.Assertion:
		if t.open {
			err = l.assertion(ctx, t, r)
		}
		l.note(t, r.ID())
	case *protocol.Revocation:
		if t.open {
			err = l.revocation(ctx, t, r)
		}
	case *protocol.MetadataEdit:
		if t.open {
			err = l.edit(ctx, t, r)
		}
	}
	return err
}

// note remembers what became of what others may wait for.
func (l *ledger) note(t *matter, id string) {
	switch t.outcome.State {
	case store.Quarantined:
		l.waiting[id] = true
	case store.Refused:
		l.refused[id] = true
	}
}

// issuer finds the newest record of an issuer. Nil: none is held.
func (l *ledger) issuer(ctx context.Context, id string) (*protocol.Issuer, error) {
	if known, ok := l.issuers[id]; ok {
		return known, nil
	}
	held, _, err := l.m.store.Issuer(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, stored("reading an issuer", err)
	}
	l.issuers[id] = held
	return held, nil
}

// standing finds what is known of an assertion. Nil: it is not held.
func (l *ledger) standing(ctx context.Context, id [32]byte) (*standing, error) {
	if known, ok := l.assertions[id]; ok {
		return known, nil
	}
	held, err := l.m.store.Assertion(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		l.assertions[id] = nil
		return nil, nil
	case err != nil:
		return nil, stored("reading an assertion", err)
	}
	s := &standing{record: held.Record.RecordHash, issuer: string(held.Issuer), sequence: held.MetadataSequence}
	if held.Revocation != nil {
		s.revocation, s.revoked = held.Revocation.RecordHash, held.Revocation.At
	}
	l.assertions[id] = s
	return s, nil
}

// count finds how many assertions of the home's issuers about an artifact are held.
func (l *ledger) count(ctx context.Context, artifact [32]byte) (int, error) {
	if known, ok := l.counts[artifact]; ok {
		return known, nil
	}
	count, err := l.m.store.CountArtifact(ctx, artifact, l.home, maxOnArtifact)
	if err != nil {
		return 0, stored("counting assertions", err)
	}
	l.counts[artifact] = count
	return count, nil
}
