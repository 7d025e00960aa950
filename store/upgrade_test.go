package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/store"
)

// firstFormat writes the folder of a store as the first format had it: records alone, no logs. Every tenth claim is erased.
func firstFormat(t *testing.T, claims []*protocol.Claim) (dir string) {
	t.Helper()
	dir = t.TempDir()
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	write := func(name string, fill func(tx *bbolt.Tx) error) {
		t.Helper()
		db, err := bbolt.Open(filepath.Join(dir, name), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Update(fill), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	write("log.db", func(tx *bbolt.Tx) error {
		buckets := map[string]*bbolt.Bucket{}
		for _, name := range []string{"meta", "records", "unindexed"} {
			var err error
			if buckets[name], err = tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		erased := uint64(0)
		for i, claim := range claims {
			seq := uint64(i + 1)
			var err error
			if i%10 == 9 {
				erased++
				err = buckets["records"].Put(number(seq), firstEnvelope(seq, claim, true))
			} else {
				err = buckets["records"].Put(number(seq), firstEnvelope(seq, claim, false))
			}
			if err != nil {
				return err
			}
		}
		return errors.Join(buckets["meta"].Put([]byte("version"), number(1)), buckets["meta"].Put([]byte("identity"), make([]byte, 16)),
			buckets["meta"].Put([]byte("erased"), number(erased)))
	})
	write("index.db", func(tx *bbolt.Tx) error {
		for _, name := range []string{"meta", "ids", "terms"} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("version"), number(1))
	})
	return dir
}

// ingestedFirst is when the first format's claims were taken in.
func ingestedFirst(i int) time.Time {
	return noon.Add(time.Duration(i) * time.Second).Truncate(time.Millisecond)
}

func firstEnvelope(seq uint64, c *protocol.Claim, erased bool) []byte {
	record, sig, raw := c.RecordHash(), c.SigHash(), c.Raw()
	state := byte(0)
	if erased {
		state = 1
	}
	b := []byte{1, 1, state, 0}
	b = binary.BigEndian.AppendUint64(b, uint64(ingestedFirst(int(seq-1)).UnixMilli()))
	b = append(append(b, record[:]...), sig[:]...)
	b = append(b, 0, 0, 0, 0)
	if erased {
		b = append(binary.BigEndian.AppendUint64(b, uint64(noon.UnixMilli())), "long ago"...)
	} else {
		b = append(b, 0)
		b = binary.BigEndian.AppendUint64(b, uint64(c.Time().Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(c.Time().Nanosecond()))
		for _, n := range []int{
			bytes.Index(raw, []byte(c.Subject)), bytes.Index(raw, []byte(c.Domain)), len(c.Domain), bytes.Index(raw, []byte(c.Type)), len(c.Type),
		} {
			b = binary.BigEndian.AppendUint16(b, uint16(n))
		}
		b = append(b, raw...)
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, binary.BigEndian.AppendUint64(nil, seq))
	sum = crc32.Update(crc32.Update(sum, table, b[:76]), table, b[80:])
	binary.BigEndian.PutUint32(b[76:], sum)
	return b
}

// A store of the first format gets logs: the own log has its records as first entries, in their order, with their times.
func TestAStoreOfTheFirstFormatIsUpgraded(t *testing.T) {
	claims := make([]*protocol.Claim, 700)
	for i := range claims {
		claims[i] = made{id: uint64(i), subject: i % 5}.claim(t)
	}
	dir := firstFormat(t, claims)
	s := open(t, dir, withLog(store.Options{MergeClaims: 64}))
	other := newOtherLog("other.example")
	check := func(s *store.Store, mirrored bool) {
		t.Helper()
		checkLog(t, s, home)
		entries, err := s.Entries(t.Context(), home.String(), 0, 700)
		if err != nil || len(entries) != 700 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		for i, claim := range claims {
			if want := protocol.NewEntry(claim, ingestedFirst(i)); entries[i] != want {
				t.Fatalf("entry %d is %+v, want %+v", i, entries[i], want)
			}
			receipt, err := s.Receipt(t.Context(), claim.RecordHash())
			if err != nil || receipt.Index != uint64(i) {
				t.Fatalf("receipt %d: %+v, %v", i, receipt, err)
			}
			record, err := s.Claim(t.Context(), claim.SigHash())
			var erased *store.ErasedError
			if gone := i%10 == 9; gone != errors.As(err, &erased) || !gone && (err != nil || !bytes.Equal(record.Raw, claim.Raw())) {
				t.Fatalf("claim %d: %+v, %v", i, record, err)
			}
			if places := len(record.Places); !record.Own || places != 1+b2i(mirrored && i < 100) || !record.IngestedAt.Equal(ingestedFirst(i)) {
				t.Fatalf("claim %d: %+v, %s", i, record.Places, record.IngestedAt)
			}
		}
		if found := findAll(t, s, store.Query{Domain: "shop.example.com"}); len(found) != 630 || s.Stats().Claims != 630+uint64(b2i(mirrored)) {
			t.Errorf("%d are found, %d counted", len(found), s.Stats().Claims)
		}
	}
	check(s, false)
	if a := mustAppend(t, s, claims[3], made{id: 5_000, domain: "new.example"}.claim(t)); !a[0].Duplicate || a[0].Index != 3 || a[1].Index != 700 {
		t.Errorf("%+v", a)
	}
	// What the old format wrote gets further places like all else, erased or not.
	for _, claim := range claims[:100] {
		other.add(claim)
	}
	other.mirror(t, s)
	other.settle(t, s, store.Held)
	check(s, true)
	if err := s.EraseClaim(t.Context(), claims[100].SigHash(), "now", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	checkLog(t, s, home)
	if r, err := s.Receipt(t.Context(), claims[100].RecordHash()); err != nil || r.Index != 100 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, name := range []string{"log.db", "index.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// Without an own log the records stay where they are until there is one.
func TestAnUpgradedStoreWithoutALogKeepsItsRecords(t *testing.T) {
	claims := []*protocol.Claim{made{id: 1}.claim(t), made{id: 2}.claim(t)}
	dir := firstFormat(t, claims)
	s := open(t, dir, store.Options{})
	if a := mustAppend(t, s, claims[0], made{id: 3}.claim(t)); !a[0].Duplicate || a[0].Receipt != nil || a[1].Duplicate {
		t.Errorf("%+v", a)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	if head, _ := s.Own(); head.Size != 2 {
		t.Errorf("%+v", head)
	}
	a := mustAppend(t, s, claims[1], made{id: 3}.claim(t)) // what came in between gets its entry when it comes again
	if !a[0].Duplicate || a[0].Index != 1 || a[1].Duplicate || a[1].Index != 2 {
		t.Errorf("%+v", a)
	}
	checkLog(t, s, home)
}
