package logread

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Head is a line of GET /log/heads: the head of a log that a node holds. Nothing in it is checked: see Key.ParseCheckpoint.
type Head struct {
	Origin     string `json:"origin"`
	Size       int64  `json:"size"`
	Root       string `json:"root"` // hex
	Checkpoint string `json:"checkpoint"`
	Frozen     bool   `json:"frozen"`
}

// Heads asks a node which logs it holds. node is its URL, without a slash behind it.
func Heads(ctx context.Context, client Doer, node string) ([]Head, error) {
	body, err := fetch(ctx, client, node+"/log/heads", maxJSONBytes)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Heads []Head `json:"heads"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w heads: %w", ErrMalformed, err)
	}
	return answer.Heads, nil
}

// Check wants a head's members to be those of its checkpoint, and the checkpoint to be signed by the log's key.
func (h Head) Check(k Key) (Checkpoint, error) {
	c, err := k.ParseCheckpoint([]byte(h.Checkpoint))
	if err != nil {
		return Checkpoint{}, err
	}
	if h.Origin != c.Origin || h.Size != c.Size || h.Root != hex.EncodeToString(c.Root[:]) {
		return Checkpoint{}, fmt.Errorf("%w: the head of %.200q says %d entries and root %.80s, its checkpoint %d and %x", ErrProof, h.Origin, h.Size, h.Root, c.Size, c.Root[:])
	}
	return c, nil
}

// MirrorURL is where a node serves its mirror of a log.
func MirrorURL(node, origin string) string {
	return fmt.Sprintf("%s/mirror/%x", node, sha256.Sum256([]byte(origin)))
}

// Fork proves that a log signed two histories (docs/receipts.md, Fork proofs).
type Fork struct {
	Origin string   `json:"origin"`
	First  string   `json:"first"`  // a signed checkpoint
	Second string   `json:"second"` // another one, not smaller
	Prefix string   `json:"prefix"` // hex: the root at First's size in Second's tree
	Proof  []string `json:"proof"`  // hex: the consistency proof from Prefix to Second's root
}

// Forks asks a node which proofs of forks it keeps, of at most maxForks logs. Nothing in them is checked: see Fork.Verify.
func Forks(ctx context.Context, client Doer, node string) ([]Fork, error) {
	body, err := fetch(ctx, client, node+"/log/forks", maxJSONBytes)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Forks []struct {
			Proof json.RawMessage `json:"proof"`
		} `json:"forks"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w forks: %w", ErrMalformed, err)
	}
	if len(answer.Forks) > maxForks {
		return nil, fmt.Errorf("%w forks: %d of them", ErrMalformed, len(answer.Forks))
	}
	var list []Fork
	for _, f := range answer.Forks {
		fork, err := ParseFork(f.Proof)
		if err != nil {
			return nil, err
		}
		list = append(list, fork)
	}
	return list, nil
}

// ParseFork reads a fork proof. It checks the form alone.
func ParseFork(text []byte) (Fork, error) {
	var f Fork
	if err := json.Unmarshal(text, &f); err != nil {
		return Fork{}, fmt.Errorf("%w fork proof: %w", ErrMalformed, err)
	}
	if len(f.Proof) > maxProofHashes {
		return Fork{}, fmt.Errorf("%w fork proof: %d hashes", ErrMalformed, len(f.Proof))
	}
	return f, nil
}

// Verify checks a fork proof by the log's key alone: both heads are signed, and one cannot be a beginning of the other.
func (f Fork) Verify(k Key) error {
	first, err := k.ParseCheckpoint([]byte(f.First))
	if err != nil {
		return fmt.Errorf("first checkpoint: %w", err)
	}
	second, err := k.ParseCheckpoint([]byte(f.Second))
	if err != nil {
		return fmt.Errorf("second checkpoint: %w", err)
	}
	if first.Origin != f.Origin || first.Size > second.Size {
		return fmt.Errorf("%w: the first checkpoint is of %d entries, the second of %d, the fork of %.200q", ErrProof, first.Size, second.Size, f.Origin)
	}
	if first.Size == second.Size {
		if first.Root == second.Root {
			return fmt.Errorf("%w: the checkpoints are the same: no fork", ErrProof)
		}
		return nil
	}
	prefix, err := parseHex(f.Prefix)
	if err != nil {
		return err
	}
	var proof tlog.TreeProof
	for _, text := range f.Proof {
		h, err := parseHex(text)
		if err != nil {
			return err
		}
		proof = append(proof, h)
	}
	switch {
	case prefix == first.Root:
		return fmt.Errorf("%w: both checkpoints can be: no fork", ErrProof)
	case first.Size == 0: // an empty tree begins every tree, and has one root
		return fmt.Errorf("%w: the first checkpoint is empty", ErrProof)
	}
	if err := tlog.CheckTree(proof, second.Size, second.Root, first.Size, prefix); err != nil {
		return fmt.Errorf("%w: the second checkpoint does not commit to the prefix: %w", ErrProof, err)
	}
	return nil
}

func parseHex(text string) (Hash, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(Hash{}) || strings.ToLower(text) != text {
		return Hash{}, fmt.Errorf("%w fork proof: %.80q is no hash", ErrMalformed, text)
	}
	return Hash(raw), nil
}
