package verifier

import (
	"time"

	"mirnode/protocol"
)

// Assertion reports, by nil, that an assertion is good: the record is that of its issuer, lists the key that the assertion names,
// the key was valid when the home took the assertion in, the payload's timestamp lies within [protocol.AssertionSkew] and
// [protocol.AssertionSlack] of that time, and the signature is one over the signed bytes. It looks at nothing else: whether the
// issuer's record is good, and ingestedAt is what the home logged, is for the caller to say.
func Assertion(a *protocol.Assertion, issuer *protocol.Issuer, ingestedAt time.Time) *protocol.Error {
	return signedByIssuer(&signedPart{
		what: "the assertion", issuerID: a.Payload.IssuerID, fingerprint: a.KeyFingerprint, timestamp: a.Payload.Time,
		message: a.Signed, signature: a.Signature(),
	}, issuer, ingestedAt)
}

// Revocation does for a revocation what [Assertion] does. That the assertion is the same issuer's is for the caller to say.
func Revocation(r *protocol.Revocation, issuer *protocol.Issuer, ingestedAt time.Time) *protocol.Error {
	return signedByIssuer(&signedPart{
		what: "the revocation", issuerID: r.IssuerID, fingerprint: r.KeyFingerprint, timestamp: r.Time,
		message: r.Signed, signature: r.Signature(),
	}, issuer, ingestedAt)
}

// signedPart is what assertions and revocations have in common.
type signedPart struct {
	what, issuerID, fingerprint string
	timestamp                   time.Time
	message, signature          []byte
}

func signedByIssuer(s *signedPart, issuer *protocol.Issuer, ingestedAt time.Time) *protocol.Error {
	if s.issuerID != issuer.ID {
		return &protocol.Error{Code: protocol.KeyNotFound, Message: s.what + " is of another issuer than the record that was found"}
	}
	key, ok := issuer.Key(s.fingerprint)
	if !ok {
		return &protocol.Error{
			Code: protocol.KeyNotFound, Message: s.what + " names a key that its issuer's record does not list",
			Hint: "Add the key to the issuer first, or sign with one that is listed.",
		}
	}
	if !key.ValidAt(ingestedAt) {
		return &protocol.Error{
			Code: protocol.KeyExpired, Message: s.what + " names a key that was not valid when it was taken in",
			Hint: "Sign with a key that is not revoked.",
		}
	}
	if apart := s.timestamp.Sub(ingestedAt).Abs(); apart > protocol.AssertionSkew+protocol.AssertionSlack {
		return &protocol.Error{
			Code: protocol.ClaimExpired, Message: "the timestamp of " + s.what + " is too far from the time at which it was taken in",
			Hint: "Set the clock, and sign again with the time of now.",
		}
	}
	if !key.Verify(s.message, s.signature) {
		return &protocol.Error{
			Code: protocol.InvalidSignature, Message: "the signature is not one of " + s.what + " by the key that it names",
			Hint: "Sign exactly the bytes that are sent as the payload, or its canonical form.",
		}
	}
	return nil
}
