package vectors

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"mirnode/conformance/cases"
)

// The codes of refusal (Protocol, "Verification, in order").
const (
	schema    = "INVALID_SCHEMA"
	canonical = "CANONICALIZATION_ERROR"
	notFound  = "KEY_NOT_FOUND"
	signature = "INVALID_SIGNATURE"
	tooOld    = "KEY_EXPIRED"
	expired   = "CLAIM_EXPIRED"
	mismatch  = "DOMAIN_MISMATCH"
)

// noMetadata stands for a claim without metadata.
const noMetadata = "-"

// vector is a claim, how it was signed, and the verdict on it. Empty fields stand for the usual.
type vector struct {
	name, title, why string
	rule             cases.Requirement
	level            cases.Level // where it is another than the rule's

	zone        string // whose keys: see zones; the domain is ZONE.SUFFIX
	nowhere     bool   // the claim as sent has no domain that could publish keys
	domain      string // as spelled in the claim
	typ         string
	subject     string
	timestamp   string
	fingerprint string
	key         string // is named by keyFingerprint, and signs
	signer      string // signs in the key's place

	sent      string // the metadata as sent; none if empty
	text, sdk string // the metadata in canonical form: noMetadata for a claim without, "" where it has none
	form      string // which of the two was signed: text or sdk
	signed    string // the metadata that was signed, where it is neither

	sign   func(key ed25519.PrivateKey, message []byte) []byte // as RFC 8032 if nil
	wrong  func(canonical string) string                       // the bytes that were signed in place of the canonical form
	sig    func(sig []byte) string                             // its spelling; base64url if nil
	change func(doc string) string                             // of the document alone: its spelling, or a fault of format
	tamper func(doc string) string                             // of what it says, after it was signed

	live    bool
	options *cases.VerdictOptions
	codes   []string // none is ACCEPT
}

// maker makes cases for a suffix, a seed and an instant. It serves one goroutine.
type maker struct {
	Options
	keysByName map[string]ed25519.PrivateKey // those that were made: it takes longer than all else, and most cases have the same
}

// key returns the private key of a name.
func (m *maker) key(name string) ed25519.PrivateKey {
	key, made := m.keysByName[name]
	if !made {
		key = Key(m.Seed, name)
		m.keysByName[name] = key
	}
	return key
}

func (m *maker) domain(zone string) string { return zone + "." + m.Suffix }

// made returns the case of a vector.
func (m *maker) made(section string, v *vector) cases.Case {
	m.complete(section, v)
	doc := m.document(v)
	in := &cases.VerdictInput{
		Domain: m.domain(v.zone), Keys: m.keys(v.zone), Canonical: m.canonicalForm(v), Form: v.signedForm(), Live: v.live, Options: v.options,
		Expect: cases.Verdict{Result: cases.Accept, Codes: v.codes},
	}
	if len(v.codes) > 0 {
		in.Expect.Result = cases.Reject
	}
	if v.nowhere {
		in.Domain = ""
	}
	if v.live {
		now := m.Now.UTC()
		in.Now = &now
	}
	if utf8.ValidString(doc) {
		in.Claim = doc
	} else {
		in.ClaimBase64 = []byte(doc)
	}
	rule := v.rule
	if v.level != "" {
		rule.Level = v.level
	}
	return cases.Case{
		ID: section + "/" + v.name, Title: v.title, Requirement: rule, Why: v.why, Kind: cases.KindVerdict,
		Refused: len(v.codes) > 0, Verdict: in,
	}
}

// complete fills in the usual. Every case has a subject of its own, so that no two accepted claims share a signature.
func (m *maker) complete(section string, v *vector) {
	v.zone = or(v.zone, "shop")
	v.domain = or(v.domain, m.domain(v.zone))
	v.key = or(v.key, "alpha")
	v.signer = or(v.signer, v.key)
	v.typ = or(v.typ, "mir.transaction.completed")
	v.timestamp = or(v.timestamp, "2026-03-01T12:00:00Z")
	v.subject = or(v.subject, Fingerprint([]byte(m.domain(v.zone)+":user of "+section+"/"+v.name)))
	v.fingerprint = or(v.fingerprint, Fingerprint(m.public(v.key)))
	if v.sent == "" && v.text == "" && v.signed == "" {
		v.text = noMetadata
	}
}

// frame writes the claim without its sig in canonical order, around the given metadata.
func (v *vector) frame(metadata string) string {
	if metadata != noMetadata {
		metadata = `,"metadata":` + metadata
	} else {
		metadata = ""
	}
	return `{"domain":"` + v.domain + `","keyFingerprint":"` + v.fingerprint + `"` + metadata +
		`,"mir":1,"subject":"` + v.subject + `","timestamp":"` + v.timestamp + `","type":"` + v.typ + `"}`
}

// canonicalForm is the text's form of the claim as sent, or "" where it has none.
func (m *maker) canonicalForm(v *vector) string {
	if v.text == "" || len(v.codes) > 0 && v.codes[0] == schema {
		return ""
	}
	return v.tampered(v.frame(v.text))
}

// signedForm tells which form was signed, where it is one of the two.
func (v *vector) signedForm() string {
	if v.signed != "" || v.wrong != nil || v.sign != nil || v.signer != v.key || len(v.codes) > 0 && v.codes[0] == schema {
		return ""
	}
	return or(v.form, "text")
}

func (v *vector) tampered(doc string) string {
	if v.tamper == nil {
		return doc
	}
	return v.tamper(doc)
}

// signature makes the sig of the claim, as spelled.
func (m *maker) signature(v *vector) string {
	metadata := v.text
	if v.form == "sdk" {
		metadata = v.sdk
	}
	message := v.frame(or(v.signed, metadata))
	if v.wrong != nil {
		message = v.wrong(message)
	}
	sign := v.sign
	if sign == nil {
		sign = ed25519.Sign
	}
	sig := sign(m.key(v.signer), []byte(message))
	if v.sig != nil {
		return v.sig(sig)
	}
	return Base64URL(sig)
}

// document is the claim as sent, in the order of the claim format's page.
func (m *maker) document(v *vector) string {
	lines := []string{
		`"mir": 1`, `"type": "` + v.typ + `"`, `"domain": "` + v.domain + `"`, `"subject": "` + v.subject + `"`,
		`"timestamp": "` + v.timestamp + `"`, `"keyFingerprint": "` + v.fingerprint + `"`,
	}
	if v.sent != "" {
		lines = append(lines, `"metadata": `+v.sent)
	}
	lines = append(lines, `"sig": "`+m.signature(v)+`"`)
	doc := v.tampered("{\n  " + strings.Join(lines, ",\n  ") + "\n}\n")
	if v.change != nil {
		doc = v.change(doc)
	}
	return doc
}

// under gives the vectors what they have in common: the rule, and the codes where they have none of their own.
func under(rule cases.Requirement, codes []string, vectors []vector) []vector {
	for i := range vectors {
		v := &vectors[i]
		if v.rule.Words == "" {
			v.rule = rule
		}
		if v.codes == nil {
			v.codes = codes
		}
	}
	return vectors
}

// replace returns a change that puts one part of the document in place of another. It panics where there is nothing to change, since the
// case would test nothing.
func replace(old, new string) func(string) string {
	return func(doc string) string {
		if !strings.Contains(doc, old) {
			panic("nothing to change: " + old + " in " + doc)
		}
		return strings.Replace(doc, old, new, 1)
	}
}

func or(s, usual string) string {
	if s == "" {
		return usual
	}
	return s
}

// quoted writes text as a JSON string, without HTML escapes.
func quoted(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSpace(b.String())
}
