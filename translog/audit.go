package translog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/protocol"
)

// LogSource is a log to re-read, as c2sp.org/tlog-tiles serves it. Nothing that it answers is trusted. It must bound what it reads: a
// checkpoint by MaxCheckpointBytes, a bundle by [MaxBundleBytes]. It is called from several goroutines.
type LogSource interface {
	TileReader
	Checkpoint(ctx context.Context) ([]byte, error)
	ReadEntries(ctx context.Context, bundle Tile) ([]byte, error) // see [Tile.EntriesPath]
}

// MaxBundleBytes bounds a bundle of a node's log: its entries are canonical ones.
const MaxBundleBytes = TileWidth * (2 + protocol.MaxEntryBytes)

const (
	defaultParallel = 8
	maxParallel     = 64
)

// AuditOptions says what [Audit] does beside what it always does.
type AuditOptions struct {
	CheckTiles bool            // also read every tile and compare it with the recomputed one
	Parallel   int             // reads at a time, at most 64; 0: 8
	Known      *Checkpoint     // a head verified earlier: it must be a prefix of the present one
	Cosigners  []note.Verifier // whose cosignatures to look for
	// Progress, if set, is told after each bundle how many entries are checked.
	Progress func(done, total uint64)
	// Entry, if set, is given each entry in order. Its error ends the audit and is returned as it is.
	Entry func(ctx context.Context, index uint64, e protocol.Entry) error
}

// AuditReport says what an audit checked. It is given with errors too, as far as it came.
type AuditReport struct {
	Checkpoint  Checkpoint               // the log's signed head
	Cosigners   []Cosignature            // of AuditOptions.Cosigners
	Entries     uint64                   // read and hashed
	Tiles       uint64                   // read, and those that the entries make
	Bytes       uint64                   // of entries and tiles
	Kinds       map[protocol.Kind]uint64 // entries of each kind
	First, Last time.Time                // ingestedAt of the first and last entry
	Consistent  bool                     // with AuditOptions.Known
}

// FindingKind says what an audit found fault with.
type FindingKind string

// The kinds of findings.
const (
	BadCheckpoint FindingKind = "checkpoint" // not in form, or not signed by the log's key
	BadEntry      FindingKind = "entry"      // a bundle or an entry that is not in form
	BadTile       FindingKind = "tile"       // a tile that is not the one that the entries make
	BadRoot       FindingKind = "root"       // the entries are not those that the log signed
	BadHistory    FindingKind = "history"    // the log does not contain the head that was verified earlier
)

// Finding is an audit's verdict that the log is not as it should be.
type Finding struct {
	Kind  FindingKind
	Where string // what it is about: a path, an entry's number
	Err   error  // what is wrong
	Fork  *Fork  // of BadHistory: the proof that the log showed two histories, when there is one
}

// Error says what was found and where.
func (f *Finding) Error() string { return fmt.Sprintf("%s: %v", f.Where, f.Err) }

// Unwrap gives what is wrong.
func (f *Finding) Unwrap() error { return f.Err }

// Audit re-reads a whole log and recomputes its tree from the entries alone: every entry is canonical, the root is the one that v's key
// signed, and, with CheckTiles, each tile that is served is the one that the entries make. The error is a *[Finding] when the log is at fault,
// and else the source's own: then nothing is proved. It holds some bundles in memory, whatever the log's size, and the work of a log that
// claims a size without having it ends at the first bundle that is missing.
func Audit(ctx context.Context, src LogSource, v note.Verifier, o AuditOptions) (AuditReport, error) {
	a := &audit{src: src, o: o, report: AuditReport{Kinds: map[protocol.Kind]uint64{}}}
	if a.o.Parallel <= 0 || a.o.Parallel > maxParallel {
		a.o.Parallel = defaultParallel
	}
	err := a.run(ctx, v)
	return a.report, err
}

// audit is one audit under way.
type audit struct {
	src    LogSource
	o      AuditOptions
	report AuditReport

	frontier Frontier // of what was read
	tails    Tails
	prefix   Hash // root at the known head's size
}

func (a *audit) run(ctx context.Context, v note.Verifier) error {
	data, err := a.src.Checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	c, err := ParseCheckpoint(data, v)
	if err != nil {
		return &Finding{Kind: BadCheckpoint, Where: "checkpoint", Err: err}
	}
	a.report.Checkpoint, a.report.Cosigners = c, c.Cosigners(a.o.Cosigners)
	if known := a.o.Known; known != nil && known.Origin != c.Origin {
		return &Finding{Kind: BadHistory, Where: "checkpoint", Err: fmt.Errorf("the remembered one is of %s", known.Origin)}
	} else if known != nil && known.Size > c.Size {
		return &Finding{Kind: BadHistory, Where: "checkpoint",
			Err: fmt.Errorf("it has %d entries, and one of %d was verified before: this copy is behind, or cut off", c.Size, known.Size)}
	}
	if err := a.readAll(ctx, c.Size); err != nil {
		return err
	}
	if root := a.frontier.Root(); root != c.Root {
		return &Finding{Kind: BadRoot, Where: fmt.Sprintf("root of %d entries", c.Size),
			Err: fmt.Errorf("the log signed %x, its entries make %x", c.Root, root)}
	}
	return a.checkKnown(ctx, c)
}

