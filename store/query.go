package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"mirnode/protocol"
)

// Query asks for records, newest claim timestamp first. A Subject or a Domain is needed; the rest narrows in any combination.
type Query struct {
	Subject string // 64 hex digits, either case
	Domain  string // either case
	Type    string // as the claim has it
	// After and Before bound the claim's timestamp; claims at exactly these times are not in the answer. Zero: no bound.
	After, Before time.Time
	// Limit is the most records of a page: 1 to MaxLimit, or 0 for DefaultLimit.
	Limit int
	// Bytes ends a page early: once its claims have so many bytes together. A page holds at least one claim all the same. Zero: no bound.
	Bytes int
	// Cursor is the Cursor of the page before, of a query that is the same but for Limit and Bytes. Empty: the first page.
	Cursor string
}

// Page is an answer to a query.
type Page struct {
	Records []Record
	// Cursor asks for the next page; empty when this is the last. A page may be short, or empty, and still have one: work is bounded.
	Cursor string
}

// maxTypeBytes bounds Query.Type: no valid type is longer (protocol section 1).
const maxTypeBytes = 512

// scan is a checked query: a range of keys, and what filters them.
type scan struct {
	from  key  // the first that may match
	until key  // the first that is past the range
	after bool // from itself was told already

	kind                 protocol.Kind // of the records that are asked for
	subject, domain, typ string
	tag, tagMask         uint64
	limit, bytes         int
	since, before        time.Time // the query's After and Before, for the digest
}

func (s *Store) scan(q Query) (scan, error) {
	c := scan{kind: protocol.KindClaim, subject: strings.ToLower(q.Subject), typ: q.Type, limit: q.Limit, bytes: q.Bytes}
	var err error
	switch {
	case q.Subject == "" && q.Domain == "":
		return c, fmt.Errorf("%w: a query needs a subject or a domain", ErrInvalid)
	case q.Subject != "" && !isSubject(c.subject):
		return c, fmt.Errorf("%w: the subject must be %d hex digits", ErrInvalid, subjectBytes)
	case len(q.Type) > maxTypeBytes:
		return c, fmt.Errorf("%w: the type has %d bytes, at most %d", ErrInvalid, len(q.Type), maxTypeBytes)
	case q.Limit < 0 || q.Limit > MaxLimit:
		return c, fmt.Errorf("%w: the limit is %d, must be 1 to %d", ErrInvalid, q.Limit, MaxLimit)
	case q.Bytes < 0:
		return c, fmt.Errorf("%w: the page's bytes are %d, must not be negative", ErrInvalid, q.Bytes)
	}
	if q.Domain != "" {
		if c.domain, err = protocol.ParseDomain(q.Domain); err != nil {
			return c, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	setDefault(&c.limit, DefaultLimit)
	c.since, c.before = q.After, q.Before
	return c, s.bound(&c, q)
}

// bound turns the query's terms, times and cursor into a range of keys.
func (s *Store) bound(c *scan, q Query) error {
	switch {
	case c.kind != protocol.KindClaim: // the term is set
	case c.subject != "":
		c.from.term = s.terms.term(bySubject, c.subject)
		tag := s.terms.tag(c.domain, c.typ)
		if c.domain != "" {
			c.tagMask |= domainTag
		}
		if c.typ != "" {
			c.tagMask |= typeTag
		}
		c.tag = tag & c.tagMask
	case c.typ != "":
		c.from.term = s.terms.term(byDomainAndType, c.domain, c.typ)
	default:
		c.from.term = s.terms.term(byDomain, c.domain)
	}
	c.until = key{c.from.term, position{^uint64(0), ^uint64(0)}} // sequence 0 at the earliest second: no record's
	if !q.Before.IsZero() {
		c.from.at = positionOf(q.Before, 0) // past every record of that very time
	}
	if !q.After.IsZero() {
		c.until.at = positionOf(q.After, maxSequence) // before every record of that very time
	}
	if q.Cursor == "" {
		return nil
	}
	at, err := s.openCursor(q.Cursor, c.digest())
	if err != nil {
		return err
	}
	c.from.at, c.after = at, true
	return nil
}

func isSubject(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == subjectBytes
}

// digest tells queries apart, for their cursors; most pages need none. The limit is not in it: a page may have another size than the one before.
func (c *scan) digest() [8]byte {
	h := sha256.New()
	texts := []string{c.subject, c.domain, c.typ}
	if c.kind != protocol.KindClaim {
		texts = append(texts, string(c.kind))
	}
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d:%s,", len(text), text) // a hash never fails
	}
	for _, t := range []time.Time{c.since, c.before} {
		if t.IsZero() {
			_, _ = h.Write([]byte("-"))
			continue
		}
		p := positionOf(t, 0)
		_ = binary.Write(h, binary.BigEndian, [2]uint64{p.high, p.low})
	}
	return [8]byte(h.Sum(nil))
}

// ErrCursor means that the cursor is not one of this store's, or belongs to another query. It wraps ErrInvalid.
var ErrCursor = fmt.Errorf("%w: cursor", ErrInvalid)

var errOtherQuery = errors.New("it belongs to another query: repeat the subject, domain, type, after and before of the page that gave it")
