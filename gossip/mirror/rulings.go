package mirror

import (
	"context"

	"mirnode/protocol"
	"mirnode/store"
)

// maxOnArtifact is how many assertions of one home's issuers about one artifact are kept: a home takes no more, and so may not log more.
const maxOnArtifact = 1_000

// issuerRecord judges an issuer's record, whose signature is verified: all of the issuer's that come before it have been judged, and it follows the last of them.
func (l *ledger) issuerRecord(ctx context.Context, t *matter, r *protocol.Issuer) error {
	defer func() { l.note(t, r.ID) }()
	if !t.open {
		return nil
	}
	place, here := t.in(r.Home)
	switch {
	case !here || r.Home != l.home:
		t.refuse("a record of an issuer of %s in the log of %s", r.Home, l.home)
		return nil
	case r.IssuedAt().Sub(place.IngestedAt) > protocol.AssertionSkew+protocol.AssertionSlack:
		t.refuse("an issuer's record of %v after the log took it in", r.IssuedAt().Sub(place.IngestedAt))
		return nil
	}
	behind, err := l.behind(ctx, place, r.ID)
	if err != nil {
		return err
	}
	if behind != "" {
		t.wait(behind, "a record before it")
		return nil
	}
	before, err := l.inForce(ctx, r.ID, place)
	if err != nil {
		return err
	}
	if before != nil {
		if err := r.Follows(before); err != nil {
			t.refuse("the issuer's record of sequence %d, after that of sequence %d: %v", r.Sequence, before.Sequence, err)
			return nil
		}
	}
	issuer := l.issuers[r.ID]
	if issuer.newest != nil && inLogOrder(place, issuer.place) < 0 { // that is in a log of a later epoch
		if err := issuer.newest.Follows(r); err != nil {
			t.refuse("the issuer's record of sequence %d, before that of sequence %d: %v", r.Sequence, issuer.newest.Sequence, err)
			return nil
		}
	} else {
		issuer.newest, issuer.place = r, place
	}
	issuer.fresh = r
	l.wakes = append(l.wakes, turnOf(r.ID))
	return nil
}

// under judges what assertions and revocations have in common: whose they are, and their signatures. False: the outcome is decided.
func (l *ledger) under(t *matter, issuerID, fingerprint string) (bool, error) {
	if t.behind != "" {
		t.wait(t.behind, "a record of the issuer")
		return false, nil
	}
	if t.issuer == nil {
		early, err := t.ofLaterEpoch(l.home)
		switch {
		case err != nil:
			return false, err
		case early:
			t.wait(turnOf(issuerID), "the issuer's record")
		default:
			t.refuse("the issuer's record, on which it depends, is not in the log before it, or was refused")
		}
		return false, nil
	}
	if !l.ours(t) {
		return false, nil
	}
	if _, listed := t.issuer.Key(fingerprint); !listed {
		t.refuse("the issuer's record that is in force there does not list its key")
		t.outcome.Code = protocol.KeyNotFound
		return false, nil
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

// assertion judges an assertion. Of several with one payload the first in the log counts.
func (l *ledger) assertion(ctx context.Context, t *matter, a *protocol.Assertion) error {
	if good, err := l.under(t, a.Payload.IssuerID, a.KeyFingerprint); !good || err != nil {
		return err
	}
	place, _ := t.in(l.home)
	held, err := l.standing(ctx, a.IDHash())
	switch {
	case err != nil:
		return err
	case held == nil:
		if room, err := l.room(ctx, t, a, place); !room || err != nil {
			return err
		}
		l.assertions[a.IDHash()] = &standing{record: t.hash, issuer: a.Payload.IssuerID, place: place}
	case inLogOrder(held.place, place) < 0:
		t.refuse("the log has this payload already, under another signature")
		return nil
	default:
		t.displace(held.record)
		held.record, held.place = t.hash, place
	}
	l.wakes = append(l.wakes, a.ID())
	return nil
}

// room sees to it that no more than maxOnArtifact assertions of the home about an artifact are held: the first of its log. False: the outcome is decided.
func (l *ledger) room(ctx context.Context, t *matter, a *protocol.Assertion, place store.Place) (bool, error) {
	artifact := a.Payload.Artifact
	count, err := l.count(ctx, artifact)
	if err != nil {
		return false, err
	}
	if count < maxOnArtifact {
		l.counts[artifact] = count + 1
		return true, nil
	}
	seats, err := l.seated(ctx, artifact)
	if err != nil {
		return false, err
	}
	if len(seats) == 0 || inLogOrder(seats[len(seats)-1].place, place) < 0 {
		t.refuse("the issuers of %s have %d assertions about this artifact, and no more are kept", l.home, count)
		return false, nil
	}
	last := seats[len(seats)-1]
	l.seats[artifact] = seats[:len(seats)-1] // none that comes with this batch stands behind another of it
	l.assertions[last.id] = nil
	t.displace(last.record)
	return true, nil
}

// revocation judges a revocation. The first one in the log is the one that counts, be it that its body came late.
func (l *ledger) revocation(ctx context.Context, t *matter, r *protocol.Revocation) error {
	if good, err := l.under(t, r.IssuerID, r.KeyFingerprint); !good || err != nil {
		return err
	}
	held, err := l.target(ctx, t, r.AssertionHash(), r.IssuerID)
	if held == nil || err != nil {
		return err
	}
	place, _ := t.in(l.home)
	if held.revocation != ([32]byte{}) {
		if held.revoked, err = l.placed(ctx, held.revocation, held.revoked); err != nil {
			return err
		}
		if inLogOrder(*held.revoked, place) < 0 {
			t.refuse("the assertion is revoked already")
			return nil
		}
		t.displace(held.revocation)
	}
	held.revocation, held.revoked = t.hash, &place
	return nil
}

// edit judges a change of unsigned metadata, whose signature by the home is verified. Of several with one sequence number the first in the log counts.
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
	place, _ := t.in(l.home)
	switch {
	case e.Sequence < held.sequence:
		return nil
	case e.Sequence == held.sequence:
		if held.edited, err = l.placed(ctx, held.edit, held.edited); err != nil {
			return err
		}
		if inLogOrder(*held.edited, place) < 0 {
			t.refuse("the log has an edit with the sequence %d already", e.Sequence)
			return nil
		}
		t.displace(held.edit)
	}
	held.sequence, held.edit, held.edited = e.Sequence, t.hash, &place
	return nil
}

// target finds the assertion that a record is about, which comes before it in the log. Nil: the outcome is decided.
func (l *ledger) target(ctx context.Context, t *matter, hash [32]byte, issuer string) (*standing, error) {
	place, here := t.in(l.home)
	if !here {
		t.refuse("a record of an issuer of another node in the log of %s", domainOf(t.places[0].Origin))
		return nil, nil
	}
	held, err := l.standing(ctx, hash)
	switch {
	case err != nil:
		return nil, err
	case held == nil || inLogOrder(held.place, place) > 0:
		may, err := l.mayCome(ctx, t, place, protocol.KindAssertion, protocol.AssertionID(hash))
		switch {
		case err != nil:
			return nil, err
		case may:
			t.wait(protocol.AssertionID(hash), "the assertion")
		default:
			t.refuse("the assertion, on which it depends, is not in the log before it, or was refused")
		}
		return nil, nil
	case held.issuer != issuer:
		t.refuse("the assertion is of another issuer")
		return nil, nil
	}
	return held, nil
}
