package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"mirnode/protocol"
)

// An envelope is the value of a record in log.db; big-endian throughout:
//
//	 0  1  envelope version (2)
//	 1  1  kind (1: claim, 2: key observation, 3: erasure notice, 4: node descriptor, 5: assertion, 6: revocation, 7: issuer record, 8: edit of metadata)
//	 2  1  state: bit 0 erased, bit 1 no locators, bit 2 further places; of an assertion bit 3 amended, bit 4 its payload has more than the required members
//	 3  1  provenance: bit 0 well-known, 1 dns, 2 file, 3 DNSSEC, bits 4-5 form (0 not said, 1 text, 2 sdk), bit 6 a quorum vouched for the key
//	 4  8  ingestedAt, Unix milliseconds: when this node took the record in
//	12 32  record hash
//	44 32  sigHash; of an assertion and a revocation the hash in its ID; of a statement zeros
//	76  4  checksum: CRC-32C of the record's sequence (8 bytes) and of all other bytes of the envelope
//	80  4  the log that the record stands in, by its number here; 0: in none
//	84  8  its index there
//	92  8  ingestedAt there, Unix milliseconds
//
// What is before the checksum never changes but for the state. Further places stand in a bucket of their own. Amended is set as soon as a revocation, an edit or a
// successor of the assertion is held: most have none, and a look-up need not look for any then. A record goes on with
//
//	100 1  number of flags, each then as its length (1 byte) and its bytes
//	    1  only where provenance bit 6 is set: number of observers, each then as its length and its bytes
//	    8  seconds of the record's own time, Unix;  4  its nanoseconds
//	    2  only claims, as the next: where the subject stands in the claim's bytes (64 bytes)
//	    2+2  where the domain stands, and its length;  2+2  the type's
//	    1+n  only kinds 5 to 8: what is wanted of them without parsing, see facts.go
//	       the document, byte for byte as it was received
//
// and an erased one with
//
//	100 8  when it was erased, Unix milliseconds
//	       the reason
//
// Version 1, which the first format had and which stays where it is, is of claims alone and has no place: 80 takes the part of 100. Such a
// record stands in the own log that took these records over, at its sequence less one.
//
// The locators let an index be rebuilt without parsing JSON. They point at any occurrence of the text in the claim, which is all that
// is wanted of them. The checksum is against rot, not against people, who can make one anew. A record that spells such a text with escapes
// has none (state bit 1, no bytes) and is parsed instead.
const (
	envelopeVersion = 2
	oldEnvelope     = 1
	oldFixedBytes   = 80
	fixedBytes      = 100
	locatorBytes    = 10
	subjectBytes    = 64

	stateErased     = 1 << 0
	stateNoLocators = 1 << 1
	stateFurther    = 1 << 2
	stateAmended    = 1 << 3
	stateTexts      = 1 << 4
	stateKnown      = 0b1_1111

	stateOffset    = 2
	ingestedOffset = 4
	checksumOffset = 76
	placeOffset    = 80

	provenanceDNSSEC = 1 << 3
	provenanceForm   = 4 // shift
	provenanceQuorum = 1 << 6
	provenanceKnown  = 0b0111_1111
)

var (
	channelBits = []protocol.Channel{"well-known", "dns", "file"}
	formNames   = []string{"", "text", "sdk"}
	// recordKinds are the kinds of records that are kept, by their number in envelopes and entries less one. Only ever appended to.
	recordKinds = []protocol.Kind{
		protocol.KindClaim, protocol.KindObservation, protocol.KindErasure, protocol.KindDescriptor,
		protocol.KindAssertion, protocol.KindRevocation, protocol.KindIssuer, protocol.KindMetadata,
	}
)

// place is where a record stands in a log.
type place struct {
	log      uint32 // by its number here; 0: none
	index    uint64
	ingested int64 // as the entry has it, Unix milliseconds
}

