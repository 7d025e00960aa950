package store_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
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

// secondFormatRecords are what the mirror of other.example in testdata/format2 has of kinds that the second format did not know.
func secondFormatRecords(t *testing.T) []protocol.Record {
	const home = "other.example"
	a := said{home: home, name: "before"}.assertion(t)
	issuer := issuerOf(home, 0)
	return []protocol.Record{
		issuerRecord(t, home, 0, 1), a, editing(t, a, home, issuer, 1, protocol.AssertionMetadata{DisplayName: "after"}),
		revoking(t, a.ID(), issuer, protocol.ActionRevoke, noon),
	}
}

// secondFormat unpacks a folder that the second format's program wrote: five claims and an observation of its own, one erased, and a mirror of other.example
// with claims (0–2 held, 8 missing, 9 in quarantine), the records above (3–6) and one of a later kind (7), which it skipped, and an assertion that
// is not settled yet (10).
func secondFormat(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"log.db", "index.db"} {
		text, err := os.ReadFile(filepath.Join("testdata", "format2", name+".gz.txt"))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(unpacked)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWhatTheSecondFormatSkippedIsAskedFor(t *testing.T) {
	dir := secondFormat(t)
	const other = "other.example/mir-dev"
	s := open(t, dir, withLog(store.Options{}))
	checkLog(t, s, home)
	checkLog(t, s, originOf("other.example", 1))
	if head, _ := s.Head(other); head.Size != 11 || head.Settled != 10 || head.Missing != 5 || head.Quarantined != 1 || head.GivenUp != 0 {
		t.Fatalf("%+v", head)
	}
	if found := findAll(t, s, store.Query{Domain: "shop.example.com"}); len(found) != 7 {
		t.Errorf("%d claims", len(found))
	}
	if seen, _, err := s.Observations(t.Context(), "shop.example", 0, ""); err != nil || len(seen) != 1 {
		t.Errorf("%v, %v", seen, err)
	}
	var erased *store.ErasedError
	if _, err := s.Claim(t.Context(), made{id: 21}.claim(t).SigHash()); !errors.As(err, &erased) || erased.Reason != "long ago" {
		t.Error(err)
	}
	due, err := s.MissingDue(t.Context(), noon, 100, 100)
	if err != nil || len(due) != 4 {
		t.Fatalf("%+v, %v", due, err)
	}
	records := secondFormatRecords(t)
	for i, d := range due {
		if d.Origin != other || d.Index != uint64(3+i) || d.Kind != records[i].Kind() || d.Hash != records[i].RecordHash() || d.Attempts != 0 || d.IngestedAt.IsZero() {
			t.Errorf("%+v is due, want %s", d, records[i].Kind())
		}
		if err := s.ResolveMissing(t.Context(), other, d.Index, store.Outcome{State: store.Held, Record: records[i]}, noon); err != nil {
			t.Error(err)
		}
	}
	check := func(s *store.Store) {
		t.Helper()
		if head, _ := s.Head(other); head.Missing != 1 || head.Settled != 10 {
			t.Errorf("%+v", head)
		}
		if lines := about(t, s, 0, store.ArtifactQuery{}); len(lines) != 1 || !strings.HasSuffix(lines[0], `{"displayName":"after"} REVOKE at 01.000`) {
			t.Error(lines)
		}
		if issuer, _, err := s.Issuer(t.Context(), issuerOf("other.example", 0)); err != nil || issuer.Sequence != 1 {
			t.Errorf("%+v, %v", issuer, err)
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, withLog(store.Options{})))
}
