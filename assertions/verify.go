package assertions

import (
	"context"
	"fmt"
	"time"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// maxTried bounds the keys that are tried for anybody who asks and does not name one: each costs up to three verifications.
const maxTried = 8

// Judged is what [Service.Verify] found.
type Judged struct {
	Kind     protocol.Kind    // [protocol.KindAssertion] or [protocol.KindRevocation]
	ID       [32]byte         // of the assertion, or of the one that is revoked
	Issuer   *protocol.Issuer // whose record was used; nil where none is known
	Key      protocol.IssuerKey
	Held     bool      // the assertion is kept here
	JudgedAt time.Time // when the home took it in, where it is kept here; else now
}

// Verify judges something signed without keeping it: by the issuer's record that this node holds, whatever its home, and at the time at which the home took the
// assertion in, where it is kept here; else as if it came in now. A *Refusal or a *[protocol.Error] is the verdict, and Judged then holds what was found until there;
// other errors are the store's and the context's.
func (s *Service) Verify(ctx context.Context, in Signed) (j Judged, err error) {
	payload, err := s.readSigned(in.Payload, &j)
	if err != nil {
		return j, err
	}
	j.JudgedAt = s.now()
	if j.Kind == protocol.KindAssertion {
		held, err := s.held(ctx, j.ID)
		if err != nil {
			return j, err
		}
		if held != nil {
			j.Held, j.JudgedAt = true, held.HomeIngestedAt
		}
	}
	standing, err := s.known(ctx, payload.issuer)
	if err != nil {
		return j, err
	}
	if standing == nil {
		return j, &Refusal{Kind: NotFound, Code: protocol.KeyNotFound, Message: "no issuer " + quote(payload.issuer) + " is known here", Hint: "check issuerId, or ask the issuer's home node"}
	}
	j.Issuer = standing.Record
	if n := len(j.Issuer.Keys); in.KeyFingerprint == "" && n > maxTried {
		return j, &Refusal{Kind: Invalid, Message: fmt.Sprintf("the issuer has %d keys, and none is named", n), Hint: "send keyFingerprint; GET /issuers/" + j.Issuer.ID + " lists the keys"}
	}
	proven, err := in.prove(j.Issuer, j.JudgedAt)
	if err != nil {
		return j, err
	}
	j.Key = *proven.key
	if payload.at.Sub(j.JudgedAt).Abs() > protocol.AssertionSkew+protocol.AssertionSlack {
		return j, &Refusal{Kind: Invalid, Code: protocol.ClaimExpired, Message: "the signature is good, and the timestamp is too far from the time at which it is judged: " + payload.timestamp,
			Hint: "no node takes it now: sign again with the present time"}
	}
	return j, nil
}

// isRevocation tells a revocation's payload from an assertion's: it has an action.
func isRevocation(payload []byte) bool {
	root, err := strictjson.Parse(payload, strictjson.Limits{Depth: 2, Values: 64})
	if err != nil {
		return false
	}
	_, ok := root.Lookup("action")
	return ok
}

// signedPayload is what Verify needs of a payload.
type signedPayload struct {
	issuer, timestamp string
	at                time.Time
}

// readSigned reads a payload of either kind.
func (s *Service) readSigned(document []byte, j *Judged) (p signedPayload, err error) {
	if !isRevocation(document) {
		j.Kind = protocol.KindAssertion
		assertion, err := protocol.ParsePayload(document)
		if err != nil {
			return p, err
		}
		j.ID = assertion.IDHash()
		return signedPayload{assertion.IssuerID, assertion.Timestamp, assertion.Time}, nil
	}
	j.Kind = protocol.KindRevocation
	revocation, err := protocol.ParseRevocationPayload(document)
	if err != nil {
		return p, err
	}
	if j.ID, err = protocol.ParseAssertionID(revocation.AssertionID); err != nil {
		return p, err
	}
	return signedPayload{revocation.IssuerID, revocation.Timestamp, revocation.Time}, nil
}
