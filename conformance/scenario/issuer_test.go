package scenario_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"mirnode/conformance/scenario"
)

func number(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

// TestIssuerShowsPossession: the operator makes the issuer, and its key is registered by a signature that others verify.
func TestIssuerShowsPossession(t *testing.T) {
	for _, algorithm := range []string{"Ed25519", "ES256"} {
		d := newDesk(t)
		found := play(t, d.world(), `{"issuer":{"as":"i1","name":"Harbour","algorithm":"`+algorithm+`"}}`,
			`{"request":{"method":"POST","path":"/seen","headers":{"x-api-key":"${i1.apiKey}"},"body":"${i1.id} ${i1.algorithm} ${i1.name} ${i1}"}}`)
		expect(t, found, "")
		id := "issuer_" + strings.Repeat("0", 31) + "1"
		if want := id + " " + algorithm + " Harbour " + id; string(d.sent["/seen"]) != want || d.asked["/seen"] != "mir_secret_1" || d.asked["challenge"] != "mir_secret_1" {
			t.Errorf("%s: sent %s with %v, want %s", algorithm, d.sent["/seen"], d.asked, want)
		}
		if len(d.keys[id]) != 1 || len(d.challenges) != 0 {
			t.Errorf("%s: keys %v, challenges %v", algorithm, d.keys, d.challenges)
		}
		for _, exchange := range found.Exchanges {
			if strings.Contains(string(exchange.Sent), "mir_secret_1") {
				t.Errorf("%s: the report shows the API key in what was sent: %s", algorithm, exchange.Sent)
			}
		}
	}
}

// TestKeylessIssuer: no key is registered where a case says so.
func TestKeylessIssuer(t *testing.T) {
	d := newDesk(t)
	expect(t, play(t, d.world(), `{"issuer":{"as":"i1","keyless":true}}`), "")
	if len(d.keys) != 0 {
		t.Errorf("keys were registered: %v", d.keys)
	}
	expect(t, play(t, d.world(), `{"issuer":{"as":"i1","keyless":true}}`, `{"assertion":{"as":"a1"}}`), "has no key")
}

// TestGivenIssuer: where no operator is, all cases use the one issuer that was given and one key of an algorithm, in turns; a case that wants two is told so.
func TestGivenIssuer(t *testing.T) {
	d := newDesk(t)
	w := d.world()
	w.Nodes[0].Operator, w.Issuer = "", &scenario.Identity{ID: "issuer_given", APIKey: "mir_given"}
	for range 2 {
		expect(t, play(t, w, `{"issuer":{"as":"i1"}}`, `{"request":{"method":"POST","path":"/seen","body":"${i1.id} ${i1.apiKey} ${i1.name}"}}`), "")
	}
	if got := string(d.sent["/seen"]); got != "issuer_given mir_given the given one" || len(d.keys["issuer_given"]) != 1 {
		t.Errorf("%s, with the keys %v", got, d.keys)
	}
	expect(t, play(t, w, `{"issuer":{"as":"i1"}}`, `{"issuer":{"as":"i2"}}`), "needs two issuers")
	expect(t, play(t, w, `{"issuer":{"as":"i1","algorithm":"ES256"}}`), "")
	if len(d.keys["issuer_given"]) != 2 {
		t.Errorf("the keys %v, want one of each algorithm", d.keys)
	}
	w.Issuer = nil
	expect(t, play(t, w, `{"issuer":{"as":"i1"}}`), "none was given")
}

// TestKeyForms: all spellings of a public key are one key, as the standard library reads them.
func TestKeyForms(t *testing.T) {
	parts := []string{"pem", "spki", "raw", "pub", "compressed", "x", "y", "fingerprint", "private"}
	for _, algorithm := range []string{"Ed25519", "ES256", "ES384", "RS256"} {
		d := newDesk(t)
		steps := []string{`{"keypair":{"as":"k","algorithm":"` + algorithm + `"}}`}
		for _, part := range parts {
			if algorithm == "RS256" && part != "pem" && part != "spki" && part != "private" || part == "y" && algorithm == "Ed25519" {
				continue
			}
			steps = append(steps, `{"request":{"path":"/`+part+`","body":"${k.`+part+`}"}}`)
		}
		expect(t, play(t, d.world(), steps...), "")
		get := func(part string) string { return string(d.sent["/"+part]) }
		der, err := base64.StdEncoding.DecodeString(get("spki"))
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Fatal(err)
		}
		if block, _ := pem.Decode([]byte(get("pem"))); block == nil || block.Type != "PUBLIC KEY" || string(block.Bytes) != string(der) {
			t.Errorf("%s: the PEM is %s", algorithm, get("pem"))
		}
		if block, _ := pem.Decode([]byte(get("private"))); block == nil || block.Type != "PRIVATE KEY" {
			t.Errorf("%s: the private PEM is none", algorithm)
		}
		checkForms(t, public, get)
	}
}

func checkForms(t *testing.T, public any, get func(string) string) {
	t.Helper()
	var raw []byte
	unpadded := base64.RawURLEncoding
	switch key := public.(type) {
	case *rsa.PublicKey:
		return
	case ed25519.PublicKey:
		raw = key
		if get("x") != unpadded.EncodeToString(key) {
			t.Errorf("x is %s", get("x"))
		}
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		raw = point
		half := 1 + len(raw)/2
		if get("x") != unpadded.EncodeToString(raw[1:half]) || get("y") != unpadded.EncodeToString(raw[half:]) {
			t.Errorf("x and y are %s and %s", get("x"), get("y"))
		}
		short, err := base64.StdEncoding.DecodeString(get("compressed"))
		if x, _ := elliptic.UnmarshalCompressed(key.Curve, short); err != nil || x == nil || x.Cmp(number(raw[1:half])) != 0 {
			t.Errorf("the compressed point is %s", get("compressed"))
		}
	default:
		t.Fatalf("a key of type %T", public)
	}
	sum := sha256.Sum256(raw)
	if get("raw") != base64.StdEncoding.EncodeToString(raw) || get("pub") != unpadded.EncodeToString(raw) || get("fingerprint") != hex.EncodeToString(sum[:]) {
		t.Errorf("raw %s, pub %s, fingerprint %s", get("raw"), get("pub"), get("fingerprint"))
	}
}

// TestIssuersThatCannotBe: where a case cannot go on, the finding says why.
func TestIssuersThatCannotBe(t *testing.T) {
	d := newDesk(t)
	expect(t, play(t, d.world(), `{"issuer":{"as":"i1","node":2}}`), "there is no node 2")
	expect(t, play(t, d.world(), `{"keypair":{"as":"k","algorithm":"DSA"}}`), `no algorithm "DSA"`)
	expect(t, play(t, d.world(), `{"sign":{"as":"s","with":"k","text":"x"}}`), `called "k"`)
	w := d.world()
	w.Nodes[0].Operator = d.server.URL + "/nowhere"
	expect(t, play(t, w, `{"issuer":{"as":"i1"}}`), "no issuer's id")
	var step json.RawMessage = []byte(`{"issuer":{"as":"i1","colour":"red"}}`)
	if found := playRaw(t, d.world(), step); found.Passed || !strings.Contains(found.Message, "colour") {
		t.Errorf("an unknown member: %s", found.Message)
	}
}
