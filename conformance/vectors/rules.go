package vectors

import "mirnode/conformance/cases"

// rule returns a requirement: the source's own words, and where they stand. The sources are the pages "Claim format" and "Protocol"
// (docs/protocol.md), and RFCs.
func rule(level cases.Level, section, words string) cases.Requirement {
	return cases.Requirement{Words: words, Level: level, Section: section}
}

func must(section, words string) cases.Requirement   { return rule(cases.Must, section, words) }
func should(section, words string) cases.Requirement { return rule(cases.Should, section, words) }

const (
	claimPage     = "Protocol, A claim"
	canonicalPage = "Protocol, The canonical form"
	secondPage    = "Protocol, The second form"
	trapsPage     = "Protocol, Where the text and the SDK differ"
	keysPage      = "Protocol, Keys"
	orderPage     = "Protocol, Verification, in order"
	signerPage    = "Protocol, What the signer refuses"
)

func ruleVersion() cases.Requirement {
	return must("Claim format, Fields: mir", "Protocol version. Implementations MUST reject claims with unrecognized versions.") //nolint:misspell // quoted
}

func ruleVersionSpelling() cases.Requirement {
	return must(claimPage, "the number 1. JSON's other spellings of it, such as 1.0, are the same number")
}

func ruleClosed() cases.Requirement {
	return must(claimPage, "All but metadata are required. No other member is allowed.")
}

func ruleDocument() cases.Requirement {
	return must(claimPage, "The document is UTF-8 without a byte order mark, 16 KiB at most (the white space around it does not count), "+
		"nested 32 levels at most (the claim is level 1), and holds no name twice in one object.")
}

func ruleType() cases.Requirement {
	return must("Claim format, Type Extensibility",
		"The {category}.{action} suffix follows the same format as core types: lowercase alphanumeric, dot-separated.")
}

func ruleExtensionHost() cases.Requirement {
	return must("Claim format, Type Extensibility", "The domain prefix MUST be a valid DNS hostname.")
}

func ruleUnknownType() cases.Requirement {
	return should("Claim format, Type Extensibility", "Verifiers that do not recognize an extension type SHOULD still verify the claim's "+ //nolint:misspell // quoted
		"signature. Type recognition is independent of signature validity.")
}

func ruleDomain() cases.Requirement {
	return must("Claim format, Fields: domain", "MUST be a valid DNS hostname. No wildcards. No IP addresses.")
}

func ruleDomainCase() cases.Requirement {
	return must(claimPage, "Upper case is allowed and signed as it is; domains are compared in lower case")
}

func ruleSubject() cases.Requirement {
	return must("Claim format, Fields: subject", "Pseudonymous identifier for the participant. 64-character lowercase hex string.")
}

func ruleZone() cases.Requirement {
	return must("Claim format, Fields: timestamp", "MUST include timezone. UTC recommended.")
}

func ruleTimestamp() cases.Requirement {
	return must(claimPage, "RFC 3339 with upper-case T and Z, or an offset ±hh:mm up to 23:59. Any number of fraction digits. Second 60 only "+
		"where it is 23:59:60 UTC; it counts as the second after")
}

func ruleFuture() cases.Requirement {
	return must("Claim format, Fields: timestamp", "MUST NOT be future-dated beyond 5-minute clock skew.")
}

func ruleMetadata() cases.Requirement {
	return must(claimPage, "absent, or an object of at most 4,096 bytes in canonical form. null is not absent")
}

func ruleMetadataSize() cases.Requirement {
	return must("Claim format, Fields: metadata", "Maximum: 4 KB serialized.") //nolint:misspell // quoted
}

func rulePreserved() cases.Requirement {
	return must("Claim format, Fields: metadata", "Unknown fields are preserved.")
}

func ruleFingerprint() cases.Requirement {
	return must("Claim format, Fields: keyFingerprint",
		"SHA-256 hash of the 32-byte Ed25519 public key that signed this claim. 64-character lowercase hex string.")
}

