package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"mirnode/protocol"
)

// An envelope is the value of a record in log.db; big-endian throughout:
//
//	 0  1  envelope version (1)
//	 1  1  kind (1: claim)
//	 2  1  state: bit 0 erased, bit 1 no locators
//	 3  1  provenance: bit 0 well-known, 1 dns, 2 file, 3 DNSSEC, bits 4-5 form (0 not said, 1 text, 2 sdk)
//	 4  8  ingestedAt, Unix milliseconds
//	12 32  record hash
//	44 32  sigHash
//	76  4  checksum: CRC-32C of the record's sequence (8 bytes) and of all other bytes of the envelope
//
// The 76 bytes before the checksum never change but for the state, and hold all that a log entry commits to. A claim goes on with
//
//	80  1  number of flags, each then as its length (1 byte) and its bytes
//	    8  seconds of the claim's timestamp, Unix;  4  its nanoseconds
//	    2  where the subject stands in the claim's bytes (64 bytes)
//	    2+2  where the domain stands, and its length;  2+2  the type's
//	       the claim, byte for byte as it was received
//
// and an erased one with
//
//	80  8  when it was erased, Unix milliseconds
//	       the reason
//
// The locators let an index be rebuilt without parsing JSON. They point at any occurrence of the text in the claim, which is all that
// is wanted of them. The checksum is against rot, not against people, who can make one anew. A claim that spells such a text with escapes has none (state bit 1, no bytes) and is parsed instead.
const (
	envelopeVersion = 1
	kindClaim       = 1
	fixedBytes      = 80
	locatorBytes    = 10
	subjectBytes    = 64

	stateErased     = 1 << 0
	stateNoLocators = 1 << 1

	stateOffset    = 2
	ingestedOffset = 4
	checksumOffset = 76

	provenanceDNSSEC = 1 << 3
	provenanceForm   = 4 // shift
	provenanceKnown  = 0b0011_1111
)

var (
	channelBits = []protocol.Channel{"well-known", "dns", "file"}
	formNames   = []string{"", "text", "sdk"}
)

// logRecord is a decoded envelope.
type logRecord struct {
	Record
	subject, domain, typ []byte // the texts that indexes are made of, mostly within Raw; the domain in its own case

	erased   bool
	erasedAt time.Time
	reason   string
}

// erasure is the error of a record that was erased, nil of any other.
func (r logRecord) erasure() error {
	if !r.erased {
		return nil
	}
	return &ErasedError{Reason: r.reason, At: r.erasedAt}
}

// encodeClaim makes the envelope of a record that is this claim, with ingestedAt left open for setIngested, and the checksum for seal.
func encodeClaim(r Record, c *protocol.Claim) ([]byte, error) {
	bits, err := encodeProvenance(r.Provenance)
	if err != nil {
		return nil, err
	}
	raw, flags := r.Raw, r.Provenance.Flags
	locators, located := locate(raw, c)
	state := byte(0)
	if !located {
		state |= stateNoLocators
	}
	b := make([]byte, 0, fixedBytes+1+len(flags)*(1+MaxFlagBytes)+12+locatorBytes+len(raw))
	b = append(b, envelopeVersion, kindClaim, state, bits)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = append(b, r.RecordHash[:]...)
	b = append(b, r.SigHash[:]...)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, byte(len(flags)))
	for _, flag := range flags {
		b = append(append(b, byte(len(flag))), flag...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.ClaimedAt.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(r.ClaimedAt.Nanosecond()))
	if located {
		b = append(b, locators[:]...)
	}
	return append(b, raw...), nil
}

func setIngested(envelope []byte, unixMilli int64) {
	binary.BigEndian.PutUint64(envelope[ingestedOffset:], uint64(unixMilli))
}

// castagnoli is the polynomial that processors have an instruction for: some 50 ns for a claim.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(seq uint64, envelope []byte) uint32 {
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], seq)
	sum := crc32.Update(0, castagnoli, place[:])
	sum = crc32.Update(sum, castagnoli, envelope[:checksumOffset])
	return crc32.Update(sum, castagnoli, envelope[fixedBytes:])
}

// seal sets the checksum of an envelope that is otherwise finished.
func seal(seq uint64, envelope []byte) {
	binary.BigEndian.PutUint32(envelope[checksumOffset:], checksum(seq, envelope))
}

func locate(raw []byte, c *protocol.Claim) (l [locatorBytes]byte, found bool) {
	subject := bytes.Index(raw, []byte(c.Subject))
	domain := bytes.Index(raw, []byte(c.Domain))
	typ := bytes.Index(raw, []byte(c.Type))
	if subject < 0 || domain < 0 || typ < 0 || len(raw) > protocol.MaxClaimBytes || len(c.Subject) != subjectBytes {
		return l, false
	}
	for i, n := range []int{subject, domain, len(c.Domain), typ, len(c.Type)} {
		binary.BigEndian.PutUint16(l[2*i:], uint16(n))
	}
	return l, true
}

