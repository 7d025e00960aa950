package translog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Signature types of c2sp.org/signed-note.
const (
	typeEd25519     = 0x01 // a log's own signature
	typeCosignature = 0x04 // a timestamped cosignature
)

// MaxNameBytes bounds the name of a key or a log: a host name, "/mir-staging/" and an epoch.
const MaxNameBytes = 512

// maxKeyTextBytes bounds a key in its text form.
const maxKeyTextBytes = MaxNameBytes + 64

// signer signs notes with an Ed25519 key in memory.
type signer struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
}

func (s *signer) Name() string                    { return s.name }
func (s *signer) KeyHash() uint32                 { return s.hash }
func (s *signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// NewSigner makes the signer of a log's checkpoints: Ed25519 (type 0x01 of c2sp.org/signed-note) under the log's origin as the key's name. The
// key is kept, not copied. The error says that the name cannot stand in a note or that the key has a wrong length.
func NewSigner(origin string, key ed25519.PrivateKey) (note.Signer, error) {
	hash, err := keyHash(origin, typeEd25519, key)
	if err != nil {
		return nil, err
	}
	return &signer{name: origin, hash: hash, key: key}, nil
}

// NewVerifier makes the verifier of a log's checkpoints from its origin and the node's public key. The error is that of [NewSigner].
func NewVerifier(origin string, pub ed25519.PublicKey) (note.Verifier, error) {
	if err := checkName(origin); err != nil {
		return nil, err
	}
	text, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// VerifierKey gives a log's public key in the text form of C2SP, "name+hash+base64", which tools of others take too. It is empty when the key
// has a wrong length.
func VerifierKey(origin string, pub ed25519.PublicKey) string {
	text, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return ""
	}
	return text
}

// ParseVerifierKey reads the text form of a log's public key: its name (the log's origin) and the key.
func ParseVerifierKey(text string) (string, ed25519.PublicKey, error) {
	name, rest, _ := strings.Cut(text, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	if len(text) > maxKeyTextBytes || checkName(name) != nil {
		return "", nil, fmt.Errorf("%w verifier key: want name+hash+base64", ErrMalformed)
	}
	if _, err := note.NewVerifier(text); err != nil { // checks the hash, the type and the lengths
		return "", nil, fmt.Errorf("%w verifier key: %w", ErrMalformed, err)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", nil, fmt.Errorf("%w verifier key: %w", ErrMalformed, err)
	}
	return name, ed25519.PublicKey(key[1:]), nil
}

// keyHash gives the four bytes by which a signature line names its key (c2sp.org/signed-note).
func keyHash(name string, kind byte, key ed25519.PrivateKey) (uint32, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	if len(key) != ed25519.PrivateKeySize {
		return 0, fmt.Errorf("an Ed25519 private key has %d bytes, not %d", ed25519.PrivateKeySize, len(key))
	}
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{kind})
	h.Write(key.Public().(ed25519.PublicKey))
	return binary.BigEndian.Uint32(h.Sum(nil)), nil
}

// checkName judges the name of a key: it stands between spaces in a signature line and between pluses in a key's text form.
func checkName(name string) error {
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) || strings.Contains(name, "+") ||
		strings.IndexFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) >= 0 {
		return fmt.Errorf("%w name of a log or key: 1 to %d bytes, without spaces, pluses and control characters", ErrMalformed, MaxNameBytes)
	}
	return nil
}