func ruleFingerprintSelects() cases.Requirement {
	return must("Claim format, Fields: keyFingerprint", "Allows verifiers to select the correct public key when a domain publishes multiple keys.")
}

func ruleSig() cases.Requirement {
	return must("Claim format, Fields: sig", "Base64url-encoded, no padding. Exactly 86 characters (64 bytes decoded).")
}

func ruleEncoding() cases.Requirement {
	return must("Claim format, Encoding",
		"All binary values in MIR claims MUST use base64url encoding without padding (RFC 4648 Section 5).")
}

func ruleSigOver() cases.Requirement {
	return must("Claim format, Fields: sig", "Ed25519 signature over the canonical form of the claim payload (all fields except sig).")
}

func ruleImmutable() cases.Requirement {
	return must("Claim format, Immutability", "Claims are append-only. A signed claim cannot be modified — the signature would invalidate.")
}

func ruleDecoding() cases.Requirement {
	return must("RFC 8032, 5.1.7", "If any of the decodings fail (including S being out of range), the signature is invalid.")
}

func ruleEquation() cases.Requirement {
	return should(orderPage, "The signature is checked by the stricter equation of RFC 8032, section 5.1.7: [S]B = R + [k]A', without the cofactor, "+
		"R compared by its bytes, and S below the order of the group.")
}

func ruleSmallOrder() cases.Requirement {
	return must(keysPage, "32 bytes are no key if they are no point of the curve, or are one in a second spelling, or one of small order. "+
		"Under a key of small order anybody can make signatures.")
}

func ruleEntryIgnored() cases.Requirement {
	return must(keysPage, "An entry is ignored, and reported, if its fingerprint is not its key's, if its alg is another, if its key is no "+
		"key, or if an entry before it has the same key.")
}

func ruleUnknownIgnored() cases.Requirement { return must(keysPage, "Unknown members are ignored.") }

func ruleExpiryUnreadable() cases.Requirement {
	return must(keysPage, "A time that cannot be read makes the entry unusable: it must not lengthen a key's life.")
}

func ruleKeyValidity() cases.Requirement {
	return should(orderPage, "A key's validity is judged at the claim's timestamp, with 5 minutes' skew.")
}

func ruleSorted() cases.Requirement {
	return must(canonicalPage, "Names are sorted by code point, at every level. Arrays keep their order.")
}

func ruleEscapes() cases.Requirement {
	return must(canonicalPage, `No white space. UTF-8. Only ", \ and U+0000 to U+001F are escaped: \b \t \n \f \r, else \u00xx in lower case.`)
}

func ruleIntegers() cases.Requirement {
	return must(canonicalPage, "Integers are written with all their digits, however they were spelled: 1e3 is 1000, 1.0 is 1, -0 is 0.")
}

func ruleFractions() cases.Requirement {
	return must(canonicalPage, "Other numbers are written as the shortest decimal of their 64-bit float, without an exponent. This is done only "+
		"where that decimal is the number itself.")
}

func ruleRange() cases.Requirement {
	return must(canonicalPage, "A number out of a 64-bit float's range has no canonical form, and neither has one that would become 0.")
}

func ruleBothForms() cases.Requirement {
	return must(secondPage, "a verifier tries the text's form first, and the SDK's form where it differs and the first did not verify.")
}

func ruleInjective() cases.Requirement {
	return must(secondPage, "Both forms keep every value exactly. Two different claims never share signed bytes, in either form or across the two.")
}

func ruleWithoutSig() cases.Requirement {
	return must(canonicalPage, "What is signed is the claim without its top-level sig, written in exactly one way:")
}

func ruleProto() cases.Requirement { return must(trapsPage, "a name like any other") }

func ruleBadText() cases.Requirement {
	return must(trapsPage, "in metadata CANONICALIZATION_ERROR; elsewhere a fault of format, INVALID_SCHEMA")
}

func ruleFirstFault() cases.Requirement {
	return must(orderPage, "A claim with several faults gets the code of the first step that fails: an unknown member beside a lone surrogate is INVALID_SCHEMA.")
}
