package logread

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// perAnswer is how many entries are asked for at once: what a node gives at most.
const perAnswer = 4096

// Entry is one leaf of a log.
type Entry struct {
	Line       []byte // the leaf's bytes, exactly
	IngestedAt time.Time
	Kind       string   // "claim" and others
	Record     [32]byte // SHA-256 of the record's canonical bytes, signature included
}

var entryForm = regexp.MustCompile(`^\{"ingestedAt":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)","kind":"([a-z][a-z-]{0,31})","record":"([0-9a-f]{64})"\}$`)

// ParseEntry reads a leaf. It takes the one form that docs/receipts.md shows.
func ParseEntry(line []byte) (Entry, error) {
	if len(line) > maxEntryBytes {
		return Entry{}, fmt.Errorf("%w entry: %d bytes", ErrMalformed, len(line))
	}
	parts := entryForm.FindSubmatch(line)
	if parts == nil {
		return Entry{}, fmt.Errorf("%w entry: %.200q", ErrMalformed, line)
	}
	at, err := time.Parse("2006-01-02T15:04:05.000Z", string(parts[1]))
	if err != nil {
		return Entry{}, fmt.Errorf("%w entry: its ingestedAt: %w", ErrMalformed, err)
	}
	e := Entry{Line: bytes.Clone(line), IngestedAt: at, Kind: string(parts[2])}
	if _, err := hex.Decode(e.Record[:], parts[3]); err != nil {
		return Entry{}, fmt.Errorf("%w entry: its record: %w", ErrMalformed, err)
	}
	return e, nil
}

// Entries reads the entries from start to before end, at most MaxRead, through /entries. A log that gives fewer, or more than were asked for, is
// malformed.
func (l *Log) Entries(ctx context.Context, start, end int64) ([]Entry, error) {
	if start < 0 || end < start || end-start > MaxRead {
		return nil, fmt.Errorf("%d to %d: at most %d entries are read", start, end, MaxRead)
	}
	all := make([]Entry, 0, min(end-start, perAnswer))
	for start < end {
		some, err := l.someEntries(ctx, start, end)
		if err != nil {
			return nil, err
		}
		all, start = append(all, some...), start+int64(len(some))
	}
	return all, nil
}

// someEntries reads one answer: at least one entry, and none that was not asked for.
func (l *Log) someEntries(ctx context.Context, start, end int64) ([]Entry, error) {
	stop := min(end, start+perAnswer)
	body, err := l.get(ctx, fmt.Sprintf("entries?start=%d&end=%d", start, stop), maxEntriesBytes)
	if err != nil {
		return nil, err
	}
	var some []Entry
	for len(body) > 0 {
		line, rest, ended := bytes.Cut(body, []byte("\n"))
		if !ended || int64(len(some)) == stop-start {
			return nil, fmt.Errorf("%w entries from %d: a line without an end, or more than the %d that were asked for", ErrMalformed, start, stop-start)
		}
		entry, err := ParseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", start+int64(len(some)), err)
		}
		some, body = append(some, entry), rest
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("%w entries from %d: there are none, below a checkpoint that has them", ErrMalformed, start)
	}
	return some, nil
}

// Bundle reads the n-th bundle of entries, with width entries (C2SP tlog-tiles): 256, or, for the last, what the checkpoint's size leaves.
func (l *Log) Bundle(ctx context.Context, n int64, width int) ([]Entry, error) {
	if n < 0 || width < 1 || width > tileWidth {
		return nil, fmt.Errorf("bundle %d of %d entries: there is none", n, width)
	}
	body, err := l.get(ctx, BundlePath(n, width), maxEntriesBytes)
	if err != nil {
		return nil, err
	}
	all := make([]Entry, 0, width)
	for len(body) > 0 {
		if len(body) < 2 || len(body)-2 < int(binary.BigEndian.Uint16(body)) || len(all) == width {
			return nil, fmt.Errorf("%w bundle %d: it does not have %d entries, each behind its length", ErrMalformed, n, width)
		}
		end := 2 + int(binary.BigEndian.Uint16(body))
		entry, err := ParseEntry(body[2:end])
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", n*tileWidth+int64(len(all)), err)
		}
		all, body = append(all, entry), body[end:]
	}
	if len(all) != width {
		return nil, fmt.Errorf("%w bundle %d: %d entries, and not %d", ErrMalformed, n, len(all), width)
	}
	return all, nil
}

// RootOf makes the root of a tree whose leaves are these entries (RFC 6962, 2.1). It hashes each leaf once.
func RootOf(entries []Entry) Hash {
	return Tree(entries).Root()
}

// LeafTree is a tree that is held whole, to make roots and proofs that no log has a part in.
type LeafTree struct {
	hashes stored
	size   int64
}

// Tree makes the tree of the entries.
func Tree(entries []Entry) *LeafTree {
	t := &LeafTree{}
	for _, e := range entries {
		t.Add(e.Line)
	}
	return t
}

// Add appends a leaf.
func (t *LeafTree) Add(leaf []byte) {
	// StoredHashes fails only when the reader does, and ours never does for what was added.
	more, _ := tlog.StoredHashes(t.size, leaf, t.hashes)
	t.hashes, t.size = append(t.hashes, more...), t.size+1
}

// Size is the number of leaves.
func (t *LeafTree) Size() int64 { return t.size }

// Root is the tree's root.
func (t *LeafTree) Root() Hash { return t.RootAt(t.size) }

// RootAt is the root that the tree had with fewer leaves; the empty tree's where size is not one that it had.
func (t *LeafTree) RootAt(size int64) Hash {
	if size < 0 || size > t.size {
		size = 0
	}
	root, _ := tlog.TreeHash(size, t.hashes)
	return root
}

// Reader gives access to the tree's hashes, for the functions of golang.org/x/mod/sumdb/tlog.
func (t *LeafTree) Reader() tlog.HashReader { return t.hashes }

// stored are the hashes of a tree in the order of tlog.StoredHashIndex.
type stored []Hash

// ReadHashes implements tlog.HashReader.
func (s stored) ReadHashes(indexes []int64) ([]Hash, error) {
	list := make([]Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(s)) {
			return nil, fmt.Errorf("the tree has no hash %d", index)
		}
		list[i] = s[index]
	}
	return list, nil
}
