package protocol

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mirnode/internal/nearest"
	"mirnode/internal/strictjson"
)

// shape is the closed set of a kind's members.
type shape struct {
	what     string // in error texts: "an observation"
	version  string // the member whose value is the number 1, which only this kind has; "" inside a document
	required []string
	optional []string

	// Bounds of the whole document; 0 stands for those of most statements.
	bytes  int // MaxStatementBytes
	depth  int // maxStatementDepth
	values int // maxStatementValues
}

// memberReader hands out an object's members, checked, and keeps the first fault of the whole document.
type memberReader struct {
	root   strictjson.Value
	fault  *Error
	parent *memberReader // whose object holds this one; it keeps the fault. nil: the document's own
}

// readStatement parses a document of the shape.
func readStatement(data []byte, s *shape) (*memberReader, error) {
	most := cmp.Or(s.bytes, MaxStatementBytes)
	data = bytes.Trim(data, " \t\r\n")
	if len(data) > most {
		return nil, refuse(InvalidSchema, "", "%s has at most %d bytes, and the document has %d", s.what, most, len(data))
	}
	limits := strictjson.Limits{Depth: cmp.Or(s.depth, maxStatementDepth), Values: cmp.Or(s.values, maxStatementValues)}
	root, err := strictjson.Parse(data, limits)
	if err != nil {
		return nil, notJSON(s.what, err)
	}
	if refusal := s.check(root); refusal != nil {
		return nil, refusal
	}
	return &memberReader{root: root}, nil
}

// check holds a value to the closed set of members.
func (s *shape) check(v strictjson.Value) *Error {
	if v.Kind() != strictjson.Object {
		return refuse(InvalidSchema, "", "%s is one JSON object, and this is %v", s.what, v.Kind())
	}
	for i := range v.Len() {
		if name := &v.Member(i).Name; name.Bad || !slices.Contains(s.required, name.Text) && !slices.Contains(s.optional, name.Text) {
			return s.unknown(name.Text)
		}
	}
	for _, name := range s.required {
		if _, ok := v.Lookup(name); !ok {
			return refuse(InvalidSchema, "", "%s has a member %s, which is missing", s.what, name)
		}
	}
	if s.version == "" {
		return nil
	}
	if version, _ := v.Lookup(s.version); version.Literal() != "1" {
		return refuse(InvalidSchema, "the only version is the number 1", "%s is %s: this version is not known", s.version, clip(version.Literal()))
	}
	return nil
}

// unknown refuses a member by its name, and names the one that was meant.
func (s *shape) unknown(name string) *Error {
	known := slices.Concat(s.required, s.optional)
	hint := "what may stand here: " + strings.Join(known, ", ")
	if near := nearest.Name(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return refuse(InvalidSchema, hint, "unknown member %s in %s", quote(name), s.what)
}

// notJSON refuses a document that is no good JSON.
func notJSON(what string, err error) *Error {
	hint := ""
	if errors.Is(err, strictjson.ErrDuplicateName) {
		hint = "name each member once, and sign again"
	}
	return refuse(InvalidSchema, hint, "%s is one JSON object: %v", what, err)
}

// inside returns a reader of an object within this one, or nil where it is none of the shape.
func (r *memberReader) inside(v strictjson.Value, s *shape) *memberReader {
	if refusal := s.check(v); refusal != nil {
		r.keep(refusal)
		return nil
	}
	return &memberReader{root: v, parent: r}
}

func (r *memberReader) fail(hint, format string, args ...any) {
	r.keep(refuse(InvalidSchema, hint, format, args...))
}

func (r *memberReader) keep(fault *Error) {
	top := r
	for top.parent != nil {
		top = top.parent
	}
	if top.fault == nil {
		top.fault = fault
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

// optionalText reads a text that may be absent, which is "".
func (r *memberReader) optionalText(name string) string {
	if !r.has(name) {
		return ""
	}
	return r.text(name)
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

// optionalMoment reads a moment that may be absent, which is the zero time.
func (r *memberReader) optionalMoment(name string) time.Time {
	if !r.has(name) {
		return time.Time{}
	}
	return r.moment(name)
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
