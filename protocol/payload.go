package protocol

import (
	"fmt"
	"strconv"
	"time"

	"mirnode/internal/strictjson"
)

// payloadLimits bound the values of a payload: eleven members and the object. One level more than any has, so that a nested
// member is told by its name.
var payloadLimits = strictjson.Limits{Depth: 2, Values: 32}

// CanonicalPayload returns the canonical form (docs/protocol.md, Canonical form) of a payload, of an assertion or a revocation:
// what a signer signs who sends the payload as an object. Only the form is looked at. The error is an [*Error] with
// [InvalidSchema] or [CanonicalizationError].
func CanonicalPayload(b []byte) ([]byte, error) {
	if len(b) > MaxPayloadBytes {
		return nil, payloadTooLong(len(b))
	}
	root, err := strictjson.Parse(b, payloadLimits)
	if err != nil {
		return nil, notJSON("a payload", err)
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
		hint := fmt.Sprintf("write at most %d characters of text, without control characters but line breaks and tabs, and without ones that turn text around (bidirectional controls, joiners outside words), and sign again", MaxContext)
		if s == "" {
			hint = "leave out what there is nothing to say about, and sign again"
		}
		r.fail(hint, "%s is not 1 to %d characters without control characters and ones that turn text around", name, MaxContext)
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
