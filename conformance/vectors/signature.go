package vectors

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"mirnode/conformance/cases"
)

// signatures returns the cases of the section signature.
func (m *maker) signatures() []vector {
	var all []vector
	for _, part := range [][]vector{
		m.sigSpellings(), signedWrongly(), m.tamperings(), m.malleations(), m.torsion(), m.noKeys(), m.fingerprints(),
	} {
		all = append(all, part...)
	}
	return all
}

// sigSpellings write one signature in other ways. Each claim's type is varied until its sig has both of - and _, and ends in a digit
// whose successor exists.
func (m *maker) sigSpellings() []vector {
	const why = "Each further spelling is another sigHash, so that one event is counted many times."
	one := func(name, title, why string, rule cases.Requirement, respell func(string) string) vector {
		return vector{name: "sig-" + name, title: title, why: why, rule: rule, sig: func(sig []byte) string { return respell(Base64URL(sig)) }}
	}
	all := under(ruleSig(), invalid(), []vector{
		one("padded", "a sig with padding", why, ruleEncoding(), func(s string) string { return s + "==" }),
		one("padded-once", "a sig with one =", why, ruleEncoding(), func(s string) string { return s + "=" }),
		one("standard-alphabet", "a sig with + and /", why, ruleEncoding(), strings.NewReplacer("-", "+", "_", "/").Replace),
		one("line-break", "a line break in the middle of the sig", why, ruleEncoding(), func(s string) string { return s[:43] + `\n` + s[43:] }),
		one("carriage-return", "a carriage return behind the sig", why, ruleEncoding(), func(s string) string { return s + `\r\n` }),
		one("line-break-for-a-character", "86 characters, the last one a line break", why, ruleSig(), func(s string) string { return s[:85] + `\n` }),
		one("trailing-bits", "a last character with a bit that no byte holds", why,
			must(claimPage, "86 characters of base64url without padding, the four trailing bits zero. So a signature has one spelling"),
			func(s string) string { return s[:85] + spareBits(s[85]) }),
		one("space-before", "a space before the sig", why, ruleSig(), func(s string) string { return " " + s }),
		one("space-behind", "a space behind the sig", why, ruleSig(), func(s string) string { return s + " " }),
		one("short", "a sig of 85 characters", "A signature that lost a character proves nothing; a lenient decoder fills in zeros.", ruleSig(),
			func(s string) string { return s[:85] }),
		one("long", "a sig of 87 characters", why, ruleSig(), func(s string) string { return s + "A" }),
		one("88-characters", "a sig of 88 characters, 66 bytes", why, ruleSig(), func(s string) string { return s + "AA" }),
		one("hex", "a sig in hex", "Verifiers that guess encodings give one event several names.", ruleEncoding(), func(s string) string {
			sig, err := base64.RawURLEncoding.DecodeString(s)
			if err != nil {
				panic(err)
			}
			return hex.EncodeToString(sig)
		}),
		one("prefixed", "a sig with the algorithm before it", "Verifiers that guess encodings give one event several names.", ruleSig(),
			func(s string) string { return "ed25519:" + s }),
		one("percent", "a sig with %2D for -", "A URL decoder in the wrong place makes a second spelling.", ruleEncoding(),
			func(s string) string { return strings.Replace(s, "-", "%2D", 1) }),
		one("not-ascii", "a sig with a full-width letter", "Decoders that fold Unicode make a second spelling.", ruleEncoding(),
			func(s string) string { return s[:85] + "Ａ" }),
	})
	escape := one("escaped", "a sig whose first character is a JSON escape", "Escapes in JSON are no second spelling: the string is the same, and so is its hash.",
		ruleSig(), escaped)
	return m.withBothSpecials(append(all, escape))
}

// withBothSpecials varies the timestamps until each sig, in its normal spelling, has what the cases about spelling change.
func (m *maker) withBothSpecials(vectors []vector) []vector {
	for i := range vectors {
		v := &vectors[i]
		for n := 0; ; n++ {
			v.timestamp = "2026-03-01T12:00:00." + strings.Repeat("0", n) + "1Z"
			try := *v
			m.complete("signature", &try)
			try.sig = nil
			if sig := m.signature(&try); strings.Contains(sig, "-") && strings.Contains(sig, "_") {
				break
			}
		}
	}
	return vectors
}

