package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"mirnode/protocol"
)

// The facts of a record are what indexes and look-ups want of it without parsing: of a claim its locators (see envelope.go), of the newer kinds
// their length (1 byte) and, big-endian,
//
//	assertion   2 where the artifact stands (64 hex digits of either case), 2+1 where the type stands and its length, 2+1 the issuer's ID,
//	            2+1 the timestamp, 2+2 the unsigned metadata (a JSON object; length 0: none), 32 the hash in the ID of what it supersedes, if anything
//	revocation  32 the hash in the assertion's ID, 1 action (1 REVOKE, 2 SUPERSEDE), 2+1 the issuer's ID
//	issuer      8 sequence number, 2+1 the issuer's ID
//	edit        32 the hash in the assertion's ID, 8 sequence number, 2+1 the issuer's ID, 2+2 the metadata
//
// Places count from the document's first byte. Of an observation, an erasure notice and a node descriptor there are none.
const (
	assertionFactBytes = 15
	revocationBytes    = 32 + 1 + 3
	issuerFactBytes    = 8 + 3
	editFactBytes      = 32 + 8 + 3 + 4
	maxFactBytes       = 1 + assertionFactBytes + 32
	artifactDigits     = 64
)

// The actions of revocations, by their number in facts.
const (
	actionRevoke    = 1
	actionSupersede = 2
)

// appendFacts appends the facts of a record whose document is raw, and gives the bits of its envelope's state that follow from what it says. Where
// a text is spelled in a way that cannot be pointed at, it appends nothing.
func appendFacts(b []byte, of protocol.Record, raw []byte) (facts []byte, state byte) {
	switch of := of.(type) {
	case *protocol.Claim:
		return locate(b, raw, of), 0
	case *protocol.Assertion:
		if p := &of.Payload; p.Context != "" || p.Scope != "" || p.Disputes != "" || p.Supersedes != "" || p.MimeType != "" || p.ByteSize != nil {
			state = stateTexts
		}
		return appendAssertion(b, of, raw), state
	case *protocol.Revocation:
		l := locator{raw: raw, out: append(b, revocationBytes)}
		l.id(of.AssertionID)
		l.out = append(l.out, actionOf(of))
		l.text(of.IssuerID)
		return l.facts(b), 0
	case *protocol.Issuer:
		l := locator{raw: raw, out: binary.BigEndian.AppendUint64(append(b, issuerFactBytes), of.Sequence)}
		l.text(of.ID)
		return l.facts(b), 0
	case *protocol.MetadataEdit:
		l := locator{raw: raw, out: append(b, editFactBytes)}
		l.id(of.AssertionID)
		l.out = binary.BigEndian.AppendUint64(l.out, of.Sequence)
		l.text(of.IssuerID)
		l.metadata()
		return l.facts(b), 0
	}
	return b, 0
}

func appendAssertion(b []byte, of *protocol.Assertion, raw []byte) []byte {
	p := &of.Payload
	l := locator{raw: raw, out: append(b, assertionFactBytes)}
	digits := hex.EncodeToString(p.Artifact[:])
	if !bytes.Contains(raw, []byte(digits)) {
		digits = strings.ToUpper(digits)
	}
	l.at(digits)
	l.text(string(p.Type))
	l.text(p.IssuerID)
	l.text(p.Timestamp)
	l.metadata()
	if p.Supersedes != "" {
		l.out[len(b)] += 32
		l.id(p.Supersedes)
	}
	return l.facts(b)
}

// actionNames are the actions by their number.
var actionNames = [...]protocol.RevocationAction{actionRevoke: protocol.ActionRevoke, actionSupersede: protocol.ActionSupersede}

func actionOf(r *protocol.Revocation) byte {
	if r.Action == protocol.ActionSupersede {
		return actionSupersede
	}
	return actionRevoke
}

// locator writes facts, and keeps in mind that one could not be told.
type locator struct {
	raw, out []byte
	lost     bool
}

// at tells where a text stands: any of its occurrences, which are all the same.
func (l *locator) at(text string) {
	at := bytes.Index(l.raw, []byte(text))
	l.lost = l.lost || at < 0 || text == "" || len(l.raw) > 1<<16-1
	l.out = binary.BigEndian.AppendUint16(l.out, uint16(at))
}

func (l *locator) text(text string) {
	l.at(text)
	l.lost = l.lost || len(text) > 255
	l.out = append(l.out, byte(len(text)))
}

func (l *locator) id(id string) {
	hash, err := protocol.ParseAssertionID(id)
	l.lost = l.lost || err != nil
	l.out = append(l.out, hash[:]...)
}

func (l *locator) metadata() {
	from, to := metadataIn(l.raw)
	l.out = binary.BigEndian.AppendUint16(l.out, uint16(from))
	l.out = binary.BigEndian.AppendUint16(l.out, uint16(to-from))
}

// facts are what was written after b, nothing if some of it could not be told.
func (l *locator) facts(b []byte) []byte {
	if l.lost {
		return b
	}
	return l.out
}

