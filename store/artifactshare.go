package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"mirnode/protocol"
)

// collect finds the entries of an artifact that are to be read: the index is done with before the log is begun, so that one cursor of it serves what
// amends them too. Errors wrap ErrCursor.
func (r *reader) collect(term uint64, q *ArtifactQuery) (truncated bool, err error) {
	r.found = r.found[:0]
	from, most := key{term: term}, q.Scan
	if q.Cursor != "" {
		if from.at, err = r.store.openCursor(q.Cursor, digestOf(term)); err != nil {
			return false, err
		}
	}
	tag, mask := q.tag(r.store.terms)
	r.terms.start(from, q.Cursor != "")
	for active := 0; ; most-- {
		e, found := r.terms.next()
		switch {
		case !found:
			return r.share(q), nil
		case most == 0 || q.Cursor != "" && len(r.found) == q.Limit:
			r.share(q)
			return true, nil
		case e.tag&mask != tag || r.moved(active, &e):
			continue
		}
		r.found = append(r.found, e)
		if !e.at.hasEnded() {
			active = len(r.found)
		}
	}
}

// moved tells whether the entry, of an assertion that has ended, was found among the active ones before it moved: memory is read bit by bit.
func (r *reader) moved(active int, e *entry) bool {
	if !e.at.hasEnded() {
		return false
	}
	_, before := slices.BinarySearchFunc(r.found[:active], e.at.standing(), func(f entry, at position) int { return f.at.compare(at) })
	return before
}

// ranked is an entry that was found, with how many come before it.
type ranked struct {
	entry
	rank int
}

// share leaves of the entries that were found as many as are let through, in their order, and tells whether that is not all. Where it is not, those come
// first that are active; of these the newest of each issuer of a home, then the second of each, and so on; and so likewise among the homes.
func (r *reader) share(q *ArtifactQuery) (truncated bool) {
	if q.Cursor != "" || len(r.found) <= min(q.Limit, q.PerHome) {
		return false
	}
	order := make([]ranked, len(r.found))
	for i, e := range r.found {
		order[i].entry = e
	}
	r.rank(order, func(e *entry) uint64 { return e.tag&(domainTag|issuerTag) | e.at.high>>63 })
	r.rank(order, func(e *entry) uint64 { return e.tag & domainTag })
	r.found = r.found[:0]
	for i := range order {
		if len(r.found) == q.Limit {
			break
		}
		if order[i].rank < q.PerHome {
			r.found = append(r.found, order[i].entry)
		}
	}
	slices.SortFunc(r.found, func(a, b entry) int { return a.at.compare(b.at) })
	return len(r.found) < len(order)
}

// rank counts entries by whom they are of, and orders them by that: all that are active before all that ended, then the first of each before the second of any.
func (r *reader) rank(order []ranked, of func(*entry) uint64) {
	clear(r.shares)
	for i := range order {
		whose := of(&order[i].entry)
		order[i].rank = r.shares[whose]
		r.shares[whose]++
	}
	slices.SortStableFunc(order, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.at.high>>63, b.at.high>>63), cmp.Compare(a.rank, b.rank), a.at.compare(b.at))
	})
}

// digestOf tells artifacts apart, for their cursors.
func digestOf(term uint64) (digest [8]byte) {
	binary.BigEndian.PutUint64(digest[:], term)
	return digest
}

// Survey is what the index alone tells of the assertions about an artifact.
type Survey struct {
	// Active are the active assertions of each type by how many, up to two, issuers say so; issuers are told apart by a part of a hash.
	Active map[protocol.AssertionType]Sayers
	// Cursor is where a page begins that shows what was not shown; empty: all was.
	Cursor string
}

// Sayers are the issuers who say one thing: one of them, by a part of a hash, and whether there are others.
type Sayers struct {
	One  uint64
	More bool
}

// SurveyArtifact tells what all active assertions about an artifact come to, shown or not, up to scan index keys (0: Options.ScanKeys), and where those begin that are
// not shown: shown are the sequences (Record.Seq) of those that are, from the cursor on, which is empty for all. What follows the cursor may have been shown in part.
// Errors wrap ErrInvalid, ErrCursor.
func (s *Store) SurveyArtifact(ctx context.Context, artifact [32]byte, scan int, cursor string, shown []uint64) (survey Survey, err error) {
	setDefault(&scan, s.options.ScanKeys)
	if scan < 0 || len(shown) > MaxLimit {
		return survey, fmt.Errorf("%w: a survey of %d keys, %d of them shown", ErrInvalid, scan, len(shown))
	}
	from := key{term: s.terms.hashed(byArtifact, &artifact, nil)}
	if cursor != "" {
		if from.at, err = s.openCursor(cursor, digestOf(from.term)); err != nil {
			return survey, err
		}
	}
	if err := ctx.Err(); err != nil {
		return survey, err
	}
	seen := make(map[uint64]struct{}, len(shown))
	for _, seq := range shown {
		seen[seq] = struct{}{}
	}
	r, err := s.read()
	if err != nil {
		return survey, err
	}
	defer r.end(&err)
	survey.Active = r.active(from.term, scan)
	r.terms.start(from, cursor != "")
	for last := from.at; ; {
		e, found := r.terms.next()
		if !found {
			return survey, nil
		}
		if _, was := seen[e.at.seq()]; !was {
			survey.Cursor = s.makeCursor(last, digestOf(from.term))
			return survey, nil
		}
		last = e.at
	}
}

// active sums up the active assertions of an artifact.
func (r *reader) active(term uint64, scan int) map[protocol.AssertionType]Sayers {
	said := make(map[protocol.AssertionType]Sayers, len(typeNumbers))
	r.terms.start(key{term: term}, false)
	for range scan {
		e, found := r.terms.next()
		if !found || e.at.hasEnded() {
			break
		}
		typ, issuer := typeIn(e.tag), e.tag&(domainTag|issuerTag)|1
		sayers := said[typ]
		sayers.More = sayers.More || sayers.One != 0 && sayers.One != issuer
		sayers.One = issuer
		said[typ] = sayers
	}
	return said
}
