package protocol

import "crypto/sha256"

// MaxAssertionBytes bounds an assertion's record, without the white space around it. A payload that its signer wrote with many
// escapes, beside metadata as long as they may be, may be too long for it.
const MaxAssertionBytes = 16 << 10

// Assertion is an issuer's signed statement about an artifact, as it is logged and replicated. It has one spelling. Only the
// payload is signed; Metadata is what the issuer gave its home beside it. It must not be changed.
type Assertion struct {
	Payload  AssertionPayload
	Metadata *AssertionMetadata // unsigned; nil: none

	issuerSigned
}

// issuerSigned is what records have that an issuer signed, and not a node.
type issuerSigned struct {
	Signed         []byte // the bytes that are signed, as the issuer sent them
	KeyFingerprint string // of the issuer's key: 64 lower-case hex digits

	text      string // Signed
	signature [SignatureBytes]byte
	raw       []byte
}

// Raw returns the record's one form.
func (s *issuerSigned) Raw() []byte { return s.raw }

// RecordHash returns the SHA-256 of Raw.
func (s *issuerSigned) RecordHash() [32]byte { return sha256.Sum256(s.raw) }

// Signature returns the signature in its normal form. Whether it is one over Signed, the parser does not say.
func (s *issuerSigned) Signature() []byte { return s.signature[:] }

var assertionShape = shape{
	what: "an assertion", version: "mirAssertion",
	required: []string{"mirAssertion", "payload", "keyFingerprint", "sig"}, optional: []string{"metadata"},
	bytes: MaxAssertionBytes, depth: 3, values: 32, // the record, its metadata, their tags; five members, six, ten tags
}

// ParseAssertion reads an assertion's record. It does not look at the signature. The error is an [*Error] with [InvalidSchema].
func ParseAssertion(data []byte) (*Assertion, error) {
	r, err := readStatement(data, &assertionShape)
	if err != nil {
		return nil, err
	}
	a := &Assertion{issuerSigned: r.issuerSigned()}
	if v, ok := r.root.Lookup("metadata"); ok {
		a.Metadata = r.metadata(v)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	payload, err := ParsePayload(a.Signed)
	if err != nil {
		return nil, err
	}
	a.Payload = *payload
	if err := a.seal(a, r.root.Literal()); err != nil {
		return nil, err
	}
	return a, nil
}

// NewAssertion makes the record of an assertion from the bytes that are signed, the fingerprint of the issuer's key, the
// signature in its normal form ([ParseSignature]), and metadata, which may be nil. It does not verify the signature. The error
// is an [*Error] with [InvalidSchema].
func NewAssertion(signed []byte, keyFingerprint string, sig []byte, m *AssertionMetadata) (*Assertion, error) {
	if _, err := ParsePayload(signed); err != nil { // of bytes that are no UTF-8, the record would hold others
		return nil, err
	}
	if m != nil && m.IsZero() {
		m = nil
	}
	a := &Assertion{Metadata: m, issuerSigned: issuerSigned{text: string(signed), KeyFingerprint: keyFingerprint}}
	return ParseAssertion(encode(a, base64url.EncodeToString(sig)))
}

func (a *Assertion) write(w *memberWriter) {
	w.text("keyFingerprint", a.KeyFingerprint)
	if a.Metadata != nil {
		w.object("metadata", a.Metadata)
	}
	w.number("mirAssertion", 1)
	w.text("payload", a.text)
	w.signature()
}

// Kind returns [KindAssertion].
func (a *Assertion) Kind() Kind { return KindAssertion }

// IDHash returns the assertion's identity: the SHA-256 of its canonical payload.
func (a *Assertion) IDHash() [32]byte { return a.Payload.id }

// ID returns "assertion_" and the lower-case hex of the IDHash. It is the same on every node.
func (a *Assertion) ID() string { return AssertionID(a.Payload.id) }

func (r *memberReader) issuerSigned() issuerSigned {
	s := issuerSigned{text: r.text("payload"), KeyFingerprint: r.hash("keyFingerprint")}
	s.Signed = []byte(s.text)
	if refusal := decodeSig(r.text("sig"), &s.signature); refusal != nil {
		r.keep(refusal)
	}
	return s
}

// seal is the parser's last step: it takes the document only if it is exactly what of writes.
func (s *issuerSigned) seal(of written, literal string) error {
	s.raw = encode(of, base64url.EncodeToString(s.signature[:]))
	return checkSpelling(s.raw, literal)
}
