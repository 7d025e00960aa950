package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"mirnode/internal/strictjson"
)

const (
	// MaxStatementBytes bounds a node's statement, without the white space around it.
	MaxStatementBytes = 8 << 10
	// maxStatementValues is above what any statement has: twelve members, the object, a list of two channels.
	maxStatementValues = 32
	// maxExactInteger is the greatest integer that every reader of JSON keeps: 2^53-1.
	maxExactInteger = 1<<53 - 1
)

// Statement is a record that a node signed: an [*Observation], an [*Erasure] or a [*Descriptor].
//
// It is a JSON object in canonical form and nothing else: the document is its own canonical form with sig in
// place, so that a statement has one spelling. What is signed is the canonical form without sig, as for claims. Each
// kind has a member that no claim and no other statement has, so that a signature over one can never pass for a
// signature over another.
type Statement interface {
	Record
	// Signer returns the domain (in lower case) that signed, and the fingerprint of its key.
	Signer() (domain, fingerprint string)
	// Canonical returns the bytes that are signed. Whether Signature is one over them, the parser does not say.
	Canonical() []byte
	// Signature returns the 64 bytes that sig stands for.
	Signature() []byte
	// Network returns the environment that the statement was made in. To compare it is the caller's task.
	Network() Network
	// IssuedAt returns the time at which the signing key is judged.
	IssuedAt() time.Time
}

// statement is what all statements have.
type statement struct {
	network        Network
	keyFingerprint string
	sig            string // as spelled; "" while unsigned
	signature      [ed25519.SignatureSize]byte
	canonical      []byte // without sig
	raw            []byte
}

// Network returns the environment that the statement was made in.
func (s *statement) Network() Network { return s.network }

// Canonical returns the bytes that are signed: the statement without its sig.
func (s *statement) Canonical() []byte { return s.canonical }

// Signature returns the 64 bytes that sig stands for.
func (s *statement) Signature() []byte { return s.signature[:] }

// Raw returns the statement's one form, sig included.
func (s *statement) Raw() []byte { return s.raw }

// RecordHash returns the SHA-256 of Raw.
func (s *statement) RecordHash() [32]byte { return sha256.Sum256(s.raw) }

// written is a statement that can write its members in canonical order.
type written interface{ write(*memberWriter) }

// signStatement signs what s writes, and returns the document.
func signStatement(s written, key ed25519.PrivateKey) []byte {
	unsigned := encodeStatement(s, "")
	return encodeStatement(s, base64url.EncodeToString(ed25519.Sign(key, unsigned)))
}

func encodeStatement(s written, sig string) []byte {
	w := memberWriter{out: append(make([]byte, 0, 1024), '{'), sig: sig}
	s.write(&w)
	return append(w.out, '}')
}

// seal is a parser's last step: it takes the document only if it is exactly what s writes.
func (s *statement) seal(of written, literal string) error {
	s.raw = encodeStatement(of, s.sig)
	if string(s.raw) != literal {
		at := 0
		for at < min(len(s.raw), len(literal)) && s.raw[at] == literal[at] {
			at++
		}
		return refuse(InvalidSchema, "a statement is written in its canonical form alone: sorted members, no white space, times like 2026-11-22T07:00:00.000Z",
			"the statement is not in canonical form from byte %d on", at)
	}
	s.canonical = encodeStatement(of, "")
	return nil
}

// memberWriter writes an object's members in the order in which they come. The first brace is there already.
type memberWriter struct {
	out []byte
	sig string // "": leave sig out
}

func (w *memberWriter) name(name string) {
	if len(w.out) > 1 {
		w.out = append(w.out, ',')
	}
	w.out = append(append(append(w.out, '"'), name...), `":`...)
}

func (w *memberWriter) text(name, value string) {
	w.name(name)
	w.out = appendString(w.out, value, "")
}

func (w *memberWriter) texts(name string, values []string) {
	w.name(name)
	w.out = append(w.out, '[')
	for i, v := range values {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = appendString(w.out, v, "")
	}
	w.out = append(w.out, ']')
}

func (w *memberWriter) time(name string, t time.Time) { w.text(name, t.UTC().Format(millisForm)) }

func (w *memberWriter) optionalTime(name string, t time.Time) {
	if !t.IsZero() {
		w.time(name, t)
	}
}

func (w *memberWriter) flag(name string, value bool) {
	w.name(name)
	w.out = strconv.AppendBool(w.out, value)
}

func (w *memberWriter) number(name string, n uint64) {
	w.name(name)
	w.out = strconv.AppendUint(w.out, n, 10)
}

func (w *memberWriter) signature() {
	if w.sig != "" {
		w.text("sig", w.sig)
	}
}

// shape is the closed set of a kind's members.
type shape struct {
	what     string // in error texts: "an observation"
	version  string // the member whose value is the number 1, which only this kind has
	required []string
	optional []string
}

// memberReader hands out a statement's members, checked, and keeps the first fault.
type memberReader struct {
	root  strictjson.Value
	fault *Error
}

