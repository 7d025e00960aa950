package vectors

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"mirnode/conformance/cases"
)

// fingerprints are about keyFingerprint: its form, and what it is the hash of.
func (m *maker) fingerprints() []vector {
	alpha := m.public("alpha")
	fingerprint := Fingerprint(alpha)
	wrong := func(name, title, value, why string, codes ...string) vector {
		return vector{name: "fingerprint-" + name, title: title, fingerprint: value, why: why, codes: codes, signer: "alpha"}
	}
	const otherHash = "A claim that names its key in a way of its own ties itself to no key: retiring the key would not reach it."
	spki := append(unhex("302a300506032b6570032100"), alpha...)
	half := sha512.Sum512_256(alpha)
	full := sha512.Sum512(alpha)
	return under(ruleFingerprint(), nil, []vector{
		wrong("upper-case", "a fingerprint in upper-case hex", strings.ToUpper(fingerprint), "Two spellings of one key: a list of retired keys would miss one of them.", schema),
		wrong("63-digits", "a fingerprint of 63 digits", fingerprint[:63], "A prefix fits many keys; an attacker makes one that it fits.", schema),
		wrong("16-digits", "the first 16 digits of the fingerprint", fingerprint[:16], "A short prefix fits many keys; an attacker makes one that it fits.", schema),
		wrong("65-digits", "a fingerprint of 65 digits", fingerprint+"0", "Cut to 64 it names a key that the issuer did not write.", schema),
		wrong("base64url", "a fingerprint in base64url", Base64URL(unhex(fingerprint)), "Two spellings of one key: a list of retired keys would miss one of them.", schema),
		wrong("colons", "a fingerprint with colons, as OpenSSL writes it", strings.TrimSuffix(strings.Repeat("5a:", 32), ":"), "Two spellings of one key: a list of retired keys would miss one of them.", schema),
		wrong("prefixed", "a fingerprint with sha256: before it", "sha256:"+fingerprint, "Two spellings of one key: a list of retired keys would miss one of them.", schema),
		wrong("is-the-key", "the key itself in hex", hex.EncodeToString(alpha), otherHash, notFound),
		wrong("of-base64-text", "the hash of the key's base64url text", Fingerprint([]byte(Base64URL(alpha))), otherHash, notFound),
		wrong("of-standard-base64", "the hash of the key's base64 text", Fingerprint([]byte(base64.StdEncoding.EncodeToString(alpha))), otherHash, notFound),
		wrong("of-hex-text", "the hash of the key's hex text", Fingerprint([]byte(hex.EncodeToString(alpha))), otherHash, notFound),
		wrong("of-spki", "the hash of the key's SubjectPublicKeyInfo, as in certificates", Fingerprint(spki), otherHash, notFound),
		wrong("of-txt-record", "the hash of the TXT record", Fingerprint([]byte("mir-key="+Base64URL(alpha))), otherHash, notFound),
		wrong("sha512-256", "the SHA-512/256 of the key", hex.EncodeToString(half[:]), otherHash, notFound),
		wrong("sha512-cut", "the first half of the key's SHA-512", hex.EncodeToString(full[:sha256.Size]), otherHash, notFound),
		wrong("twice", "the hash of the hash", Fingerprint(unhex(fingerprint)), otherHash, notFound),
		wrong("zero", "a fingerprint of zeros", strings.Repeat("0", 64), "A default in the place of a name must not find whatever key comes first.", notFound),
		{name: "fingerprint-changed", title: "a digit of the fingerprint changed after signing", tamper: replace(fingerprint, otherDigit(fingerprint)), codes: []string{notFound},
			why: "Trying the other keys all the same would make retiring a key pointless."},
	})
}

func otherDigit(s string) string {
	if s[10] == '0' {
		return s[:10] + "1" + s[11:]
	}
	return s[:10] + "0" + s[11:]
}

