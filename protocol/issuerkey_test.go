package protocol_test

import (
	"bytes"
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
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

func spki(t testing.TB, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func raw64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func TestIssuerKeyForms(t *testing.T) {
	ec, ed := ecKey(t, 1).PublicKey, publicKey(2)
	point, err := ec.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	ecForms := slices.Concat([]string{pemOf("PUBLIC KEY", spki(t, &ec)), "\n" + pemOf("PUBLIC KEY", spki(t, &ec)) + "\n"},
		spellings(spki(t, &ec)), spellings(point), spellings(compressed), []string{
			fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, raw64(point[1:33]), raw64(point[33:])),
			fmt.Sprintf(` {"key_ops":["verify"],"ext":true,"alg":"ES256","kid":"a","x":%q,"y":%q,"crv":"P-256","kty":"EC"} `, raw64(point[1:33]), raw64(point[33:])),
		})
	edForms := slices.Concat([]string{pemOf("PUBLIC KEY", spki(t, ed))}, spellings(spki(t, ed)), spellings(ed), []string{
		fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, raw64(ed)),
	})
	for _, c := range []struct {
		algorithm protocol.Algorithm
		names     []string
		public    []byte
		forms     []string
	}{{protocol.ES256, []string{"", "ES256"}, point, ecForms}, {protocol.Ed25519, []string{"", "Ed25519", "EdDSA"}, ed, edForms}} {
		sum := sha256.Sum256(c.public)
		for _, form := range c.forms {
			for _, name := range c.names {
				got, err := protocol.ParseIssuerKey(name, form)
				if err != nil || got.Algorithm != c.algorithm || !bytes.Equal(got.Public, c.public) || got.Fingerprint != hex.EncodeToString(sum[:]) {
					t.Errorf("%s %q became %+v: %v", name, form, got, err)
				}
			}
		}
	}
}

