package store_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/store"
)

// sees is an observation of a key that is named by its seed.
func sees(t testing.TB, observer, domain, key string, at time.Time) *protocol.Observation {
	t.Helper()
	o, err := protocol.ObservationDraft{
		Observer: observer, Network: protocol.Development, Domain: domain, FirstSeen: at, LastSeen: at,
		Key: protocol.DomainKey{Public: nodeKey(key).Public().(ed25519.PublicKey), Channels: []protocol.Channel{protocol.DNS}},
	}.Sign(nodeKey(observer))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// history pages through what is told of a domain.
func history(t testing.TB, s *store.Store, domain string, page int) (all []store.PlacedObservation) {
	t.Helper()
	for cursor := ""; ; {
		some, next, err := s.Observations(t.Context(), domain, page, cursor)
		if err != nil || len(some) > page {
			t.Fatalf("%d observations, %v", len(some), err)
		}
		all = append(all, some...)
		if cursor = next; cursor == "" {
			return all
		}
	}
}

// TestOneObserverBuriesNoOther: whatever one observer logs, what the others saw is found, and found soon.
func TestOneObserverBuriesNoOther(t *testing.T) {
	dir := t.TempDir()
	options := withLog(store.Options{MergeClaims: 256})
	s := open(t, dir, options)
	flood, honest := newOtherLog("flood.example"), newOtherLog("honest.example")
	for i := range 1_500 { // three days full of them, all later than what the other saw on that day
		flood.add(sees(t, "flood.example", "shop.example", "many", noon.Add(time.Duration(i%3)*24*time.Hour).Add(time.Duration(i)*time.Second)))
	}
	for i := range 3 {
		honest.add(sees(t, "honest.example", "shop.example", "strange", noon.Add(time.Duration(i)*24*time.Hour-time.Hour)))
	}
	for _, l := range []*otherLog{flood, honest} {
		l.mirror(t, s)
		l.settle(t, s, store.Held)
	}
	check := func(s *store.Store) {
		t.Helper()
		whole := history(t, s, "shop.example", 1_000)
		if len(whole) != 3*store.MaxObservedDay+3 {
			t.Errorf("%d observations are told", len(whole))
		}
		for i, o := range whole {
			if i > 0 && o.LastSeen.After(whole[i-1].LastSeen) {
				t.Errorf("%d is newer than the one before", i)
			}
			if day := i / (store.MaxObservedDay + 1); (i%(store.MaxObservedDay+1) == store.MaxObservedDay) != (o.Observer == "honest.example") {
				t.Errorf("%d of day %d is of %s", i, day, o.Observer)
			}
		}
		for _, size := range []int{1, 5, 24, 25, 50} {
			paged := history(t, s, "shop.example", size)
			if !slices.EqualFunc(paged, whole, func(a, b store.PlacedObservation) bool { return a.Place == b.Place }) {
				t.Errorf("in pages of %d there are %d", size, len(paged))
			}
		}
		shown := map[string]int{}
		err := s.Observed(t.Context(), "shop.example", protocol.Fingerprint(nodeKey("strange").Public().(ed25519.PublicKey)),
			[]string{"flood.example", "honest.example", "nobody.example"}, func(o *protocol.Observation) bool {
				shown[o.Observer]++
				return o.LastSeen.After(noon)
			})
		if err != nil || len(shown) != 1 || shown["honest.example"] != 3 {
			t.Errorf("of the strange key is shown %v (%v)", shown, err)
		}
		clear(shown)
		err = s.Observed(t.Context(), "shop.example", "", []string{"honest.example"}, func(o *protocol.Observation) bool { shown[o.Observer]++; return true })
		if err != nil || len(shown) != 1 || shown["honest.example"] != 3 {
			t.Errorf("of all keys is shown %v (%v)", shown, err)
		}
		clear(shown)
		err = s.Observed(t.Context(), "shop.example", protocol.Fingerprint(nodeKey("many").Public().(ed25519.PublicKey)),
			[]string{"flood.example", "honest.example"}, func(o *protocol.Observation) bool { shown[o.Observer]++; return true })
		if err != nil || len(shown) != 1 || shown["flood.example"] != store.MaxObservations {
			t.Errorf("of the other key is shown %v (%v)", shown, err)
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, options)
	check(s)

	// An index from before observers were told apart is made anew.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(filepath.Join(dir, "index.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		terms := tx.Bucket([]byte("terms"))
		return errors.Join(tx.Bucket([]byte("meta")).Put([]byte("version"), binary.BigEndian.AppendUint64(nil, 2)),
			terms.ForEach(func(k, _ []byte) error { return terms.Delete(k) }))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, options))
}
