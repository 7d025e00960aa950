package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"mirnode/protocol"
)

// key is one entry of the index of terms: which subject, domain or type, then when, newest first, then which record, newest first.
// Three words in place of 24 bytes because comparing them is most of a B-tree's work. Their big-endian bytes are the key on disk.
type key struct {
	term uint64   // see termHasher
	at   position // time and sequence
}

// position orders the records of a term: 40 bits of seconds, of which one is spare (see standing), 30 bits of nanoseconds (in 32) and 56 bits of sequence, all inverted, so that
// ascending order is newest first and time bounds are ranges. It is also what a cursor remembers.
type position struct{ high, low uint64 }

const (
	keyBytes     = 24
	maxSequence  = 1<<56 - 1
	maxSeconds   = 1<<39 - 1                 // some 17,000 years
	endedBit     = 1 << 63                   // of a position's first word
	secondsShift = 62_167_219_200 + 2*86_400 // two days before the year 0, so that every RFC 3339 time is positive
)

func compareKeys(a, b key) int {
	if c := cmp.Compare(a.term, b.term); c != 0 {
		return c
	}
	return a.at.compare(b.at)
}

func (p position) compare(q position) int {
	if c := cmp.Compare(p.high, q.high); c != 0 {
		return c
	}
	return cmp.Compare(p.low, q.low)
}

// positionOf packs a time and a sequence. Times out of RFC 3339's years are drawn to the nearest that fits.
func positionOf(t time.Time, seq uint64) position {
	seconds, nanos := t.Unix()+secondsShift, uint64(t.Nanosecond())
	switch {
	case seconds < 0:
		seconds, nanos = 0, 0
	case seconds > maxSeconds:
		seconds, nanos = maxSeconds, 999_999_999
	}
	return position{
		high: ^(uint64(seconds)<<24 | nanos>>8),
		low:  ^(nanos&0xff<<56 | seq&maxSequence),
	}
}

// standing is where the entry of an active assertion stands among its artifact's: before those of all that ended, whatever their times. The highest bit of the
// seconds is zero in every time.
func (p position) standing() position { return position{high: p.high &^ endedBit, low: p.low} }

// ended is the same when it has ended.
func (p position) ended() position { return position{high: p.high | endedBit, low: p.low} }

func (p position) hasEnded() bool { return p.high&endedBit != 0 }

func (p position) time() time.Time {
	high, low := ^p.high, ^p.low
	return time.Unix(int64(high>>24)-secondsShift, int64(high&0xff_ffff<<8|low>>56)).UTC()
}

func (p position) seq() uint64 { return ^p.low & maxSequence }

func (k key) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, k.term)
	b = binary.BigEndian.AppendUint64(b, k.at.high)
	return binary.BigEndian.AppendUint64(b, k.at.low)
}

// parseKey reads a key of keyBytes bytes.
func parseKey(b []byte) key {
	return key{
		term: binary.BigEndian.Uint64(b),
		at:   position{high: binary.BigEndian.Uint64(b[8:]), low: binary.BigEndian.Uint64(b[16:])},
	}
}

// termHasher makes the first word of keys: eight bytes of SHA-256 over the store's secret identity, the kind and the text. Eight bytes
// keep index pages few; the identity keeps anybody from making terms that collide; and a look-up compares the record itself, so that even
// a collision costs a little time and never a wrong answer.
type termHasher struct{ salt [16]byte }

// The kinds of terms.
const (
	bySubject       = 's'
	byDomain        = 'd'
	byType          = 't'
	byDomainAndType = 'b'
	byObserver      = 'w' // who observed which domain's keys, and which of these
	byArtifact      = 'a'
	byIssuer        = 'i' // an issuer's assertions
	byAmended       = 'm' // an issuer's revocations and successors of an assertion of its own
	byEdited        = 'e' // and the edits of its metadata
	byIssuerRecord  = 'n'
)

