package vectors

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// Key returns the private key of a name, the same for the same seed: the seed of the key is SHA-256("mirnode conformance SEED NAME").
// Everybody can make it, so it protects nothing and is for tests alone.
func Key(seed, name string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte("mirnode conformance " + seed + " " + name))
	return ed25519.NewKeyFromSeed(sum[:])
}

// Fingerprint returns how claims name a public key: the SHA-256 of its raw bytes in lower-case hex.
func Fingerprint(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}

// Base64URL returns the one spelling of binary values in claims, key documents and TXT records: base64url without padding.
func Base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// BadKey is 32 bytes that implementations take for a public key, and that must not be used as one.
type BadKey struct {
	Name   string // a DNS label: "order-two"
	Public []byte // 32 bytes
	What   string // what is wrong with it, as an end to "the key is …"
}

// BadKeys returns keys under which anybody can make signatures, or that have a second spelling, in a fixed order. They are the same
// for every seed.
func BadKeys() []BadKey {
	return []BadKey{
		{"identity", unhex("0100000000000000000000000000000000000000000000000000000000000000"), "the identity, of order 1"},
		{"identity-non-canonical", unhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "the identity, with y = p + 1"},
		{"identity-negative", unhex("0100000000000000000000000000000000000000000000000000000000000080"), "the identity, with the sign of x = 0 set"},
		{"order-two", unhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "a point of order 2"},
		{"order-two-negative", unhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"), "a point of order 2, with the sign of x = 0 set"},
		{"order-four", make([]byte, 32), "a point of order 4, all bytes zero"},
		{"order-four-negative", unhex("0000000000000000000000000000000000000000000000000000000000000080"), "the other point of order 4"},
		{"order-four-non-canonical", unhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "a point of order 4, with y = p"},
		{"order-eight", unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "a point of order 8"},
		{"order-eight-other", unhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "another point of order 8"},
		{"second-spelling", unhex("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "a point of large order, with y = p + 3"},
		{"not-on-curve", unhex("0200000000000000000000000000000000000000000000000000000000000000"), "no point of the curve"},
	}
}

// ForgedSignature returns R = identity and S = 0, which verifies for every message under the identity key, and for one message in two,
// four or eight under the other keys of small order, where a verifier does not refuse these keys.
func ForgedSignature() []byte { return append([]byte{1}, make([]byte, 63)...) }

// unhex reads the constants of this package.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