// encodeRecord makes the envelope of a record, without a place, with ingestedAt left open for setIngested, and the checksum for seal. of is the
// record itself.
func encodeRecord(r Record, of protocol.Record) ([]byte, error) {
	bits, err := encodeProvenance(r.Provenance)
	if err != nil {
		return nil, err
	}
	kind := indexOf(recordKinds, r.Kind)
	if kind < 0 || of.Kind() != r.Kind {
		return nil, fmt.Errorf("%w: records of the kind %q are not kept", ErrInvalid, r.Kind)
	}
	raw := r.Raw
	var buffer [maxFactBytes]byte
	facts, state := appendFacts(buffer[:0], of, raw)
	if len(facts) == 0 {
		state |= stateNoLocators
	}
	b := make([]byte, 0, fixedBytes+2+len(r.Provenance.Flags)*(1+MaxFlagBytes)+len(r.Provenance.Quorum)*(1+maxObserverBytes)+12+len(facts)+len(raw))
	b = append(b, envelopeVersion, byte(kind+1), state, bits)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = append(b, r.RecordHash[:]...)
	b = append(b, r.SigHash[:]...)
	b = append(b, make([]byte, fixedBytes-checksumOffset)...)
	b = appendTexts(b, r.Provenance.Flags)
	if len(r.Provenance.Quorum) > 0 {
		b = appendTexts(b, r.Provenance.Quorum)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.ClaimedAt.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(r.ClaimedAt.Nanosecond()))
	return append(append(b, facts...), raw...), nil
}

// appendTexts appends a number of short texts, each with its length.
func appendTexts(b []byte, texts []string) []byte {
	b = append(b, byte(len(texts)))
	for _, text := range texts {
		b = append(append(b, byte(len(text))), text...)
	}
	return b
}

func setIngested(envelope []byte, unixMilli int64) {
	binary.BigEndian.PutUint64(envelope[ingestedOffset:], uint64(unixMilli))
}

// setPlace sets the first place of an envelope of the present version.
func setPlace(envelope []byte, p place) {
	binary.BigEndian.PutUint32(envelope[placeOffset:], p.log)
	binary.BigEndian.PutUint64(envelope[placeOffset+4:], p.index)
	binary.BigEndian.PutUint64(envelope[placeOffset+12:], uint64(p.ingested))
}

// present gives a copy of an envelope, in the present version; first is its place if it is of the old one.
func present(envelope []byte, first place) []byte {
	if envelope[0] == envelopeVersion {
		return bytes.Clone(envelope)
	}
	b := make([]byte, 0, len(envelope)+fixedBytes-oldFixedBytes)
	b = append(b, envelope[:oldFixedBytes]...)
	b[0] = envelopeVersion
	b = append(b, make([]byte, fixedBytes-oldFixedBytes)...)
	setPlace(b, first)
	return append(b, envelope[oldFixedBytes:]...)
}

// headBytes is the length of an envelope's fixed part.
func headBytes(envelope []byte) int {
	if envelope[0] == oldEnvelope {
		return oldFixedBytes
	}
	return fixedBytes
}

// castagnoli is the polynomial that processors have an instruction for: some 50 ns for a claim.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(seq uint64, envelope []byte) uint32 {
	sum := crc32.Update(checksumOf(seq), castagnoli, envelope[:checksumOffset])
	return crc32.Update(sum, castagnoli, envelope[placeOffset:])
}

// checksumOf is the CRC of the eight bytes of a number, big-endian: crc32.Update has what it is given moved to the heap.
func checksumOf(n uint64) uint32 {
	sum := ^uint32(0)
	for shift := 56; shift >= 0; shift -= 8 {
		sum = castagnoli[byte(sum)^byte(n>>shift)] ^ sum>>8
	}
	return ^sum
}

// seal sets the checksum of an envelope that is otherwise finished.
func seal(seq uint64, envelope []byte) {
	binary.BigEndian.PutUint32(envelope[checksumOffset:], checksum(seq, envelope))
}

// locate appends a claim's locators, or nothing.
func locate(b, raw []byte, c *protocol.Claim) []byte {
	subject := bytes.Index(raw, []byte(c.Subject))
	domain := bytes.Index(raw, []byte(c.Domain))
	typ := bytes.Index(raw, []byte(c.Type))
	if subject < 0 || domain < 0 || typ < 0 || len(raw) > protocol.MaxClaimBytes || len(c.Subject) != subjectBytes {
		return b
	}
	for _, n := range [...]int{subject, domain, len(c.Domain), typ, len(c.Type)} {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	return b
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
	if len(p.Quorum) > 0 {
		bits |= provenanceQuorum
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
	if len(p.Quorum) > MaxQuorum {
		return 0, fmt.Errorf("%w: a quorum of %d observers, at most %d are kept", ErrInvalid, len(p.Quorum), MaxQuorum)
	}
	for _, observer := range p.Quorum {
		if len(observer) == 0 || len(observer) > maxObserverBytes {
			return 0, fmt.Errorf("%w: an observer of %d bytes is no domain", ErrInvalid, len(observer))
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
	b = append(b, envelope[:headBytes(envelope)]...)
	b[stateOffset] = b[stateOffset]&stateFurther | stateErased
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	return append(b, reason...)
}