func (h termHasher) term(kind byte, texts ...string) uint64 {
	var buffer [512]byte
	b := append(append(buffer[:0], h.salt[:]...), kind)
	for _, text := range texts {
		b = append(append(b, text...), 0)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// hashed is a term of a hash and, it may be, a text. It allocates nothing.
func (h termHasher) hashed(kind byte, hash *[32]byte, text []byte) uint64 {
	var buffer [256]byte
	b := append(append(buffer[:0], h.salt[:]...), kind)
	b = append(append(b, hash[:]...), text...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// tag is what a subject's entry carries so that a query by subject and domain or type need not read each record: half a word of each. What an
// artifact's carries is in standing.go.
func (h termHasher) tag(domain, typ string) uint64 {
	return h.term(byDomain, domain)&domainTag | h.term(byType, typ)&typeTag
}

// The halves of a tag. The lowest bit is left for the mark removed.
const (
	domainTag = 0xffff_ffff << 32
	typeTag   = 0xffff_fffe
)

// recordTerms is everything that the index of terms needs of a record: three terms of a claim, two of a key observation, up to three of an assertion (see
// relation.go), one of what goes with it, none of others.
type recordTerms struct {
	terms [3]uint64 // of a claim: subject, domain, domain and type; of an observation: see observedBy, without and with the key
	count int
	tag   uint64 // of the first
	at    time.Time
	// standing: the first is the artifact's of an assertion that is active, as far as is known.
	standing bool
}

func (h termHasher) of(subject, host, typ string, at time.Time) recordTerms {
	domain := h.term(byDomain, host)
	return recordTerms{
		terms: [3]uint64{h.term(bySubject, subject), domain, h.term(byDomainAndType, host, typ)}, count: 3,
		tag: domain&domainTag | h.term(byType, typ)&typeTag,
		at:  at,
	}
}

func (h termHasher) ofClaim(c *protocol.Claim) recordTerms {
	return h.of(c.Subject, c.Host(), c.Type, c.Time())
}

func (h termHasher) ofStatement(r protocol.Record) recordTerms {
	switch r := r.(type) {
	case *protocol.Observation:
		return recordTerms{terms: [3]uint64{h.observedBy(r.Observer, r.Domain), h.observedBy(r.Observer, r.Domain, r.Key.Fingerprint)}, count: 2, at: r.LastSeen}
	case *protocol.Issuer:
		return h.ofIssuer(r.ID, r.Sequence)
	case *protocol.MetadataEdit:
		if id, err := protocol.ParseAssertionID(r.AssertionID); err == nil {
			return h.ofEdit(&id, []byte(r.IssuerID), r.Sequence)
		}
	}
	return recordTerms{}
}

// observedBy is the term of what one observer saw of a domain's keys, or of that one key. There is none of what all observers saw: one who logs
// without end would bury the others there.
func (h termHasher) observedBy(observer, domain string, fingerprint ...string) uint64 {
	return h.term(byObserver, append([]string{observer, domain}, fingerprint...)...)
}

// ofRecord is the same from a record that is kept; those of assertions and what goes with them Store.termsOf knows.
func (h termHasher) ofRecord(r *logRecord) (recordTerms, error) {
	if r.erased {
		return recordTerms{}, nil
	}
	switch r.Kind {
	case protocol.KindClaim:
		return h.of(string(r.subject), strings.ToLower(string(r.domain)), string(r.typ), r.ClaimedAt), nil
	case protocol.KindObservation:
		observation, err := protocol.ParseObservation(r.Raw)
		if err != nil {
			return recordTerms{}, err
		}
		return h.ofStatement(observation), nil
	}
	return recordTerms{}, nil
}

// keys are the index keys of the record with this sequence, the first count of them; a claim's subject comes first.
func (t *recordTerms) keys(seq uint64) [3]key {
	at := positionOf(t.at, seq)
	first := at
	if t.standing {
		first = at.standing()
	}
	return [3]key{{t.terms[0], first}, {t.terms[1], at}, {t.terms[2], at}}
}

// entries are the same with the first one's tag.
func (t *recordTerms) entries(seq uint64) [3]entry {
	keys := t.keys(seq)
	return [3]entry{{key: keys[0], tag: t.tag}, {key: keys[1]}, {key: keys[2]}}
}
