package protocol

import (
	"crypto/sha256"
	"time"
)

// MaxRevocationBytes bounds a revocation's record, without the white space around it. A payload of MaxPayloadBytes that was
// written with as many escapes as possible is too long for it.
const MaxRevocationBytes = 12 << 10

// RevocationAction is what a revocation does.
type RevocationAction string

// The actions. A superseded assertion is revoked as well; the successor names it.
const (
	ActionRevoke    RevocationAction = "REVOKE"
	ActionSupersede RevocationAction = "SUPERSEDE"
)

// RevocationPayload is what an issuer signs to revoke an assertion. It must not be changed.
type RevocationPayload struct {
	Action      RevocationAction
	AssertionID string // in lower case
	IssuerID    string
	Timestamp   string    // RFC 3339, as spelled, at most 64 characters
	Time        time.Time // the Timestamp in UTC
	Reason      string    // up to MaxContext characters, public; "" for none

	id, assertion [32]byte
}

var revocationPayloadShape = shape{
	what: "a revocation's payload", version: "version",
	required: []string{"version", "action", "assertionId", "issuerId", "timestamp"}, optional: []string{"reason"},
	bytes: MaxPayloadBytes, depth: payloadLimits.Depth, values: payloadLimits.Values,
}

// ParseRevocationPayload reads what an issuer signed to revoke an assertion, under the rules of [ParsePayload]. The error is an
// [*Error] with [InvalidSchema].
func ParseRevocationPayload(signed []byte) (*RevocationPayload, error) {
	r, err := readPayload(signed, &revocationPayloadShape)
	if err != nil {
		return nil, err
	}
	p := &RevocationPayload{
		Action: RevocationAction(r.plain("action")), AssertionID: r.assertionID("assertionId"), IssuerID: r.issuerID("issuerId"),
		Reason: r.words("reason"),
	}
	p.Timestamp, p.Time = r.timestamp("timestamp")
	if p.Action != ActionRevoke && p.Action != ActionSupersede {
		r.fail("an action is REVOKE or SUPERSEDE", "action %s is none", quote(string(p.Action)))
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if p.assertion, err = ParseAssertionID(p.AssertionID); err != nil {
		return nil, err
	}
	form, err := canonicalOf(r.root)
	if err != nil {
		return nil, err
	}
	p.id = sha256.Sum256(form)
	return p, nil
}

// IDHash returns the SHA-256 of the canonical payload: the revocation's identity. It is there for what was parsed.
func (p *RevocationPayload) IDHash() [32]byte { return p.id }

// AssertionHash returns the IDHash of the assertion that is revoked. It is there for what was parsed.
func (p *RevocationPayload) AssertionHash() [32]byte { return p.assertion }

// Encode returns the payload that says what the fields say, in canonical form: what a signer signs. Time does not count.
func (p *RevocationPayload) Encode() []byte { return encode(p, "") }

func (p *RevocationPayload) write(w *memberWriter) {
	w.text("action", string(p.Action))
	w.text("assertionId", p.AssertionID)
	w.text("issuerId", p.IssuerID)
	w.optionalText("reason", p.Reason)
	w.text("timestamp", p.Timestamp)
	w.number("version", 1)
}

// Revocation is an issuer's signed statement that one of its assertions holds no more. It has one spelling. It must not be
// changed.
type Revocation struct {
	RevocationPayload
	issuerSigned
}

var revocationShape = shape{
	what: "a revocation", version: "mirRevocation", required: []string{"mirRevocation", "payload", "keyFingerprint", "sig"}, bytes: MaxRevocationBytes,
}

// ParseRevocation reads a revocation's record. It does not look at the signature. The error is an [*Error] with [InvalidSchema].
func ParseRevocation(data []byte) (*Revocation, error) {
	r, err := readStatement(data, &revocationShape)
	if err != nil {
		return nil, err
	}
	v := &Revocation{issuerSigned: r.issuerSigned()}
	if err := r.err(); err != nil {
		return nil, err
	}
	payload, err := ParseRevocationPayload(v.Signed)
	if err != nil {
		return nil, err
	}
	v.RevocationPayload = *payload
	if err := v.seal(v, r.root.Literal()); err != nil {
		return nil, err
	}
	return v, nil
}

// NewRevocation makes the record of a revocation from the bytes that are signed, the fingerprint of the issuer's key, and the
// signature in its normal form ([ParseSignature]). It does not verify the signature. The error is an [*Error] with
// [InvalidSchema].
func NewRevocation(signed []byte, keyFingerprint string, sig []byte) (*Revocation, error) {
	if _, err := ParseRevocationPayload(signed); err != nil {
		return nil, err
	}
	v := &Revocation{issuerSigned: issuerSigned{text: string(signed), KeyFingerprint: keyFingerprint}}
	return ParseRevocation(encode(v, base64url.EncodeToString(sig)))
}

func (v *Revocation) write(w *memberWriter) {
	w.text("keyFingerprint", v.KeyFingerprint)
	w.number("mirRevocation", 1)
	w.text("payload", v.text)
	w.signature()
}

// Kind returns [KindRevocation].
func (v *Revocation) Kind() Kind { return KindRevocation }
