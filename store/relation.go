package store

import (
	"bytes"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// An assertion is amended by revocations, edits of its metadata, and assertions that supersede it, all of the same issuer. They are found by terms that
// hold the assertion's ID and the issuer's, so that nothing another issuer says stands among them. That there are any stands in the assertion's
// envelope, whichever of the two came first.

// relation is what the committer must see to besides an item itself.
type relation struct {
	target lookup // the assertion that the item amends; the zero hash: none
	issuer string // of the item and, if it is to count, of the target
	later  [2]uint64
	found  bool // the index on disk has records under later, the terms of what amends the item itself
	ended  bool // a revocation among them
}

func (r *relation) amends() bool { return r.target.hash != [32]byte{} }

func targeting(id [32]byte) lookup {
	return lookup{by: bySigHash, of: protocol.KindAssertion, hash: id}
}

func (h termHasher) amendedBy(id *[32]byte, issuer []byte) uint64 {
	return h.hashed(byAmended, id, issuer)
}

func (h termHasher) editedBy(id *[32]byte, issuer []byte) uint64 {
	return h.hashed(byEdited, id, issuer)
}

// ofAssertion gives an assertion's relation, and its terms but for the time and the home, which the log tells.
func (s *Store) ofAssertion(a *protocol.Assertion) (*relation, recordTerms, error) {
	p, id := &a.Payload, a.IDHash()
	f := assertionFacts{artifact: p.Artifact, typ: []byte(p.Type), issuer: []byte(p.IssuerID)}
	r := &relation{issuer: p.IssuerID, later: [2]uint64{s.terms.amendedBy(&id, f.issuer), s.terms.editedBy(&id, f.issuer)}}
	if p.Supersedes != "" {
		superseded, err := protocol.ParseAssertionID(p.Supersedes)
		if err != nil {
			return nil, recordTerms{}, err
		}
		f.successor, f.supersedes, r.target = true, superseded, targeting(superseded)
	}
	return r, s.terms.ofAssertion(&f), nil
}

func (h termHasher) ofAssertion(f *assertionFacts) recordTerms {
	t := recordTerms{
		terms: [3]uint64{h.hashed(byArtifact, &f.artifact, nil), h.term(byIssuer, string(f.issuer))}, count: 2,
		tag: h.saidBy(f.issuer, f.typ), standing: true,
	}
	if f.successor {
		t.terms[2], t.count = h.amendedBy(&f.supersedes, f.issuer), 3
	}
	return t
}

func (s *Store) ofRevocation(r *protocol.Revocation) (*relation, recordTerms, error) {
	id, err := protocol.ParseAssertionID(r.AssertionID)
	return &relation{issuer: r.IssuerID, target: targeting(id)},
		recordTerms{terms: [3]uint64{s.terms.amendedBy(&id, []byte(r.IssuerID))}, count: 1, tag: ends}, err
}

func (s *Store) editOf(e *protocol.MetadataEdit) (*relation, error) {
	id, err := protocol.ParseAssertionID(e.AssertionID)
	return &relation{issuer: e.IssuerID, target: targeting(id)}, err
}

// bySequence stands where times do in the keys of what is ordered by sequence numbers, which are below 2^53.
func bySequence(n uint64) time.Time { return time.Unix(0, int64(n)) }

func (h termHasher) ofIssuer(id string, sequence uint64) recordTerms {
	return recordTerms{terms: [3]uint64{h.term(byIssuerRecord, id)}, count: 1, at: bySequence(sequence)}
}

func (h termHasher) ofEdit(id *[32]byte, issuer []byte, sequence uint64) recordTerms {
	return recordTerms{terms: [3]uint64{h.editedBy(id, issuer)}, count: 1, at: bySequence(sequence)}
}

// locate completes the terms of an assertion or a revocation by where it stands first: the home's log says when it was taken in, by which answers are
// ordered, and who the home is.
func (s *Store) locate(terms *recordTerms, kind protocol.Kind, first place, ingested int64) {
	if first.log != 0 {
		ingested = first.ingested
	}
	terms.at = time.UnixMilli(ingested)
	log := s.logs.numbered(first.log)
	if log == nil {
		return
	}
	terms.at = terms.at.Add(withinMilli(log, first.index))
	if kind == protocol.KindAssertion {
		terms.tag |= s.terms.term(byDomain, log.origin.Domain) & domainTag
	}
}

// withinMilli is below a millisecond, of which logs know no part: what was taken in during the same one is ordered by its places in its homes' logs, on every
// node alike, and not by when it came here. Of a thousand homes each has a part of its own, more or less.
func withinMilli(log *originLog, index uint64) time.Duration {
	const parts = 1_000
	return time.Duration(index%parts*parts + binary.BigEndian.Uint64(log.hash[:])%parts)
}

// termsOf is what the index of terms needs of a record that is kept.
func (s *Store) termsOf(r *logRecord) (terms recordTerms, err error) {
	if r.erased {
		return recordTerms{}, nil
	}
	switch r.Kind {
	case protocol.KindAssertion:
		var f assertionFacts
		if err := f.read(r); err != nil {
			return terms, s.log.corrupt(r.Seq, err)
		}
		terms = s.terms.ofAssertion(&f)
	case protocol.KindRevocation, protocol.KindMetadata:
		var f amendmentFacts
		if err := f.read(r); err != nil {
			return terms, s.log.corrupt(r.Seq, err)
		}
		if r.Kind == protocol.KindMetadata {
			return s.terms.ofEdit(&f.target, f.issuer, f.sequence), nil
		}
		terms = recordTerms{terms: [3]uint64{s.terms.amendedBy(&f.target, f.issuer)}, count: 1, tag: ends}
	case protocol.KindIssuer:
		id, sequence, err := r.issuerFacts()
		if err != nil {
			return terms, s.log.corrupt(r.Seq, err)
		}
		return s.terms.ofIssuer(string(id), sequence), nil
	default:
		return s.terms.ofRecord(r)
	}
	s.locate(&terms, r.Kind, r.first, r.IngestedAt.UnixMilli())
	return terms, nil
}

// relate notes what the committer must look up for an item besides the item itself.
func (r *request) relate(i *item) {
	if i.relation == nil {
		return
	}
	r.relations = append(r.relations, i.relation)
	if i.relation.amends() {
		r.lookups = append(r.lookups, &i.relation.target)
	}
}

// lookUpLater notes whether the index on disk has what amends an assertion that comes after it.
func (r *relation) lookUpLater(cursor *bbolt.Cursor) {
	var prefix [8]byte
	for _, term := range r.later {
		if term == 0 {
			continue
		}
		binary.BigEndian.PutUint64(prefix[:], term)
		k, v := cursor.Seek(prefix[:])
		for range maxAmendments {
			if !bytes.HasPrefix(k, prefix[:]) {
				break
			}
			r.found = true
			r.ended = r.ended || len(v) == 8 && beUint64(v) == ends
			k, v = cursor.Next()
		}
	}
}

// amended tells whether what amends the item is here already: in this transaction, in memory, or on disk; and whether a revocation is among it.
func (t *transaction) amended(r *relation) (found, ended bool) {
	found, ended = r.found, r.ended
	for _, term := range r.later {
		if term == 0 {
			continue
		}
		revoked, here := t.amending[term]
		found, ended = found || here, ended || revoked
		for _, table := range t.tables {
			if table != nil {
				has, revoked := table.amends(term)
				found, ended = found || has, ended || revoked
			}
		}
	}
	return found, ended
}

// prepare completes an item that has a relation, before it is written.
func (t *transaction) prepare(i *item, first place) {
	switch i.record.Kind {
	case protocol.KindAssertion, protocol.KindRevocation:
		t.store.locate(&i.terms, i.record.Kind, first, t.ingested)
	}
	found, ended := t.amended(i.relation)
	if found {
		i.envelope[stateOffset] |= stateAmended
	}
	i.terms.standing = i.terms.standing && !ended
}

// amend notes, in the envelope of the assertion that the item amends, that something does, if it is here and the same issuer's, and what a revocation ends. The
// item is written.
func (t *transaction) amend(i *item) error {
	r := i.relation
	if !r.amends() {
		return nil
	}
	if t.amending == nil {
		t.amending = make(map[uint64]bool)
	}
	revokes, term := i.record.Kind == protocol.KindRevocation, i.terms.terms[i.terms.count-1]
	t.amending[term] = t.amending[term] || revokes
	held, found, err := t.find(&r.target)
	if err != nil || !found || held.erased || held.amended && !revokes {
		return err
	}
	var f assertionFacts
	if err := f.read(&held); err != nil {
		return t.store.log.corrupt(held.Seq, err)
	}
	if string(f.issuer) != r.issuer {
		return nil
	}
	if revokes {
		if err := t.end(&held); err != nil || held.amended {
			return err
		}
	}
	name := beBytes(held.Seq)
	envelope := bytes.Clone(t.records.Get(name))
	envelope[stateOffset] |= stateAmended
	seal(held.Seq, envelope)
	return t.records.Put(name, envelope)
}
