package protocol

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"mirnode/internal/strictjson"
)

const (
	issuerKeyHint = "a public key is Ed25519 or ES256 (P-256): PEM that starts with BEGIN PUBLIC KEY, its DER or the raw bytes in base64, or a JWK"
	// maxKeyText is far above the longest form: a JWK with members of its owner's.
	maxKeyText = 4 << 10
	// coordinateChars is the length of 32 bytes in base64url, of which a JWK's members are.
	coordinateChars = 43
)

// ParseIssuerKey reads a public key as clients send it: PEM or base64 of a SubjectPublicKeyInfo (RFC 5280), base64 of the raw
// bytes (32 for Ed25519; 65 or, compressed, 33 for ES256), or a JWK (RFC 7517) as JSON text; base64 in either alphabet, padded
// or not. The algorithm may be "": the key tells it. A private key is refused, and so is every key that [NewIssuerKey] refuses.
// The error is an [*Error] with [KeyNotFound], or with [InvalidSchema] for an algorithm that is none.
func ParseIssuerKey(algorithm, text string) (IssuerKey, error) {
	var want Algorithm
	if algorithm != "" {
		var err error
		if want, err = ParseAlgorithm(algorithm); err != nil {
			return IssuerKey{}, err
		}
	}
	if len(text) > maxKeyText {
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key has %d characters; at most %d are allowed", len(text), maxKeyText)
	}
	key, err := parseKeyText(strings.TrimSpace(text))
	if err != nil {
		return IssuerKey{}, err
	}
	if want != "" && want != key.Algorithm {
		return IssuerKey{}, refuse(KeyNotFound, "name the algorithm of the key, or none", "the public key is one of %s, not of %s", key.Algorithm, want)
	}
	return key, nil
}

func parseKeyText(text string) (IssuerKey, error) {
	if strings.HasPrefix(text, "{") {
		return parseJWK(text)
	}
	if strings.HasPrefix(text, "-----BEGIN ") {
		block, rest := pem.Decode([]byte(text))
		switch {
		case block == nil || strings.TrimSpace(string(rest)) != "":
			return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key is not one block of PEM")
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return IssuerKey{}, privateKeyGiven()
		case block.Type != "PUBLIC KEY":
			return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the PEM holds a %s instead of a PUBLIC KEY", quote(block.Type))
		}
		return parseSPKI(block.Bytes)
	}
	raw, err := decodeBase64(text, maxKeyText)
	if err != nil {
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key is neither PEM nor a JWK nor base64")
	}
	switch len(raw) {
	case ed25519.PublicKeySize:
		return NewIssuerKey(Ed25519, raw)
	case pointBytes:
		return NewIssuerKey(ES256, raw)
	case compressedBytes:
		return decompressed(raw)
	}
	return parseSPKI(raw)
}

// decompressed reads a compressed point of P-256.
func decompressed(raw []byte) (IssuerKey, error) {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), raw)
	if x == nil {
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key is not a point of the curve P-256")
	}
	point := make([]byte, pointBytes)
	point[0] = 4 // uncompressed
	x.FillBytes(point[1 : 1+scalarBytes])
	y.FillBytes(point[1+scalarBytes:])
	return NewIssuerKey(ES256, point)
}

func parseSPKI(der []byte) (IssuerKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		_, errPKCS8 := x509.ParsePKCS8PrivateKey(der)
		_, errEC := x509.ParseECPrivateKey(der)
		if errPKCS8 == nil || errEC == nil {
			return IssuerKey{}, privateKeyGiven()
		}
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the %d bytes of the public key are of no form that is known", len(der))
	}
	switch key := parsed.(type) {
	case ed25519.PublicKey:
		return NewIssuerKey(Ed25519, key)
	case *ecdsa.PublicKey:
		if point, err := key.Bytes(); err == nil && key.Curve == elliptic.P256() {
			return NewIssuerKey(ES256, point)
		}
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key is of another curve than P-256")
	}
	return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the public key is neither Ed25519 nor ES256")
}

// parseJWK reads a JSON Web Key (RFC 7517, RFC 7518 section 6.2, RFC 8037). Members that it does not need do not count, but for
// d, the private half.
func parseJWK(text string) (IssuerKey, error) {
	root, err := strictjson.Parse([]byte(text), strictjson.Limits{Depth: 4, Values: 64})
	if err != nil {
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the JWK cannot be read: %v", err)
	}
	member := func(name string) string {
		v, _ := root.Lookup(name)
		return v.Text()
	}
	if _, private := root.Lookup("d"); private {
		return IssuerKey{}, privateKeyGiven()
	}
	x, okX := coordinate(member("x"))
	switch kty, crv := member("kty"), member("crv"); {
	case kty == "OKP" && crv == string(Ed25519):
		if !okX {
			return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "x of the JWK is not 32 bytes in base64url without padding")
		}
		return NewIssuerKey(Ed25519, x)
	case kty == "EC" && crv == "P-256":
		y, okY := coordinate(member("y"))
		if !okX || !okY {
			return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "x and y of the JWK are not 32 bytes each in base64url without padding")
		}
		return NewIssuerKey(ES256, append(append([]byte{4}, x...), y...))
	default:
		return IssuerKey{}, refuse(KeyNotFound, issuerKeyHint, "the JWK has the kty %s and the crv %s, which is neither OKP with Ed25519 nor EC with P-256",
			quote(kty), quote(crv))
	}
}

func coordinate(s string) ([]byte, bool) {
	b, err := base64url.DecodeString(s)
	return b, err == nil && len(s) == coordinateChars && len(b) == scalarBytes
}

func privateKeyGiven() *Error {
	return refuse(KeyNotFound, "send the public half only; since this one has left its owner's hands, make a new pair and throw it away",
		"this is a private key")
}
