package protocol

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"

	"filippo.io/edwards25519"
)

// Algorithm is how an issuer's key signs.
type Algorithm string

// The algorithms. ES256 is ECDSA on P-256 over the SHA-256 of the signed bytes (RFC 7518 section 3.4).
const (
	Ed25519 Algorithm = "Ed25519"
	ES256   Algorithm = "ES256"
)

// ParseAlgorithm reads an algorithm's name; EdDSA, as JOSE calls it, means [Ed25519] here. The error is an [*Error] with
// [InvalidSchema].
func ParseAlgorithm(s string) (Algorithm, error) {
	switch s {
	case string(Ed25519), "EdDSA":
		return Ed25519, nil
	case string(ES256):
		return ES256, nil
	}
	return "", refuse(InvalidSchema, "an algorithm is Ed25519 or ES256", "%s is no algorithm of an issuer's keys", quote(s))
}

const (
	// SignatureBytes is the length of a signature in its normal form, of either algorithm.
	SignatureBytes = 64
	// maxSignatureText is far above the longest form: 72 bytes of DER in base64, broken into lines.
	maxSignatureText = 256

	scalarBytes = 32 // of each half of a signature
)

// ParseSignature reads a signature as clients send it: in base64 or base64url, padded or not, broken into lines or not; for
// ES256 the bytes are r and s, 32 each, as WebCrypto makes them, or their DER, as OpenSSL does. It returns the one normal form
// of 64 bytes; for ES256 that is r and s with s in the lower half of its range, since (r, s) and (r, n−s) verify alike. Other
// spellings are refused, so that no signature has two normal forms: r or s out of range, other DER than the shortest, an
// Ed25519 s of the group's order or more. The error is an [*Error] with [InvalidSignature].
func ParseSignature(alg Algorithm, text string) ([]byte, error) {
	raw, err := decodeBase64(text, maxSignatureText)
	if err != nil {
		return nil, refuse(InvalidSignature, "write the signature's bytes in base64 or base64url", "the signature is no base64: %v", err)
	}
	switch alg {
	case Ed25519:
		return normalEd25519(raw)
	case ES256:
		return normalES256(raw)
	}
	return nil, refuse(InvalidSignature, "an algorithm is Ed25519 or ES256", "signatures of the algorithm %s are not known", quote(string(alg)))
}

func normalEd25519(sig []byte) ([]byte, error) {
	const hint = "an Ed25519 signature is the 64 bytes of RFC 8032"
	if len(sig) != SignatureBytes {
		return nil, refuse(InvalidSignature, hint, "the signature has %d bytes instead of %d", len(sig), SignatureBytes)
	}
	if _, err := edwards25519.NewScalar().SetCanonicalBytes(sig[scalarBytes:]); err != nil {
		return nil, refuse(InvalidSignature, hint, "the signature's second half is not below the order of the group (RFC 8032 section 5.1.7)")
	}
	return sig, nil
}

func normalES256(sig []byte) ([]byte, error) {
	const hint = "an ES256 signature is r and s of 32 bytes each, as WebCrypto makes them, or their DER, as OpenSSL does"
	r, s := new(big.Int), new(big.Int)
	if len(sig) == SignatureBytes {
		r.SetBytes(sig[:scalarBytes])
		s.SetBytes(sig[scalarBytes:])
	} else if !parseDER(sig, r, s) {
		return nil, refuse(InvalidSignature, hint, "the signature is neither %d bytes long nor DER", SignatureBytes)
	}
	order := elliptic.P256().Params().N
	for _, n := range [...]*big.Int{r, s} {
		if n.Sign() <= 0 || n.Cmp(order) >= 0 {
			return nil, refuse(InvalidSignature, hint, "r or s of the signature is not from 1 to the order of P-256 less 1")
		}
	}
	if highScalar(s) {
		s.Sub(order, s)
	}
	normal := make([]byte, SignatureBytes)
	r.FillBytes(normal[:scalarBytes])
	s.FillBytes(normal[scalarBytes:])
	return normal, nil
}

// highScalar reports whether s is in the upper half of its range.
func highScalar(s *big.Int) bool {
	return s.Cmp(new(big.Int).Rsh(elliptic.P256().Params().N, 1)) > 0
}

// parseDER reads SEQUENCE { INTEGER, INTEGER } in DER, and nothing else: writing what was read must give the same bytes.
func parseDER(der []byte, r, s *big.Int) bool {
	pair := struct{ R, S *big.Int }{r, s}
	if rest, err := asn1.Unmarshal(der, &pair); err != nil || len(rest) != 0 {
		return false
	}
	again, err := asn1.Marshal(pair)
	if err != nil || string(again) != string(der) {
		return false
	}
	r.Set(pair.R)
	s.Set(pair.S)
	return true
}

// decodeBase64 reads either alphabet of RFC 4648, but no mixture, padded or not. Blanks and line breaks, which openssl and
// base64 put in, do not count. The bits that are left over must be zero.
func decodeBase64(text string, most int) ([]byte, error) {
	if len(text) > most {
		return nil, refuse(InvalidSchema, "", "it has %d characters; at most %d are allowed", len(text), most)
	}
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return -1
		}
		return r
	}, text)
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	bare := strings.TrimRight(text, "=")
	if padding := len(text) - len(bare); padding > 0 && (padding > 2 || len(text)%4 != 0) {
		return nil, base64.CorruptInputError(len(bare))
	}
	return encoding.Strict().DecodeString(bare)
}
