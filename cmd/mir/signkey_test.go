package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"math/big"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"pgregory.net/rapid"

	"mirnode/protocol"
)

// TestSigningKeys: what a key signs verifies under the public key that is registered, in the one form that nodes keep.
func TestSigningKeys(t *testing.T) {
	half := new(big.Int).Rsh(elliptic.P256().Params().N, 1)
	for _, algorithm := range []protocol.Algorithm{protocol.Ed25519, protocol.ES256} {
		key, err := newSigningKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		public, err := key.public()
		if err != nil {
			t.Fatal(err)
		}
		registered, err := protocol.ParseIssuerKey(string(key.algorithm()), base64.RawURLEncoding.EncodeToString(public))
		if err != nil {
			t.Fatal(err)
		}
		if fingerprint, err := key.fingerprint(); err != nil || fingerprint != registered.Fingerprint || key.algorithm() != algorithm {
			t.Errorf("%s: fingerprint %s of %s, %v", algorithm, fingerprint, registered.Fingerprint, err)
		}
		rapid.Check(t, func(t *rapid.T) {
			message := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
			text, err := key.sign(message)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil || !registered.Verify(message, raw) || registered.Verify(append(message, 0), raw) {
				t.Fatalf("%s: %s is no signature of this message alone (%v)", algorithm, text, err)
			}
			if algorithm == protocol.ES256 && new(big.Int).SetBytes(raw[32:]).Cmp(half) > 0 {
				t.Fatal("the upper of the two values of s")
			}
		})
	}
}

// TestKeyFiles: a key comes back as it was, and no other curve is taken.
func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	cmd := &cobra.Command{}
	addPassphraseFileFlag(cmd)
	for _, algorithm := range []protocol.Algorithm{protocol.Ed25519, protocol.ES256} {
		key, err := newSigningKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, string(algorithm)+".pem")
		if err := writeSigningKey(path, key, nil); err != nil {
			t.Fatal(err)
		}
		back, err := readSigningKey(cmd, path)
		if err != nil {
			t.Fatal(err)
		}
		was, errs := key.fingerprint()
		is, erri := back.fingerprint()
		if was != is || errs != nil || erri != nil {
			t.Errorf("%s came back as another key", algorithm)
		}
		if err := writeSigningKey(path, key, nil); err == nil {
			t.Error("a key was overwritten")
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signingKeyOf(other); err == nil {
		t.Error("P-384 passes for ES256")
	}
}
