package store_test

import (
	"errors"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// otherLog is another node's log, as a mirror of it learns it.
type otherLog struct {
	origin  protocol.Origin
	entries []protocol.Entry
	records []protocol.Record
	tree    translog.Frontier
}

func newOtherLog(domain string) *otherLog { return &otherLog{origin: originOf(domain, 1)} }

func (l *otherLog) name() string { return l.origin.String() }

// add appends records to the log, each a second after the one before.
func (l *otherLog) add(records ...protocol.Record) {
	for _, r := range records {
		at := time.Date(2026, 4, 1, 0, 0, len(l.entries), 5_000_000, time.UTC)
		l.addEntry(protocol.NewEntry(r, at), r)
	}
}

func (l *otherLog) addEntry(e protocol.Entry, r protocol.Record) {
	l.entries, l.records = append(l.entries, e), append(l.records, r)
	l.tree.Append(translog.LeafHash(e.Canonical()))
}

func (l *otherLog) checkpoint(t testing.TB) translog.Checkpoint {
	t.Helper()
	c, err := translog.SignCheckpoint(mustSigner(l.origin), l.tree.Size(), l.tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mirror brings the store's mirror of the log's entries up to date.
func (l *otherLog) mirror(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.OpenMirror(t.Context(), l.origin); err != nil {
		t.Fatal(err)
	}
	head, ok := s.Head(l.name())
	if !ok {
		t.Fatal("no head of the mirror")
	}
	c := l.checkpoint(t)
	if err := s.AppendEntries(t.Context(), l.name(), head.Size, l.entries[head.Size:], c.Root, &c); err != nil {
		t.Fatal(err)
	}
}

// settle settles what is not settled yet, as state, with bodies where that wants them.
func (l *otherLog) settle(t testing.TB, s *store.Store, state store.SettleState) {
	t.Helper()
	head, _ := s.Head(l.name())
	outcomes := l.outcomes(head.Settled, uint64(len(l.entries)), state)
	if err := s.Settle(t.Context(), l.name(), head.Settled, outcomes); err != nil {
		t.Fatal(err)
	}
}

func (l *otherLog) outcomes(from, to uint64, state store.SettleState) (outcomes []store.Outcome) {
	for i := from; i < to; i++ {
		o := store.Outcome{Index: i, State: state}
		if state == store.Held || state == store.Quarantined {
			o.Record = l.records[i]
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

func claims(t testing.TB, from, to uint64) (records []protocol.Record) {
	for id := from; id < to; id++ {
		records = append(records, made{id: id, subject: int(id % 3)}.claim(t))
	}
	return records
}

func TestAMirrorTakesEntriesThatMakeTheSignedTree(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{}))
	other := newOtherLog("other.example")
	other.add(claims(t, 0, 700)...)
	other.mirror(t, s)
	head, _ := s.Head(other.name())
	if byHash, ok := s.HeadByHash(other.origin.Hash()); !ok || byHash.Size != 700 || head.Own || head.Checkpoint.Size != 700 || head.Settled != 0 {
		t.Errorf("%+v", head)
	}
	checkLog(t, s, other.origin)
	signedRoot, forged := other.checkpoint(t), other.entries
	other.add(claims(t, 700, 1_000)...)
	more, whole := other.entries[700:], other.checkpoint(t)
	var wrong *store.RootError
	for name, try := range map[string]struct {
		start   uint64
		entries []protocol.Entry
		root    translog.Hash
		with    *translog.Checkpoint
		want    func(error) bool
	}{
		"an altered entry": {700, append(append([]protocol.Entry(nil), forged[:1]...), more[1:]...), whole.Root, &whole,
			func(err error) bool { return errors.As(err, &wrong) }},
		"one entry less":      {700, more[1:], whole.Root, nil, func(err error) bool { return errors.As(err, &wrong) }},
		"another signed head": {700, more, signedRoot.Root, nil, func(err error) bool { return errors.As(err, &wrong) }},
		"a gap":               {701, more[1:], whole.Root, &whole, func(err error) bool { return errors.Is(err, store.ErrNotNext) }},
		"what is there":       {0, forged, signedRoot.Root, nil, func(err error) bool { return errors.Is(err, store.ErrNotNext) }},
		"too many": {700, make([]protocol.Entry, store.MaxAppendEntries+1), whole.Root, nil,
			func(err error) bool { return errors.Is(err, store.ErrInvalid) }},
		"no kind": {700, []protocol.Entry{{IngestedAt: noon, Kind: "No Kind"}}, whole.Root, nil,
			func(err error) bool { return errors.Is(err, store.ErrInvalid) }},
		"half a millisecond": {700, []protocol.Entry{{IngestedAt: noon.Add(500), Kind: "claim"}}, whole.Root, nil,
			func(err error) bool { return errors.Is(err, store.ErrInvalid) }},
	} {
		if err := s.AppendEntries(t.Context(), other.name(), try.start, try.entries, try.root, try.with); !try.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.AppendEntries(t.Context(), home.String(), 0, more, whole.Root, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("entries for the own log: %v", err)
	}
	// Part of the way to a signed head, by a root that was proved otherwise: the head stays what it was.
	part := translog.Frontier{}
	for _, e := range other.entries[:800] {
		part.Append(translog.LeafHash(e.Canonical()))
	}
	if err := s.AppendEntries(t.Context(), other.name(), 700, more[:100], part.Root(), &whole); err != nil {
		t.Fatal(err)
	}
	if head, _ := s.Head(other.name()); head.Size != 800 || head.Checkpoint.Size != 700 {
		t.Errorf("%+v", head)
	}
	checkLog(t, s, other.origin)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	checkLog(t, s, other.origin)
	other.mirror(t, s)
	checkLog(t, s, other.origin)
	checkTiles(t, s, other)
}

// checkTiles reads each tile at each width that it ever had, and bundles.
func checkTiles(t *testing.T, s *store.Store, l *otherLog) {
	t.Helper()
	size := uint64(len(l.entries))
	tiles := s.Tiles(l.name())
	for index := uint64(0); index*translog.TileWidth < size; index++ {
		whole, _ := translog.TileIn(0, index, size)
		for width := 1; width <= translog.TileWidth; width += 50 {
			hashes, err := tiles.ReadTile(t.Context(), translog.Tile{Index: index, Width: width})
			bundle, bundleErr := s.EntryBundle(t.Context(), l.name(), index, width)
			if width > whole.Width {
				if !errors.Is(err, store.ErrNotFound) || !errors.Is(bundleErr, store.ErrNotFound) {
					t.Errorf("tile %d of width %d of %d: %v, %v", index, width, whole.Width, err, bundleErr)
				}
				continue
			}
			if err != nil || len(hashes) != width*translog.HashSize {
				t.Fatalf("tile %d of width %d: %d bytes, %v", index, width, len(hashes), err)
			}
			entries, err := translog.ParseEntryBundle(bundle, width)
			if err != nil || bundleErr != nil {
				t.Fatalf("bundle %d of width %d: %v, %v", index, width, err, bundleErr)
			}
			for i, e := range entries {
				if want := l.entries[int(index)*translog.TileWidth+i].Canonical(); string(e) != string(want) ||
					translog.LeafHash(e) != translog.Hash(hashes[i*translog.HashSize:]) {
					t.Fatalf("entry %d of tile %d is %s, want %s", i, index, e, want)
				}
			}
		}
	}
	if _, err := s.Tiles("nobody.example/mir").ReadTile(t.Context(), translog.Tile{Width: 1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a tile of nobody's log: %v", err)
	}
}

func TestHeadsTellWhatChanged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{}))
	other, third := newOtherLog("other.example"), newOtherLog("third.example")
	heads, next := s.Heads(0, 100)
	if len(heads) != 1 || !heads[0].Own || heads[0].Checkpoint.Note == nil {
		t.Fatalf("%+v", heads)
	}
	if again, after := s.Heads(next, 100); len(again) != 0 || after != next {
		t.Errorf("nothing changed, and Heads gives %v, %d", again, after)
	}
	mustAppend(t, s, made{id: 1}.claim(t))
	<-s.HeadsChanged()
	changed, next := s.Heads(next, 100)
	if len(changed) != 1 || changed[0].Size != 1 {
		t.Errorf("%+v", changed)
	}
	other.add(claims(t, 0, 3)...)
	third.add(claims(t, 5, 6)...)
	other.mirror(t, s)
	third.mirror(t, s)
	if first, mid := s.Heads(next, 1); len(first) != 1 || first[0].Origin != other.name() {
		t.Errorf("%+v", first)
	} else if second, end := s.Heads(mid, 1); len(second) != 1 || second[0].Origin != third.name() {
		t.Errorf("%+v", second)
	} else if rest, _ := s.Heads(end, 1); len(rest) != 0 {
		t.Errorf("%+v", rest)
	}
	_, next = s.Heads(next, 100)
	if err := s.Freeze(t.Context(), other.name(), "by hand"); err != nil {
		t.Fatal(err)
	}
	changed, next = s.Heads(next, 100)
	if len(changed) != 1 || !changed[0].Frozen || changed[0].FrozenWhy != "by hand" || changed[0].Size != 3 {
		t.Errorf("%+v", changed)
	}
	if err := s.SetCosignatures(t.Context(), third.name(), 1, []byte("cosigned")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, withLog(store.Options{}))
	heads, _ = s.Heads(next, 100) // a version of another run: everything
	if len(heads) != 3 || !heads[1].Frozen || string(heads[2].Cosigned.Note) != "cosigned" || heads[2].Cosigned.Size != 1 {
		t.Errorf("%+v", heads)
	}
	if err := s.AppendEntries(t.Context(), other.name(), 3, other.entries[:1], other.tree.Root(), nil); !errors.Is(err, store.ErrFrozen) {
		t.Errorf("appending to a frozen mirror: %v", err)
	}
}
