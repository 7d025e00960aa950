package peer

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"mirnode/conformance/logread"
	"mirnode/protocol"
)

// Record is what a peer's log commits to, and what it gives when it is asked for it.
type Record struct {
	Kind string   // as the entry has it
	Hash [32]byte // as the entry has it
	Body []byte   // what is given for the hash; nil: it is missing
	// BodyKind is the kind that is said with the body; "": Kind.
	BodyKind string
}

// NewRecord makes an honest record of a claim's, an assertion's or a statement's bytes. Its signature may be wrong: only the form is looked at.
func NewRecord(kind string, raw []byte) (Record, error) {
	record, err := protocol.ParseRecord(protocol.Kind(kind), raw)
	if err != nil {
		return Record{}, err
	}
	return Record{Kind: kind, Hash: record.RecordHash(), Body: raw}, nil
}

// FormlessRecord makes a record of bytes that are of no form: its hash is that of the bytes.
func FormlessRecord(kind string, raw []byte) Record {
	return Record{Kind: kind, Hash: sha256.Sum256(raw), Body: raw}
}

// log is one history of a peer's log. It is not changed once it is signed.
type log struct {
	lines  [][]byte
	bodies map[[32]byte]Record
	tree   *logread.LeafTree
	note   []byte
}

// with is the log and more records, not signed yet.
func (l *log) with(at time.Time, records []Record) *log {
	grown := &log{lines: slices.Clone(l.lines), bodies: make(map[[32]byte]Record)}
	maps.Copy(grown.bodies, l.bodies)
	for _, r := range records {
		grown.lines = append(grown.lines, line(at, r.Kind, r.Hash))
		grown.bodies[r.Hash] = r
	}
	return grown
}

// line is an entry (docs/receipts.md).
func line(at time.Time, kind string, record [32]byte) []byte {
	return fmt.Appendf(nil, `{"ingestedAt":"%s","kind":"%s","record":"%s"}`, at.UTC().Format("2006-01-02T15:04:05.000Z"), kind, hex.EncodeToString(record[:]))
}

// cut is the log as it was with fewer entries, not signed yet.
func (l *log) cut(size int64) *log {
	return &log{lines: slices.Clone(l.lines[:min(max(0, size), int64(len(l.lines)))]), bodies: l.bodies}
}

// sign makes the tree and the signed head of the entries.
func (p *Peer) sign(l *log) (*log, error) {
	l.tree = &logread.LeafTree{}
	for _, line := range l.lines {
		l.tree.Add(line)
	}
	var err error
	l.note, err = head(p.Origin(), p.key, l.tree.Size(), l.tree.Root())
	return l, err
}

// head is a signed checkpoint (C2SP tlog-checkpoint).
func head(origin string, key ed25519.PrivateKey, size int64, root logread.Hash) ([]byte, error) {
	public := logread.Key{Origin: origin, Public: key.Public().(ed25519.PublicKey)}.String()
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
	seed := base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...)) // 1: Ed25519
	hash := public[len(origin)+1:][:8]
	signer, err := note.NewSigner("PRIVATE+KEY+" + origin + "+" + hash + "+" + seed)
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: text}, signer)
}

// maxLevel is the highest level of tiles in a log of less than 2^32 entries, which no peer's is.
const maxLevel = 3

var errNoTile = errors.New("the log has not reached this tile")

// tile is a tile's hashes, read out of the tree.
func (l *log) tile(t tlog.Tile) ([]byte, error) {
	most := l.tree.Size() // of tiles of any level, and so much below an overflow
	if t.L < 0 || t.L > maxLevel || t.N < 0 || t.N > most>>(t.L*logread.TileHeight) || (t.N<<logread.TileHeight+int64(t.W))<<(t.L*logread.TileHeight) > l.tree.Size() {
		return nil, errNoTile
	}
	return tlog.ReadTileData(t, l.tree.Reader())
}

// entries are those from start to before end.
func (l *log) entries(start, end int64) [][]byte {
	size := int64(len(l.lines))
	start, end = min(max(0, start), size), min(max(0, end), size)
	if start >= end {
		return nil
	}
	return l.lines[start:end]
}
