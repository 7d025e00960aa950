// Package hotkey verifies Ed25519 signatures (RFC 8032, section 5.1) by one public key many times over, with the verdicts of
// crypto/ed25519 and several times its speed.
//
// A signature (R, s) over a message m by the key A holds when R is, byte for byte, the encoding of
//
//	[s]B - [k]A    with k = SHA-512(R || A || m) mod L, s < L
//
// B is the same for ever, and A is the same for as long as a domain signs with one key. So both multiplications are fixed-base
// ones: their multiples are looked up in tables instead of being doubled together, about 85 additions where the standard library
// does 250 doublings and 80 additions. What must not differ from the standard library, and does not:
//
//   - k is an integer below L, and it is the point that is negated, not k: the two differ where A has a part of small order;
//   - A is decoded as leniently as crypto/ed25519 does (unreduced y, x = 0 with the sign bit), and hashed as it was given;
//   - the equation is the one without the cofactor, compared in encoded form, so an unreduced R never matches;
//   - s >= L is refused.
//
// All of it is public data, so nothing here runs in constant time: never use this package with a secret.
package hotkey

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"

	"filippo.io/edwards25519"
)

// ErrNotAPoint is returned by New for bytes that crypto/ed25519 would not decode: it refuses every signature by such a key.
var ErrNotAPoint = errors.New("hotkey: the public key is not the encoding of a point on the curve")

// Key is a public key made ready for many verifications. It never changes and may be used by any number of goroutines at once.
type Key struct {
	public [ed25519.PublicKeySize]byte
	minusA keyTable
}

// New makes the table of a public key; it takes about as long as two verifications by crypto/ed25519, and the result holds Size
// bytes. It fails with ErrNotAPoint.
func New(public []byte) (*Key, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, ErrNotAPoint
	}
	a, err := new(edwards25519.Point).SetBytes(public)
	if err != nil {
		return nil, ErrNotAPoint
	}
	key := &Key{public: [ed25519.PublicKeySize]byte(public)}
	fillTable(key.minusA[:], a.Negate(a), keyRows, keyMultiples, keyBits*keyStride)
	return key, nil
}

// Verify reports whether sig is a signature of message by the key: always what ed25519.Verify answers.
func (k *Key) Verify(message, sig []byte) bool {
	if len(sig) != ed25519.SignatureSize {
		return false
	}
	s, err := new(edwards25519.Scalar).SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(k.public[:])
	h.Write(message)
	var digest [sha512.Size]byte
	c, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(digest[:0]))
	if err != nil {
		return false
	}

	p := newAccumulator()
	p.addKeyMultiple(&k.minusA, c.Bytes())
	p.addBaseMultiple(baseMultiples(), s.Bytes())
	return p.encode() == [32]byte(sig[:32])
}
