package logread

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// algEd25519 is the kind of a key in C2SP signed-note.
const algEd25519 = 1

// Key is a log's public key, with its name, the origin.
type Key struct {
	Origin string
	Public ed25519.PublicKey
}

// ParseKey reads a key in C2SP's form: name, hash in hex, and key in base64, with plus signs between them.
func ParseKey(text string) (Key, error) {
	v, err := note.NewVerifier(text) // checks the hash against name and key
	if err != nil {
		return Key{}, fmt.Errorf("%w key %.200q: %w", ErrMalformed, text, err)
	}
	_, encoded, _ := strings.Cut(text, "+")
	_, encoded, _ = strings.Cut(encoded, "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algEd25519 {
		return Key{}, fmt.Errorf("%w key %.200q: it is no Ed25519 key", ErrMalformed, text)
	}
	return Key{Origin: v.Name(), Public: raw[1:]}, nil
}

// String writes the key as ParseKey reads it.
func (k Key) String() string {
	raw := append([]byte{algEd25519}, k.Public...)
	return fmt.Sprintf("%s+%08x+%s", k.Origin, k.hash(), base64.StdEncoding.EncodeToString(raw))
}

// hash is the first four bytes of SHA-256(name, newline, algorithm, key) (C2SP signed-note).
func (k Key) hash() uint32 {
	sum := sha256.Sum256(append(append([]byte(k.Origin+"\n"), algEd25519), k.Public...))
	return binary.BigEndian.Uint32(sum[:])
}

func (k Key) verifier() (note.Verifier, error) {
	if len(k.Public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w key of %q: it has %d bytes", ErrMalformed, k.Origin, len(k.Public))
	}
	v, err := note.NewVerifier(k.String())
	if err != nil {
		return nil, fmt.Errorf("%w key of %.200q: %w", ErrMalformed, k.Origin, err)
	}
	return v, nil
}

// Checkpoint is a log's signed head, whose signature was verified.
type Checkpoint struct {
	Origin string
	Size   int64 // entries
	Root   Hash
	Note   []byte // as it was served
	// Cosigners are the names under the signatures that are not the log's own, in their order. They are not checked.
	Cosigners []string
}

// Checkpoint reads the log's newest head.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	text, err := l.get(ctx, "checkpoint", maxCheckpointBytes)
	if err != nil {
		return Checkpoint{}, err
	}
	return l.key.ParseCheckpoint(text)
}

// ParseCheckpoint reads a checkpoint and verifies the log's own signature. It takes the form of C2SP tlog-checkpoint and no other spelling of it.
func (k Key) ParseCheckpoint(text []byte) (Checkpoint, error) {
	verifier, err := k.verifier()
	if err != nil {
		return Checkpoint{}, err
	}
	if len(text) > maxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: more than %d bytes", ErrMalformed, maxCheckpointBytes)
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified), errors.As(err, &invalid):
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrSignature, err)
	case err != nil:
		return Checkpoint{}, fmt.Errorf("%w checkpoint: %w", ErrMalformed, err)
	}
	c := Checkpoint{Note: bytes.Clone(text)}
	for _, s := range n.UnverifiedSigs {
		c.Cosigners = append(c.Cosigners, s.Name)
	}
	if c.Origin, c.Size, c.Root, err = parseHead(n.Text); err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != k.Origin {
		return Checkpoint{}, fmt.Errorf("%w: the checkpoint is of %.200q, and not of %s", ErrSignature, c.Origin, k.Origin)
	}
	return c, nil
}

// parseHead reads the signed text. Extension lines are allowed by C2SP; this project's logs have none, and what they would say could not be checked.
func parseHead(text string) (origin string, size int64, root Hash, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" {
		return "", 0, root, fmt.Errorf("%w checkpoint: it has other lines than origin, size and root", ErrMalformed)
	}
	size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxSize || strconv.FormatInt(size, 10) != lines[1] {
		return "", 0, root, fmt.Errorf("%w checkpoint: its size %.40q is none", ErrMalformed, lines[1])
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(raw) != len(root) {
		return "", 0, root, fmt.Errorf("%w checkpoint: its root %.80q is not 32 bytes in base64", ErrMalformed, lines[2])
	}
	return lines[0], size, Hash(raw), nil
}
