package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// The first place of a record stands in its envelope, further ones in a bucket of their own: sequence and log's number → index and the
// time that the entry says. Most records have none there, and their envelopes say so.
const (
	placeKeyBytes   = 8 + 4
	placeValueBytes = 8 + 8
)

func placeKey(seq uint64, log uint32) []byte {
	return binary.BigEndian.AppendUint32(beBytes(seq), log)
}

func (p place) value() []byte {
	return binary.BigEndian.AppendUint64(beBytes(p.index), uint64(p.ingested))
}

// furtherPlaces reads the places besides the first.
func (l *logFile) furtherPlaces(tx *bbolt.Tx, seq uint64) (places []place, err error) {
	cursor, prefix := tx.Bucket(placesBucket).Cursor(), beBytes(seq)
	for k, v := cursor.Seek(prefix); len(k) == placeKeyBytes && beUint64(k) == seq; k, v = cursor.Next() {
		if len(v) != placeValueBytes {
			return nil, &CorruptError{File: l.path, Reason: fmt.Sprintf("a place of record %d is not one", seq)}
		}
		places = append(places, place{log: binary.BigEndian.Uint32(k[8:]), index: beUint64(v), ingested: int64(beUint64(v[8:]))})
	}
	return places, nil
}

// complete fills in what a record is told with besides its envelope: its places. They lie in the record itself where there is but one.
func (s *Store) complete(r *logRecord, tx *bbolt.Tx) error {
	if r.first.log == 0 {
		return nil
	}
	own := s.logs.ownNumber()
	r.one[0] = s.logs.place(r.first)
	r.Places = r.one[:1:1]
	if r.Own = r.first.log == own && own != 0; r.Own {
		r.IngestedAt = r.Places[0].IngestedAt
	}
	if !r.further {
		return nil
	}
	further, err := s.log.furtherPlaces(tx, r.Seq)
	if err != nil {
		return err
	}
	for _, p := range further {
		r.Places = append(r.Places, s.logs.place(p))
		if p.log == own {
			r.Own, r.IngestedAt = true, time.UnixMilli(p.ingested).UTC()
		}
	}
	return nil
}

// keep makes a record that is good for longer than its transaction.
func (r *Record) keep() Record {
	kept := *r
	kept.Raw, kept.Places = slices.Clone(r.Raw), slices.Clone(r.Places)
	return kept
}

// placeIn is the record's place in the log with this number.
func (t *transaction) placeIn(r *logRecord, log uint32) (place, bool) {
	if r.first.log == log {
		return r.first, true
	}
	if !r.further {
		return place{}, false
	}
	v := t.log.Bucket(placesBucket).Get(placeKey(r.Seq, log))
	if len(v) != placeValueBytes {
		return place{}, false
	}
	return place{log: log, index: beUint64(v), ingested: int64(beUint64(v[8:]))}, true
}

// addPlace notes that the record stands there too. One place for each log is kept: the first. What counts in its home's logs alone others name in vain,
// under whatever kind.
func (t *transaction) addPlace(r *logRecord, p place) error {
	if _, there := t.placeIn(r, p.log); there || p.log == 0 || !t.mayStand(r, p) {
		return nil
	}
	t.changed = true
	if r.first.log != 0 {
		if err := t.log.Bucket(placesBucket).Put(placeKey(r.Seq, p.log), p.value()); err != nil || r.further {
			return err
		}
	}
	name := beBytes(r.Seq)
	envelope := present(t.records.Get(name), r.first)
	if r.first.log == 0 {
		setPlace(envelope, p)
		r.first = p
	} else {
		envelope[stateOffset] |= stateFurther
		r.further = true
	}
	seal(r.Seq, envelope)
	return t.records.Put(name, envelope)
}

// mayStand tells whether a log may be among a record's places: any, but for the kinds that count in the logs of the node alone whose log stands first.
func (t *transaction) mayStand(r *logRecord, p place) bool {
	if !homely(r.Kind) || r.first.log == 0 {
		return true
	}
	home, log := t.store.logs.numbered(r.first.log), t.store.logs.numbered(p.log)
	return home == nil || log == nil || home.origin.Domain == log.origin.Domain
}
