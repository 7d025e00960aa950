package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"time"
)

const (
	// MaxStatementBytes bounds a node's statement, without the white space around it; but for issuer records, which list keys.
	MaxStatementBytes = 8 << 10
	// maxStatementValues is above what any statement has: twelve members, the object, a list of two channels.
	maxStatementValues = 32
	// maxStatementDepth leaves room for one list.
	maxStatementDepth = 2
	// maxExactInteger is the greatest integer that every reader of JSON keeps: 2^53-1.
	maxExactInteger = 1<<53 - 1
)

// Statement is a record that a node signed: an [*Observation], an [*Erasure], a [*Descriptor], an [*Issuer] or a [*MetadataEdit].
//
// It is a JSON object in canonical form and nothing else: the document is its own canonical form with sig in
// place, so that a statement has one spelling. What is signed is the canonical form without sig, as for claims. Each
// kind has a member that no claim and no other statement has, so that a signature over one can never pass for a
// signature over another.
type Statement interface {
	Record
	// Signer returns the domain (in lower case) that signed, and the fingerprint of its key.
	Signer() (domain, fingerprint string)
	// Canonical returns the bytes that are signed. Whether Signature is one over them, the parser does not say.
	Canonical() []byte
	// Signature returns the 64 bytes that sig stands for.
	Signature() []byte
	// Network returns the environment that the statement was made in. To compare it is the caller's task.
	Network() Network
	// IssuedAt returns the time at which the signing key is judged.
	IssuedAt() time.Time
}

// statement is what all statements have.
type statement struct {
	network        Network
	keyFingerprint string
	sig            string // as spelled; "" while unsigned
	signature      [ed25519.SignatureSize]byte
	canonical      []byte // without sig
	raw            []byte
}

// Network returns the environment that the statement was made in.
func (s *statement) Network() Network { return s.network }

// Canonical returns the bytes that are signed: the statement without its sig.
func (s *statement) Canonical() []byte { return s.canonical }

// Signature returns the 64 bytes that sig stands for.
func (s *statement) Signature() []byte { return s.signature[:] }

// Raw returns the statement's one form, sig included.
func (s *statement) Raw() []byte { return s.raw }

// RecordHash returns the SHA-256 of Raw.
func (s *statement) RecordHash() [32]byte { return sha256.Sum256(s.raw) }

// signStatement signs what s writes, and returns the document.
func signStatement(s written, key ed25519.PrivateKey) []byte {
	unsigned := encode(s, "")
	return encode(s, base64url.EncodeToString(ed25519.Sign(key, unsigned)))
}

// seal is a parser's last step: it takes the document only if it is exactly what s writes.
func (s *statement) seal(of written, literal string) error {
	s.raw = encode(of, s.sig)
	if err := checkSpelling(s.raw, literal); err != nil {
		return err
	}
	s.canonical = encode(of, "")
	return nil
}

// signed reads what all statements have.
func (r *memberReader) signed() statement {
	s := statement{keyFingerprint: r.hash("keyFingerprint"), sig: r.text("sig")}
	network, err := ParseNetwork(r.text("network"))
	if err != nil {
		r.fail("a network is production, staging or development", "network is none of the three")
	}
	s.network = network
	if refusal := decodeSig(s.sig, &s.signature); refusal != nil {
		r.keep(refusal)
	}
	return s
}
