package mirror

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// maxOnArtifact is how many assertions of one home's issuers about one artifact are kept: a home takes no more, and so may not log more.
const maxOnArtifact = 1_000

// ordered reports whether records of a kind are judged by what their home's log has before them: issuers' records, and what issuers say. They
// count in the logs of the issuer's home alone.
func ordered(kind protocol.Kind) bool {
	switch kind {
	case protocol.KindIssuer, protocol.KindAssertion, protocol.KindRevocation, protocol.KindMetadata:
		return true
	}
	return false
}

// matter is a record of an ordered kind that is to be judged.
type matter struct {
	hash   [32]byte
	kind   protocol.Kind   // as the log's entry says
	record protocol.Record // nil: it is held already, by what was asked before the home's turn
	// outcome is what is known without the order of things: Held is a proposal. The ledger decides it.
	outcome *store.Outcome
	places  []store.Place // where logs name it; the first is the log's that is being settled. At least one
	gap     bool          // a body before it in the log is missing
	// What the ledger finds out.
	issuer *protocol.Issuer // the record under which it is judged; nil: none is here
	fault  *protocol.Error  // what speaks against its signature or its time
	open   bool             // to be judged still
}

// at is when the home took it in, by the home's log. False: no log of the home names it.
func (t *matter) at(home string) (time.Time, bool) {
	for i := range t.places {
		if domainOf(t.places[i].Origin) == home {
			return t.places[i].IngestedAt, true
		}
	}
	return time.Time{}, false
}

// domainOf is the domain in an origin's name.
func domainOf(origin string) string {
	domain, _, _ := strings.Cut(origin, "/")
	return domain
}

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

