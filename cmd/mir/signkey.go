package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"mirnode/protocol"
)

// signingKey is a private key that an issuer signs with: ed25519.PrivateKey, or *ecdsa.PrivateKey over P-256.
type signingKey struct{ private crypto.Signer }

// algorithmFlag reads the name of an algorithm, in any case.
func algorithmFlag(name string) (protocol.Algorithm, error) {
	for _, known := range []protocol.Algorithm{protocol.Ed25519, protocol.ES256} {
		if strings.EqualFold(name, string(known)) {
			return known, nil
		}
	}
	return "", withHint(fmt.Sprintf("--algorithm %q: it is %s or %s", name, protocol.Ed25519, protocol.ES256),
		fmt.Sprintf("%s is the default; %s is ECDSA over P-256, which every browser and most hardware have.", protocol.Ed25519, protocol.ES256))
}

func newSigningKey(algorithm protocol.Algorithm) (signingKey, error) {
	if algorithm == protocol.ES256 {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return signingKey{private}, err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return signingKey{private}, err
}

// signingKeyOf takes a private key as it was parsed, if issuers can have such a one.
func signingKeyOf(key any) (signingKey, error) {
	switch private := key.(type) {
	case ed25519.PrivateKey:
		return signingKey{private}, nil
	case *ecdsa.PrivateKey:
		if private.Curve == elliptic.P256() {
			return signingKey{private}, nil
		}
		return signingKey{}, fmt.Errorf("holds an ECDSA key over %s, and %s is over P-256", private.Curve.Params().Name, protocol.ES256)
	}
	return signingKey{}, fmt.Errorf("holds a %T, and issuers sign with %s or %s", key, protocol.Ed25519, protocol.ES256)
}

func (k signingKey) algorithm() protocol.Algorithm {
	if _, ok := k.private.(ed25519.PrivateKey); ok {
		return protocol.Ed25519
	}
	return protocol.ES256
}

// public is the public key's bytes: 32, or the 65 of an uncompressed point.
func (k signingKey) public() ([]byte, error) {
	if private, ok := k.private.(*ecdsa.PrivateKey); ok {
		return private.PublicKey.Bytes()
	}
	return k.private.Public().(ed25519.PublicKey), nil
}

// fingerprint names the key: the hex SHA-256 of its public bytes.
func (k signingKey) fingerprint() (string, error) {
	public, err := k.public()
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:]), err
}

// sign returns the signature of a message in base64url: 64 bytes, which of ES256 are r and s, as WebCrypto gives them.
func (k signingKey) sign(message []byte) (string, error) {
	private, ok := k.private.(*ecdsa.PrivateKey)
	if !ok {
		signature, err := k.private.Sign(rand.Reader, message, crypto.Hash(0))
		return base64.RawURLEncoding.EncodeToString(signature), err
	}
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		return "", err
	}
	// Of the two values of s that verify, the lower one, as nodes keep it.
	if order := elliptic.P256().Params().N; s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return base64.RawURLEncoding.EncodeToString(signature), nil
}
