package translog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// MaxAddCheckpointBytes bounds the body of an add-checkpoint request: a checkpoint and MaxProofHashes lines.
const MaxAddCheckpointBytes = MaxCheckpointBytes + 4<<10

// AddCheckpoint is the body of a request for a cosignature (c2sp.org/tlog-witness, add-checkpoint).
type AddCheckpoint struct {
	OldSize uint64 // of the head that the witness is thought to know; 0: none
	Proof   []Hash // that the old head is a prefix of the new one; empty when OldSize is 0
	Note    []byte // the new checkpoint
}

// Marshal gives the request's body.
func (a AddCheckpoint) Marshal() []byte {
	b := fmt.Appendf(nil, "old %d\n", a.OldSize)
	for _, h := range a.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), a.Note...)
}

// ParseAddCheckpoint reads a request's body, at most MaxAddCheckpointBytes. It checks the form, the note's included, and no signature:
// [NoteOrigin] says whose key [AddCheckpoint.Verify] needs. The error is of kind ErrMalformed.
func ParseAddCheckpoint(data []byte) (AddCheckpoint, error) {
	if len(data) > MaxAddCheckpointBytes {
		return AddCheckpoint{}, fmt.Errorf("%w request: more than %d bytes", ErrMalformed, MaxAddCheckpointBytes)
	}
	head, signed, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok {
		return AddCheckpoint{}, fmt.Errorf("%w request: no empty line before the checkpoint", ErrMalformed)
	}
	if bytes.Count(head, []byte("\n")) > MaxProofHashes {
		return AddCheckpoint{}, fmt.Errorf("%w request: more than %d lines of proof", ErrMalformed, MaxProofHashes)
	}
	first, lines, more := strings.Cut(string(head), "\n")
	size, ok := strings.CutPrefix(first, "old ")
	if !ok {
		return AddCheckpoint{}, fmt.Errorf("%w request: the first line is not \"old SIZE\"", ErrMalformed)
	}
	var a AddCheckpoint
	var err error
	if a.OldSize, err = parseSize(size); err != nil {
		return AddCheckpoint{}, fmt.Errorf("%w request: %w", ErrMalformed, err)
	}
	if more {
		for line := range strings.SplitSeq(lines, "\n") {
			h, err := parseHash(line)
			if err != nil {
				return AddCheckpoint{}, fmt.Errorf("%w request: %w", ErrMalformed, err)
			}
			a.Proof = append(a.Proof, h)
		}
	}
	if _, err := readHead(signed); err != nil {
		return AddCheckpoint{}, err
	}
	a.Note = bytes.Clone(signed)
	return a, nil
}

// ErrOldSize is the kind of error for a request whose old size is larger than its checkpoint's: 400 in c2sp.org/tlog-witness.
var ErrOldSize = errors.New("the old size is larger than the checkpoint's")

// ConflictError says that the witness knows another head than the request builds on: 409 in c2sp.org/tlog-witness, with the known size as body.
type ConflictError struct {
	Size  uint64 // of the head that the witness cosigned last
	Roots bool   // the size is the same and the root another: the log shows two heads that cannot both be
}

// Error says what the witness knows.
func (e *ConflictError) Error() string {
	if e.Roots {
		return fmt.Sprintf("the log showed another root at %d entries", e.Size)
	}
	return fmt.Sprintf("the last cosigned checkpoint has %d entries", e.Size)
}

// Verify makes the checks of c2sp.org/tlog-witness, in its order, against the log's key and the head (size and root) that the witness cosigned
// last; size 0 when it never did. On success the caller keeps the checkpoint, durably and in one step with that comparison, and cosigns it.
// Errors: kind ErrSignature (403) and then ErrOldSize (400), *ConflictError (409), kind ErrProof (422). On a *ConflictError and an ErrProof
// the checkpoint is given too: it is signed, and may be evidence.
func (a AddCheckpoint) Verify(v note.Verifier, size uint64, root Hash) (Checkpoint, error) {
	c, err := ParseCheckpoint(a.Note, v)
	switch {
	case err != nil:
		return Checkpoint{}, err
	case a.OldSize > c.Size:
		return Checkpoint{}, ErrOldSize
	case a.OldSize != size:
		return c, &ConflictError{Size: size}
	case c.Size == size && size > 0 && c.Root != root:
		return c, &ConflictError{Size: size, Roots: true}
	}
	if size == 0 {
		root = EmptyRoot()
	}
	return c, CheckConsistency(size, c.Size, root, c.Root, a.Proof)
}