// signedWrongly are signed by the right key, and not over the canonical form as RFC 8032's Ed25519.
func signedWrongly() []vector {
	return under(ruleSigOver(), forged(), []vector{
		{name: "over-sig-empty", title: "signed over the claim with an empty sig in it", wrong: replace(`,"subject"`, `,"sig":"","subject"`),
			why: "Two ideas of what is signed split the network in two that refuse each other's records."},
		{name: "over-sig-null", title: "signed over the claim with sig null in it", wrong: replace(`,"subject"`, `,"sig":null,"subject"`),
			why: "Two ideas of what is signed split the network in two that refuse each other's records."},
		{name: "over-pretty-json", title: "signed over the indented document", wrong: func(s string) string {
			return strings.NewReplacer(`{"`, "{\n  \"", `,"`, ",\n  \"", `":`, `": `, `"}`, "\"\n}").Replace(s)
		}, why: "Signed bytes that depend on white space are lost when the record is written again."},
		{name: "over-sha256", title: "signed over the SHA-256 of the canonical form", wrong: func(s string) string { return string(unhex(Fingerprint([]byte(s)))) },
			why: "Ed25519 hashes by itself. A second way to sign is a second set of records that half the world refuses."},
		{name: "over-sha256-hex", title: "signed over the SHA-256 of the canonical form in hex", wrong: func(s string) string { return Fingerprint([]byte(s)) },
			why: "A second way to sign is a second set of records that half the world refuses."},
		{name: "over-base64", title: "signed over the canonical form in base64url, as JWS does", wrong: func(s string) string { return Base64URL([]byte(s)) },
			why: "A second way to sign is a second set of records that half the world refuses."},
		{name: "over-metadata", title: "signed over the metadata alone", sent: `{"n":1}`, text: `{"n":1}`, wrong: func(string) string { return `{"n":1}` },
			why: "The metadata would stay signed under any subject: one person's record could be moved to another."},
		{name: "over-nothing", title: "signed over no bytes at all", wrong: func(string) string { return "" },
			why: "Such a signature fits every record."},
		{name: "over-without-subject", title: "signed without the subject", wrong: cutMember("subject"),
			why: "The record could be moved from one person to another."},
		{name: "over-without-domain", title: "signed without the domain", wrong: cutMember("domain"),
			why: "A domain that publishes the same key could take the record over."},
		{name: "over-without-timestamp", title: "signed without the timestamp", wrong: cutMember("timestamp"),
			why: "An old event could be made new, and a stolen key's records moved to before it was retired."},
		{name: "over-without-type", title: "signed without the type", wrong: cutMember("type"), why: "A completed transaction could be turned into a chargeback."},
		{name: "over-without-fingerprint", title: "signed without keyFingerprint", wrong: cutMember("keyFingerprint"),
			why: "The record could be tied to another of the domain's keys, and outlive the retirement of its own."},
		{name: "prehashed", title: "signed as Ed25519ph", sign: func(key ed25519.PrivateKey, message []byte) []byte { return variant(key, message, true) },
			why: "The variants are kept apart so that a signature made for one protocol never counts in another."},
		{name: "with-context", title: "signed as Ed25519ctx", sign: func(key ed25519.PrivateKey, message []byte) []byte { return variant(key, message, false) },
			why: "The variants are kept apart so that a signature made for one protocol never counts in another."},
		{name: "other-key-of-domain", title: "signed by another key than the one that is named; the domain publishes both", zone: "several", signer: "gamma",
			why: "keyFingerprint is what ties a record to a key's life. If any key did, retiring a stolen one would change nothing."},
		{name: "other-domains-key", title: "signed by a key that the domain does not publish", signer: "beta",
			why: "Anybody could write records in a shop's name."},
		{name: "random", title: "64 bytes that are no signature", sign: func(_ ed25519.PrivateKey, message []byte) []byte {
			return slices.Concat(unhex(Fingerprint(message)), unhex(Fingerprint([]byte("conformance")))[:31], []byte{0})
		}, why: "A verifier that checks the shape alone lets anybody write records in a shop's name."},
	})
}

// cutMember takes a member out of a canonical form.
func cutMember(name string) func(string) string {
	return func(s string) string {
		start := strings.Index(s, `"`+name+`":"`)
		end := start + len(name) + len(`"":"`)
		end += strings.IndexByte(s[end:], '"') + 1
		cut := s[:start] + strings.TrimPrefix(s[end:], ",")
		return strings.Replace(cut, ",}", "}", 1)
	}
}

// variant signs as one of RFC 8032's variants: Ed25519ph, or Ed25519ctx with a context.
func variant(key ed25519.PrivateKey, message []byte, prehashed bool) []byte {
	opts, input := &ed25519.Options{Context: "mir"}, message
	if prehashed {
		opts, input = prehash(message)
	}
	sig, err := key.Sign(nil, input, opts)
	if err != nil {
		panic(err) // the options are in order
	}
	return sig
}

