package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// MaxDisplaced bounds Outcome.Displaces.
const MaxDisplaced = 4

// displacedReason stands in the stub of a record in whose place another is held.
const displacedReason = "another record comes before it in its home's log"

// displaced is a record of an issuer that is about to leave its place to one that comes before it in the log, and whose body came after it.
type displaced struct {
	known    lookup
	relation relation // of an assertion: what amends it
}

// displaced finds what an outcome takes the place of, and has the committer look it up.
func (s *Store) displaced(o *Outcome, r *request) (list []displaced, err error) {
	if len(o.Displaces) == 0 {
		return nil, nil
	}
	if o.State != Held || o.Record == nil || !homely(o.Record.Kind()) || len(o.Displaces) > MaxDisplaced {
		return nil, fmt.Errorf("%w: an outcome that takes the place of %d records", ErrInvalid, len(o.Displaces))
	}
	list = make([]displaced, len(o.Displaces))
	for i, hash := range o.Displaces {
		d := &list[i]
		d.known = lookup{by: byRecordHash, hash: hash}
		held, err := s.find(&lookup{by: byRecordHash, hash: hash})
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if held.Kind == protocol.KindAssertion {
			var f assertionFacts
			if err := f.read(held); err != nil {
				return nil, s.log.corrupt(held.Seq, err)
			}
			d.relation.later[0] = s.terms.amendedBy(&held.SigHash, f.issuer)
			r.relations = append(r.relations, &d.relation)
		}
		r.lookups = append(r.lookups, &d.known)
	}
	return list, nil
}

