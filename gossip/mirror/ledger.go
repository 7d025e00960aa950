package mirror

import (
	"context"
	"errors"
	"runtime"

	"mirnode/protocol"
	"mirnode/store"
)

// ledger is what the logs of one home hold of issuers and what these say, as far as it was looked up, and in its place what the records that are
// being judged bring. It is for one goroutine, which has the home's turn until the outcomes are settled, and lives for one batch.
//
// What it decides follows from the home's log and the bodies alone, in whatever order these came: whoever has the same answers the same. An issuer's records are
// judged in the log's order, and whatever is under an issuer's key by those before it in the log; while one of these may still come, it waits. Of an assertion,
// a revocation or an edit beside which there is no room for another one, the first in the log counts: if its body comes later, it displaces what is held.
type ledger struct {
	m          *Mirror
	home       string // domain
	issuers    map[string]*known
	assertions map[[32]byte]*standing // by ID; nil: not held
	counts     map[[32]byte]int       // held of this home, by artifact
	seats      map[[32]byte][]seat    // the same in the log's order, of artifacts about which as many are held as may be
	// batch are the records that are being judged, lacked the places of those among them, of each kind, whose bodies are missing, and waiting the IDs of issuers
	// and assertions of which a record goes to quarantine.
	batch   map[[32]byte]bool
	judged  map[placeName]bool // their places
	lacked  map[protocol.Kind][]store.Place
	waiting map[string]bool
	wakes   []string // what waits for these can be judged once the batch is settled
	// What the store lacks, and has in quarantine, besides the batch; by kind and by the ID of an issuer or assertion.
	missing map[protocol.Kind][]store.Place
	offers  map[string][]store.Offer
}

// known is what a ledger knows of an issuer.
type known struct {
	newest *protocol.Issuer // nil: none is held
	place  store.Place      // of the newest, in its home's logs
	fresh  *protocol.Issuer // the newest of the batch; nil: none
}

// standing is what a ledger knows of an assertion.
type standing struct {
	record     [32]byte
	issuer     string
	place      store.Place
	revocation [32]byte // record hash; zero: none
	edit       [32]byte // that of the newest edit of its metadata
	sequence   uint64   // the edit's; 0: none
	// Where the revocation and the edit stand, once that was looked up.
	revoked, edited *store.Place
}

// placeName names a place in a log.
type placeName struct {
	origin string
	index  uint64
}

// seat is an assertion's place among those about an artifact.
type seat struct {
	place      store.Place
	record, id [32]byte
}

func (m *Mirror) newLedger(home string) *ledger {
	return &ledger{
		m: m, home: home, issuers: make(map[string]*known), assertions: make(map[[32]byte]*standing), counts: make(map[[32]byte]int),
		seats: make(map[[32]byte][]seat), batch: make(map[[32]byte]bool), judged: make(map[placeName]bool), lacked: make(map[protocol.Kind][]store.Place), waiting: make(map[string]bool),
		missing: make(map[protocol.Kind][]store.Place), offers: make(map[string][]store.Offer),
	}
}

// judge decides the outcomes of matters, which stand in the order of the home's log. The error is the store's or the context's.
func (l *ledger) judge(ctx context.Context, matters []matter) error {
	for i := range matters {
		t := &matters[i]
		for _, p := range t.places {
			l.judged[placeName{p.Origin, p.Index}] = true
		}
		if l.batch[t.hash] = true; t.outcome.State == store.Missing && !t.lost {
			l.lacked[t.kind] = append(l.lacked[t.kind], t.first(l.home))
		}
	}
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
		if err := l.comesBefore(t, &held); err != nil {
			return err
		}
	}
	return nil
}

// comesBefore sees whether a record that is held stands earlier in the log than was known, so that it is to be judged there. Issuers' records come in order.
func (l *ledger) comesBefore(t *matter, held *store.Record) (err error) {
	place, _ := t.in(l.home)
	first, _ := firstOf(held.Places, l.home)
	if t.kind == protocol.KindIssuer || inLogOrder(place, first) >= 0 {
		t.outcome.Record = nil
		return nil
	}
	if t.record == nil {
		if t.record, err = protocol.ParseRecord(held.Kind, held.Raw); err != nil {
			return stored("reading a record", err)
		}
	}
	t.open, t.again = true, true
	t.outcome.Record, t.outcome.Provenance = t.record, held.Provenance
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
	if !t.open {
		return nil
	}
	issuer, err := l.issuer(ctx, id)
	if err != nil {
		return err
	}
	place, here := t.in(l.home)
	if t.issuer = issuer.newest; !here || t.kind == protocol.KindMetadata || issuer.newest != nil && issuer.newest.Home != l.home {
		return nil // no key of the issuer's matters
	}
	if t.behind, err = l.behind(ctx, place, id); err == nil {
		t.issuer, err = l.inForce(ctx, id, place)
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

// note remembers what others may wait for.
func (l *ledger) note(t *matter, id string) {
	if t.outcome.State == store.Quarantined {
		l.waiting[id] = true
	}
}

// issuer finds what is known of an issuer.
func (l *ledger) issuer(ctx context.Context, id string) (*known, error) {
	if known, ok := l.issuers[id]; ok {
		return known, nil
	}
	newest, held, err := l.m.store.Issuer(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, stored("reading an issuer", err)
	}
	k := &known{newest: newest}
	if newest != nil {
		k.place, _ = firstOf(held.Places, newest.Home)
	}
	l.issuers[id] = k
	return k, nil
}

// inForce finds the issuer's record that is the newest at a place of the home's log. Nil: none comes before it.
func (l *ledger) inForce(ctx context.Context, id string, place store.Place) (*protocol.Issuer, error) {
	issuer, err := l.issuer(ctx, id)
	switch {
	case err != nil || issuer.newest == nil:
		return nil, err
	case issuer.fresh != nil: // what is judged stands in order, and nothing was held behind what had not come
		return issuer.fresh, nil
	case inLogOrder(issuer.place, place) < 0:
		return issuer.newest, nil
	}
	found, err := l.m.store.IssuerBefore(ctx, id, place)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return found, stored("reading an issuer", err)
}

// standing finds what is known of an assertion of the home. Nil: it is not held.
func (l *ledger) standing(ctx context.Context, id [32]byte) (*standing, error) {
	if s, ok := l.assertions[id]; ok {
		return s, nil
	}
	held, err := l.m.store.Assertion(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		l.assertions[id] = nil
		return nil, nil
	case err != nil:
		return nil, stored("reading an assertion", err)
	}
	s := &standing{record: held.Record.RecordHash, issuer: string(held.Issuer), sequence: held.MetadataSequence, edit: held.MetadataRecord}
	s.place, _ = firstOf(held.Places, l.home)
	if held.Revocation != nil {
		s.revocation = held.Revocation.RecordHash
	}
	l.assertions[id] = s
	return s, nil
}

// count finds how many assertions of the home's issuers about an artifact are held.
func (l *ledger) count(ctx context.Context, artifact [32]byte) (int, error) {
	if n, ok := l.counts[artifact]; ok {
		return n, nil
	}
	count, err := l.m.store.CountArtifact(ctx, artifact, l.home, maxOnArtifact)
	if err != nil {
		return 0, stored("counting assertions", err)
	}
	l.counts[artifact] = count
	return count, nil
}