func encodeProvenance(p Provenance) (byte, error) {
	bits := byte(0)
	for _, channel := range p.Channels {
		i := indexOf(channelBits, channel)
		if i < 0 {
			return 0, fmt.Errorf("%w: unknown channel %q", ErrInvalid, channel)
		}
		bits |= 1 << i
	}
	if p.DNSSEC {
		bits |= provenanceDNSSEC
	}
	form := indexOf(formNames, p.Form)
	if form < 0 {
		return 0, fmt.Errorf("%w: unknown form %q", ErrInvalid, p.Form)
	}
	if len(p.Flags) > MaxFlags {
		return 0, fmt.Errorf("%w: %d flags, at most %d", ErrInvalid, len(p.Flags), MaxFlags)
	}
	for _, flag := range p.Flags {
		if len(flag) == 0 || len(flag) > MaxFlagBytes {
			return 0, fmt.Errorf("%w: a flag of %d bytes, must be 1 to %d", ErrInvalid, len(flag), MaxFlagBytes)
		}
	}
	return bits | byte(form)<<provenanceForm, nil
}

func indexOf[T comparable](list []T, item T) int {
	for i := range list {
		if list[i] == item {
			return i
		}
	}
	return -1
}

// encodeErased makes the envelope that takes the place of an erased record, with the checksum left for seal.
func encodeErased(envelope []byte, at time.Time, reason string) []byte {
	b := make([]byte, 0, fixedBytes+8+len(reason))
	b = append(b, envelope[:fixedBytes]...)
	b[stateOffset] = stateErased
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	return append(b, reason...)
}

var (
	errEnvelope = errors.New("not a record envelope")
	errChecksum = errors.New("its checksum does not match")
)

// decodeEnvelope reads an envelope. The result shares no memory with it if copyRaw is set; otherwise Raw is a part of it, good for as long
// as its transaction.
func decodeEnvelope(seq uint64, b []byte, copyRaw bool) (logRecord, error) {
	if len(b) < fixedBytes || b[0] != envelopeVersion || b[1] != kindClaim || b[stateOffset]&^(stateErased|stateNoLocators) != 0 {
		return logRecord{}, errEnvelope
	}
	if binary.BigEndian.Uint32(b[checksumOffset:]) != checksum(seq, b) {
		return logRecord{}, errChecksum
	}
	r := logRecord{Record: Record{
		Seq:        seq,
		IngestedAt: time.UnixMilli(int64(binary.BigEndian.Uint64(b[ingestedOffset:]))).UTC(),
		RecordHash: [32]byte(b[12:44]),
		SigHash:    [32]byte(b[44:checksumOffset]),
	}}
	var ok bool
	if r.Provenance, ok = decodeProvenance(b[3]); !ok {
		return logRecord{}, errEnvelope
	}
	rest := b[fixedBytes:]
	if b[stateOffset]&stateErased != 0 {
		if len(rest) < 8 {
			return logRecord{}, errEnvelope
		}
		r.erased = true
		r.erasedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(rest))).UTC()
		r.reason = string(rest[8:])
		return r, nil
	}
	if rest, ok = r.decodeFlags(rest); !ok || len(rest) < 12 {
		return logRecord{}, errEnvelope
	}
	r.ClaimedAt = time.Unix(int64(binary.BigEndian.Uint64(rest)), int64(binary.BigEndian.Uint32(rest[8:]))).UTC()
	return r.decodeBody(rest[12:], b[stateOffset]&stateNoLocators == 0, copyRaw)
}

func decodeProvenance(bits byte) (Provenance, bool) {
	form := int(bits >> provenanceForm)
	if bits&^provenanceKnown != 0 || form >= len(formNames) {
		return Provenance{}, false
	}
	p := Provenance{DNSSEC: bits&provenanceDNSSEC != 0, Form: formNames[form]}
	for i, channel := range channelBits {
		if bits&(1<<i) != 0 {
			p.Channels = append(p.Channels, channel)
		}
	}
	return p, true
}

func (r *logRecord) decodeFlags(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] > MaxFlags {
		return nil, false
	}
	count, b := int(b[0]), b[1:]
	for range count {
		if len(b) == 0 || b[0] == 0 || b[0] > MaxFlagBytes || len(b) < 1+int(b[0]) {
			return nil, false
		}
		n := 1 + int(b[0])
		r.Provenance.Flags = append(r.Provenance.Flags, string(b[1:n]))
		b = b[n:]
	}
	return b, true
}

func (r logRecord) decodeBody(b []byte, located, copyRaw bool) (logRecord, error) {
	raw := b
	if located {
		if len(b) < locatorBytes {
			return logRecord{}, errEnvelope
		}
		raw = b[locatorBytes:]
	}
	if copyRaw {
		raw = bytes.Clone(raw)
	}
	r.Raw = raw
	if !located {
		claim, err := protocol.ParseClaim(raw)
		if err != nil {
			return logRecord{}, fmt.Errorf("%w: %w", errEnvelope, err)
		}
		r.subject, r.domain, r.typ = []byte(claim.Subject), []byte(claim.Domain), []byte(claim.Type)
		return r, nil
	}
	var n [locatorBytes / 2]int
	for i := range n {
		n[i] = int(binary.BigEndian.Uint16(b[2*i:]))
	}
	if n[0]+subjectBytes > len(raw) || n[1]+n[2] > len(raw) || n[3]+n[4] > len(raw) {
		return logRecord{}, errEnvelope
	}
	r.subject, r.domain, r.typ = raw[n[0]:n[0]+subjectBytes], raw[n[1]:n[1]+n[2]], raw[n[3]:n[3]+n[4]]
	return r, nil
}
