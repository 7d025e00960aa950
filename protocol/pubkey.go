package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"filippo.io/edwards25519"
)

// publicKeyChars is the length of a public key in base64url without padding.
const publicKeyChars = 43

// base64url is RFC 4648 section 5 without padding. Strict refuses non-zero trailing
// bits; line breaks, which it would skip, fall to the check of the length.
var base64url = base64.RawURLEncoding.Strict()

// keyRecordPrefix starts the TXT records that hold keys (docs/protocol.md, Keys).
const keyRecordPrefix = "mir-key="

// ParsePublicKey reads a public key as published: 43 characters of base64url without
// padding, the trailing bits zero. It refuses what [CheckPublicKey] refuses. The error is
// an [*Error] with [KeyNotFound], since such a key is no key.
func ParsePublicKey(s string) (ed25519.PublicKey, error) {
	const hint = "a public key is the 32 raw bytes of an Ed25519 key in base64url (A–Z a–z 0–9 - _) without padding, 43 characters"
	if len(s) != publicKeyChars {
		return nil, refuse(KeyNotFound, hint, "the public key has %d characters instead of %d", len(s), publicKeyChars)
	}
	pub, err := base64url.DecodeString(s)
	if err != nil || len(pub) != ed25519.PublicKeySize {
		return nil, refuse(KeyNotFound, hint, "the public key is not base64url without padding and with zero trailing bits")
	}
	if err := CheckPublicKey(pub); err != nil {
		return nil, err
	}
	return pub, nil
}

// CheckPublicKey refuses 32 bytes that must not be used as a public key, although
// Go's crypto/ed25519 verifies with some of them: no point of the curve, a point in a
// second spelling, a point of small order (under which anybody can sign). The error is
// an [*Error] with [KeyNotFound].
func CheckPublicKey(pub []byte) error {
	const hint = "generate a new key pair with a standard Ed25519 library and publish its public key"
	if len(pub) != ed25519.PublicKeySize {
		return refuse(KeyNotFound, hint, "the public key has %d bytes instead of %d", len(pub), ed25519.PublicKeySize)
	}
	point, err := new(edwards25519.Point).SetBytes(pub)
	if err != nil {
		return refuse(KeyNotFound, hint, "the public key is not a point on the Ed25519 curve")
	}
	if !bytes.Equal(point.Bytes(), pub) {
		return refuse(KeyNotFound, hint, "the public key is a point in a non-canonical encoding (RFC 8032 section 5.1.3)")
	}
	if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return refuse(KeyNotFound, hint, "the public key is a point of small order: anybody can make signatures that verify with it")
	}
	return nil
}

// EncodePublicKey returns the form that is published: base64url without padding.
func EncodePublicKey(pub ed25519.PublicKey) string { return base64url.EncodeToString(pub) }

// Fingerprint returns the lower-case hex SHA-256 of the raw public key, which is how claims name it.
func Fingerprint(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:])
}

// KeyRecord returns the value of the TXT record at _mir-key.{domain} that publishes pub.
func KeyRecord(pub ed25519.PublicKey) string { return keyRecordPrefix + EncodePublicKey(pub) }

// ParseKeyRecord reads the value of a TXT record, its strings joined. It reports false,
// and no error, for a record of another kind, which is to be ignored. A record that is
// meant as a key but holds none yields true and an [*Error] with [KeyNotFound].
func ParseKeyRecord(txt string) (ed25519.PublicKey, bool, error) {
	if value, ok := strings.CutPrefix(txt, keyRecordPrefix); ok {
		pub, err := ParsePublicKey(value)
		return pub, true, err
	}
	meant := strings.ToLower(strings.Trim(txt, " \t\"'"))
	if rest, ok := strings.CutPrefix(meant, "mir-key"); ok && strings.HasPrefix(strings.TrimSpace(rest), "=") {
		return nil, true, refuse(KeyNotFound, "write "+keyRecordPrefix+" in lower case, without spaces or quotes, and the 43 characters of the key right after it",
			"the TXT record looks like a key but does not start with %s", keyRecordPrefix)
	}
	return nil, false, nil
}
