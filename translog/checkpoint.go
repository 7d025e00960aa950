package translog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

// MaxCheckpointBytes bounds a checkpoint with all its signatures.
const MaxCheckpointBytes = 16 << 10

// ErrSignature is the kind of error for a note that its log did not sign.
var ErrSignature = errors.New("the signature of the log is missing or wrong")

// Checkpoint is a signed head of a log (c2sp.org/tlog-checkpoint). One made by [SignCheckpoint] or [ParseCheckpoint] was signed by its log.
type Checkpoint struct {
	Origin string // the log's name, the first line
	Size   uint64 // number of entries, at most MaxSize
	Root   Hash   // root of the tree of these entries
	Note   []byte // the whole signed note as received, with all signatures; at most MaxCheckpointBytes. Not to be changed
}

// SignCheckpoint signs a head. The log's origin is the signer's name. A log must never sign two heads that contradict each other: the caller
// has the size and the root on disk before it asks for this.
func SignCheckpoint(s note.Signer, size uint64, root Hash) (Checkpoint, error) {
	if size > MaxSize || size == 0 && root != EmptyRoot() {
		return Checkpoint{}, fmt.Errorf("no tree has %d entries and this root", size)
	}
	c := Checkpoint{Origin: s.Name(), Size: size, Root: root}
	signed, err := note.Sign(&note.Note{Text: c.text()}, s)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("signing the checkpoint: %w", err)
	}
	c.Note = signed
	return c, nil
}

// text is the signed part of the note: three lines.
func (c Checkpoint) text() string {
	return string(log.Checkpoint{Origin: c.Origin, Size: c.Size, Hash: c.Root[:]}.Marshal())
}

// ParseCheckpoint reads a checkpoint and checks that v's key signed it. It must be at most MaxCheckpointBytes, with at most MaxSignatures
// signature lines; its origin line must be v's name, and there must be no extension lines, which nobody could audit. Signatures of others
// stay in the note, unjudged: see [Checkpoint.Cosigners]. Errors are of the kinds ErrMalformed and ErrSignature.
func ParseCheckpoint(data []byte, v note.Verifier) (Checkpoint, error) {
	c, err := readHead(data)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fmt.Errorf("%w: it is a checkpoint of %s, and the key is that of %s", ErrSignature, clip(c.Origin), v.Name())
	}
	if _, err := note.Open(data, note.VerifierList(v)); err != nil {
		if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
			return Checkpoint{}, fmt.Errorf("%w: no signature by the key %08x", ErrSignature, v.KeyHash())
		}
		if _, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
			return Checkpoint{}, ErrSignature
		}
		return Checkpoint{}, fmt.Errorf("%w checkpoint: %w", ErrMalformed, err)
	}
	c.Note = append([]byte(nil), data...)
	return c, nil
}

// NoteOrigin reads the origin line of a checkpoint, checking the note's form and nothing else: it says which log's key to check it with.
func NoteOrigin(data []byte) (string, error) {
	c, err := readHead(data)
	return c.Origin, err
}

// readHead reads a note's three lines and its signature lines in their one spelling, without judging a signature.
func readHead(data []byte) (Checkpoint, error) {
	text, _, err := splitNote(data)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: %w", ErrMalformed, err)
	}
	parts := strings.Split(text, "\n")
	if len(parts) != 4 || parts[3] != "" {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: want three lines above the signatures: origin, size, root", ErrMalformed)
	}
	c := Checkpoint{Origin: parts[0]}
	if err := checkName(c.Origin); err != nil {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: bad origin line", ErrMalformed)
	}
	if c.Size, err = parseSize(parts[1]); err != nil {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: %w", ErrMalformed, err)
	}
	if c.Root, err = parseHash(parts[2]); err != nil {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: %w", ErrMalformed, err)
	}
	if c.Size == 0 && c.Root != EmptyRoot() {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: an empty tree has another root", ErrMalformed)
	}
	return c, nil
}

// parseSize reads a number of entries in its one spelling.
func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s || n > MaxSize {
		return 0, fmt.Errorf("a size is a decimal number of at most 2^%d, without leading zeros", sizeBits)
	}
	return n, nil
}

// parseHash reads a hash in base64 in its one spelling.
func parseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != base64.StdEncoding.EncodedLen(HashSize) || strings.ContainsAny(s, "\r\n") {
		return h, errors.New("a hash is 44 characters of base64")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != HashSize {
		return h, errors.New("a hash is 44 characters of base64")
	}
	return Hash(raw), nil
}

// clip makes text from outside fit for a message.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}
