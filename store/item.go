package store

import (
	"fmt"
	"time"

	"mirnode/protocol"
)

// item is a record that is ready to be written but for its place and time, so that the committer has little left to do.
type item struct {
	envelope []byte
	record   Record
	terms    recordTerms
	known    lookup          // by which it would be found if it were here
	of       protocol.Record // nil for a claim
	relation *relation       // of an assertion and what goes with it; nil for others
}

func (i *item) claim() bool { return i.of == nil }

// item makes a verified record of any kind ready to be written.
func (s *Store) item(r protocol.Record, p Provenance) (item, error) {
	switch r := r.(type) {
	case *protocol.Claim:
		return s.claimItem(ClaimToAppend{Claim: r, Provenance: p})
	case *protocol.Assertion:
		return s.assertionItem(r, p)
	case *protocol.Revocation:
		return s.revocationItem(r, p)
	case protocol.Statement:
		return s.statementItem(r, p)
	}
	return item{}, fmt.Errorf("%w: a record of the kind %q cannot be kept", ErrInvalid, r.Kind())
}

// claimItem makes a claim ready to be written, in the caller's goroutine: the committer is the one that all wait for.
func (s *Store) claimItem(c ClaimToAppend) (item, error) {
	record := Record{
		Kind: protocol.KindClaim, ClaimedAt: c.Claim.Time(), RecordHash: c.Claim.RecordHash(), SigHash: c.Claim.SigHash(),
		Raw: c.Claim.Raw(), Provenance: c.Provenance,
	}
	envelope, err := encodeRecord(record, c.Claim)
	return item{
		envelope: envelope, record: record, terms: s.terms.ofClaim(c.Claim),
		known: lookup{by: bySigHash, of: protocol.KindClaim, hash: record.SigHash},
	}, err
}

func (s *Store) statementItem(statement protocol.Statement, p Provenance) (item, error) {
	record := Record{
		Kind: statement.Kind(), ClaimedAt: statement.IssuedAt(), RecordHash: statement.RecordHash(), Raw: statement.Raw(), Provenance: p,
	}
	envelope, err := encodeRecord(record, statement)
	i := item{
		envelope: envelope, record: record, terms: s.terms.ofStatement(statement), known: lookup{by: byRecordHash, hash: record.RecordHash},
		of: statement,
	}
	if edit, ok := statement.(*protocol.MetadataEdit); ok && err == nil {
		i.relation, err = s.editOf(edit)
	}
	return i, err
}

func (s *Store) assertionItem(a *protocol.Assertion, p Provenance) (item, error) {
	i, err := signedItem(a, a.IDHash(), a.Payload.Time, p)
	if err == nil {
		i.relation, i.terms, err = s.ofAssertion(a)
	}
	return i, err
}

func (s *Store) revocationItem(r *protocol.Revocation, p Provenance) (item, error) {
	i, err := signedItem(r, r.IDHash(), r.Time, p)
	if err == nil {
		i.relation, i.terms, err = s.ofRevocation(r)
	}
	return i, err
}

// signedItem makes what an issuer signed ready to be written, but for its terms and its relation.
func signedItem(r protocol.Record, id [32]byte, at time.Time, p Provenance) (item, error) {
	record := Record{Kind: r.Kind(), ClaimedAt: at, RecordHash: r.RecordHash(), SigHash: id, Raw: r.Raw(), Provenance: p}
	envelope, err := encodeRecord(record, r)
	return item{envelope: envelope, record: record, known: lookup{by: bySigHash, of: record.Kind, hash: id}, of: r}, err
}
