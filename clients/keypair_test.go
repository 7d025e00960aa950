package clients_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The algorithms, as the protocol names them.
const (
	ed25519Name = "Ed25519"
	es256Name   = "ES256"
)

// keyPair is a key that a client of another make holds.
type keyPair struct {
	public any                         // as the client would send it
	sign   func(message []byte) string // base64, as the client makes it
}

// openSSL makes a key with OpenSSL and signs with it: its ES256 signatures are DER.
func openSSL(t *testing.T, algorithm string) keyPair {
	t.Helper()
	dir := t.TempDir()
	generate, sign := []string{"genpkey", "-out", "key.pem", "-algorithm", "ED25519"}, []string{"pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "message"}
	if algorithm == es256Name {
		generate = []string{"genpkey", "-out", "key.pem", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}
		sign = append(sign, "-digest", "sha256")
	}
	run(t, dir, nil, "openssl", generate...)
	return keyPair{
		public: run(t, dir, nil, "openssl", "pkey", "-in", "key.pem", "-pubout"),
		sign: func(message []byte) string {
			t.Helper()
			// OpenSSL 3.0 signs a file only: it must know the length beforehand.
			if err := os.WriteFile(filepath.Join(dir, "message"), message, 0o600); err != nil {
				t.Fatal(err)
			}
			return base64.StdEncoding.EncodeToString([]byte(run(t, dir, nil, "openssl", sign...)))
		},
	}
}

// webCryptoKey is what testdata/webcrypto.mjs prints of a new key.
type webCryptoKey struct {
	Private json.RawMessage `json:"private"`
	JWK     json.RawMessage `json:"jwk"`
	SPKI    string          `json:"spki"`
	Raw     string          `json:"raw"`
}

// webCrypto makes a key with WebCrypto and signs with it: its ES256 signatures are raw. form chooses how the public key is sent: jwk, spki or raw.
func webCrypto(t *testing.T, algorithm, form string) keyPair {
	t.Helper()
	script, err := filepath.Abs("testdata/webcrypto.mjs")
	if err != nil {
		t.Fatal(err)
	}
	var key webCryptoKey
	if err := json.Unmarshal([]byte(run(t, t.TempDir(), nil, "node", script, "new", algorithm)), &key); err != nil {
		t.Fatal(err)
	}
	return keyPair{
		public: map[string]any{"jwk": key.JWK, "spki": key.SPKI, "raw": key.Raw}[form],
		sign: func(message []byte) string {
			t.Helper()
			order, err := json.Marshal(map[string]any{"private": key.Private, "text": string(message)})
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(run(t, t.TempDir(), order, "node", script, "sign", algorithm))
		},
	}
}