// readAll reads all bundles, in order, some ahead.
func (a *audit) readAll(ctx context.Context, size uint64) error {
	bundles := (size + TileWidth - 1) / TileWidth
	read := func(ctx context.Context, i uint64) (pair, error) { return a.readPair(ctx, i, size) }
	for got, err := range readAhead(ctx, bundles, a.o.Parallel, read) {
		if err != nil {
			return err
		}
		if err := a.add(ctx, got); err != nil {
			return err
		}
		if a.o.Progress != nil {
			a.o.Progress(a.report.Entries, size)
		}
	}
	if !a.o.CheckTiles {
		return nil
	}
	for level := 1; level < tileLevels; level++ { // the partial ones above the leaves
		if hashes := size >> (level * TileHeight); hashes%TileWidth != 0 {
			t := Tile{Level: level, Index: hashes / TileWidth, Width: int(hashes % TileWidth)}
			if err := a.compareTile(ctx, t, a.tails.tiles[level]); err != nil {
				return err
			}
		}
	}
	return nil
}

// pair is a bundle and the tile of its leaves' hashes.
type pair struct {
	tile    Tile
	entries []byte
	hashes  []byte // nil when tiles are not checked
}

func (a *audit) readPair(ctx context.Context, index, size uint64) (pair, error) {
	t, _ := TileIn(0, index, size)
	p := pair{tile: t}
	var err error
	if p.entries, err = a.src.ReadEntries(ctx, t); err != nil {
		return pair{}, fmt.Errorf("reading %s: %w", t.EntriesPath(), err)
	}
	if a.o.CheckTiles {
		if p.hashes, err = a.src.ReadTile(ctx, t); err != nil {
			return pair{}, fmt.Errorf("reading %s: %w", t.Path(), err)
		}
	}
	return p, nil
}

// add checks a bundle's entries, appends them to the tree and compares the tiles that are full now.
func (a *audit) add(ctx context.Context, p pair) error {
	entries, err := ParseEntryBundle(p.entries, p.tile.Width)
	if err != nil {
		return &Finding{Kind: BadEntry, Where: p.tile.EntriesPath(), Err: err}
	}
	leaves := make([]Hash, len(entries))
	for i, data := range entries {
		if err := a.entry(ctx, data); err != nil {
			return err
		}
		leaves[i] = LeafHash(data)
	}
	a.notePrefix(leaves)
	a.report.Bytes += uint64(len(p.entries))
	g := Grow(a.frontier, a.tails, leaves)
	a.frontier, a.tails = g.Frontier(), g.Tails()
	if !a.o.CheckTiles {
		return nil
	}
	g.Tiles(func(t Tile, hashes []byte) {
		switch {
		case err != nil:
		case t.Level == 0:
			err = a.compare(t, hashes, p.hashes)
		case t.Width == TileWidth:
			err = a.compareTile(ctx, t, hashes)
		}
	})
	return err
}

func (a *audit) entry(ctx context.Context, data []byte) error {
	index := a.report.Entries
	e, err := protocol.ParseEntry(data)
	if err != nil {
		return &Finding{Kind: BadEntry, Where: fmt.Sprintf("entry %d", index), Err: err}
	}
	a.report.Entries++
	a.report.Kinds[kindName(a.report.Kinds, e.Kind)]++
	if index == 0 {
		a.report.First = e.IngestedAt
	}
	a.report.Last = e.IngestedAt
	if a.o.Entry != nil {
		return a.o.Entry(ctx, index, e)
	}
	return nil
}

// kindName bounds how many kinds a hostile log makes the report hold.
func kindName(kinds map[protocol.Kind]uint64, k protocol.Kind) protocol.Kind {
	const most = 64
	if _, ok := kinds[k]; !ok && !k.Known() && len(kinds) >= most {
		return "other"
	}
	return k
}

// notePrefix computes the root at the known head's size, when that lies among these leaves.
func (a *audit) notePrefix(leaves []Hash) {
	at := a.frontier.Size()
	if a.o.Known == nil || a.o.Known.Size <= at || a.o.Known.Size > at+uint64(len(leaves)) {
		return
	}
	f := a.frontier
	for _, leaf := range leaves[:a.o.Known.Size-at] {
		f.Append(leaf)
	}
	a.prefix = f.Root()
}

func (a *audit) compareTile(ctx context.Context, t Tile, want []byte) error {
	got, err := a.src.ReadTile(ctx, t)
	if err != nil {
		return fmt.Errorf("reading %s: %w", t.Path(), err)
	}
	return a.compare(t, want, got)
}

func (a *audit) compare(t Tile, want, got []byte) error {
	a.report.Bytes += uint64(len(got))
	if !bytes.Equal(want, got) {
		return &Finding{Kind: BadTile, Where: t.Path(), Err: errors.New("its hashes are not those that the entries make")}
	}
	a.report.Tiles++
	return nil
}

// checkKnown compares the history with the head that was verified earlier.
func (a *audit) checkKnown(ctx context.Context, c Checkpoint) error {
	known := a.o.Known
	if known == nil {
		return nil
	}
	if known.Size > 0 && a.prefix != known.Root {
		f := &Finding{Kind: BadHistory, Where: fmt.Sprintf("root of the first %d entries", known.Size),
			Err: fmt.Errorf("the log once signed %x, its entries make %x now", known.Root, a.prefix)}
		if fork, err := ProveFork(ctx, a.src, *known, c); err == nil {
			f.Fork = &fork
		}
		return f
	}
	a.report.Consistent = true
	return nil
}
