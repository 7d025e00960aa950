package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"mirnode/protocol"
)

const (
	// MaxArtifacts is the most artifacts that one VisitArtifacts takes.
	MaxArtifacts = 100

	defaultArtifactLimit = 200
	defaultArtifactHome  = 50
)

// ArtifactQuery narrows and bounds the look-up of an artifact's assertions.
type ArtifactQuery struct {
	// Limit is the most assertions that are shown of one artifact: 1 to MaxLimit, or 0 for 200.
	Limit int
	// PerHome is the most of one home's among these: 1 to MaxLimit, or 0 for 50. Whatever a home logs, others' are seen. Where there are more than these bounds
	// let through, active ones come before ended ones, and room is shared: by the issuers of a home, then by the homes, each giving its newest first.
	PerHome int
	// Scan is the most index keys that are looked at for one artifact, or 0 for Options.ScanKeys.
	Scan int
	// Home, Issuer and Type, where they are given, leave only assertions of this home (its domain, in lower case), of the issuer with this ID, and of this type.
	Home, Issuer string
	Type         protocol.AssertionType
	// Cursor, where it is given, is one of SurveyArtifact's: what stands after it is shown, up to Limit, one after the other, with no regard to PerHome.
	Cursor string
}

// withDefaults fills in what was not said. Errors: ErrInvalid.
func (q ArtifactQuery) withDefaults(s *Store) (ArtifactQuery, error) {
	setDefault(&q.Limit, defaultArtifactLimit)
	setDefault(&q.PerHome, defaultArtifactHome)
	setDefault(&q.Scan, s.options.ScanKeys)
	if q.Limit < 0 || q.Limit > MaxLimit || q.PerHome < 0 || q.PerHome > MaxLimit || q.Scan < 0 {
		return q, fmt.Errorf("%w: the bounds %d, %d of a home, %d keys of a look-up by artifact", ErrInvalid, q.Limit, q.PerHome, q.Scan)
	}
	return q, nil
}

// tag is what the tags of the assertions that are asked for have in the mask's bits.
func (q *ArtifactQuery) tag(h termHasher) (tag, mask uint64) {
	if q.Home != "" {
		tag, mask = h.term(byDomain, q.Home)&domainTag, domainTag
	}
	if q.Issuer != "" {
		tag, mask = tag|h.term(byIssuer, q.Issuer)&issuerTag, mask|issuerTag
	}
	if q.Type != "" {
		tag, mask = tag|tagOfType(string(q.Type)), mask|kindTag
	}
	return tag, mask
}

// VisitArtifact shows visit the assertions about an artifact: the active ones, by the time at which their homes took them in, newest first, and then those
// that ended, likewise. truncated tells that there are more than the query's bounds let through. Nothing is copied: a state is good until visit returns. visit must
// neither wait nor call the store, whose files are being read meanwhile. After an error what was shown is not the whole. Errors wrap ErrInvalid (ErrCursor).
func (s *Store) VisitArtifact(ctx context.Context, artifact [32]byte, q ArtifactQuery, visit func(*AssertionState)) (truncated bool, err error) {
	if q, err = q.withDefaults(s); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	r, err := s.read()
	if err != nil {
		return false, err
	}
	defer r.end(&err)
	return r.visitArtifact(ctx, &artifact, s.terms.hashed(byArtifact, &artifact, nil), &q, visit)
}

// VisitArtifacts is VisitArtifact for up to MaxArtifacts artifacts out of one reading of the files. For each of them in turn, in the order that reads
// fastest, it calls begin with the artifact's place in the list, visit for each of its assertions, and end.
func (s *Store) VisitArtifacts(
	ctx context.Context, artifacts [][32]byte, q ArtifactQuery, begin func(i int), visit func(*AssertionState), end func(i int, truncated bool),
) (err error) {
	if len(artifacts) > MaxArtifacts {
		return fmt.Errorf("%w: %d artifacts, at most %d", ErrInvalid, len(artifacts), MaxArtifacts)
	}
	if q, err = q.withDefaults(s); err != nil {
		return err
	}
	type wanted struct {
		term  uint64
		place int
	}
	order := make([]wanted, len(artifacts))
	for i := range artifacts {
		order[i] = wanted{s.terms.hashed(byArtifact, &artifacts[i], nil), i}
	}
	slices.SortFunc(order, func(a, b wanted) int { return cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.place, b.place)) })
	r, err := s.read()
	if err != nil {
		return err
	}
	defer r.end(&err)
	for _, w := range order {
		callVisitor(func() struct{} {
			begin(w.place)
			return struct{}{}
		})
		truncated, err := r.visitArtifact(ctx, &artifacts[w.place], w.term, &q, visit)
		if err != nil {
			return err
		}
		callVisitor(func() struct{} {
			end(w.place, truncated)
			return struct{}{}
		})
	}
	return nil
}

func (r *reader) visitArtifact(
	ctx context.Context, artifact *[32]byte, term uint64, q *ArtifactQuery, visit func(*AssertionState),
) (truncated bool, err error) {
	if truncated, err = r.collect(term, q); err != nil {
		return false, err
	}
	for _, e := range r.found {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		held, err := r.load(e.at.seq())
		if err != nil {
			return false, err
		}
		if !held || r.state.Artifact != *artifact || q.Type != "" && string(r.state.Type) != string(q.Type) || q.Issuer != "" && string(r.state.Issuer) != q.Issuer {
			continue // keys hold hashes, records the texts
		}
		r.show(visit)
	}
	return truncated, nil
}

func (r *reader) show(visit func(*AssertionState)) {
	callVisitor(func() struct{} {
		visit(&r.state)
		return struct{}{}
	})
}

// CountArtifact counts the assertions of a home (its domain, in lower case) about an artifact, active and revoked, up to most: from the index alone, and of
// the newest 100,000 of all homes: a bound on what one home has holds as long as the homes together have no more.
func (s *Store) CountArtifact(ctx context.Context, artifact [32]byte, home string, most int) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	q := ArtifactQuery{Home: home}
	tag, mask := q.tag(s.terms)
	r, err := s.read()
	if err != nil {
		return 0, err
	}
	defer r.end(&err)
	r.terms.start(key{term: s.terms.hashed(byArtifact, &artifact, nil)}, false)
	for range maxTurnScan {
		e, found := r.terms.next()
		if !found || n >= most {
			break
		}
		if e.tag&mask == tag {
			n++
		}
	}
	return n, nil
}