// check looks at a record's signature and time.
func (t *matter) check(home string) {
	at, here := t.at(home)
	if !t.open || t.issuer == nil || !here {
		return
	}
	switch r := t.record.(type) {
	case *protocol.Assertion:
		t.fault = verifier.Assertion(r, t.issuer, at)
	case *protocol.Revocation:
		t.fault = verifier.Revocation(r, t.issuer, at)
	}
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

// issuerRecord judges an issuer's record, whose signature is verified: it follows the one that is held, or, having come late, is followed by it.
func (l *ledger) issuerRecord(ctx context.Context, t *matter, r *protocol.Issuer) error {
	defer func() { l.note(t, r.ID) }()
	if !t.open {
		return nil
	}
	at, here := t.at(r.Home)
	held, err := l.issuer(ctx, r.ID)
	switch {
	case err != nil:
		return err
	case !here || r.Home != l.home:
		t.refuse("a record of an issuer of %s in the log of %s", r.Home, l.home)
		return nil
	case r.IssuedAt().Sub(at) > protocol.AssertionSkew+protocol.AssertionSlack:
		t.refuse("an issuer's record of %v after the log took it in", r.IssuedAt().Sub(at))
		return nil
	}
	older, newer := held, r
	if held != nil && r.Sequence < held.Sequence {
		older, newer = r, held
	}
	if older != nil {
		if err := newer.Follows(older); err != nil {
			t.refuse("the issuer's record of sequence %d, beside that of sequence %d: %v", r.Sequence, held.Sequence, err)
			return nil
		}
	}
	l.listed(r, held)
	l.issuers[r.ID] = newer
	return nil
}

// listed notes the keys that are new with a record: what waits for one of them can be judged.
func (l *ledger) listed(r, before *protocol.Issuer) {
	for i := range r.Keys {
		if before != nil {
			if _, known := before.Key(r.Keys[i].Fingerprint); known {
				continue
			}
		}
		l.wakes = append(l.wakes, keyOf(r.ID, r.Keys[i].Fingerprint))
	}
}

// under judges what assertions and revocations have in common: whose they are, and their signatures. False: the outcome is decided.
func (l *ledger) under(ctx context.Context, t *matter, issuerID, fingerprint string) (bool, error) {
	want := keyOf(issuerID, fingerprint)
	if t.issuer == nil {
		return false, l.wait(ctx, t, issuerID, want, "the issuer's record")
	}
	if !l.ours(t) {
		return false, nil
	}
	if _, listed := t.issuer.Key(fingerprint); !listed {
		return false, l.wait(ctx, t, issuerID, want, "a record of the issuer with this key")
	}
	good := t.fault == nil
	if !good {
		t.outcome.State, t.outcome.Code, t.outcome.Reason = store.Refused, t.fault.Code, t.fault.Message
	}
	return good, nil
}

// ours reports whether the record's issuer is of this home, and a log of the home names the record. Else the outcome is decided.
func (l *ledger) ours(t *matter) bool {
	_, here := t.at(t.issuer.Home)
	switch {
	case !here:
		t.refuse("a record of an issuer of %s in the log of %s", t.issuer.Home, l.home)
	case t.issuer.Home != l.home: // it was brought by another log first, and is judged in its home's turn
		t.outcome.State, t.outcome.Reason = store.Quarantined, "it waits for its home's turn"
	default:
		return true
	}
	return false
}

// assertion judges an assertion.
func (l *ledger) assertion(ctx context.Context, t *matter, a *protocol.Assertion) error {
	if good, err := l.under(ctx, t, a.Payload.IssuerID, a.KeyFingerprint); !good || err != nil {
		return err
	}
	held, err := l.standing(ctx, a.IDHash())
	if err != nil {
		return err
	}
	if held != nil {
		t.refuse("the log has this payload already, under another signature")
		return nil
	}
	count, err := l.count(ctx, a.Payload.Artifact)
	if err != nil {
		return err
	}
	if count >= maxOnArtifact {
		t.refuse("the issuers of %s have %d assertions about this artifact, and no more are kept", l.home, count)
		return nil
	}
	l.counts[a.Payload.Artifact] = count + 1
	l.assertions[a.IDHash()] = &standing{record: t.hash, issuer: a.Payload.IssuerID}
	l.wakes = append(l.wakes, a.ID())
	return nil
}

// revocation judges a revocation. The first one in the log is the one that counts, be it that its body came late.
func (l *ledger) revocation(ctx context.Context, t *matter, r *protocol.Revocation) error {
	if good, err := l.under(ctx, t, r.IssuerID, r.KeyFingerprint); !good || err != nil {
		return err
	}
	held, err := l.target(ctx, t, r.AssertionHash(), r.IssuerID)
	if held == nil || err != nil {
		return err
	}
	at, _ := t.at(l.home)
	if held.revocation != ([32]byte{}) && held.revocation != t.hash && !at.Before(held.revoked) {
		t.refuse("the assertion is revoked already")
		return nil
	}
	held.revocation, held.revoked = t.hash, at
	return nil
}

// edit judges a change of unsigned metadata, whose signature by the home is verified.
func (l *ledger) edit(ctx context.Context, t *matter, e *protocol.MetadataEdit) error {
	held, err := l.target(ctx, t, e.AssertionHash(), e.IssuerID)
	if held == nil || err != nil {
		return err
	}
	if t.issuer == nil { // of what is held it is held
		return stored("reading an issuer", store.ErrNotFound)
	}
	if !l.ours(t) {
		return nil
	}
	if e.Sequence == held.sequence {
		t.refuse("the log has an edit with the sequence %d already", e.Sequence)
		return nil
	}
	held.sequence = max(held.sequence, e.Sequence)
	return nil
}

// target finds the assertion that a record is about. Nil: the outcome is decided.
func (l *ledger) target(ctx context.Context, t *matter, hash [32]byte, issuer string) (*standing, error) {
	held, err := l.standing(ctx, hash)
	switch {
	case err != nil:
		return nil, err
	case held == nil:
		id := protocol.AssertionID(hash)
		return nil, l.wait(ctx, t, id, id, "the assertion")
	case held.issuer != issuer:
		t.refuse("the assertion is of another issuer")
		return nil, nil
	}
	return held, nil
}

// keyOf names a key of an issuer, for which what it signed may wait: not for just any record of the issuer, so that new records, of which a home may
// write many, do not have the same ones looked at again and again.
func keyOf(issuerID, fingerprint string) string { return issuerID + " " + fingerprint }

// wait decides that a record goes to quarantine, or stays there, until what it wants is held: as long as that may come. Else it is refused. id is the
// issuer's or the assertion's that it depends on.
func (l *ledger) wait(ctx context.Context, t *matter, id, want, what string) error {
	may, err := l.mayCome(ctx, t, id)
	if err != nil {
		return err
	}
	if !may {
		t.refuse("%s, on which it depends, is not in the log before it, or was refused", what)
		return nil
	}
	t.outcome.State, t.outcome.Wants, t.outcome.Code, t.outcome.Reason = store.Quarantined, want, protocol.KeyNotFound, what+" is not here yet"
	return nil
}

// mayCome reports whether an issuer's record or an assertion may be held one day: it is in quarantine, or may be among the missing bodies of a log
// that names what depends on it, or in an earlier log of that node.
func (l *ledger) mayCome(ctx context.Context, t *matter, id string) (bool, error) {
	switch {
	case l.waiting[id]:
		return true, nil
	case l.refused[id]:
		return false, nil
	case t.gap:
		return true, nil
	}
	for i := range t.places {
		origin, err := protocol.ParseOrigin(t.places[i].Origin)
		if err != nil {
			return false, stored("reading a place", err)
		}
		head, _ := l.m.store.Head(t.places[i].Origin)
		if origin.Epoch > 1 || head.Missing > l.resolving {
			return true, nil
		}
	}
	waits, err := l.m.store.Offered(ctx, id)
	return waits, stored("reading the quarantine", err)
}

// refuse decides that a record is not wanted.
func (t *matter) refuse(format string, args ...any) {
	t.outcome.State, t.outcome.Code, t.outcome.Reason = store.Refused, protocol.InvalidSchema, fmt.Sprintf(format, args...)
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
