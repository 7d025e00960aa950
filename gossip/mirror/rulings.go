package mirror

import (
	"context"

	"mirnode/protocol"
	"mirnode/store"
)

// maxOnArtifact is how many assertions of one home's issuers about one artifact are kept: a home takes no more, and so may not log more.
const maxOnArtifact = 1_000

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