// readStatement parses a document of the shape.
func readStatement(data []byte, s *shape) (*memberReader, error) {
	data = bytes.Trim(data, " \t\r\n")
	if len(data) > MaxStatementBytes {
		return nil, refuse(InvalidSchema, "", "%s has at most %d bytes, and the document has %d", s.what, MaxStatementBytes, len(data))
	}
	root, err := strictjson.Parse(data, strictjson.Limits{Depth: 2, Values: maxStatementValues})
	if err != nil {
		return nil, refuse(InvalidSchema, "", "%s is one JSON object: %v", s.what, err)
	}
	if root.Kind() != strictjson.Object {
		return nil, refuse(InvalidSchema, "", "%s is one JSON object, and the document is %v", s.what, root.Kind())
	}
	for i := range root.Len() {
		if name := root.Member(i).Name; name.Bad || !slices.Contains(s.required, name.Text) && !slices.Contains(s.optional, name.Text) {
			return nil, refuse(InvalidSchema, "the members are "+strings.Join(slices.Concat(s.required, s.optional), ", "),
				"%s has no member %s", s.what, quote(name.Text))
		}
	}
	for _, name := range s.required {
		if _, ok := root.Lookup(name); !ok {
			return nil, refuse(InvalidSchema, "", "%s has a member %s, which is missing", s.what, name)
		}
	}
	if version, _ := root.Lookup(s.version); version.Literal() != "1" {
		return nil, refuse(InvalidSchema, "the only version is the number 1", "%s is %s: this version is not known", s.version, clip(version.Literal()))
	}
	return &memberReader{root: root}, nil
}

func (r *memberReader) fail(hint, format string, args ...any) {
	if r.fault == nil {
		r.fault = refuse(InvalidSchema, hint, format, args...)
	}
}

func (r *memberReader) has(name string) bool {
	_, ok := r.root.Lookup(name)
	return ok
}

// err returns the first fault as an error, which a nil *Error would not be.
func (r *memberReader) err() error {
	if r.fault == nil {
		return nil
	}
	return r.fault
}

func (r *memberReader) text(name string) string {
	v, _ := r.root.Lookup(name)
	if v.Kind() != strictjson.String || v.Bad() {
		r.fail("", "%s is %v instead of a string of valid UTF-8", name, v.Kind())
		return ""
	}
	return v.Text()
}

func (r *memberReader) domain(name string) string {
	s := r.text(name)
	if !validLowerDomain(s) {
		r.fail(domainHint, "%s %s is not a DNS host name in lower case", name, quote(s))
	}
	return s
}

func (r *memberReader) hash(name string) string {
	s := r.text(name)
	if !validHash(s) {
		r.fail("", "%s is not 64 lower-case hex digits", name)
	}
	return s
}

func (r *memberReader) publicKey(name string) ed25519.PublicKey {
	pub, err := ParsePublicKey(r.text(name))
	if err != nil {
		r.fail("", "%s: %v", name, err)
	}
	return pub
}

// moment reads a time that the statement's maker read off a clock: in the years 1970 to 9999.
func (r *memberReader) moment(name string) time.Time {
	s := r.text(name)
	t, ok := parseMillis(s)
	if !ok {
		r.fail("write it like 2026-11-22T07:00:00.000Z", "%s %s is no time in UTC with milliseconds from 1970 on", name, quote(s))
	}
	return t
}

// optionalTime reads a time that a domain published: in the years 1 to 9999, as for [DomainKey].
func (r *memberReader) optionalTime(name string) time.Time {
	if !r.has(name) {
		return time.Time{}
	}
	s := r.text(name)
	t, ok := parseTimestamp(s)
	if !ok || t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		r.fail("write it like 2026-11-22T07:00:00.000Z", "%s %s is no time in the years 1 to 9999", name, quote(s))
	}
	return t
}

func (r *memberReader) flag(name string) bool {
	v, _ := r.root.Lookup(name)
	if v.Kind() != strictjson.Bool {
		r.fail("", "%s is %v instead of a boolean", name, v.Kind())
	}
	return v.Literal() == "true"
}

// count reads an integer from 1 to 2^53-1.
func (r *memberReader) count(name string) uint64 {
	v, _ := r.root.Lookup(name)
	n, err := strconv.ParseUint(v.Literal(), 10, 64)
	if v.Kind() != strictjson.Number || err != nil || n < 1 || n > maxExactInteger {
		r.fail("", "%s is no integer from 1 to %d", name, maxExactInteger)
	}
	return n
}

// signed reads what all statements have.
func (r *memberReader) signed() statement {
	s := statement{keyFingerprint: r.hash("keyFingerprint"), sig: r.text("sig")}
	network, err := ParseNetwork(r.text("network"))
	if err != nil {
		r.fail("a network is production, staging or development", "network is none of the three")
	}
	s.network = network
	if refusal := decodeSig(s.sig, &s.signature); refusal != nil && r.fault == nil {
		r.fault = refusal
	}
	return s
}
