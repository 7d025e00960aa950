package translog

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"mirnode/internal/strictjson"
)

// MaxForkBytes bounds a fork proof in JSON: two notes (an em dash and a newline grow by their escapes) and MaxProofHashes hashes.
const MaxForkBytes = 4*MaxCheckpointBytes + 8<<10

// ErrConsistent says that two heads do not contradict each other.
var ErrConsistent = errors.New("the two checkpoints can both be: no fork")

// Fork proves that a log showed two histories: two heads that it signed, of which one cannot be a prefix of the other. Anybody who has the
// log's public key can check it offline. The log cannot deny it, and nobody else can make one.
//
// At equal sizes two different roots are the proof. Else Proof is a consistency proof which shows that Second commits to the root Prefix at
// First's size, and First has another root there.
type Fork struct {
	Origin        string // of the log
	First, Second []byte // the signed notes; First's size is not the larger one
	Prefix        Hash   // root at First's size, as Second commits to it
	Proof         []Hash // from Prefix to Second's root; empty at equal sizes
}

// NewFork makes the proof of two heads, given in any order, and checks it, apart from the signatures, which the checkpoints passed when they
// were parsed. At equal sizes prefix and proof are not looked at. The error is of kind ErrConsistent or ErrProof.
func NewFork(a, b Checkpoint, prefix Hash, proof []Hash) (Fork, error) {
	if a.Size > b.Size {
		a, b = b, a
	}
	if a.Size == b.Size {
		prefix, proof = b.Root, nil
	}
	f := Fork{Origin: a.Origin, First: a.Note, Second: b.Note, Prefix: prefix, Proof: proof}
	return f, f.check(a, b)
}

// ProveFork makes the proof that two heads of a log contradict each other out of the tiles of the larger one's tree. The tiles may come from
// anybody. The error is ErrConsistent when there is no fork; of kind ErrProof when the tiles do not belong to the larger head.
func ProveFork(ctx context.Context, tiles TileReader, a, b Checkpoint) (Fork, error) {
	if a.Size > b.Size {
		a, b = b, a
	}
	if a.Size == b.Size {
		return NewFork(a, b, Hash{}, nil)
	}
	prefix, err := AuthenticatedRoot(ctx, tiles, b, a.Size)
	if err != nil {
		return Fork{}, err
	}
	proof, err := ConsistencyProof(ctx, tiles, a.Size, b.Size)
	if err != nil {
		return Fork{}, err
	}
	return NewFork(a, b, prefix, proof)
}

// Verify checks everything that the proof says, against the log's key: the signatures of both heads, their origin, and that they contradict
// each other. Errors are of the kinds ErrMalformed, ErrSignature, ErrProof and ErrConsistent.
func (f Fork) Verify(v note.Verifier) error {
	first, err := ParseCheckpoint(f.First, v)
	if err != nil {
		return fmt.Errorf("first checkpoint: %w", err)
	}
	second, err := ParseCheckpoint(f.Second, v)
	if err != nil {
		return fmt.Errorf("second checkpoint: %w", err)
	}
	return f.check(first, second)
}

func (f Fork) check(first, second Checkpoint) error {
	switch {
	case first.Origin != f.Origin || second.Origin != f.Origin:
		return fmt.Errorf("%w: the checkpoints are of %s and %s, not both of %s", ErrProof, first.Origin, second.Origin, clip(f.Origin))
	case first.Size > second.Size:
		return fmt.Errorf("%w: the first checkpoint is the larger one", ErrProof)
	case first.Size == second.Size && (f.Prefix != second.Root || len(f.Proof) > 0):
		return fmt.Errorf("%w: at equal sizes the prefix is the second root and the proof empty", ErrProof)
	case f.Prefix == first.Root:
		return ErrConsistent
	}
	return CheckConsistency(first.Size, second.Size, f.Prefix, second.Root, f.Proof)
}

// forkJSON is a fork proof as it travels. Hashes are in lower-case hex.
type forkJSON struct {
	Origin string   `json:"origin"`
	First  string   `json:"first"`
	Second string   `json:"second"`
	Prefix string   `json:"prefix"`
	Proof  []string `json:"proof"`
}

// MarshalJSON gives {"origin","first","second","prefix","proof":[…]}, the notes as text and the hashes in hex.
func (f Fork) MarshalJSON() ([]byte, error) {
	j := forkJSON{Origin: f.Origin, First: string(f.First), Second: string(f.Second), Prefix: hex.EncodeToString(f.Prefix[:]), Proof: []string{}}
	for _, h := range f.Proof {
		j.Proof = append(j.Proof, hex.EncodeToString(h[:]))
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON gives, at most MaxForkBytes. It checks the forms, those of the notes included; [Fork.Verify] checks
// what it says. The error is of kind ErrMalformed.
func (f *Fork) UnmarshalJSON(data []byte) error {
	if len(data) > MaxForkBytes {
		return fmt.Errorf("%w fork proof: more than %d bytes", ErrMalformed, MaxForkBytes)
	}
	var j forkJSON
	if err := strictjson.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%w fork proof: %w", ErrMalformed, err)
	}
	if len(j.Proof) > MaxProofHashes {
		return fmt.Errorf("%w fork proof: %d hashes are more than %d", ErrMalformed, len(j.Proof), MaxProofHashes)
	}
	read := Fork{Origin: j.Origin, First: []byte(j.First), Second: []byte(j.Second)}
	for _, text := range [][]byte{read.First, read.Second} {
		if origin, err := NoteOrigin(text); err != nil || origin != j.Origin {
			return fmt.Errorf("%w fork proof: it needs two checkpoints of its origin", ErrMalformed)
		}
	}
	var err error
	if read.Prefix, err = parseHex(j.Prefix); err != nil {
		return err
	}
	for _, s := range j.Proof {
		h, err := parseHex(s)
		if err != nil {
			return err
		}
		read.Proof = append(read.Proof, h)
	}
	*f = read
	return nil
}

func parseHex(s string) (Hash, error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != HashSize || strings.ToLower(s) != s {
		return Hash{}, fmt.Errorf("%w fork proof: a hash is 64 lower-case hex digits", ErrMalformed)
	}
	return Hash(raw), nil
}
