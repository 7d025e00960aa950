package scenario

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
)

// The algorithms of issuers' keys. The last two are not the protocol's: nodes must refuse them.
const (
	algorithmEd25519 = "Ed25519"
	algorithmES256   = "ES256"
	algorithmES384   = "ES384"
	algorithmRSA     = "RS256"

	// rsaBits is the size of an RSA key, in bits: as usual, so that a node does not refuse it for its size.
	rsaBits = 2048
)

// keypair is a key of an issuer. It is made when a case runs, and never written down.
type keypair struct {
	algorithm string
	private   crypto.Signer
}

// newKeypair makes a key. It is random: signatures of issuers are not part of what a seed repeats.
func newKeypair(algorithm string) (*keypair, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case algorithmEd25519:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case algorithmES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case algorithmES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case algorithmRSA:
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		return nil, fmt.Errorf("no algorithm %q: %s, %s, %s or %s", algorithm, algorithmEd25519, algorithmES256, algorithmES384, algorithmRSA)
	}
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &keypair{algorithm: algorithm, private: private}, nil
}

// raw is the public key without its envelope: 32 bytes, or a point in its long form; nil for RSA, which has no such form.
func (k *keypair) raw() []byte {
	switch public := k.private.Public().(type) {
	case ed25519.PublicKey:
		return public
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			return nil // a key of this file is a point
		}
		return point
	}
	return nil
}

// compressed is a point's short form (SEC 1, 2.3.3): nil for other keys.
func (k *keypair) compressed() []byte {
	if _, ok := k.private.Public().(*ecdsa.PublicKey); ok {
		point := k.raw()
		half := (len(point) - 1) / 2
		return append([]byte{2 + point[len(point)-1]&1}, point[1:1+half]...)
	}
	return nil
}

// spki is the public key's DER, as OpenSSL and WebCrypto export it.
func (k *keypair) spki() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		return nil // all four algorithms have one
	}
	return der
}

// attribute gives what a template may ask of a key: its public half in some spelling, or its fingerprint.
func (k *keypair) attribute(name string) (string, bool) {
	raw := k.raw()
	switch name {
	case "algorithm":
		return k.algorithm, true
	case "private": // for the case that a node refuses to be sent one
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err == nil
	case "spki":
		return base64.StdEncoding.EncodeToString(k.spki()), true
	case "pem":
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.spki()})), true
	}
	if raw == nil {
		return "", false
	}
	switch name {
	case "fingerprint":
		sum := sha256.Sum256(raw)
		return hex.EncodeToString(sum[:]), true
	case "raw":
		return base64.StdEncoding.EncodeToString(raw), true
	case "pub":
		return base64.RawURLEncoding.EncodeToString(raw), true
	case "compressed":
		return base64.StdEncoding.EncodeToString(k.compressed()), true
	case "x":
		if k.algorithm == algorithmEd25519 {
			return base64.RawURLEncoding.EncodeToString(raw), true
		}
		return base64.RawURLEncoding.EncodeToString(raw[1 : 1+len(raw)/2]), true
	case "y":
		return base64.RawURLEncoding.EncodeToString(raw[1+len(raw)/2:]), k.algorithm != algorithmEd25519
	}
	return "", false
}

// sign signs a message as the algorithm has it, and gives the signature's natural bytes: 64 of Ed25519, r and s of ECDSA side by side, PKCS #1 of RSA.
func (k *keypair) sign(message []byte) ([]byte, error) {
	switch private := k.private.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(private, message), nil
	case *ecdsa.PrivateKey:
		var digest []byte
		if k.algorithm == algorithmES384 {
			digest = digestOf(crypto.SHA384, message)
		} else {
			digest = digestOf(crypto.SHA256, message)
		}
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		return joinECDSA(r, s, (private.Params().BitSize+7)/8), nil
	}
	signature, err := k.private.Sign(rand.Reader, digestOf(crypto.SHA256, message), crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

func digestOf(h crypto.Hash, message []byte) []byte {
	state := h.New()
	_, _ = state.Write(message) // a hash takes everything
	return state.Sum(nil)
}

// joinECDSA writes both numbers with so many bytes each, as WebCrypto does.
func joinECDSA(r, s *big.Int, size int) []byte {
	joined := make([]byte, 2*size)
	r.FillBytes(joined[:size])
	s.FillBytes(joined[size:])
	return joined
}
