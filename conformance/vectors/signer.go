package vectors

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"strings"

	"mirnode/conformance/cases"
)

// draft is an unsigned claim, and what a signer must make of it. It is a vector whose metadata in canonical form is text; one without
// text is to be refused.
type draft struct {
	vector
	refuse bool
}

// signerCases returns the cases of the section signer.
func (m *maker) signerCases() []cases.Case {
	var all []cases.Case
	drafts := m.drafts()
	for _, d := range m.refusedDrafts() {
		drafts = append(drafts, draft{vector: d, refuse: true})
	}
	for i := range drafts {
		all = append(all, m.madeDraft(&drafts[i]))
	}
	return all
}

func (m *maker) madeDraft(d *draft) cases.Case {
	v := &d.vector
	m.complete("signer", v)
	in := &cases.SignerInput{Draft: m.draftDocument(v), Key: m.signerKey(v.key), Expect: cases.SignerExpect{Result: cases.Refuse}}
	if !d.refuse {
		in.Expect = cases.SignerExpect{Result: cases.Sign, Canonical: v.frame(v.text)}
	}
	r := v.rule
	if v.level != "" {
		r.Level = v.level
	}
	return cases.Case{
		ID: "signer/" + v.name, Title: v.title, Requirement: r, Why: v.why, Kind: cases.KindSigner, Refused: d.refuse, Signer: in,
	}
}

// draftDocument is the claim as sent without keyFingerprint, which is the signer's to fill in, and sig.
func (m *maker) draftDocument(v *vector) string {
	lines := []string{
		`"mir": 1`, `"type": "` + v.typ + `"`, `"domain": "` + v.domain + `"`, `"subject": "` + v.subject + `"`, `"timestamp": "` + v.timestamp + `"`,
	}
	if v.sent != "" {
		lines = append(lines, `"metadata": `+v.sent)
	}
	doc := "{\n  " + strings.Join(lines, ",\n  ") + "\n}\n"
	if v.change != nil {
		doc = v.change(doc)
	}
	return doc
}

// signerKey is the key of a signer case: its seed (RFC 8032, section 5.1.5) in hex, and its public half.
func (m *maker) signerKey(name string) json.RawMessage {
	key := m.key(name)
	public := key.Public().(ed25519.PublicKey)
	out, err := json.Marshal(struct {
		Name        string `json:"name"`
		Seed        string `json:"seed"`
		Pub         string `json:"pub"`
		Fingerprint string `json:"fingerprint"`
	}{name, hex.EncodeToString(key.Seed()), Base64URL(public), Fingerprint(public)})
	if err != nil {
		panic(err) // strings alone always encode
	}
	return out
}