func TestIssuerKeyRefused(t *testing.T) {
	private := ecKey(t, 1)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(testKey(2))
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(point)
		b[at] = to
		return b
	}
	good := pemOf("PUBLIC KEY", spki(t, publicKey(2)))
	smallOrder := append([]byte{1}, make([]byte, 31)...)
	identitySPKI := slices.Concat(spki(t, publicKey(2))[:12], smallOrder)
	for name, text := range map[string]string{
		"nothing":                         "",
		"words":                           "my public key",
		"hex":                             hex.EncodeToString(publicKey(2)),
		"a private key, PKCS#8":           pemOf("PRIVATE KEY", pkcs8),
		"a private key, SEC 1":            pemOf("EC PRIVATE KEY", sec1),
		"a private key, labelled":         pemOf("PUBLIC KEY", pkcs8),
		"a private key, base64":           std.EncodeToString(pkcs8),
		"a private key, bare":             std.EncodeToString(sec1),
		"a private JWK":                   fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","d":"x","x":%q}`, raw64(publicKey(2))),
		"another block":                   pemOf("CERTIFICATE", spki(t, publicKey(2))),
		"two blocks":                      good + good,
		"words behind":                    good + "x",
		"half a block":                    good[:60],
		"a byte behind":                   std.EncodeToString(append(spki(t, publicKey(2)), 0)),
		"P-384":                           pemOf("PUBLIC KEY", spki(t, &p384.PublicKey)),
		"RSA":                             pemOf("PUBLIC KEY", spki(t, &rsaKey.PublicKey)),
		"small order":                     raw64(smallOrder),
		"small order, SPKI":               std.EncodeToString(identitySPKI),
		"not canonical":                   raw64(append(bytes.Repeat([]byte{0xff}, 31), 0x7f)),
		"infinity":                        raw64([]byte{0}),
		"a hybrid point":                  raw64(changed(0, 6)),
		"not on the curve":                raw64(changed(64, point[64]^1)),
		"a compressed point that is none": raw64(append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...)),
		"a compressed point, tag 4":       raw64(append([]byte{4}, point[1:33]...)),
		"a JWK of another curve":          fmt.Sprintf(`{"kty":"EC","crv":"P-384","x":%q,"y":%q}`, raw64(point[1:33]), raw64(point[33:])),
		"a JWK without y":                 fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q}`, raw64(point[1:33])),
		"a JWK without x":                 `{"kty":"OKP","crv":"Ed25519"}`,
		"a JWK, x padded":                 fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s="}`, raw64(publicKey(2))),
		"a JWK, x twice":                  fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q,"x":%q}`, raw64(publicKey(2)), raw64(publicKey(2))),
		"a JWK, x a number":               `{"kty":"OKP","crv":"Ed25519","x":1}`,
		"a JWK set":                       `{"keys":[]}`,
		"a JWK, cut off":                  `{"kty":"OKP"`,
		"much too long":                   strings.Repeat("A", 5000),
	} {
		if got, err := protocol.ParseIssuerKey("", text); err == nil {
			t.Errorf("%s: %+v", name, got)
		} else if refusal := wantCode(t, err, protocol.KeyNotFound); strings.HasPrefix(name, "a private") != strings.Contains(refusal.Message, "private key") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = protocol.ParseIssuerKey("RS256", good)
	wantCode(t, err, protocol.InvalidSchema)
	_, err = protocol.ParseIssuerKey("ES256", good)
	wantCode(t, err, protocol.KeyNotFound)
	for _, alg := range []protocol.Algorithm{protocol.Ed25519, protocol.ES256, "", "RS256"} {
		_, err = protocol.NewIssuerKey(alg, make([]byte, 5))
		wantCode(t, err, protocol.KeyNotFound)
	}
}

func TestKeyValidAt(t *testing.T) {
	const skew = protocol.ClockSkew
	created, revoked := noon, noon.Add(time.Hour)
	for _, c := range []struct {
		at      time.Time
		revoked time.Time
		want    bool
	}{
		{created.Add(-skew - 1), time.Time{}, false},
		{created.Add(-skew), time.Time{}, true},
		{created.AddDate(50, 0, 0), time.Time{}, true},
		{revoked.Add(-1), revoked, true},
		{revoked, revoked, false},
		{revoked.AddDate(1, 0, 0), revoked, false},
		{created.Add(-skew - 1), revoked, false},
	} {
		key := protocol.IssuerKey{Created: created, RevokedAt: c.revoked, CompromisedAt: c.revoked}
		if key.ValidAt(c.at) != c.want {
			t.Errorf("at %v, revoked at %v: want %v", c.at, c.revoked, c.want)
		}
	}
}

// TestPossessionIsNoPayload: what shows that one holds a key must never be what asserts something.
func TestPossessionIsNoPayload(t *testing.T) {
	text := protocol.PossessionText("issuer_8bcab9f7de068448394faf5baf53f5ec", "challenge")
	if string(text) != "mir-key-possession:1:issuer_8bcab9f7de068448394faf5baf53f5ec:challenge" {
		t.Errorf("%s", text)
	}
	for name, parse := range map[string]func([]byte) error{
		"payload":    func(b []byte) error { _, err := protocol.ParsePayload(b); return err },
		"revocation": func(b []byte) error { _, err := protocol.ParseRevocationPayload(b); return err },
		"form":       func(b []byte) error { _, err := protocol.CanonicalPayload(b); return err },
	} {
		for _, challenge := range []string{"challenge", foreignPayload, "\n" + foreignPayload} {
			if parse(protocol.PossessionText("", challenge)) == nil {
				t.Errorf("%s: a possession text passes", name)
			}
		}
	}
}

func FuzzParseIssuerKey(f *testing.F) {
	for _, s := range foreign {
		for _, form := range s.keys {
			f.Add(form)
		}
	}
	f.Add(raw64(publicKey(2)))
	f.Add(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, raw64(publicKey(2))))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := protocol.ParseIssuerKey("", text)
		if err != nil {
			mustBeRefusal(t, err, protocol.KeyNotFound)
			return
		}
		again, err := protocol.ParseIssuerKey(string(key.Algorithm), std.EncodeToString(key.Public))
		if err != nil || again.Fingerprint != key.Fingerprint || !bytes.Equal(again.Public, key.Public) {
			t.Fatalf("%+v became %+v: %v", key, again, err)
		}
		if key.Algorithm == protocol.Ed25519 && protocol.CheckPublicKey(ed25519.PublicKey(key.Public)) != nil {
			t.Fatalf("%q is no key", text)
		}
	})
}
