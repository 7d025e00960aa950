package protocol_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"math/big"
	"testing"
	"time"

	"mirnode/protocol"
)

const issuerNonce = "00112233445566778899aabbccddeeff"

// ecKey is the same key for each run.
func ecKey(t testing.TB, seed byte) *ecdsa.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte{'k', seed})
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecIssuerKey(t testing.TB, seed byte) protocol.IssuerKey {
	t.Helper()
	point, err := ecKey(t, seed).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.NewIssuerKey(protocol.ES256, point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edIssuerKey(t testing.TB, seed byte) protocol.IssuerKey {
	t.Helper()
	key, err := protocol.NewIssuerKey(protocol.Ed25519, publicKey(seed))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signES256 returns r and s.
func signES256(t testing.TB, key *ecdsa.PrivateKey, message []byte) (r, s *big.Int) {
	t.Helper()
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(nil, key, digest[:]) // without a source of randomness, the signature is that of RFC 6979
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func issuerDraft(t testing.TB) protocol.IssuerDraft {
	t.Helper()
	first, second := edIssuerKey(t, 2), ecIssuerKey(t, 1)
	first.Created, first.RevokedAt, first.CompromisedAt = noon.Add(-48*time.Hour), noon, noon.Add(-time.Hour)
	second.Created = noon.Add(-time.Hour)
	return protocol.IssuerDraft{
		Home: "node1.test", Nonce: issuerNonce, Network: protocol.Development, Name: "News “Köln” Ltd", Status: protocol.IssuerVerified,
		VerifiedBy: protocol.ByDomain, VerifiedAt: noon.Add(-time.Hour), Domain: "news.example", DomainNonce: issuerNonce,
		Keys: []protocol.IssuerKey{first, second}, Sequence: 3, Issued: noon,
	}
}

func TestIssuer(t *testing.T) {
	d := issuerDraft(t)
	i, err := d.Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	if i.ID != protocol.IssuerID("node1.test", issuerNonce) || !protocol.IsIssuerID(i.ID) || i.Name != d.Name || i.Domain != "news.example" {
		t.Errorf("issuer %+v", i)
	}
	again, err := i.Draft().Sign(testKey(1))
	if err != nil || string(again.Raw()) != string(i.Raw()) {
		t.Errorf("its draft signs another record: %v", err)
	}
	for n, want := range d.Keys {
		got, ok := i.Key(want.Fingerprint)
		if !ok || got != &i.Keys[n] || !got.Created.Equal(want.Created) || !got.RevokedAt.Equal(want.RevokedAt) || !got.CompromisedAt.Equal(want.CompromisedAt) {
			t.Errorf("key %d is %+v", n, got)
		}
	}
	if _, ok := i.Key(zeroHash); ok {
		t.Error("a key that it has not")
	}
}
