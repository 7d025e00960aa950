package protocol

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"time"
)

// IssuerKey is a public key of an issuer, as its record lists it. It must not be changed.
type IssuerKey struct {
	Algorithm   Algorithm
	Public      []byte    // Ed25519: 32 bytes. ES256: the uncompressed point, 65 bytes. Checked
	Fingerprint string    // the SHA-256 of Public in lower-case hex
	Created     time.Time // when the home took the key in
	// RevokedAt is when the home recorded that the key is revoked; zero while it is not. What the home takes in at this
	// time or later is not signed by the key.
	RevokedAt time.Time
	// CompromisedAt is since when the owner thinks that the key was in wrong hands; zero where nothing was said. Never after
	// RevokedAt, and only beside it. It tells readers older statements from newer ones, and undoes none.
	CompromisedAt time.Time
}

const (
	pointBytes      = 65 // of an uncompressed point of P-256 (SEC 1 section 2.3.3)
	compressedBytes = 33 // of a compressed one
)

var issuerKeyShape = shape{
	what: "an issuer's key", required: []string{"algorithm", "pub", "fingerprint", "created"}, optional: []string{"revokedAt", "compromisedAt"},
}

// NewIssuerKey checks a public key, and returns it with its fingerprint and without times. Public is 32 bytes for Ed25519, held
// to [CheckPublicKey]; for ES256 the 65 bytes of an uncompressed point of P-256. The error is an [*Error] with [KeyNotFound].
func NewIssuerKey(alg Algorithm, public []byte) (IssuerKey, error) {
	switch alg {
	case Ed25519:
		if err := CheckPublicKey(public); err != nil {
			return IssuerKey{}, err
		}
	case ES256:
		if len(public) != pointBytes {
			return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key has %d bytes instead of %d", len(public), pointBytes)
		}
		if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public); err != nil {
			return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key is not a point of the curve P-256")
		}
	default:
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "keys of the algorithm %s are not known", quote(string(alg)))
	}
	sum := sha256.Sum256(public)
	return IssuerKey{Algorithm: alg, Public: public, Fingerprint: hex.EncodeToString(sum[:])}, nil
}

// ValidAt reports whether the key may sign what the home takes in at a time: from Created, with the clocks' skew, and before
// RevokedAt.
func (k *IssuerKey) ValidAt(taken time.Time) bool {
	return !taken.Before(k.Created.Add(-ClockSkew)) && (k.RevokedAt.IsZero() || taken.Before(k.RevokedAt))
}

// Verify reports whether sig is the key's signature over the message, in the normal form that [ParseSignature] gives: Ed25519
// with the checks of Go's standard library, or ES256, where an s in the upper half is refused. It looks at no time.
func (k *IssuerKey) Verify(message, sig []byte) bool {
	if len(sig) != SignatureBytes {
		return false
	}
	switch k.Algorithm {
	case Ed25519:
		return len(k.Public) == ed25519.PublicKeySize && ed25519.Verify(k.Public, message, sig)
	case ES256:
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Public)
		if err != nil {
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:scalarBytes]), new(big.Int).SetBytes(sig[scalarBytes:])
		digest := sha256.Sum256(message)
		return !highScalar(s) && ecdsa.Verify(key, digest[:], r, s)
	}
	return false
}

// possessionPrefix makes a text that is no JSON, so that a signature over it can never pass for one over a payload.
const possessionPrefix = "mir-key-possession:1:"

// PossessionText returns what a key signs to show that its owner holds the private half: "mir-key-possession:1:", the issuer's
// ID, a colon, and the challenge that the home gave.
func PossessionText(issuerID, challenge string) []byte {
	return []byte(possessionPrefix + issuerID + ":" + challenge)
}

func (k *IssuerKey) write(w *memberWriter) {
	w.text("algorithm", string(k.Algorithm))
	w.optionalTime("compromisedAt", k.CompromisedAt)
	w.time("created", k.Created)
	w.text("fingerprint", k.Fingerprint)
	w.text("pub", base64url.EncodeToString(k.Public))
	w.optionalTime("revokedAt", k.RevokedAt)
}

// issuerKey reads a key out of a record.
func (r *memberReader) issuerKey() IssuerKey {
	pub, err := base64url.DecodeString(r.text("pub"))
	if err != nil {
		r.fail("", "pub is not base64url without padding and with zero trailing bits")
	}
	key, err := NewIssuerKey(Algorithm(r.text("algorithm")), pub)
	if err != nil {
		r.fail("", "a key cannot be used: %v", err)
	}
	if r.text("fingerprint") != key.Fingerprint {
		r.fail("", "fingerprint is not that of pub")
	}
	key.Created, key.RevokedAt, key.CompromisedAt = r.moment("created"), r.optionalMoment("revokedAt"), r.optionalMoment("compromisedAt")
	if !key.RevokedAt.IsZero() && key.RevokedAt.Before(key.Created) {
		r.fail("", "revokedAt is before created")
	}
	if !key.CompromisedAt.IsZero() && (key.RevokedAt.IsZero() || key.CompromisedAt.After(key.RevokedAt)) {
		r.fail("", "compromisedAt stands without revokedAt, or is after it")
	}
	return key
}