// drafts are to be signed.
func (m *maker) drafts() []draft {
	good := under(ruleSigOver(), nil, []vector{
		{name: "ordinary", title: "a draft with metadata", sent: `{"currency": "USD", "count": 1}`, text: `{"count":1,"currency":"USD"}`,
			why: "A signer whose bytes differ makes records that nobody else accepts."},
		{name: "without-metadata", title: "a draft without metadata", why: "A signer that adds an empty object makes a record that says something else than the issuer wrote."},
		{name: "empty-metadata", title: "a draft with empty metadata", sent: `{}`, text: `{}`, why: "A signer that drops it makes a record that says something else than the issuer wrote."},
		{name: "unsorted", title: "names unsorted at every level", rule: ruleSorted(), sent: `{"z":{"b":1,"a":[{"d":1,"c":2}]},"A":2,"é":3}`,
			text: `{"A":2,"z":{"a":[{"c":2,"d":1}],"b":1},"é":3}`, why: "A signer whose order is its own makes records that nobody else accepts."},
		{name: "strings", title: "strings with all that is and is not escaped", rule: ruleEscapes(), sent: `{"s":"\"\\\/\u0001\u00e9\ud83d\ude00\u007f\u2028<&>\n"}`,
			text: `{"s":"\"\\/\u0001é😀` + "\x7f\u2028" + `<&>\n"}`, why: "A signer with escapes of its own makes records that nobody else accepts."},
		{name: "integers", title: "integers in several spellings", rule: ruleIntegers(), sent: `{"n":[1.0,1e3,-0,100,9007199254740991,1e20]}`,
			text: `{"n":[1,1000,0,100,9007199254740991,100000000000000000000]}`, why: "A signer that keeps its language's spelling makes records that nobody else accepts."},
		{name: "fractions", title: "fractions with zeros to drop", rule: ruleFractions(), sent: `{"n":[0.10,-1.50,4.35]}`, text: `{"n":[0.1,-1.5,4.35]}`,
			why: "A signer that keeps its language's spelling makes records that nobody else accepts."},
		{name: "sig-inside-metadata", title: "a member sig inside metadata", rule: ruleWithoutSig(), sent: `{"sig":"mine"}`, text: `{"sig":"mine"}`,
			why: "A signer that leaves it out of the signed bytes leaves it to anybody to change."},
		{name: "timestamp-with-offset", title: "a timestamp with an offset", rule: ruleTimestamp(), timestamp: "2026-03-01T13:00:00.5+01:00",
			why: "A signer that rewrites what it was given signs what nobody said."},
		{name: "domain-in-upper-case", title: "a domain in upper case", rule: ruleDomainCase(), domain: "SHOP." + strings.ToUpper(m.Suffix),
			why: "A signer that rewrites what it was given signs what nobody said."},
		{name: "own-extension-type", title: "an extension type of the claim's domain", rule: ruleType(), typ: m.domain("shop") + ":loyalty.earned",
			why: "Domains record what the core does not name; a signer that refuses leaves them without records."},
		{name: "composed-text", title: "text that is not in a Unicode normal form", rule: ruleEscapes(), sent: `{"s":"e` + "\u0301" + `"}`, text: `{"s":"e` + "\u0301" + `"}`,
			why: "A signer that normalises signs what nobody wrote."},
		{name: "opaque-identifiers", title: "an amount, a UUID and a hash in metadata, which are no personal data", rule: should(signerPage, "Counts, amounts, dates, UUIDs and hashes pass."),
			sent: `{"amount":"149.99","order":"0190b5c2-7d7f-4a53-9f1c-0d6c5ce2f9aa","hash":"` + strings.Repeat("12345678", 8) + `"}`,
			text: `{"amount":"149.99","hash":"` + strings.Repeat("12345678", 8) + `","order":"0190b5c2-7d7f-4a53-9f1c-0d6c5ce2f9aa"}`,
			why:  "A screen that sees people everywhere is switched off, and then it sees nobody."},
		{name: "foreign-extension-type", title: "an extension type of another host", rule: must("Claim format, Type Extensibility", "Extension types are validated by format only. No central registry of extension types exists."), level: cases.May, typ: "shopify.com:loyalty.earned",
			why: "Shared vocabularies are useful; a signer may want to keep to its own."},
		{name: "proto-name", title: "the name __proto__ in metadata", rule: ruleProto(), level: cases.May, sent: `{"__proto__":1}`, text: `{"__proto__":1}`,
			why: "It is a name like any other, and verifiers that use the reference SDK refuse it: a careful signer warns."},
	})
	drafts := make([]draft, len(good))
	for i := range good {
		drafts[i].vector = good[i]
	}
	return drafts
}