// makeWay takes what an outcome displaces out of the store. It gives the places of the very record of the outcome, if that is among them: it moves.
func (t *transaction) makeWay(st *settlement) (moved []place, err error) {
	for i := range st.displaced {
		d := &st.displaced[i]
		held, found, err := t.find(&d.known)
		if err != nil {
			return nil, err
		}
		if !found || held.erased || held.Kind != st.item.record.Kind {
			continue
		}
		if held.RecordHash == st.known.hash {
			if moved, err = t.placesOf(&held); err != nil {
				return nil, err
			}
		} else if log := t.store.logs.numbered(held.first.log); log != nil {
			t.change(log).state.Refused++
		}
		if err := t.unseat(&held, &d.relation); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// unseat puts a stub in the place of a record, which is found by nothing any more. Its index keys go as those of an erased record do.
func (t *transaction) unseat(held *logRecord, amended *relation) error {
	terms, err := t.store.termsOf(held)
	if err != nil {
		return err
	}
	if _, ended := t.amended(amended); ended {
		terms.standing = false
	}
	name := beBytes(held.Seq)
	stub := encodeErased(t.records.Get(name), t.store.options.Now(), displacedReason)
	seal(held.Seq, stub)
	if err := t.records.Put(name, stub); err != nil {
		return err
	}
	var keys []byte
	for _, k := range terms.keys(held.Seq) {
		keys = k.appendTo(keys)
	}
	t.changed = true
	t.effects = append(t.effects, effect{names: held.names(), terms: terms, erase: true})
	return t.log.Bucket(unindexedBucket).Put(name, keys)
}

// placesOf are all places of a record.
func (t *transaction) placesOf(r *logRecord) ([]place, error) {
	if !r.further {
		return []place{r.first}, nil
	}
	further, err := t.store.log.furtherPlaces(t.log, r.Seq)
	return append([]place{r.first}, further...), err
}

// comeAgain notes the other places of a record that moved.
func (t *transaction) comeAgain(moved []place, to place) error {
	for _, p := range moved {
		if p.log == to.log {
			continue
		}
		r, err := t.read(t.seq)
		if err != nil {
			return err
		}
		if err := t.addPlace(&r, p); err != nil {
			return err
		}
	}
	return nil
}

// earlier tells whether a place comes before another one of the same node's logs: those of earlier epochs come first.
func (l *logs) earlier(a, b place) bool {
	if a.log != b.log {
		one, two := l.numbered(a.log), l.numbered(b.log)
		return one != nil && two != nil && one.origin.Epoch < two.origin.Epoch
	}
	return a.index < b.index
}

// IssuerBefore gives the issuer record that is in force at a place of the log of its issuer's home: of those that come before it, the one with the highest sequence
// number. A home's records are held in the order of its log, so that sequence numbers grow with places. Errors: ErrNotFound.
func (s *Store) IssuerBefore(ctx context.Context, id string, before Place) (issuer *protocol.Issuer, err error) {
	log, known := s.logs.named(before.Origin)
	if err := ctx.Err(); err != nil || !known || len(id) > maxIssuerID {
		return nil, errors.Join(err, ErrNotFound)
	}
	limit := place{log: log.number, index: before.Index}
	r, err := s.read()
	if err != nil {
		return nil, err
	}
	defer r.end(&err)
	// Of the sequence numbers up to low all are before the place, and of those above high none.
	for low, high := uint64(0), uint64(1<<53-1); low < high; {
		middle := low + (high-low+1)/2
		found, at, err := r.issuerUpTo(id, middle)
		switch {
		case err != nil:
			return nil, err
		case found == nil || found.Sequence <= low:
			low = middle
		case s.logs.earlier(at, limit):
			low, issuer = middle, found
		default:
			high = found.Sequence - 1
		}
	}
	if issuer == nil {
		return nil, ErrNotFound
	}
	return issuer, nil
}

// issuerUpTo reads the record of an issuer with the highest sequence number up to this one, and where it stands first. Nil: there is none.
func (r *reader) issuerUpTo(id string, sequence uint64) (*protocol.Issuer, place, error) {
	s := r.store
	from := positionOf(bySequence(sequence), maxSequence)
	r.terms.start(key{term: s.terms.term(byIssuerRecord, id), at: from}, false)
	for range maxIssuerScan {
		e, found := r.terms.next()
		if !found {
			break
		}
		var err error
		if r.record, err = s.log.readAt(r.records, e.at.seq(), true); err != nil {
			return nil, place{}, err
		}
		if r.record.erased || r.record.Kind != protocol.KindIssuer {
			continue
		}
		issuer, err := protocol.ParseIssuer(r.record.Raw)
		if err != nil {
			return nil, place{}, s.log.corrupt(r.record.Seq, err)
		}
		if issuer.ID != id {
			continue
		}
		first := r.record.first
		if r.record.further {
			further, err := s.log.furtherPlaces(r.log, r.record.Seq)
			if err != nil {
				return nil, place{}, err
			}
			for _, p := range further {
				if s.logs.earlier(p, first) {
					first = p
				}
			}
		}
		return issuer, first, nil
	}
	return nil, place{}, nil
}

// MissingOf gives the places of the missing bodies of a kind in the logs of a node, by its domain: of each log the first ones, up to limit.
func (s *Store) MissingOf(ctx context.Context, domain string, kind protocol.Kind, limit int) (places []Place, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, log := range s.logs.of(domain) {
		if s.logs.snapshot(log).Missing == 0 {
			continue
		}
		err := s.log.view(func(tx *bbolt.Tx) error {
			entries, cursor, left := tx.Bucket(entriesBucket).Bucket(log.key()), tx.Bucket(missingBucket).Cursor(), limit
			prefix := string(log.key())
			for k, _ := cursor.Seek(log.key()); len(k) == missingKeyBytes && string(k[:4]) == prefix && left > 0; k, _ = cursor.Next() {
				entry, ok := decodeEntry(entries.Get(k[4:]))
				if !ok {
					return &CorruptError{File: s.log.path, Reason: fmt.Sprintf("entry %d of %s is missing", beUint64(k[4:]), log.name)}
				}
				if entry.Kind == kind {
					places = append(places, Place{Origin: log.name, Index: beUint64(k[4:]), IngestedAt: entry.IngestedAt})
					left--
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return places, nil
}

// of are the logs of a node.
func (l *logs) of(domain string) (list []*originLog) {
	l.RLock()
	defer l.RUnlock()
	for _, log := range l.all {
		if log.origin.Domain == domain {
			list = append(list, log)
		}
	}
	return list
}
