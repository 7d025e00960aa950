package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"mirnode/protocol"
)

// logRecord is a decoded envelope.
type logRecord struct {
	Record
	subject, domain, typ []byte // of a claim, the texts that indexes are made of, mostly within Raw; the domain in its own case
	facts                []byte // of an assertion, a revocation, an issuer record, an edit: see facts.go; empty where it must be parsed
	amended, texts       bool   // of an assertion: something amends it; its payload has more than the required members

	one     [1]Place // backs Places where there is but one
	old     bool     // the envelope is of the old version: its first place must be found otherwise
	first   place    // its log is 0 if it has none
	further bool     // there are places besides the first

	erased   bool
	erasedAt time.Time
	reason   string
}

// erasure is the error of a record that was erased, nil of any other.
func (r *logRecord) erasure() error {
	if !r.erased {
		return nil
	}
	return &ErasedError{Reason: r.reason, At: r.erasedAt}
}

var (
	errEnvelope = errors.New("not a record envelope")
	errChecksum = errors.New("its checksum does not match")
)

// decodeEnvelope reads an envelope. The result shares no memory with it if copyRaw is set; otherwise Raw is a part of it, good for as long
// as its transaction.
func decodeEnvelope(seq uint64, b []byte, copyRaw bool) (r logRecord, err error) {
	err = r.decode(seq, b, copyRaw)
	return r, err
}

// decode is decodeEnvelope in place. After an error the record is no record.
func (r *logRecord) decode(seq uint64, b []byte, copyRaw bool) error {
	*r = logRecord{}
	if len(b) < oldFixedBytes || b[0] == envelopeVersion && len(b) < fixedBytes || b[0] != envelopeVersion && b[0] != oldEnvelope ||
		b[1] == 0 || int(b[1]) > len(recordKinds) || b[0] == oldEnvelope && b[1] != 1 || b[stateOffset]&^stateKnown != 0 {
		return errEnvelope
	}
	if binary.BigEndian.Uint32(b[checksumOffset:]) != checksum(seq, b) {
		return errChecksum
	}
	r.Seq, r.Kind = seq, recordKinds[b[1]-1]
	r.IngestedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(b[ingestedOffset:]))).UTC()
	copy(r.RecordHash[:], b[12:44])
	copy(r.SigHash[:], b[44:checksumOffset])
	r.old, r.further = b[0] == oldEnvelope, b[stateOffset]&stateFurther != 0
	r.amended, r.texts = b[stateOffset]&stateAmended != 0, b[stateOffset]&stateTexts != 0
	if !r.old {
		r.first = place{
			log: binary.BigEndian.Uint32(b[placeOffset:]), index: binary.BigEndian.Uint64(b[placeOffset+4:]),
			ingested: int64(binary.BigEndian.Uint64(b[placeOffset+12:])),
		}
	}
	var ok bool
	if r.Provenance, ok = decodeProvenance(b[3]); !ok {
		return errEnvelope
	}
	rest := b[headBytes(b):]
	if b[stateOffset]&stateErased != 0 {
		if len(rest) < 8 {
			return errEnvelope
		}
		r.erased = true
		r.erasedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(rest))).UTC()
		r.reason = string(rest[8:])
		return nil
	}
	if r.Provenance.Flags, rest, ok = decodeTexts(rest, MaxFlags, MaxFlagBytes); ok && b[3]&provenanceQuorum != 0 {
		r.Provenance.Quorum, rest, ok = decodeTexts(rest, MaxQuorum, maxObserverBytes)
	}
	if !ok || len(rest) < 12 {
		return errEnvelope
	}
	r.ClaimedAt = time.Unix(int64(binary.BigEndian.Uint64(rest)), int64(binary.BigEndian.Uint32(rest[8:]))).UTC()
	return r.decodeBody(rest[12:], b[stateOffset]&stateNoLocators == 0, copyRaw)
}

func decodeProvenance(bits byte) (Provenance, bool) {
	form := int(bits >> provenanceForm & 3)
	if bits&^provenanceKnown != 0 || form >= len(formNames) {
		return Provenance{}, false
	}
	return Provenance{DNSSEC: bits&provenanceDNSSEC != 0, Form: formNames[form], Channels: channelSets[bits&(provenanceDNSSEC-1)]}, true
}

// channelSets are the channels that the low bits of a provenance name, so that reading a record need not make them. They are shared, and full.
var channelSets = func() (sets [provenanceDNSSEC][]protocol.Channel) {
	for bits := range sets {
		for i, channel := range channelBits {
			if bits&(1<<i) != 0 {
				sets[bits] = append(sets[bits], channel)
			}
		}
		sets[bits] = slices.Clip(sets[bits])
	}
	return sets
}()

// decodeTexts reads what appendTexts wrote.
func decodeTexts(b []byte, most, mostBytes int) (texts []string, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) > most {
		return nil, nil, false
	}
	count, b := int(b[0]), b[1:]
	for range count {
		if len(b) == 0 || b[0] == 0 || int(b[0]) > mostBytes || len(b) < 1+int(b[0]) {
			return nil, nil, false
		}
		n := 1 + int(b[0])
		texts = append(texts, string(b[1:n]))
		b = b[n:]
	}
	return texts, b, true
}

func (r *logRecord) decodeBody(b []byte, located, copyRaw bool) error {
	if copyRaw {
		b = bytes.Clone(b)
	}
	raw := b
	if r.Kind != protocol.KindClaim {
		if located {
			if len(b) == 0 || len(b) < 1+int(b[0]) {
				return errEnvelope
			}
			r.facts, raw = b[1:1+int(b[0])], b[1+int(b[0]):]
		}
		r.Raw = raw
		return nil
	}
	if located {
		if len(b) < locatorBytes {
			return errEnvelope
		}
		raw = b[locatorBytes:]
	}
	r.Raw = raw
	if !located {
		claim, err := protocol.ParseClaim(raw)
		if err != nil {
			return fmt.Errorf("%w: %w", errEnvelope, err)
		}
		r.subject, r.domain, r.typ = []byte(claim.Subject), []byte(claim.Domain), []byte(claim.Type)
		return nil
	}
	var n [locatorBytes / 2]int
	for i := range n {
		n[i] = int(binary.BigEndian.Uint16(b[2*i:]))
	}
	if n[0]+subjectBytes > len(raw) || n[1]+n[2] > len(raw) || n[3]+n[4] > len(raw) {
		return errEnvelope
	}
	r.subject, r.domain, r.typ = raw[n[0]:n[0]+subjectBytes], raw[n[1]:n[1]+n[2]], raw[n[3]:n[3]+n[4]]
	return nil
}