// refusedDrafts are not to be signed.
func (m *maker) refusedDrafts() []vector {
	ambiguous := must(secondPage, "We sign the text's form alone, and refuse to sign a claim whose two forms differ.")
	screen := should(signerPage, "Metadata that looks like it holds an e-mail address, a phone number, a payment card number, an IBAN or a US "+
		"social security number, in a name or a value at any depth.")
	reserved := must("Claim format, Type Extensibility", "Types starting with mir. are reserved for the MIR protocol. Implementations MUST NOT create "+
		"mir.-prefixed types outside of protocol versions.")
	unverifiable := must(signerPage, "Everything that would not verify.")
	const twoForms = "Verifiers that use the reference SDK would refuse the record: it would be there for some and gone for others."
	const public = "What is signed is public for good. The person whom it names can never have it taken back."
	const useless = "It would be refused everywhere. The domain would learn that when the moment to record the event is long past."
	return append(append(under(ambiguous, nil, []vector{
		{name: "two-forms-integer-names", title: "names that look like integers", sent: `{"10":1,"9":2}`, why: twoForms},
		{name: "two-forms-astral-names", title: "names above U+FFFF beside U+FF5E", sent: `{"😀":1,"～":2}`, why: twoForms},
		{name: "two-forms-large-number", title: "1e21", sent: `{"n":1e21}`, why: twoForms},
		{name: "two-forms-small-number", title: "1e-7", sent: `{"n":1e-7}`, why: twoForms},
		{name: "one-form-large-integer", title: "an integer past 2^53, which the SDK rounds", sent: `{"n":9007199254740993}`, why: twoForms,
			rule: must(signerPage, "Claims whose two canonical forms differ, or that have one only.")},
	}), under(screen, nil, []vector{
		{name: "personal-email", title: "an e-mail address in metadata", sent: `{"contact":{"email":"jane.doe@example.com"}}`, why: public},
		{name: "personal-email-in-name", title: "an e-mail address as a name in metadata", sent: `{"jane.doe@example.com":true}`, why: public},
		{name: "personal-email-in-array", title: "an e-mail address inside a longer text, in an array", sent: `{"notes":["sent to Jane.Doe@Example.COM on Monday"]}`, why: public},
		{name: "personal-phone", title: "a phone number in metadata", sent: `{"note":"call +49 30 1234567"}`, why: public},
		{name: "personal-phone-digits", title: "bare digits under the name phone", sent: `{"phone":"4155552671"}`, why: public},
		{name: "personal-card", title: "a payment card number in metadata", sent: `{"paidWith":"4111 1111 1111 1111"}`, why: public},
		{name: "personal-iban", title: "an IBAN in metadata", sent: `{"account":"DE89 3704 0044 0532 0130 00"}`, why: public},
		{name: "personal-ssn", title: "a US social security number in metadata", sent: `{"id":"123-45-6789"}`, why: public},
	})...), under(unverifiable, nil, []vector{
		{name: "unlisted-core-type", title: "a mir. type that the protocol does not define", rule: reserved, typ: "mir.transaction.escrowed",
			why: "A made-up type of the protocol's namespace looks official, and collides with the one that a later version defines."},
		{name: "rating-as-core-type", title: "a mir. type that judges a person", rule: reserved, typ: "mir.account.trusted",
			why: "The protocol records events and judges nobody. A rating in its namespace would pass for the protocol's own."},
		{name: "malformed-type", title: "a type with an upper-case letter", typ: "mir.transaction.Completed", why: useless},
		{name: "metadata-4097", title: "metadata of 4,097 bytes", rule: ruleMetadataSize(), sent: `{"a":"` + strings.Repeat("x", 4097-len(`{"a":""}`)) + `"}`, why: useless},
		{name: "metadata-array", title: "metadata that is an array", rule: ruleMetadata(), sent: `[1]`, why: useless},
		{name: "future", title: "a timestamp in the year 9999", rule: ruleFuture(), timestamp: "9999-12-31T23:59:59Z",
			why: "An event that has not happened is no record of anything."},
		{name: "no-zone", title: "a timestamp without a zone", rule: ruleZone(), timestamp: "2026-03-01T12:00:00", why: useless},
		{name: "subject-email", title: "an e-mail address as the subject", rule: must("Claim format, Fields: subject", "No plaintext PII is permitted."), subject: "jane.doe@example.com", why: public},
		{name: "subject-upper-case", title: "a subject in upper case", rule: ruleSubject(), subject: strings.Repeat("5A", 32), why: useless},
		{name: "domain-address", title: "an IP address as the domain", rule: ruleDomain(), domain: "192.0.2.1", why: useless},
		{name: "version-2", title: "a draft of version 2", rule: ruleVersion(), change: replace(`"mir": 1`, `"mir": 2`),
			why: "A signature under rules that the signer does not know may say what the issuer did not mean."},
		{name: "unknown-member", title: "a member that no claim has", rule: ruleClosed(), change: replace(`"mir": 1`, `"mir": 1, "note": "x"`),
			why: "A signer that drops it silently signs less than its caller believes."},
		{name: "duplicate-member", title: "a name twice in metadata", rule: ruleDocument(), sent: `{"count":1,"count":2}`,
			why: "Which of the two was meant is a guess, and a guess must not be signed."},
		{name: "lone-surrogate", title: "a lone surrogate in metadata", rule: ruleBadText(), sent: `{"s":"\ud800"}`, why: useless},
		{name: "number-too-large", title: "1e400", rule: ruleRange(), sent: `{"n":1e400}`, why: "A signer that writes null in its place signs what nobody said."},
		{name: "fraction-too-long", title: "a fraction of more digits than a float64 holds", rule: ruleFractions(), sent: `{"n":0.10000000000000000001}`,
			why: "A signer that rounds it signs an amount that nobody stated."},
		{name: "other-key-named", title: "a draft that names another key than the signer's", rule: ruleFingerprint(),
			change: replace(`"mir": 1`, `"mir": 1, "keyFingerprint": "`+Fingerprint(m.public("beta"))+`"`), why: useless},
		{name: "missing-subject", title: "a draft without a subject", rule: ruleClosed(), change: without("subject"), why: useless},
		{name: "empty-draft", title: "an empty document", rule: ruleClosed(), change: func(string) string { return "" }, why: "Nothing must never become a record."},
	})...)
}
