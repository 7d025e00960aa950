package store

import (
	"context"
	"fmt"
	"slices"

	"mirnode/protocol"
)

// VisitIssuer shows visit an issuer's assertions, active and revoked, newest first: up to limit (1 to MaxLimit; 0: DefaultLimit) from the cursor on, which is
// empty for the first page. It returns the cursor of the next page, empty when this is the last; a page may be short and still have one. What holds
// of the states and of visit in VisitArtifact holds here. Errors wrap ErrInvalid, ErrCursor.
func (s *Store) VisitIssuer(ctx context.Context, issuerID string, limit int, cursor string, visit func(*AssertionState)) (next string, err error) {
	setDefault(&limit, DefaultLimit)
	if limit < 0 || limit > MaxLimit || len(issuerID) > maxIssuerID {
		return "", fmt.Errorf("%w: a page of %d assertions, must be 1 to %d", ErrInvalid, limit, MaxLimit)
	}
	from, digest := key{term: s.terms.term(byIssuer, issuerID)}, (&scan{kind: protocol.KindAssertion, subject: issuerID}).digest()
	if cursor != "" {
		if from.at, err = s.openCursor(cursor, digest); err != nil {
			return "", err
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	r, err := s.read()
	if err != nil {
		return "", err
	}
	defer r.end(&err)
	more := r.collectIssuer(from, cursor != "", limit)
	for _, e := range r.found {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		held, err := r.load(e.at.seq())
		if err != nil {
			return "", err
		}
		if held && string(r.state.Issuer) == issuerID {
			r.show(visit)
		}
	}
	if n := len(r.found); more && n > 0 {
		next = s.makeCursor(r.found[n-1].at, digest)
	}
	return next, nil
}

// maxIssuerID bounds what is looked up as an issuer's ID: none is longer.
const maxIssuerID = 64

// collectIssuer finds the next entries of an issuer, and tells whether there are more.
func (r *reader) collectIssuer(from key, after bool, limit int) (more bool) {
	r.found = r.found[:0]
	for r.terms.start(from, after); ; {
		e, found := r.terms.next()
		if !found || len(r.found) == limit {
			return found
		}
		r.found = append(r.found, e)
	}
}

// maxIssuerScan bounds the entries under an issuer's ID that are looked at. Only its home can sign such records, so that one is enough as a rule.
const maxIssuerScan = 8

// Issuer gives the issuer record with the highest sequence number that is held of the issuer with this ID, and how it is kept. Errors: ErrNotFound.
func (s *Store) Issuer(ctx context.Context, id string) (issuer *protocol.Issuer, record Record, err error) {
	if err := ctx.Err(); err != nil {
		return nil, Record{}, err
	}
	if len(id) > maxIssuerID {
		return nil, Record{}, ErrNotFound
	}
	r, err := s.read()
	if err != nil {
		return nil, Record{}, err
	}
	defer r.end(&err)
	r.terms.start(key{term: s.terms.term(byIssuerRecord, id)}, false)
	for range maxIssuerScan {
		e, found := r.terms.next()
		if !found {
			break
		}
		if err := r.at(e.at.seq(), &r.record); err != nil {
			return nil, Record{}, err
		}
		if r.record.erased || r.record.Kind != protocol.KindIssuer {
			continue
		}
		kept := r.record.keep()
		if issuer, err = protocol.ParseIssuer(kept.Raw); err != nil {
			return nil, Record{}, s.log.corrupt(r.record.Seq, err)
		}
		if issuer.ID != id {
			continue
		}
		if err := s.complete(&r.record, r.log); err != nil {
			return nil, Record{}, err
		}
		kept.IngestedAt, kept.Own, kept.Places = r.record.IngestedAt, r.record.Own, slices.Clone(r.record.Places)
		return issuer, kept, nil
	}
	return nil, Record{}, ErrNotFound
}
