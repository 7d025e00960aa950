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
	// PerHome is the most of one home's among these: 1 to MaxLimit, or 0 for 50. Whatever a home logs, others' are seen.
	PerHome int
	// Scan is the most index keys that are looked at for one artifact, or 0 for Options.ScanKeys.
	Scan int
	// Home and Type, where they are given, leave only assertions of this home (its domain, in lower case), and of this type.
	Home string
	Type protocol.AssertionType
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
	if q.Type != "" {
		tag, mask = tag|h.term(byType, string(q.Type))&typeTag, mask|typeTag
	}
	return tag, mask
}

// VisitArtifact shows visit the assertions about an artifact, active and revoked, by the time at which their homes took them in, newest first. truncated
// tells that there are more than the query's bounds let through. Nothing is copied: a state is good until visit returns. visit must neither wait
// nor call the store, whose files are being read meanwhile. After an error what was shown is not the whole. Errors wrap ErrInvalid.
func (s *Store) VisitArtifact(ctx context.Context, artifact [32]byte, q ArtifactQuery, visit func(*AssertionState)) (truncated bool, err error) {
	if q, err = q.withDefaults(s); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	err = s.readAssertions(func(r *assertionReader) error {
		truncated, err = r.visitArtifact(ctx, &artifact, s.terms.hashed(byArtifact, &artifact, nil), &q, visit)
		return err
	})
	return truncated, err
}

// VisitArtifacts is VisitArtifact for up to MaxArtifacts artifacts out of one reading of the files. For each of them in turn, in the order that reads
// fastest, it calls begin with the artifact's place in the list, visit for each of its assertions, and end.
func (s *Store) VisitArtifacts(
	ctx context.Context, artifacts [][32]byte, q ArtifactQuery, begin func(i int), visit func(*AssertionState), end func(i int, truncated bool),
) error {
	if len(artifacts) > MaxArtifacts {
		return fmt.Errorf("%w: %d artifacts, at most %d", ErrInvalid, len(artifacts), MaxArtifacts)
	}
	q, err := q.withDefaults(s)
	if err != nil {
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
	return s.readAssertions(func(r *assertionReader) error {
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
	})
}

func (r *assertionReader) visitArtifact(
	ctx context.Context, artifact *[32]byte, term uint64, q *ArtifactQuery, visit func(*AssertionState),
) (truncated bool, err error) {
	truncated = r.collect(term, q)
	for _, e := range r.found {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		held, err := r.load(e.at.seq())
		if err != nil {
			return false, err
		}
		if !held || r.state.Artifact != *artifact || q.Type != "" && string(r.state.Type) != string(q.Type) {
			continue // keys hold hashes, records the texts
		}
		r.show(visit)
	}
	return truncated, nil
}

func (r *assertionReader) show(visit func(*AssertionState)) {
	callVisitor(func() struct{} {
		visit(&r.state)
		return struct{}{}
	})
}

// collect finds the entries of an artifact that are to be read: the index is done with before the log is begun, so that one cursor of it serves what
// amends them too.
func (r *assertionReader) collect(term uint64, q *ArtifactQuery) (truncated bool) {
	r.found, r.counted = r.found[:0], false
	tag, mask := q.tag(r.store.terms)
	r.terms.start(key{term: term}, false)
	for range q.Scan {
		e, found := r.terms.next()
		switch {
		case !found:
			return truncated
		case e.tag&mask != tag:
		case len(r.found) == q.Limit:
			return true
		case r.crowds(e.tag&domainTag, q.PerHome):
			truncated = true
		default:
			r.found = append(r.found, e)
		}
	}
	_, more := r.terms.next()
	return truncated || more
}

// crowds tells whether a home has its share of what was found, and counts it otherwise. Where there is less than one share in all, nothing need be
// counted yet.
func (r *assertionReader) crowds(home uint64, share int) bool {
	if len(r.found) < share {
		return false
	}
	if !r.counted {
		r.counted = true
		clear(r.homes)
		for _, e := range r.found {
			r.homes[e.tag&domainTag]++
		}
	}
	if r.homes[home] >= share {
		return true
	}
	r.homes[home]++
	return false
}

// CountArtifact counts the assertions of a home (its domain, in lower case) about an artifact, active and revoked, up to most: from the index alone, and of
// the newest Options.ScanKeys of all homes.
func (s *Store) CountArtifact(ctx context.Context, artifact [32]byte, home string, most int) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	q := ArtifactQuery{Home: home}
	tag, mask := q.tag(s.terms)
	err = s.readAssertions(func(r *assertionReader) error {
		r.terms.start(key{term: s.terms.hashed(byArtifact, &artifact, nil)}, false)
		for range s.options.ScanKeys {
			e, found := r.terms.next()
			if !found || n >= most {
				break
			}
			if e.tag&mask == tag {
				n++
			}
		}
		return nil
	})
	return n, err
}
