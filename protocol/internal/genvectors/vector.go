package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// vector is a claim, how it was signed, and the verdict on it.
type vector struct {
	name, row, note string

	domain, typ, timestamp string                  // usual values if empty
	key                    string                  // signs, and is named by keyFingerprint; keyA if empty
	verifyWith             string                  // the key that the domain publishes; as key if empty
	sent                   string                  // the metadata as sent; none if empty
	text, sdk              string                  // the metadata in canonical form: "-" for a claim without, "" where there is none
	form                   string                  // which of the two was signed: text if empty
	signed                 string                  // the metadata that was signed, where it is neither
	sig                    string                  // signs nothing: stands in the place of a signature
	change                 func(doc string) string // of the document alone: its spelling, or a fault of format
	tamper                 func(doc string) string // of what it says, after it was signed
	code                   string                  // "" is ACCEPT
}

const noMetadata = "-"

// seeded returns the private key of a name.
func seeded(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("mirnode test vector " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// keyEntry is an entry of keys.json.
type keyEntry struct {
	Pub         string  `json:"pub"`
	Fingerprint string  `json:"fingerprint"`
	Alg         string  `json:"alg"`
	Created     string  `json:"created"`
	Expires     *string `json:"expires"`
}

func entry(pub []byte, created, expires string) keyEntry {
	e := keyEntry{
		Pub: base64.RawURLEncoding.EncodeToString(pub), Fingerprint: fingerprint(pub), Alg: "Ed25519", Created: created,
	}
	if expires != "" {
		e.Expires = &expires
	}
	return e
}

func fingerprint(pub []byte) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:])
}

// badKeys are no keys, though implementations take them for some.
var badKeys = map[string]string{
	"identity":              "0100000000000000000000000000000000000000000000000000000000000000",
	"identityNonCanonical":  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"identityNegative":      "0100000000000000000000000000000000000000000000000000000000000080",
	"orderTwo":              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"orderFour":             "0000000000000000000000000000000000000000000000000000000000000000",
	"orderFourNonCanonical": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"orderEight":            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"notOnCurve":            "0200000000000000000000000000000000000000000000000000000000000000",
}

// forged is a signature of R = identity, S = 0, which the identity key verifies for every message.
var forged = base64.RawURLEncoding.EncodeToString(append([]byte{1}, make([]byte, 63)...))

func keyEntries() map[string]keyEntry {
	const created = "2025-01-01T00:00:00Z"
	a, b := public("keyA"), public("keyB")
	entries := map[string]keyEntry{
		"keyA":         entry(a, created, ""),
		"keyB":         entry(b, "2026-02-01T00:00:00Z", ""),
		"keyA_expired": entry(a, created, "2025-12-31T23:59:59Z"),
	}
	for name := range badKeys {
		entries[name] = entry(public(name), created, "")
	}
	return entries
}

func public(name string) []byte {
	if bad, ok := badKeys[name]; ok {
		pub, err := hex.DecodeString(bad)
		if err != nil {
			panic(err)
		}
		return pub
	}
	name, _, _ = strings.Cut(name, "_")
	return seeded(name).Public().(ed25519.PublicKey)
}

func or(s, usual string) string {
	if s == "" {
		return usual
	}
	return s
}

func (v vector) result() string {
	if v.code == "" {
		return "ACCEPT"
	}
	return "REJECT"
}

func (v vector) signedForm() string {
	if v.sig != "" || v.signed != "" {
		return ""
	}
	return or(v.form, "text")
}

func (v vector) fields() (domain, keyFingerprint, subject, timestamp, typ string) {
	domain = or(v.domain, "vectors.example.com")
	subject = hexHash(domain + ":user-7f3a")
	return domain, fingerprint(public(v.key)), subject, or(v.timestamp, "2026-03-01T12:00:00Z"), or(v.typ, "mir.transaction.completed")
}

func hexHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// frame writes the claim without sig in canonical order, around the given metadata.
func (v vector) frame(metadata string) string {
	domain, keyFingerprint, subject, timestamp, typ := v.fields()
	if metadata != noMetadata {
		metadata = `,"metadata":` + metadata
	} else {
		metadata = ""
	}
	return `{"domain":"` + domain + `","keyFingerprint":"` + keyFingerprint + `"` + metadata +
		`,"mir":1,"subject":"` + subject + `","timestamp":"` + timestamp + `","type":"` + typ + `"}`
}

// canonical is the text's form of the document, or "" where it has none.
func (v vector) canonical() string {
	if v.text == "" || v.code == schema {
		return ""
	}
	return v.tampered(v.frame(v.text))
}

func (v vector) tampered(doc string) string {
	if v.tamper == nil {
		return doc
	}
	return v.tamper(doc)
}

// signature signs with the key's own name; an expired key is the same key.
func (v vector) signature() string {
	if v.sig != "" {
		return v.sig
	}
	metadata := v.text
	if v.form == "sdk" {
		metadata = v.sdk
	}
	name, _, _ := strings.Cut(v.key, "_")
	sig := ed25519.Sign(seeded(name), []byte(v.frame(or(v.signed, metadata))))
	return base64.RawURLEncoding.EncodeToString(sig)
}

// document is the claim as sent, in the order of the protocol's page.
func (v vector) document() []byte {
	domain, keyFingerprint, subject, timestamp, typ := v.fields()
	lines := []string{
		`"mir": 1`, `"type": "` + typ + `"`, `"domain": "` + domain + `"`, `"subject": "` + subject + `"`,
		`"timestamp": "` + timestamp + `"`, `"keyFingerprint": "` + keyFingerprint + `"`,
	}
	if v.sent != "" {
		lines = append(lines, `"metadata": `+v.sent)
	}
	lines = append(lines, `"sig": "`+v.signature()+`"`)
	doc := v.tampered("{\n  " + strings.Join(lines, ",\n  ") + "\n}\n")
	if v.change != nil {
		doc = v.change(doc)
	}
	return []byte(doc)
}

// sentSig is the sig that stands in the document.
func (v vector) sentSig() string {
	_, after, _ := strings.Cut(string(v.document()), `"sig": "`)
	sig, _, _ := strings.Cut(after, `"`)
	return sig
}

// replace returns a change that puts one part of the document in place of another.
func replace(old, new string) func(string) string {
	return func(doc string) string {
		if !strings.Contains(doc, old) {
			panic("nothing to change: " + old)
		}
		return strings.Replace(doc, old, new, 1)
	}
}
