package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// AssertionType says what an issuer states about an artifact.
type AssertionType string

// The types.
const (
	IssuedBy      AssertionType = "ISSUED_BY"
	NotIssuedBy   AssertionType = "NOT_ISSUED_BY"
	Dispute       AssertionType = "DISPUTE"
	RoleScope     AssertionType = "ROLE_SCOPE"
	Intent        AssertionType = "INTENT"
	Method        AssertionType = "METHOD"
	LicensedTo    AssertionType = "LICENSED_TO"
	TransformedBy AssertionType = "TRANSFORMED_BY"
)

var assertionTypes = [...]AssertionType{IssuedBy, NotIssuedBy, Dispute, RoleScope, Intent, Method, LicensedTo, TransformedBy}

// AssertionTypes returns all types, in the protocol's order. The caller may change the slice.
func AssertionTypes() []AssertionType { return slices.Clone(assertionTypes[:]) }

// Bounds of payloads and of what stands beside them.
const (
	// MaxPayloadBytes bounds what an issuer signs.
	MaxPayloadBytes = 8 << 10
	// MaxContext bounds a context, a scope, and the reason of a revocation, in characters.
	MaxContext = 500
	// MaxArtifactBytes bounds the size that an artifact may be said to have: the greatest integer that every reader of JSON keeps.
	MaxArtifactBytes = maxExactInteger

	// AssertionSkew is how far a payload's timestamp may lie from the time at which the home takes it in.
	AssertionSkew = 5 * time.Minute
	// AssertionSlack is how much further a replica lets it lie from the time at which the home logged it: so long a write may wait.
	AssertionSlack = 30 * time.Second

	maxTimestampChars = 64
	maxMediaName      = 127 // characters of a type or subtype (RFC 6838 section 4.2)
)

// AssertionPayload is what an issuer signs to make an assertion. It must not be changed.
type AssertionPayload struct {
	Artifact   [32]byte // the SHA-256 of the artifact
	Type       AssertionType
	IssuerID   string
	Timestamp  string    // RFC 3339, as spelled, at most 64 characters
	Time       time.Time // the Timestamp in UTC
	Context    string    // public words on the assertion, up to MaxContext characters; "" for none
	Scope      string    // of what the assertion speaks, likewise
	Disputes   string    // the ID, in lower case, of the assertion that is disputed; "" for none
	Supersedes string    // the ID, in lower case, of the assertion in whose place this one comes; "" for none
	MimeType   string    // of the artifact; "" for none
	ByteSize   *uint64   // of the artifact, up to MaxArtifactBytes; nil for none

	id [32]byte
}

var payloadShape = shape{
	what: "an assertion's payload", version: "version",
	required: []string{"version", "artifactHash", "type", "issuerId", "timestamp"},
	optional: []string{"context", "scope", "disputes", "supersedes", "artifactMimeType", "artifactByteSize"},
	bytes:    MaxPayloadBytes, depth: payloadLimits.Depth, values: payloadLimits.Values,
}

// ParsePayload reads what an issuer signed: a JSON object of at most MaxPayloadBytes, in canonical form too, with white space in and around it as its
// signer likes. The artifact's hash and the IDs of assertions may be in either case. What is absent is left out, not null and
// not empty. The values of artifactHash, type, issuerId and timestamp have no escapes, so that they can be found in the signed
// bytes. The error is an [*Error] with [InvalidSchema].
func ParsePayload(signed []byte) (*AssertionPayload, error) {
	r, err := readPayload(signed, &payloadShape)
	if err != nil {
		return nil, err
	}
	p := &AssertionPayload{
		Type: AssertionType(r.plain("type")), IssuerID: r.issuerID("issuerId"), MimeType: r.mediaType("artifactMimeType"),
		Context: r.words("context"), Scope: r.words("scope"),
		Disputes: r.assertionID("disputes"), Supersedes: r.assertionID("supersedes"), ByteSize: r.size("artifactByteSize"),
	}
	p.Timestamp, p.Time = r.timestamp("timestamp")
	if !slices.Contains(assertionTypes[:], p.Type) {
		r.fail("the types are ISSUED_BY, NOT_ISSUED_BY, DISPUTE, ROLE_SCOPE, INTENT, METHOD, LICENSED_TO and TRANSFORMED_BY",
			"type %s is no type of assertion", quote(string(p.Type)))
	}
	if !decodeHash(r.plain("artifactHash"), &p.Artifact) {
		r.fail("hash the file's bytes with SHA-256", "artifactHash is not 64 hex digits")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	form, err := canonicalOf(r.root)
	if err != nil {
		return nil, err
	}
	p.id = sha256.Sum256(form)
	return p, nil
}

// IDHash returns the SHA-256 of the canonical payload, which is the assertion's identity: whoever signs the same payload again, in
// another spelling or with another signature, makes no second assertion. It is there for what [ParsePayload] read.
func (p *AssertionPayload) IDHash() [32]byte { return p.id }

// ID returns [AssertionID] of the IDHash.
func (p *AssertionPayload) ID() string { return AssertionID(p.id) }

// Encode returns the payload that says what the fields say, in canonical form and in lower case: what a signer signs. Time does
// not count, Timestamp does. Whether the fields are in their bounds, [ParsePayload] tells.
func (p *AssertionPayload) Encode() []byte { return encode(p, "") }

func (p *AssertionPayload) write(w *memberWriter) {
	w.optionalNumber("artifactByteSize", p.ByteSize)
	w.text("artifactHash", hex.EncodeToString(p.Artifact[:]))
	w.optionalText("artifactMimeType", p.MimeType)
	w.optionalText("context", p.Context)
	w.optionalText("disputes", p.Disputes)
	w.text("issuerId", p.IssuerID)
	w.optionalText("scope", p.Scope)
	w.optionalText("supersedes", p.Supersedes)
	w.text("timestamp", p.Timestamp)
	w.text("type", string(p.Type))
	w.number("version", 1)
}

// AssertionID returns "assertion_" and the lower-case hex of an assertion's IDHash.
func AssertionID(idHash [32]byte) string { return assertionIDPrefix + hex.EncodeToString(idHash[:]) }

const assertionIDPrefix = "assertion_"

// ParseAssertionID reads "assertion_" and 64 hex digits of either case, and returns the IDHash. The error is an [*Error] with
// [InvalidSchema].
func ParseAssertionID(s string) ([32]byte, error) {
	var hash [32]byte
	if digits, ok := strings.CutPrefix(s, assertionIDPrefix); !ok || !decodeHash(digits, &hash) {
		return hash, refuse(InvalidSchema, "an assertion's ID is assertion_ and 64 hex digits", "%s is no ID of an assertion", quote(s))
	}
	return hash, nil
}

// decodeHash reads 64 hex digits of either case.
func decodeHash(s string, into *[32]byte) bool {
	if len(s) != hashDigits {
		return false
	}
	_, err := hex.Decode(into[:], []byte(s))
	return err == nil
}
