package vectors

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"

	"filippo.io/edwards25519"
)

// entry is an entry of a key document.
type entry struct {
	Pub         string  `json:"pub"`
	Fingerprint string  `json:"fingerprint"`
	Alg         string  `json:"alg"`
	Created     string  `json:"created,omitempty"`
	Expires     *string `json:"expires"`
}

const (
	keyCreated = "2025-01-01T00:00:00Z"
	keyExpires = "2025-12-31T23:59:59Z" // of the retired key
	keyNext    = "2026-01-01T00:00:00Z" // when its successor was made
)

func newEntry(public []byte, created, expires string) entry {
	e := entry{Pub: Base64URL(public), Fingerprint: Fingerprint(public), Alg: "Ed25519", Created: created}
	if expires != "" {
		e.Expires = &expires
	}
	return e
}

// public returns the public key of a name: a bad key's, the one with a torsion component, or the named key's.
func (m *maker) public(name string) []byte {
	for _, bad := range BadKeys() {
		if bad.Name == name {
			return bad.Public
		}
	}
	if name == "torsion" {
		return m.torsionKey()
	}
	return m.key(name).Public().(ed25519.PublicKey)
}

// torsionPoint returns a point of order 8.
func torsionPoint() *edwards25519.Point {
	for _, bad := range BadKeys() {
		if bad.Name == "order-eight" {
			p, err := new(edwards25519.Point).SetBytes(bad.Public)
			if err != nil {
				panic(err) // it is a point of the curve
			}
			return p
		}
	}
	panic("there is no point of order eight")
}

// torsionKey returns the public half of the key "torsion", moved by a point of order 8: no key generator makes such a key.
func (m *maker) torsionKey() []byte {
	p, err := new(edwards25519.Point).SetBytes(m.key("torsion").Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // an honest key is a point of the curve
	}
	return p.Add(p, torsionPoint()).Bytes()
}

// keys returns the key document of a zone, the same for all its cases.
func (m *maker) keys(zone string) json.RawMessage {
	doc, odd := m.oddDocument(zone)
	if odd {
		return json.RawMessage(doc)
	}
	out, err := json.Marshal(map[string][]entry{"keys": m.entries(zone)})
	if err != nil {
		panic(err) // strings alone always encode
	}
	return out
}

// entries are the keys that a zone publishes: one, created before every claim and without an end, where nothing else is said.
func (m *maker) entries(zone string) []entry {
	one := func(name string) entry { return newEntry(m.public(name), keyCreated, "") }
	switch zone {
	case "rotated":
		return []entry{newEntry(m.public("retired"), keyCreated, keyExpires), newEntry(m.public("beta"), keyNext, "")}
	case "several":
		return []entry{one("beta"), one("gamma"), one("alpha"), one("delta")}
	case "beside-bad":
		return []entry{one("identity"), one("order-eight"), one("alpha")}
	case "undated":
		return []entry{newEntry(m.public("alpha"), "", "")}
	case "none":
		return []entry{}
	case "torsion":
		return []entry{one("torsion")}
	}
	for _, bad := range BadKeys() {
		if bad.Name == zone {
			return []entry{one(zone)}
		}
	}
	return []entry{one("alpha")}
}

// oddDocument returns the document of a zone that publishes something which is no usual key document, spelled by hand.
func (m *maker) oddDocument(zone string) (doc string, odd bool) {
	name, isOdd := strings.CutPrefix(zone, "odd-")
	if !isOdd {
		return "", false
	}
	alpha, beta := m.public("alpha"), m.public("beta")
	pub, fingerprint := Base64URL(alpha), Fingerprint(alpha)
	write := func(pub, fingerprint, rest string) string {
		return `{"pub":"` + pub + `","fingerprint":"` + fingerprint + `",` + rest + `}`
	}
	const usual = `"alg":"Ed25519","created":"` + keyCreated + `","expires":null`
	good := write(pub, fingerprint, usual)
	list := func(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",") + `]}` }
	docs := map[string]string{
		"fingerprint":         list(write(pub, Fingerprint(beta), usual)),
		"fingerprint-claimed": list(write(Base64URL(beta), fingerprint, usual)),
		"fingerprint-beside":  list(write(Base64URL(beta), fingerprint, usual), good),
		"fingerprint-upper":   list(write(pub, strings.ToUpper(fingerprint), usual)),
		"alg":                 list(write(pub, fingerprint, strings.Replace(usual, "Ed25519", "ES256", 1))),
		"alg-case":            list(write(pub, fingerprint, strings.Replace(usual, "Ed25519", "ed25519", 1))),
		"alg-absent":          list(write(pub, fingerprint, strings.Replace(usual, `"alg":"Ed25519",`, "", 1))),
		"fingerprint-absent":  list(`{"pub":"` + pub + `",` + usual + `}`),
		"twice":               list(write(pub, fingerprint, strings.Replace(usual, "null", `"`+keyExpires+`"`, 1)), good),
		"alg-beside":          list(write(Base64URL(beta), Fingerprint(beta), strings.Replace(usual, "Ed25519", "X448", 1)), good),
		"padded":              list(write(pub+"=", fingerprint, usual)),
		"short":               list(write(Base64URL(alpha[:31]), Fingerprint(alpha[:31]), usual), write(Base64URL(alpha[:31]), fingerprint, usual)),
		"trailing-bits":       list(write(pub[:42]+spareBits(pub[42]), fingerprint, usual)),
		"expires-unreadable":  list(write(pub, fingerprint, strings.Replace(usual, "null", `"someday"`, 1))),
		"expires-absent":      list(write(pub, fingerprint, `"alg":"Ed25519"`)),
		"unknown-members": `{"version":7,"keys":[` + write(pub, fingerprint, usual+`,"use":"sig","kid":{"n":[1]}`) +
			`],"contact":{"keys":[]}}`,
		"entry-no-object": `{"keys":["` + pub + `",null,7,` + good + `]}`,
	}
	doc, known := docs[name]
	if !known {
		panic("no document for the zone " + zone)
	}
	return doc, true
}

// spareBits returns the next character of base64url: the last one of a key, with a bit set that no byte holds.
func spareBits(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, last)|1:][:1]
}
