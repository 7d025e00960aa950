package translog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	// MaxSignatures bounds the signature lines of a note: the log's own and its cosigners'. (c2sp.org/signed-note asks for at least 16.)
	MaxSignatures = 64

	signaturePrefix = "— "
	keyHashBytes    = 4
)

// signatureLine is one line "— name base64" of a note.
type signatureLine struct {
	name string
	hash uint32
	sig  []byte // without the key hash
	text []byte // the whole line with its newline
}

// splitNote splits a note into its text (with the last newline) and its signature lines, all in their one spelling.
func splitNote(data []byte) (string, []signatureLine, error) {
	if len(data) > MaxCheckpointBytes {
		return "", nil, fmt.Errorf("%d bytes are more than the %d that a signed note may have", len(data), MaxCheckpointBytes)
	}
	if !utf8.Valid(data) || bytes.IndexFunc(data, func(r rune) bool { return r < 0x20 && r != '\n' }) >= 0 {
		return "", nil, errors.New("a note is UTF-8 text without control characters")
	}
	split := bytes.LastIndex(data, []byte("\n\n"))
	if split < 0 {
		return "", nil, errors.New("no empty line before signatures")
	}
	lines, err := parseSignatures(data[split+2:])
	if err != nil {
		return "", nil, err
	}
	return string(data[:split+1]), lines, nil
}

// parseSignatures reads one or more signature lines.
func parseSignatures(data []byte) ([]signatureLine, error) {
	if len(data) == 0 || data[len(data)-1] != '\n' {
		return nil, errors.New("no signature, or the last line has no end")
	}
	if n := bytes.Count(data, []byte("\n")); n > MaxSignatures {
		return nil, fmt.Errorf("%d signatures are more than %d", n, MaxSignatures)
	}
	var lines []signatureLine
	for line := range bytes.Lines(data) {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), signaturePrefix)
		name, encoded, two := strings.Cut(rest, " ")
		raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if !ok || !two || err != nil || checkName(name) != nil || len(raw) <= keyHashBytes {
			return nil, errors.New("a signature line is: an em dash, the key's name, base64")
		}
		lines = append(lines, signatureLine{name: name, hash: binary.BigEndian.Uint32(raw), sig: raw[keyHashBytes:], text: line})
	}
	return lines, nil
}

// Cosignature says that a cosigner vouches for a checkpoint.
type Cosignature struct {
	Name string    // of the cosigner
	Time time.Time // when it cosigned, UTC, whole seconds; it is the cosigner's own word
}

// Cosigners lists which of the verifiers (made by [NewCosignatureVerifier]) cosigned the checkpoint, in the order of the note's lines, each
// once. A line of another key, or a wrong signature, counts as none and spoils no other. It costs at most one verification for each
// verifier.
func (c Checkpoint) Cosigners(verifiers []note.Verifier) []Cosignature {
	text, lines, err := splitNote(c.Note)
	if err != nil {
		return nil
	}
	var found []Cosignature
	tried := make([]bool, len(verifiers))
	for _, line := range lines {
		for i, v := range verifiers {
			if tried[i] || v.Name() != line.name || v.KeyHash() != line.hash {
				continue
			}
			tried[i] = true
			if at, ok := cosignedAt(line.sig); ok && v.Verify([]byte(text), line.sig) {
				found = append(found, Cosignature{Name: line.name, Time: at})
			}
		}
	}
	return found
}

// ClaimedCosigners lists what has the form of a cosignature/v1 in the note (c2sp.org/tlog-cosignature), by others than the log itself: who is
// said to have cosigned, without a key to check it with. At most MaxSignatures.
func (c Checkpoint) ClaimedCosigners() []Cosignature {
	_, lines, err := splitNote(c.Note)
	if err != nil {
		return nil
	}
	var claimed []Cosignature
	for _, line := range lines {
		at, ok := cosignedAt(line.sig)
		if !ok || len(line.sig) != timestampBytes+ed25519.SignatureSize || line.name == c.Origin {
			continue
		}
		claimed = append(claimed, Cosignature{Name: line.name, Time: at})
	}
	return claimed
}

// cosignedAt reads the time of a cosignature (c2sp.org/tlog-cosignature: it must not exceed 2^63 - 1).
func cosignedAt(sig []byte) (time.Time, bool) {
	if len(sig) < timestampBytes {
		return time.Time{}, false
	}
	seconds := binary.BigEndian.Uint64(sig)
	if seconds > math.MaxInt64 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// AddSignatures gives the checkpoint with further signature lines, as a witness answers them, behind those that it has. Of two lines by one
// key the later one stands. The lines' signatures are not judged: check them with [VerifyCosignature] first. The result keeps within
// MaxSignatures and MaxCheckpointBytes, or there is an error of kind ErrMalformed and no change.
func AddSignatures(c Checkpoint, lines []byte) (Checkpoint, error) {
	text, have, err := splitNote(c.Note)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w checkpoint: %w", ErrMalformed, err)
	}
	if len(lines) > MaxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("%w signatures: more than %d bytes", ErrMalformed, MaxCheckpointBytes)
	}
	added, err := parseSignatures(lines)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w signatures: %w", ErrMalformed, err)
	}
	type key struct {
		name string
		hash uint32
	}
	last := map[key]int{}
	all := slices.Concat(have, added)
	for i, line := range all {
		last[key{line.name, line.hash}] = i
	}
	b := append([]byte(text), '\n')
	for i, line := range all {
		if last[key{line.name, line.hash}] == i {
			b = append(b, line.text...)
		}
	}
	if len(last) > MaxSignatures || len(b) > MaxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("%w signatures: the note would be larger than %d signatures or %d bytes", ErrMalformed, MaxSignatures, MaxCheckpointBytes)
	}
	c.Note = b
	return c, nil
}