// tamperings change a claim after it was signed.
func (m *maker) tamperings() []vector {
	flip := func(at int, bit byte) func([]byte) string {
		return func(sig []byte) string { sig[at] ^= bit; return Base64URL(sig) }
	}
	return under(ruleImmutable(), forged(), []vector{
		{name: "domain-changed", title: "the domain changed after signing, to one that publishes the same key", tamper: replace(m.domain("shop"), m.domain("twin")), zone: "twin", domain: m.domain("shop"),
			why: "A host that runs many shops with one key could move its records between them."},
		{name: "domain-case-changed", title: "a letter of the domain changed to upper case after signing",
			tamper: replace(`"`+m.domain("shop"), `"S`+m.domain("shop")[1:]), why: "The signed bytes keep the spelling. Who ignores case here accepts what others refuse."},
		{name: "subject-changed", title: "a digit of the subject changed after signing", subject: strings.Repeat("5a", 32), tamper: replace("5a5a", "5b5a"),
			why: "One person's record would become another's."},
		{name: "type-changed", title: "the type changed after signing", tamper: replace("mir.transaction.completed", "mir.transaction.chargeback"),
			why: "A completed transaction could be turned into a chargeback."},
		{name: "timestamp-changed", title: "the timestamp changed by a second after signing", tamper: replace("12:00:00Z", "12:00:01Z"),
			why: "Records could be moved in time, past the end of a key's life."},
		{name: "timestamp-respelled", title: "the timestamp written as the same instant in another zone after signing", tamper: replace("12:00:00Z", "12:00:00+00:00"),
			why: "What is signed is the text. Who compares instants accepts what others refuse."},
		{name: "metadata-changed", title: "a number in metadata changed after signing", sent: `{"count": 2}`, text: `{"count":2}`, signed: `{"count":1}`,
			why: "Amounts could be changed in records that somebody else signed."},
		{name: "metadata-type-changed", title: "a number in metadata made a string after signing", sent: `{"count":"1"}`, text: `{"count":"1"}`, signed: `{"count":1}`,
			why: "Lenient readers see the same, strict ones another record."},
		{name: "metadata-member-added", title: "a member added to metadata after signing", sent: `{"count":1,"fraud":true}`, text: `{"count":1,"fraud":true}`, signed: `{"count":1}`,
			why: "Anybody could write accusations into a record that a shop signed."},
		{name: "metadata-member-removed", title: "a member of metadata removed after signing", sent: `{"count":1}`, text: `{"count":1}`, signed: `{"count":1,"refunded":true}`,
			why: "What an issuer said could be shortened to its opposite."},
		{name: "metadata-added", title: "empty metadata added after signing", sent: `{}`, text: `{}`, signed: noMetadata,
			why: "Absent and empty are different statements of the issuer."},
		{name: "metadata-removed", title: "metadata removed after signing", text: noMetadata, signed: `{"n":1}`,
			why: "What an issuer said could be shortened to its opposite."},
		{name: "bit-in-r", title: "a bit flipped in the first half of the signature", sig: flip(3, 0x10), why: "A verifier that skips a half checks nothing."},
		{name: "bit-in-s", title: "a bit flipped in the second half of the signature", sig: flip(40, 0x01), why: "A verifier that skips a half checks nothing."},
		{name: "lowest-bit-in-s", title: "the lowest bit of S flipped", sig: flip(32, 0x01), why: "A comparison that is off by one bit is one that can be forged."},
		{name: "sign-bit-in-r", title: "the sign bit of R flipped", sig: flip(31, 0x80), why: "It is another point. A library that ignores the bit accepts two signatures for one claim."},
		{name: "halves-swapped", title: "R and S swapped", sig: func(sig []byte) string { return Base64URL(slices.Concat(sig[32:], sig[:32])) },
			why: "A format that can be read two ways gives one event two names."},
		{name: "s-big-endian", title: "S in big-endian order", sig: func(sig []byte) string { slices.Reverse(sig[32:]); return Base64URL(sig) },
			why: "A format that can be read two ways gives one event two names."},
		{name: "all-zero", title: "a signature of 64 zero bytes", sig: func([]byte) string { return Base64URL(make([]byte, 64)) },
			why: "It is what uninitialised memory holds, and under the all-zero key it verifies every fourth record."},
		{name: "all-ones", title: "a signature of 64 bytes FF, the trailing bits zero", sig: func([]byte) string {
			return Base64URL(slices.Repeat([]byte{0xFF}, 64))
		}, why: "It is out of every range. A library that reduces it accepts what others refuse."},
		{name: "forged-identity", title: "R the identity and S zero, under an honest key", sign: forge,
			why: "It is the signature that fits every record where the check of the key is wrong."},
	})
}
