package verifier

import (
	"context"
	"time"

	"mirnode/protocol"
)

// VerifyStatement verifies what a node signed: the signer's domain publishes the key that the statement names, the key was valid when the
// statement was issued, that is not in the future, and the signature is one over the statement's canonical form. Whether the statement is of the
// right network, and new enough, is for the caller to say. The codes of refusal and the error are those of VerifyClaim.
func (v *Verifier) VerifyStatement(ctx context.Context, s protocol.Statement) (Verdict, error) {
	domain, fingerprint := s.Signer()
	found, key, err := v.find(ctx, domain, fingerprint)
	if err != nil {
		return rejectedBy(err)
	}
	verdict, issued, now := Verdict{Key: &found}, s.IssuedAt(), v.now()
	issue := stamp{what: "the time of the statement", text: issued.UTC().Format(time.RFC3339), at: issued}
	if refusal := (Policy{}).checkTimes(issue, &found.Key, now); refusal != nil {
		return verdict.rejected(refusal), nil
	}
	if !key.verify(s.Canonical(), s.Signature()) {
		return verdict.rejected(&protocol.Error{
			Code:    protocol.InvalidSignature,
			Message: "the signature is not one of this statement by the key of " + domain + " that it names",
			Hint:    "The statement was changed after signing, or somebody else made it.",
		}), nil
	}
	verdict.Form = FormText
	verdict.Flags = append(timeFlags(issued, &found.Key, now), channelFlags(&found)...)
	return verdict, nil
}
