package translog

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

const timestampBytes = 8

// Cosigner vouches for other logs' checkpoints with timestamped Ed25519 cosignatures (cosignature/v1 of c2sp.org/tlog-cosignature). It says of
// a head: as of this time it is the largest that I saw of this log, and consistent with all that I saw before. It keeps no state: whoever
// uses it has checked that first. It is safe for concurrent use and is a note.Signer.
type Cosigner struct {
	signer
	now func() time.Time
}

// NewCosigner makes a cosigner. The name is that of the node's own log. One Ed25519 key must not cosign under two names, since the signed
// message does not hold the name. The same key may sign checkpoints: the messages differ in their first line.
func NewCosigner(name string, key ed25519.PrivateKey, now func() time.Time) (*Cosigner, error) {
	hash, err := keyHash(name, typeCosignature, key)
	if err != nil {
		return nil, err
	}
	return &Cosigner{signer: signer{name: name, hash: hash, key: key}, now: now}, nil
}

// VerifierKey gives the cosigner's public key in the text form "name+hash+base64" (c2sp.org/signed-note), with the type of cosignatures.
func (s *Cosigner) VerifierKey() string {
	typed := append([]byte{typeCosignature}, s.key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", s.name, s.hash, base64.StdEncoding.EncodeToString(typed))
}

// Sign signs a checkpoint's text with the present time. It is a note.Signer's method.
func (s *Cosigner) Sign(msg []byte) ([]byte, error) {
	seconds := s.now().Unix()
	if seconds < 0 {
		return nil, fmt.Errorf("the clock stands before 1970")
	}
	sig := binary.BigEndian.AppendUint64(make([]byte, 0, timestampBytes+ed25519.SignatureSize), uint64(seconds))
	return append(sig, ed25519.Sign(s.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, msg))...), nil
}

// Cosign gives the signature line (with its newline) for a checkpoint, as a witness answers it.
func (s *Cosigner) Cosign(c Checkpoint) ([]byte, error) {
	sig, err := s.Sign([]byte(c.text()))
	if err != nil {
		return nil, err
	}
	raw := append(binary.BigEndian.AppendUint32(nil, s.hash), sig...)
	return []byte(signaturePrefix + s.name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"), nil
}

// NewCosignatureVerifier makes the verifier of a cosigner's signatures from its name and public key.
func NewCosignatureVerifier(name string, pub ed25519.PublicKey) (note.Verifier, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	text, err := note.NewEd25519VerifierKey(name, pub)
	if err != nil {
		return nil, err
	}
	return cosig.NewVerifierForCosignatureV1(text) // takes the key out of the text and gives it its own type
}

// VerifyCosignature finds v's cosignature of the checkpoint among signature lines, as a witness answers them, and checks it. What other keys
// signed is left aside. It returns the line alone, ready for [AddSignatures], and when it was made.
func VerifyCosignature(c Checkpoint, lines []byte, v note.Verifier) ([]byte, Cosignature, error) {
	if len(lines) > MaxCheckpointBytes {
		return nil, Cosignature{}, fmt.Errorf("%w cosignature: more than %d bytes", ErrMalformed, MaxCheckpointBytes)
	}
	parsed, err := parseSignatures(lines)
	if err != nil {
		return nil, Cosignature{}, fmt.Errorf("%w cosignature: %w", ErrMalformed, err)
	}
	for _, line := range parsed {
		if line.name != v.Name() || line.hash != v.KeyHash() {
			continue
		}
		at, ok := cosignedAt(line.sig)
		if !ok || !v.Verify([]byte(c.text()), line.sig) {
			return nil, Cosignature{}, fmt.Errorf("the cosignature of %s is wrong", v.Name())
		}
		return line.text, Cosignature{Name: line.name, Time: at}, nil
	}
	return nil, Cosignature{}, fmt.Errorf("no cosignature of %s", v.Name())
}
