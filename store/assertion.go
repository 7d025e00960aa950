package store

import (
	"bytes"
	"context"
	"time"

	"mirnode/protocol"
)

// AssertionState is an assertion as it stands now: what the issuer signed, and what became of it since.
type AssertionState struct {
	// Record is the assertion's own. Raw is its document, SigHash the hash in its ID, ClaimedAt the time that its payload names.
	Record
	// HomeIngestedAt is when the issuer's home took it in, as the entry in the home's log says: UTC, whole milliseconds.
	HomeIngestedAt time.Time
	Artifact       [32]byte
	// KeyFingerprint (64 lower-case hex digits), Issuer (its ID), Type and Timestamp (as its payload spells it) are parts of Raw, as a rule. They must
	// not be changed.
	KeyFingerprint, Issuer, Type, Timestamp []byte
	// Metadata are the unsigned metadata in force, as canonical JSON: of the newest edit if there is one, else those of the record. Nil: none.
	Metadata []byte
	// MetadataSequence and MetadataRecord are the sequence number and the record hash of the edit that Metadata are of; 0: there is none.
	MetadataSequence uint64
	MetadataRecord   [32]byte
	// HasTexts tells that the payload has more members than the five that each has: scope, context, disputes, supersedes, media type or size.
	HasTexts bool
	// Revocation is nil while the assertion is active. Of several the one counts that the home took in first.
	Revocation *RevocationState
	// SupersededBy is the hash in the ID of the assertion, of the same issuer on the same artifact, that names this one as what it supersedes. Nil: none.
	SupersededBy *[32]byte
}

// RevocationState is the revocation of an assertion.
type RevocationState struct {
	Raw        []byte    // the revocation record
	At         time.Time // when the issuer's home took it in: UTC, whole milliseconds
	Action     protocol.RevocationAction
	RecordHash [32]byte
}

// keep makes a state that is good for longer than its transaction.
func (a *AssertionState) keep() AssertionState {
	kept := *a
	kept.Record = a.Record.keep()
	for _, text := range []*[]byte{&kept.KeyFingerprint, &kept.Issuer, &kept.Type, &kept.Timestamp, &kept.Metadata} {
		*text = bytes.Clone(*text)
	}
	if a.Revocation != nil {
		revocation := *a.Revocation
		revocation.Raw = bytes.Clone(revocation.Raw)
		kept.Revocation = &revocation
	}
	if a.SupersededBy != nil {
		successor := *a.SupersededBy
		kept.SupersededBy = &successor
	}
	return kept
}

// Assertion gives the assertion whose ID has this hash. Errors: ErrNotFound.
func (s *Store) Assertion(ctx context.Context, id [32]byte) (state AssertionState, err error) {
	if err := ctx.Err(); err != nil {
		return state, err
	}
	r, err := s.read()
	if err != nil {
		return state, err
	}
	defer r.end(&err)
	l := targeting(id)
	for _, seq := range r.candidates(&l) {
		held, err := r.load(seq)
		if err != nil {
			return state, err
		}
		if held && r.record.SigHash == id {
			return r.state.keep(), nil
		}
	}
	return state, ErrNotFound
}

// maxAmendments and maxEdits bound what is read of the revocations and successors, and of the edits, of one assertion. All are of its own issuer, and a home
// lets no second revocation pass: more there are only where a home does not keep to the rules, about its own issuers.
const (
	maxAmendments = 32
	maxEdits      = 32
)

// load reads the assertion with this sequence, with what amends it, into the reader's state; false where it is none.
func (r *reader) load(seq uint64) (held bool, err error) {
	if err := r.at(seq, &r.record); err != nil {
		return false, err
	}
	record := &r.record
	if record.erased || record.Kind != protocol.KindAssertion {
		return false, nil
	}
	if err := r.facts.read(record); err != nil {
		return false, r.store.log.corrupt(seq, err)
	}
	if err := r.store.complete(record, r.log); err != nil {
		return false, err
	}
	r.state = AssertionState{
		Record: record.Record, HomeIngestedAt: record.home(), Artifact: r.facts.artifact, KeyFingerprint: fingerprintIn(record.Raw),
		Issuer: r.facts.issuer, Type: r.facts.typ, Timestamp: r.facts.timestamp, Metadata: r.facts.metadata, HasTexts: record.texts,
	}
	if !record.amended {
		return true, nil
	}
	if err := r.amendments(); err != nil {
		return false, err
	}
	return true, r.edits()
}

