package protocol

import (
	"encoding/hex"
	"time"
)

// Entry is a leaf of an origin log. It commits to a record by hash and does not contain it, so that a body can be
// erased while every proof holds.
type Entry struct {
	IngestedAt time.Time // UTC, in whole milliseconds, in the years 1970 to 9999
	Kind       Kind
	Record     [32]byte // the record's RecordHash
}

// The parts of an entry's one form: {"ingestedAt":"2026-11-22T07:00:00.000Z","kind":"claim","record":"<64 hex>"}.
const (
	entryHead   = `{"ingestedAt":"`
	entryKind   = `","kind":"`
	entryRecord = `","record":"`
	entryTail   = `"}`

	// MaxEntryBytes bounds an entry's canonical form.
	MaxEntryBytes = len(entryHead) + len(millisForm) + len(entryKind) + maxKindBytes + len(entryRecord) + hashDigits + len(entryTail)
)

// millisForm is how times are written in entries and statements: UTC, whole milliseconds.
const millisForm = "2006-01-02T15:04:05.000Z"

// NewEntry returns the entry for a record that was taken in at the time, which is truncated to milliseconds.
func NewEntry(r Record, at time.Time) Entry {
	return Entry{IngestedAt: at.UTC().Truncate(time.Millisecond), Kind: r.Kind(), Record: r.RecordHash()}
}

// Canonical returns the entry's bytes: the leaf data of the log. What lies outside the bounds of the fields gives
// bytes that [ParseEntry] refuses.
func (e Entry) Canonical() []byte { return e.AppendCanonical(make([]byte, 0, MaxEntryBytes)) }

// AppendCanonical appends the entry's canonical bytes to dst.
func (e Entry) AppendCanonical(dst []byte) []byte {
	dst = append(dst, entryHead...)
	dst = e.IngestedAt.UTC().AppendFormat(dst, millisForm)
	dst = append(append(append(dst, entryKind...), e.Kind...), entryRecord...)
	dst = hex.AppendEncode(dst, e.Record[:])
	return append(dst, entryTail...)
}

// ParseEntry reads an entry. It takes exactly the bytes that [Entry.Canonical] gives, and no other spelling. The
// error is an [*Error] with [InvalidSchema].
func ParseEntry(b []byte) (Entry, error) {
	kind := len(b) - (len(entryHead) + len(millisForm) + len(entryKind) + len(entryRecord) + hashDigits + len(entryTail))
	if kind < 1 || kind > maxKindBytes {
		return Entry{}, entryFault("it has %d bytes, which no entry has", len(b))
	}
	var parts [3]string
	rest := string(b)
	for i, cut := range [...]struct {
		before string
		length int
	}{{entryHead, len(millisForm)}, {entryKind, kind}, {entryRecord, hashDigits}} {
		if rest[:len(cut.before)] != cut.before {
			return Entry{}, entryFault("%s stands where %s must", quote(rest[:len(cut.before)]), quote(cut.before))
		}
		parts[i] = rest[len(cut.before) : len(cut.before)+cut.length]
		rest = rest[len(cut.before)+cut.length:]
	}
	if rest != entryTail {
		return Entry{}, entryFault("it does not end like an entry")
	}
	e := Entry{Kind: Kind(parts[1])}
	var ok bool
	if e.IngestedAt, ok = parseMillis(parts[0]); !ok {
		return Entry{}, entryFault("its ingestedAt %s is no time", quote(parts[0]))
	}
	if !validKind(parts[1]) {
		return Entry{}, entryFault("its kind %s is none", quote(parts[1]))
	}
	if !validHash(parts[2]) {
		return Entry{}, entryFault("its record is not 64 lower-case hex digits")
	}
	if _, err := hex.Decode(e.Record[:], []byte(parts[2])); err != nil {
		return Entry{}, entryFault("its record is not 64 lower-case hex digits")
	}
	return e, nil
}

func entryFault(format string, args ...any) *Error {
	return refuse(InvalidSchema, `an entry is exactly {"ingestedAt":"2026-11-22T07:00:00.000Z","kind":"claim","record":"<64 hex digits>"}`,
		"no entry of a log: "+format, args...)
}

// parseMillis reads a time in millisForm from the year 1970 on.
func parseMillis(s string) (time.Time, bool) {
	if len(s) != len(millisForm) || s[17] == '6' || s[len(s)-1] != 'Z' { // a leap second has no spelling of its own
		return time.Time{}, false
	}
	t, ok := parseTimestamp(s)
	return t, ok && t.Year() >= 1970
}