// keySelection returns the cases on key documents, of the section keys: which entry counts. How documents are found is another matter.
func (m *maker) keySelection() []vector {
	missing := []string{notFound}
	return append(under(ruleFingerprintSelects(), nil, []vector{
		{name: "given-several", title: "the third of four keys", zone: "several", why: "Domains rotate keys and sign in several places. Trying only the first key drops the rest of their records."},
		{name: "given-last", title: "the last of four keys", zone: "several", key: "delta", why: "Domains rotate keys and sign in several places. Trying only the first key drops the rest of their records."},
		{name: "given-other-key", title: "a key that the domain does not publish, and a good signature by it", zone: "several", key: "retired", codes: missing,
			why: "Anybody has some key. Only the domain's own may speak for it."},
		{name: "given-without-keys", title: "a document with an empty list of keys", zone: "none", codes: missing,
			why: "A domain that took its keys down has revoked them; its records must stop verifying."},
	}), append(under(ruleEntryIgnored(), nil, []vector{
		{name: "given-fingerprint-of-another", title: "the claim's key, listed under another key's fingerprint", zone: "odd-fingerprint", codes: missing,
			why: "The fingerprint in the document proves nothing. Who trusts it can be handed any key."},
		{name: "given-key-of-another", title: "another key, listed under the fingerprint that the claim names; the other key signed", zone: "odd-fingerprint-claimed", signer: "beta", codes: missing,
			why: "Who looks up by the listed fingerprint takes an attacker's key for the domain's."},
		{name: "given-fingerprint-wrong-beside", title: "the claim's key, behind an entry with its fingerprint and another key", zone: "odd-fingerprint-beside",
			why: "One bad entry must not shadow the good one: the domain would lose its voice."},
		{name: "given-fingerprint-upper-case", title: "an entry whose fingerprint is in upper case", zone: "odd-fingerprint-upper", codes: missing,
			rule: ruleFingerprint(), level: "SHOULD", why: "Two spellings of one key: a list of retired keys would miss one of them."},
		{name: "given-alg-other", title: "an entry whose alg is ES256", zone: "odd-alg", codes: missing,
			why: "Bytes that were made for one algorithm must not be used with another."},
		{name: "given-alg-case", title: "an entry whose alg is ed25519 in lower case", zone: "odd-alg-case", codes: missing, level: cases.Should,
			why: "Where one verifier knows the name and another does not, a domain's records are good for half of the readers."},
		{name: "given-alg-absent", title: "an entry without alg", zone: "odd-alg-absent", codes: missing, level: cases.Should,
			why: "A key for another algorithm would be tried as one for this."},
		{name: "given-fingerprint-absent", title: "an entry without a fingerprint", zone: "odd-fingerprint-absent", codes: missing, level: cases.Should,
			why: "Where one verifier works it out and another does not, a domain's records are good for half of the readers."},
		{name: "given-twice", title: "the claim's key listed twice: ended before the claim, and then without an end", zone: "odd-twice", codes: []string{tooOld}, level: cases.Should,
			why: "A retired key must not live on because an older line was left in the document."},
		{name: "given-alg-other-beside", title: "an entry of an unknown alg before the claim's key", zone: "odd-alg-beside",
			why: "Domains will add keys of new algorithms. Failing at them breaks all their old records."},
		{name: "given-key-padded", title: "an entry whose key is padded", zone: "odd-padded", rule: ruleEncoding(), codes: missing,
			why: "A second spelling of a key is a second key to whoever compares texts."},
		{name: "given-key-trailing-bits", title: "an entry whose key has a bit that no byte holds", zone: "odd-trailing-bits", rule: ruleEncoding(), codes: missing,
			why: "A second spelling of a key is a second key to whoever compares texts."},
		{name: "given-key-short", title: "entries whose keys have 31 bytes", zone: "odd-short", codes: missing,
			why: "A library that is handed a short key may read beyond it."},
		{name: "given-entry-no-object", title: "a text, null and a number among the entries", zone: "odd-entry-no-object",
			why: "One bad entry must not take a domain's voice away."},
		{name: "given-expires-unreadable", title: "an entry whose expires cannot be read", zone: "odd-expires-unreadable", rule: ruleExpiryUnreadable(), codes: missing,
			why: "Read as 'never', a slip of the pen would make a retired key good for ever."},
	}), under(ruleUnknownIgnored(), nil, []vector{
		{name: "given-unknown-members", title: "unknown members in the document and in the entry", zone: "odd-unknown-members",
			why: "The format will grow. Verifiers that fail at new members would break with every step."},
		{name: "given-times-absent", title: "an entry without created and expires", zone: "odd-expires-absent",
			rule: must(keysPage, "created and expires may be absent or null."), why: "Keys in DNS have no times either. Demanding them drops those domains."},
	})...)...)
}