// metadataIn finds the member metadata of an assertion record or an edit, 0 and 0 where there is none or it is empty. These documents are canonical:
// within a string no quotation mark stands without a backslash before it, so that what looks like a member is one.
func metadataIn(raw []byte) (from, to int) {
	const name, next, none = `,"metadata":`, `,"mirAssertion`, `{}`
	if from = bytes.Index(raw, []byte(name+"{")); from < 0 {
		return 0, 0
	}
	from += len(name)
	length := bytes.Index(raw[from:], []byte(next))
	if length <= len(none) {
		return 0, 0
	}
	return from, from + length
}

// assertionFacts are what a look-up wants of an assertion. The texts lie in its document, mostly.
type assertionFacts struct {
	artifact                         [32]byte
	typ, issuer, timestamp, metadata []byte // metadata: nil where there is none
	supersedes                       [32]byte
	successor                        bool // it supersedes another
}

// read fills in the facts of an assertion that is held.
func (f *assertionFacts) read(r *logRecord) error {
	if len(r.facts) == 0 {
		return f.parse(r.Raw)
	}
	b, raw := r.facts, r.Raw
	if len(b) != assertionFactBytes && len(b) != assertionFactBytes+32 {
		return errEnvelope
	}
	digits, ok := text(raw, b, artifactDigits)
	if !ok {
		return errEnvelope
	}
	if _, err := hex.Decode(f.artifact[:], digits); err != nil {
		return errEnvelope
	}
	var typed, named, timed, described bool
	f.typ, typed = text(raw, b[2:], int(b[4]))
	f.issuer, named = text(raw, b[5:], int(b[7]))
	f.timestamp, timed = text(raw, b[8:], int(b[10]))
	f.metadata, described = text(raw, b[11:], int(binary.BigEndian.Uint16(b[13:])))
	if f.successor = len(b) > assertionFactBytes; f.successor {
		f.supersedes = [32]byte(b[assertionFactBytes:])
	}
	if !typed || !named || !timed || !described {
		return errEnvelope
	}
	return nil
}

// text is the part of a document that begins where the first two bytes of place say, nil if it is empty.
func text(raw, place []byte, length int) (found []byte, ok bool) {
	at := int(binary.BigEndian.Uint16(place))
	if at+length > len(raw) {
		return nil, false
	}
	if length == 0 {
		return nil, true
	}
	return raw[at : at+length : at+length], true
}

func (f *assertionFacts) parse(raw []byte) error {
	a, err := protocol.ParseAssertion(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errEnvelope, err)
	}
	p := &a.Payload
	*f = assertionFacts{artifact: p.Artifact, typ: []byte(p.Type), issuer: []byte(p.IssuerID), timestamp: []byte(p.Timestamp)}
	if from, to := metadataIn(raw); to > from {
		f.metadata = raw[from:to:to]
	}
	if f.successor = p.Supersedes != ""; f.successor {
		f.supersedes, err = protocol.ParseAssertionID(p.Supersedes)
	}
	return err
}

// amendmentFacts are those of a revocation or an edit.
type amendmentFacts struct {
	target   [32]byte // of the assertion's ID
	issuer   []byte
	action   byte   // of a revocation
	sequence uint64 // of an edit, as the next
	metadata []byte
}

// read fills in the facts of a revocation or an edit that is held.
func (f *amendmentFacts) read(r *logRecord) error {
	if len(r.facts) == 0 {
		return f.parse(r)
	}
	b := r.facts
	var named, described bool
	switch {
	case r.Kind == protocol.KindRevocation && len(b) == revocationBytes:
		f.action = b[32]
		f.issuer, named = text(r.Raw, b[33:], int(b[35]))
		described = true
	case r.Kind == protocol.KindMetadata && len(b) == editFactBytes:
		f.sequence = beUint64(b[32:])
		f.issuer, named = text(r.Raw, b[40:], int(b[42]))
		f.metadata, described = text(r.Raw, b[43:], int(binary.BigEndian.Uint16(b[45:])))
	}
	if !named || !described || int(f.action) >= len(actionNames) {
		return errEnvelope
	}
	f.target = [32]byte(b)
	return nil
}

func (f *amendmentFacts) parse(r *logRecord) (err error) {
	parsed, err := protocol.ParseRecord(r.Kind, r.Raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errEnvelope, err)
	}
	switch of := parsed.(type) {
	case *protocol.Revocation:
		f.action, f.issuer = actionOf(of), []byte(of.IssuerID)
		f.target, err = protocol.ParseAssertionID(of.AssertionID)
	case *protocol.MetadataEdit:
		f.sequence, f.issuer = of.Sequence, []byte(of.IssuerID)
		if from, to := metadataIn(r.Raw); to > from {
			f.metadata = r.Raw[from:to:to]
		}
		f.target, err = protocol.ParseAssertionID(of.AssertionID)
	default:
		return errEnvelope
	}
	return err
}

// issuerFacts are the ID and the sequence number of an issuer record that is held.
func (r *logRecord) issuerFacts() (id []byte, sequence uint64, err error) {
	if len(r.facts) == issuerFactBytes {
		id, ok := text(r.Raw, r.facts[8:], int(r.facts[10]))
		if !ok {
			return nil, 0, errEnvelope
		}
		return id, beUint64(r.facts), nil
	}
	issuer, err := protocol.ParseIssuer(r.Raw)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	return []byte(issuer.ID), issuer.Sequence, nil
}
