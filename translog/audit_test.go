package translog_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"mirnode/protocol"
	"mirnode/translog"
)

// crooked is a log whose answers pass through a function first.
type crooked struct {
	*memLog
	alter func(path string, data []byte) ([]byte, error)
}

func (c *crooked) ReadTile(ctx context.Context, t translog.Tile) ([]byte, error) {
	data, err := c.memLog.ReadTile(ctx, t)
	if err != nil {
		return nil, err
	}
	return c.alter(t.Path(), data)
}

func (c *crooked) ReadEntries(ctx context.Context, t translog.Tile) ([]byte, error) {
	data, err := c.memLog.ReadEntries(ctx, t)
	if err != nil {
		return nil, err
	}
	return c.alter(t.EntriesPath(), data)
}

func TestAudit(t *testing.T) {
	for _, size := range []int{0, 1, 255, 256, 257, 70_000} {
		l := newLog(t, size, "a")
		line, err := cosigner(t, "node2.test/mir").Cosign(l.checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		if l.checkpoint, err = translog.AddSignatures(l.checkpoint, line); err != nil {
			t.Fatal(err)
		}
		var next, last uint64
		paths := make(chan string, 1000)
		source := &crooked{l, func(path string, data []byte) ([]byte, error) { paths <- path; return data, nil }}
		report, err := translog.Audit(t.Context(), source, verifier(t, origin), translog.AuditOptions{
			CheckTiles: true,
			Cosigners:  []note.Verifier{cosignatureVerifier(t, "node2.test/mir")},
			Progress: func(done, total uint64) {
				if done <= last || total != uint64(size) {
					t.Errorf("progress %d of %d after %d", done, total, last)
				}
				last = done
			},
			Entry: func(_ context.Context, index uint64, e protocol.Entry) error {
				if index != next || !bytes.Equal(e.Canonical(), l.entries[index]) {
					t.Fatalf("entry %d: %+v", index, e)
				}
				next++
				return nil
			},
		})
		if err != nil {
			t.Fatalf("%d entries: %v", size, err)
		}
		close(paths)
		if next != uint64(size) || last != next || report.Entries != next || report.Kinds["claim"] != next || len(report.Cosigners) != 1 || report.Consistent {
			t.Errorf("%d entries: %d seen, %+v", size, next, report)
		}
		checkPaths(t, paths, l, report.Tiles)
	}
}

// checkPaths compares what an audit read with what the tree has: each tile and each bundle, once.
func checkPaths(t *testing.T, paths <-chan string, l *memLog, tiles uint64) {
	t.Helper()
	var want, got []string
	for id, data := range l.tiles {
		id.Width = len(data) / translog.HashSize
		want = append(want, id.Path())
		if id.Level == 0 {
			want = append(want, id.EntriesPath())
		}
	}
	for p := range paths {
		got = append(got, p)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) || tiles != uint64(len(l.tiles)) {
		t.Errorf("%d entries: read %q, the tree has %q; %d tiles reported", len(l.entries), got, want, tiles)
	}
}

// TestAuditFinds: whatever is altered in whatever resource is found, and said to be where it is.
func TestAuditFinds(t *testing.T) {
	large, small := newLog(t, 70_000, "a"), newLog(t, 5_000, "a")
	swap := func(data []byte) []byte { // two entries of one bundle, of equal length
		entries, err := translog.ParseEntryBundle(bytes.Clone(data), translog.TileWidth)
		if err != nil {
			t.Error(err)
		}
		entries[3], entries[4] = entries[4], entries[3]
		return translog.EntryBundle(entries)
	}
	for path, c := range map[string]struct {
		kind  translog.FindingKind
		alter func([]byte) []byte
	}{
		"tile/0/000":        {translog.BadTile, func(b []byte) []byte { return changed(b, 1234) }},
		"tile/0/019.p/136":  {translog.BadTile, func(b []byte) []byte { return changed(b, 0) }},
		"tile/0/010":        {translog.BadTile, func(b []byte) []byte { return b[:100] }},
		"tile/1/000":        {translog.BadTile, func(b []byte) []byte { return changed(b, 65_535) }},
		"tile/1/001.p/17":   {translog.BadTile, func(b []byte) []byte { return append(bytes.Clone(b), 0) }},
		"tile/2/000.p/1":    {translog.BadTile, func(b []byte) []byte { return changed(b, 5) }},
		"tile/entries/000":  {translog.BadEntry, func(b []byte) []byte { return b[:len(b)-1] }},
		"tile/entries/001":  {translog.BadEntry, func(b []byte) []byte { return bytes.Replace(b, []byte("claim"), []byte("CLAIM"), 1) }},
		"tile/entries/002":  {translog.BadEntry, func([]byte) []byte { return nil }},
		"tile/entries/003":  {translog.BadRoot, swap},
		"tile/entries/003 ": {translog.BadTile, swap},
		"tile/entries/018 ": {translog.BadTile, func(b []byte) []byte { return bytes.Replace(b, []byte("claim"), []byte("klaim"), 1) }},
	} {
		place, checkTiles := strings.CutSuffix(path, " ")
		checkTiles = checkTiles || c.kind == translog.BadTile
		l := small
		if strings.HasPrefix(path, "tile/1/") || strings.HasPrefix(path, "tile/2/") {
			l = large
		}
		source := &crooked{l, func(p string, data []byte) ([]byte, error) {
			if p == place {
				data = c.alter(data)
			}
			return data, nil
		}}
		_, err := translog.Audit(t.Context(), source, verifier(t, origin), translog.AuditOptions{CheckTiles: checkTiles})
		finding, ok := errors.AsType[*translog.Finding](err)
		if !ok || finding.Kind != c.kind || finding.Error() == "" {
			t.Errorf("%s altered: %v", path, err)
		}
	}
}

func TestAuditOfHeads(t *testing.T) {
	l := newLog(t, 300, "a")
	old := l.checkpoint
	audit := func(l translog.LogSource, o translog.AuditOptions) (translog.AuditReport, error) {
		return translog.Audit(t.Context(), l, verifier(t, origin), o)
	}
	l.grow(t, canonical(400, "b"))
	if report, err := audit(l, translog.AuditOptions{Known: &old}); err != nil || !report.Consistent {
		t.Errorf("a log that grew: %v", err)
	}
	if report, err := audit(l, translog.AuditOptions{Known: &l.checkpoint}); err != nil || !report.Consistent {
		t.Errorf("a log that did not: %v", err)
	}
	other := newLog(t, 700, "c")
	finding := func(err error, kind translog.FindingKind) *translog.Finding {
		t.Helper()
		f, ok := errors.AsType[*translog.Finding](err)
		if !ok || f.Kind != kind {
			t.Fatalf("%v, want a finding of kind %s", err, kind)
		}
		return f
	}
	for _, known := range []translog.Checkpoint{old, l.checkpoint} {
		_, err := audit(other, translog.AuditOptions{Known: &known})
		f := finding(err, translog.BadHistory)
		if f.Fork == nil || f.Fork.Verify(verifier(t, origin)) != nil {
			t.Errorf("another history after %d entries: no proof of it", known.Size)
		}
	}
	_, err := audit(newLog(t, 300, "a"), translog.AuditOptions{Known: &l.checkpoint})
	finding(err, translog.BadHistory)
	_, err = translog.Audit(t.Context(), l, verifier(t, "node2.test/mir"), translog.AuditOptions{})
	finding(err, translog.BadCheckpoint)
}

// TestAuditOfBrokenSources: what cannot be read is no finding, and ends the reading ahead; so does the caller's own error.
func TestAuditOfBrokenSources(t *testing.T) {
	l := newLog(t, 5000, "a")
	down := errors.New("the line is down")
	for _, place := range []string{"tile/entries/000", "tile/entries/007", "tile/0/003", "tile/1/000.p/19"} {
		source := &crooked{l, func(path string, data []byte) ([]byte, error) {
			if path == place {
				return nil, down
			}
			return data, nil
		}}
		if _, err := translog.Audit(t.Context(), source, verifier(t, origin), translog.AuditOptions{CheckTiles: true}); !errors.Is(err, down) {
			t.Errorf("%s: %v", place, err)
		}
	}
	_, err := translog.Audit(t.Context(), l, verifier(t, origin), translog.AuditOptions{
		Entry: func(context.Context, uint64, protocol.Entry) error { return down },
	})
	if !errors.Is(err, down) {
		t.Errorf("of the caller: %v", err)
	}
	// A log that claims entries without end costs no more than the bundles that it has.
	claims, err := translog.SignCheckpoint(signer(t, origin), translog.MaxSize, translog.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	l.checkpoint = claims
	if report, err := translog.Audit(t.Context(), l, verifier(t, origin), translog.AuditOptions{}); err == nil || report.Entries > 5000 {
		t.Errorf("a size without entries: %v", err)
	}
}
