package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

const (
	// MaxObservedDay bounds the observations of one observer that Observations gives of one domain and one day, by when the key was last seen: as many as an
	// observer logs who keeps to the rules. The newest of the day count.
	MaxObservedDay = 24
	// MaxObservations bounds the observations of one observer that Observed shows of one key.
	MaxObservations = 64
	// MaxObservedKeys bounds those that it shows of all keys of a domain.
	MaxObservedKeys = 1_024

	day = 24 * time.Hour
)

// PlacedObservation is a key observation and where it stands.
type PlacedObservation struct {
	*protocol.Observation
	Place Place
}

// Observations gives what nodes saw of a domain's keys, this one and those whose logs are mirrored, newest first: up to limit (1 to MaxLimit;
// 0: DefaultLimit) from the cursor on, which is empty for the first page. Of each observer there are at most MaxObservedDay a day, whatever it logs. Errors
// wrap ErrInvalid, ErrCursor.
func (s *Store) Observations(ctx context.Context, domain string, limit int, cursor string) (found []PlacedObservation, next string, err error) {
	h, err := s.history(ctx, domain, limit, cursor)
	if err != nil {
		return nil, "", err
	}
	observers := s.observers()
	err = s.observed(func(index, log *bbolt.Tx, tables []*table, upTo uint64) error {
		h.streams = h.streams[:0]
		for _, observer := range observers {
			h.open(&observed{term: s.terms.observedBy(observer, h.domain), store: s, index: index, tables: tables, upTo: upTo})
		}
		found, next, err = h.page(ctx, log)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return found, next, nil
}

// Observed shows visit what the observers logged of one key of a domain, or with the fingerprint "" of all: of each in turn the newest, and older ones, at
// most MaxObservations or MaxObservedKeys, for as long as visit wants more of that observer. visit must neither wait nor call the store. What others
// logged costs nothing.
func (s *Store) Observed(ctx context.Context, domain, fingerprint string, observers []string, visit func(o *protocol.Observation) (more bool)) error {
	most, key := MaxObservations, []string{fingerprint}
	if fingerprint == "" {
		most, key = MaxObservedKeys, nil
	}
	return s.observed(func(index, log *bbolt.Tx, tables []*table, upTo uint64) error {
		records := log.Bucket(recordsBucket).Cursor()
		for _, observer := range observers {
			if err := ctx.Err(); err != nil {
				return err
			}
			stream := &observed{term: s.terms.observedBy(observer, domain, key...), store: s, index: index, tables: tables, upTo: upTo}
			stream.seek(position{})
			for range most {
				at, found := stream.next()
				if !found {
					break
				}
				o, _, err := s.observation(records, at)
				if err != nil {
					return err
				}
				if o == nil || o.Observer != observer || o.Domain != domain || fingerprint != "" && o.Key.Fingerprint != fingerprint {
					continue
				}
				if !callVisitor(func() bool { return visit(o) }) {
					break
				}
			}
		}
		return nil
	})
}

// observed has read look at the index and the log. As in visit the tables are chosen first, and the log is read last; upTo is for tableSource.
func (s *Store) observed(read func(index, log *bbolt.Tx, tables []*table, upTo uint64) error) error {
	s.state.RLock()
	tables := []*table{s.state.active}
	if s.state.merging != nil {
		tables = append(tables, s.state.merging)
	}
	s.state.RUnlock()
	upTo := s.counts.lastSeq.Load()
	return s.index.view(func(index *bbolt.Tx) error {
		return s.log.view(func(log *bbolt.Tx) error { return read(index, log, tables, upTo) })
	})
}

// observers are the domains whose logs are held: who else would have observed anything. A node logs its own statements alone.
func (s *Store) observers() (domains []string) {
	s.logs.RLock()
	for _, log := range s.logs.all {
		if origin, err := protocol.ParseOrigin(log.name); err == nil {
			domains = append(domains, origin.Domain)
		}
	}
	s.logs.RUnlock()
	slices.Sort(domains)
	return slices.Compact(domains)
}

// observation reads one; nil for another record.
func (s *Store) observation(records *bbolt.Cursor, at position) (*protocol.Observation, *logRecord, error) {
	r, err := s.log.readAt(records, at.seq(), false)
	if err != nil || r.erased || r.Kind != protocol.KindObservation {
		return nil, nil, err
	}
	o, err := protocol.ParseObservation(r.Raw)
	if err != nil {
		return nil, nil, &CorruptError{File: s.log.path, Reason: fmt.Sprintf("record %d: %v", r.Seq, err)}
	}
	return o, &r, nil
}

// observed gives the places of one term's records, newest first.
type observed struct {
	term   uint64
	store  *Store
	index  *bbolt.Tx
	tables []*table
	upTo   uint64 // see tableSource
	from   merged
}

// seek goes to a place in the order, or before all with the zero position.
func (o *observed) seek(to position) {
	c := scan{from: key{term: o.term, at: to}}
	o.from.sources = o.from.sources[:0]
	for _, t := range o.tables {
		o.from.sources = append(o.from.sources, o.store.newTableSource(t, c, o.upTo))
	}
	o.from.sources = append(o.from.sources, newDiskSource(o.index, o.store.index.path, c))
}

func (o *observed) next() (position, bool) {
	for {
		e, found := o.from.next()
		if !found || e.term != o.term {
			return position{}, false
		}
		if e.tag != removed {
			return e.at, true
		}
	}
}

// history is one page of what all observers saw of a domain's keys.
type history struct {
	store   *Store
	domain  string
	limit   int
	after   position // the last that was told; zero: none
	digest  [8]byte
	streams []*fairStream
}

func (s *Store) history(ctx context.Context, domain string, limit int, cursor string) (h history, err error) {
	if limit < 0 || limit > MaxLimit {
		return h, fmt.Errorf("%w: the limit is %d, must be 1 to %d", ErrInvalid, limit, MaxLimit)
	}
	h = history{store: s, limit: limit}
	if h.domain, err = protocol.ParseDomain(domain); err != nil {
		return h, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	setDefault(&h.limit, DefaultLimit)
	h.digest = (&scan{kind: protocol.KindObservation, domain: h.domain}).digest()
	if cursor != "" {
		if h.after, err = s.openCursor(cursor, h.digest); err != nil {
			return h, err
		}
	}
	return h, ctx.Err()
}

// fairStream gives of one observer's observations those that count: so many of each day.
type fairStream struct {
	observed
	at      position  // the next one
	day     time.Time // of it
	counted int       // of that day, the next one included
}

// open begins with an observer's observations where the page begins. Of the day in which that is, those that were told are counted too.
func (h *history) open(o *observed) {
	f := &fairStream{observed: *o}
	if h.after == (position{}) {
		f.seek(position{})
	} else {
		f.seek(positionOf(h.after.time().UTC().Truncate(day).Add(day), 0)) // past all of the next day and later
	}
	for f.advance() {
		if h.after == (position{}) || f.at.compare(h.after) > 0 {
			h.streams = append(h.streams, f)
			return
		}
	}
}

// advance goes to the next observation that counts. Past a day's share it goes to the day before.
func (f *fairStream) advance() bool {
	for {
		at, found := f.next()
		if !found {
			return false
		}
		today := at.time().Truncate(day)
		if !today.Equal(f.day) {
			f.day, f.counted = today, 0
		}
		if f.counted == MaxObservedDay {
			f.seek(positionOf(today, 0))
			continue
		}
		f.at = at
		f.counted++
		return true
	}
}

// page reads observations, the newest of all observers first, until the page is full.
func (h *history) page(ctx context.Context, log *bbolt.Tx) (found []PlacedObservation, next string, err error) {
	records := log.Bucket(recordsBucket).Cursor()
	last := h.after
	for range h.store.options.ScanKeys {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		best := -1
		for i, f := range h.streams {
			if best < 0 || f.at.compare(h.streams[best].at) < 0 {
				best = i
			}
		}
		if best < 0 {
			return found, "", nil
		}
		if len(found) == h.limit {
			break
		}
		f := h.streams[best]
		last = f.at
		o, r, err := h.store.observation(records, f.at)
		if err != nil {
			return nil, "", err
		}
		if o != nil && o.Domain == h.domain {
			if err := h.store.complete(r, log); err != nil {
				return nil, "", err
			}
			placed := PlacedObservation{Observation: o}
			if len(r.Places) > 0 {
				placed.Place = r.Places[0]
			}
			found = append(found, placed)
		}
		if !f.advance() {
			h.streams = slices.Delete(h.streams, best, best+1)
		}
	}
	return found, h.store.makeCursor(last, h.digest), nil
}
