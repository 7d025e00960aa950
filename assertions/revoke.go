package assertions

import (
	"context"
	"strings"

	"mirnode/accounts"
	"mirnode/protocol"
	"mirnode/store"
)

// Revoke takes an issuer's revocation of an assertion of its own. One that is revoked already is answered with the first revocation, and no second is written.
// Errors are those of Create.
func (s *Service) Revoke(ctx context.Context, caller accounts.Caller, id [32]byte, in Signed) (*Written, error) {
	payload, err := readRevocation(id, in, protocol.ActionRevoke)
	if err != nil {
		return nil, err
	}
	issuer, state, err := s.authorOf(ctx, caller, id, payload.IssuerID, accounts.ActionRevoke)
	if err != nil {
		return nil, err
	}
	revocation, err := s.proveRevocation(issuer, payload, in)
	if err != nil {
		return nil, err
	}
	give, err := s.locks.take(ctx, state.Artifact)
	if err != nil {
		return nil, err
	}
	defer give()
	if state, err = s.held(ctx, id); err != nil {
		return nil, err
	}
	if state.Revocation != nil {
		return s.revokedBefore(ctx, state)
	}
	return s.append(ctx, issuer.ID, id, "", revocation)
}

// readRevocation checks a revocation's form: of this assertion, and for this call.
func readRevocation(id [32]byte, in Signed, action protocol.RevocationAction) (*protocol.RevocationPayload, error) {
	p, err := protocol.ParseRevocationPayload(in.Payload)
	if err != nil {
		return nil, err
	}
	if p.Action != action {
		hint := "sign a payload with the action " + string(action)
		if p.Action == protocol.ActionSupersede {
			hint += ", or send this one together with the successor to POST /assertions/" + protocol.AssertionID(id) + "/supersede"
		}
		return nil, invalid(hint, "the action is %s, and this call takes %s", p.Action, action)
	}
	if p.AssertionHash() != id {
		return nil, invalid("sign the ID of the assertion that the path names", "the payload revokes %s, and the path names %s", p.AssertionID, protocol.AssertionID(id))
	}
	if in.Signature == "" {
		return nil, invalid("sign the payload with a key of the issuer's, and send the signature in base64", "the revocation has no signature")
	}
	return p, nil
}

// authorOf is author for a request about an assertion, which must be the issuer's own.
func (s *Service) authorOf(ctx context.Context, caller accounts.Caller, id [32]byte, issuerID string, action accounts.Action) (*protocol.Issuer, *store.AssertionState, error) {
	if err := s.CheckAssertion(ctx, id); err != nil {
		return nil, nil, err
	}
	issuer, authorErr := s.author(ctx, caller, issuerID, action)
	if issuer == nil {
		return nil, nil, authorErr
	}
	state, err := s.held(ctx, id)
	switch {
	case err != nil:
		return nil, nil, err
	case state == nil:
		return nil, nil, unknownAssertion(id)
	case string(state.Issuer) != issuerID:
		return nil, nil, forbidden("only the issuer of an assertion can do this; to contradict it, make a DISPUTE", "the assertion is one of %s, not of %s", state.Issuer, issuerID)
	}
	return issuer, state, authorErr
}

// proveRevocation makes the revocation, if its time is the present and the issuer signed it.
func (s *Service) proveRevocation(issuer *protocol.Issuer, payload *protocol.RevocationPayload, in Signed) (*protocol.Revocation, error) {
	if err := s.checkTime("revocation", payload.Timestamp, payload.Time); err != nil {
		return nil, err
	}
	p, err := in.prove(issuer, s.now())
	if err != nil {
		return nil, err
	}
	return protocol.NewRevocation(p.signed, p.key.Fingerprint, p.signature)
}