// home is when the home's log took the record in: only that log's entry makes a record of these kinds held, so that it is the first place.
func (r *logRecord) home() time.Time {
	if r.first.log == 0 {
		return r.IngestedAt
	}
	return time.UnixMilli(r.first.ingested).UTC()
}

// fingerprintIn gives the fingerprint that an assertion's document, whose first member it is, begins with.
func fingerprintIn(raw []byte) []byte {
	const head, digits = `{"keyFingerprint":"`, 64
	if len(raw) < len(head)+digits || !bytes.HasPrefix(raw, []byte(head)) {
		return nil
	}
	return raw[len(head) : len(head)+digits : len(head)+digits]
}

// amendments finds the revocation and the successor of the assertion that is loaded.
func (r *reader) amendments() error {
	var revoked, succeeded turn
	r.terms.start(key{term: r.store.terms.amendedBy(&r.record.SigHash, r.facts.issuer)}, false)
	for range maxAmendments {
		e, found := r.terms.next()
		if !found {
			break
		}
		if err := r.at(e.at.seq(), &r.other); err != nil {
			return err
		}
		other := &r.other
		if other.erased {
			continue
		}
		switch other.Kind {
		case protocol.KindRevocation:
			var f amendmentFacts
			if err := f.read(other); err != nil {
				return r.store.log.corrupt(other.Seq, err)
			}
			if f.target != r.record.SigHash || !bytes.Equal(f.issuer, r.facts.issuer) || r.state.Revocation != nil && !other.turn().before(revoked) {
				continue
			}
			revoked = other.turn()
			r.revocation = RevocationState{Raw: other.Raw, At: other.home(), Action: actionNames[f.action], RecordHash: other.RecordHash}
			r.state.Revocation = &r.revocation
		case protocol.KindAssertion:
			var f assertionFacts
			if err := f.read(other); err != nil {
				return r.store.log.corrupt(other.Seq, err)
			}
			if !f.successor || f.supersedes != r.record.SigHash || !bytes.Equal(f.issuer, r.facts.issuer) || f.artifact != r.facts.artifact ||
				r.state.SupersededBy != nil && !other.turn().before(succeeded) {
				continue
			}
			succeeded = other.turn()
			r.successor = other.SigHash
			r.state.SupersededBy = &r.successor
		}
	}
	return nil
}

// edits finds the metadata in force: those of the edit with the highest sequence number. Of several with that number the one counts that the home took in first.
func (r *reader) edits() error {
	var best entry
	var first turn
	r.terms.start(key{term: r.store.terms.editedBy(&r.record.SigHash, r.facts.issuer)}, false)
	for range maxEdits {
		e, found := r.terms.next()
		if !found || r.state.MetadataSequence != 0 && !e.at.sameTime(best.at) {
			break
		}
		if err := r.at(e.at.seq(), &r.other); err != nil {
			return err
		}
		other := &r.other
		if other.erased || other.Kind != protocol.KindMetadata {
			continue
		}
		var f amendmentFacts
		if err := f.read(other); err != nil {
			return r.store.log.corrupt(other.Seq, err)
		}
		if f.target != r.record.SigHash || !bytes.Equal(f.issuer, r.facts.issuer) || r.state.MetadataSequence != 0 && !other.turn().before(first) {
			continue
		}
		best, first = e, other.turn()
		r.state.Metadata, r.state.MetadataSequence, r.state.MetadataRecord = f.metadata, f.sequence, other.RecordHash
	}
	return nil
}
