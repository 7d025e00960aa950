package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mirnode/internal/strictjson"
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

// payloadLimits bound the values of a payload: eleven members and the object. One level more than any has, so that a nested
// member is told by its name.
var payloadLimits = strictjson.Limits{Depth: 2, Values: 32}

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

// CanonicalPayload returns the canonical form (docs/protocol.md, Canonical form) of a payload, of an assertion or a revocation:
// what a signer signs who sends the payload as an object. Only the form is looked at. The error is an [*Error] with
// [InvalidSchema] or [CanonicalizationError].
func CanonicalPayload(b []byte) ([]byte, error) {
	if len(b) > MaxPayloadBytes {
		return nil, payloadTooLong(len(b))
	}
	root, err := strictjson.Parse(b, payloadLimits)
	if err != nil {
		return nil, refuse(InvalidSchema, "", "a payload is one JSON object: %v", err)
	}
	if root.Kind() != strictjson.Object {
		return nil, refuse(InvalidSchema, "", "a payload is one JSON object, and this is %v", root.Kind())
	}
	return canonicalOf(root)
}

// canonicalOf writes the canonical form of a payload, which is held to the same length as what was sent.
func canonicalOf(root strictjson.Value) ([]byte, error) {
	w := writer{
		out: make([]byte, 0, len(root.Literal())), path: path{root: "payload"},
		limit: MaxPayloadBytes + payloadLimits.Values*maxPoint, // never reached: a writer past its limit leaves values out
	}
	w.value(root)
	if w.fault != nil {
		return nil, w.fault
	}
	if len(w.out) > MaxPayloadBytes { // a number without its exponent
		return nil, payloadTooLong(len(w.out))
	}
	return w.out, nil
}

func payloadTooLong(n int) *Error {
	return refuse(InvalidSchema, "", "a payload has at most %d bytes, and this one has %d", MaxPayloadBytes, n)
}

// readPayload parses signed bytes. White space around them is signed too, so it counts.
func readPayload(signed []byte, s *shape) (*memberReader, error) {
	if len(signed) > MaxPayloadBytes {
		return nil, payloadTooLong(len(signed))
	}
	return readStatement(signed, s)
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

// plain reads a string without escapes.
func (r *memberReader) plain(name string) string {
	s := r.text(name)
	if v, _ := r.root.Lookup(name); len(v.Literal()) != len(s)+2 {
		r.fail("", "%s is written with escapes, which it needs none of", name)
	}
	return s
}

func (r *memberReader) issuerID(name string) string {
	s := r.plain(name)
	if !IsIssuerID(s) {
		r.fail("an issuer's ID is issuer_ and 32 lower-case hex digits", "%s %s is no ID of an issuer", name, quote(s))
	}
	return s
}

// assertionID reads an ID that may be absent, and returns it in lower case.
func (r *memberReader) assertionID(name string) string {
	if !r.has(name) {
		return ""
	}
	hash, err := ParseAssertionID(r.text(name))
	if err != nil {
		r.fail("an assertion's ID is assertion_ and 64 hex digits", "%s is no ID of an assertion", name)
	}
	return AssertionID(hash)
}

func (r *memberReader) timestamp(name string) (string, time.Time) {
	s := r.plain(name)
	t, ok := parseTimestamp(s)
	if !ok || len(s) > maxTimestampChars {
		r.fail("write it like 2026-11-22T07:00:00.000Z (RFC 3339)", "%s %s is no date and time with a time zone", name, quote(s))
	}
	return s, t
}

// words reads a text of up to MaxContext characters that may be absent.
func (r *memberReader) words(name string) string {
	if !r.has(name) {
		return ""
	}
	s := r.text(name)
	if !validText(s, MaxContext) {
		r.fail("leave out what there is nothing to say about", "%s is not 1 to %d characters without control characters", name, MaxContext)
	}
	return s
}

func (r *memberReader) mediaType(name string) string {
	if !r.has(name) {
		return ""
	}
	s := r.text(name)
	if !validMediaType(s) {
		r.fail("a media type is like image/jpeg, without parameters", "%s is no media type", name)
	}
	return s
}

// size reads a number of bytes that may be absent, in any spelling that JSON has for it.
func (r *memberReader) size(name string) *uint64 {
	v, ok := r.root.Lookup(name)
	if !ok {
		return nil
	}
	n, ok := wholeNumber(v)
	if !ok {
		r.fail("", "%s is no integer from 0 to %d", name, MaxArtifactBytes)
	}
	return &n
}

func wholeNumber(v strictjson.Value) (uint64, bool) {
	if v.Kind() != strictjson.Number {
		return 0, false
	}
	n := parseNumber(v.Literal())
	if n.negative || !n.isInteger() || n.point > len("9007199254740991") {
		return 0, false
	}
	size, err := strconv.ParseUint(string(n.appendDecimal(nil)), 10, 64)
	return size, err == nil && size <= MaxArtifactBytes
}

// validText reports whether s is 1 to most characters, none of them a control character but line breaks and tabs.
func validText(s string, most int) bool {
	return validChars(s, most, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

// validLine reports whether s is 1 to most characters, none of them a control character.
func validLine(s string, most int) bool { return validChars(s, most, unicode.IsControl) }

func validChars(s string, most int, bad func(rune) bool) bool {
	return s != "" && len(s) <= most*utf8.UTFMax && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, bad)
}

// validMediaType takes type/subtype, both names of RFC 6838 section 4.2.
func validMediaType(s string) bool {
	kind, sub, ok := strings.Cut(s, "/")
	return ok && validMediaName(kind) && validMediaName(sub)
}

func validMediaName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && (i == 0 || !strings.ContainsRune("!#$&-^_.+", rune(c))) {
			return false
		}
	}
	return s != "" && len(s) <= maxMediaName
}