// revokedBefore answers with the first revocation.
func (s *Service) revokedBefore(ctx context.Context, state *store.AssertionState) (*Written, error) {
	receipt, err := s.store.LogReceipt(ctx, state.Revocation.RecordHash)
	if err != nil {
		return nil, err
	}
	return &Written{State: *state, Duplicate: true, Receipt: &receipt}, nil
}

// Supersede takes a revocation, whose action is SUPERSEDE, and the assertion that follows, whose payload names the old one in supersedes: both are checked,
// and both are written in one transaction, or neither is. The same successor again is answered with the first. Errors are those of Create.
func (s *Service) Supersede(ctx context.Context, caller accounts.Caller, id [32]byte, old Signed, successor Submission) (*Written, error) {
	payload, err := readRevocation(id, old, protocol.ActionSupersede)
	if err != nil {
		return nil, err
	}
	d, err := readSubmission(successor)
	if err != nil {
		return nil, err
	}
	if err := fits(id, payload, d.payload); err != nil {
		return nil, err
	}
	issuer, state, err := s.authorOf(ctx, caller, id, payload.IssuerID, accounts.CreateAction(d.payload.Type))
	if err != nil {
		return nil, err
	}
	if state.Artifact != d.payload.Artifact {
		return nil, invalid("a successor is about the same file; for another file create an assertion of its own",
			"the successor is about another artifact than %s, which is about %x", protocol.AssertionID(id), state.Artifact)
	}
	revocation, err := s.proveRevocation(issuer, payload, old)
	if err != nil {
		return nil, err
	}
	if err := s.checkTime("successor", d.payload.Timestamp, d.payload.Time); err != nil {
		return nil, err
	}
	record, err := d.record(issuer, s.now())
	if err != nil {
		return nil, err
	}
	return s.replace(ctx, id, revocation, d, record)
}

// fits checks that a successor is one of the assertion that is revoked with it.
func fits(id [32]byte, revocation *protocol.RevocationPayload, successor *protocol.AssertionPayload) error {
	switch {
	case successor.Supersedes == "":
		return invalid(`add "supersedes":"`+protocol.AssertionID(id)+`" to the successor's payload, and sign it again`, "the successor's payload does not name what it supersedes")
	case successor.Supersedes != protocol.AssertionID(id):
		return invalid("sign the ID of the assertion that the path names", "the successor supersedes %s, and the path names %s", successor.Supersedes, protocol.AssertionID(id))
	case successor.IssuerID != revocation.IssuerID:
		return invalid("both payloads are the same issuer's", "the revocation is in the name of %s, and the successor in that of %s", revocation.IssuerID, successor.IssuerID)
	}
	return nil
}

// replace is the part of Supersede that one write about the artifact does at a time.
func (s *Service) replace(ctx context.Context, id [32]byte, revocation *protocol.Revocation, d *draft, record *protocol.Assertion) (*Written, error) {
	give, err := s.locks.take(ctx, d.payload.Artifact)
	if err != nil {
		return nil, err
	}
	defer give()
	if held, err := s.held(ctx, record.IDHash()); err != nil || held != nil {
		return s.again(ctx, held, err)
	}
	old, err := s.held(ctx, id)
	if err != nil {
		return nil, err
	}
	if old.Revocation != nil {
		by := ""
		if old.SupersededBy != nil {
			by = " by " + protocol.AssertionID(*old.SupersededBy)
		}
		return nil, invalid("create a new assertion with POST /assertions, or supersede the one that is active",
			"%s is not active any more: it was %s%s at %s", protocol.AssertionID(id), strings.ToLower(ended(old)), by, old.Revocation.At.UTC().Format(timeForm))
	}
	if d.payload.Disputes != "" {
		if _, err := s.reference(ctx, d.payload, "disputes", d.payload.Disputes); err != nil {
			return nil, err
		}
	}
	if err := s.checkRoom(ctx, d.payload, &id); err != nil {
		return nil, err
	}
	return s.append(ctx, d.payload.IssuerID, record.IDHash(), d.note, revocation, record)
}
