package main

import (
	"fmt"
	"strings"
)

const (
	schema    = "INVALID_SCHEMA"
	canonical = "CANONICALIZATION_ERROR"
	notFound  = "KEY_NOT_FOUND"
	signature = "INVALID_SIGNATURE"
)

// traps returns the cases in which implementations, and the protocol's text and its SDK,
// are known to differ. The row is that of the table on the protocol page.
func traps() []vector {
	var all []vector
	for _, part := range [][]vector{
		twoForms(), largeIntegers(), protoKey(), duplicates(), outOfRange(), keyTraps(), badText(), sigSpellings(), unchecked(), limits(),
	} {
		all = append(all, part...)
	}
	return complete(all)
}

// both returns a claim signed in each of its two forms.
func both(name, row, note, sent, text, sdk string) []vector {
	return []vector{
		{name: name + "-text", row: row, note: note, sent: sent, text: text, sdk: sdk, form: "text"},
		{name: name + "-sdk", row: row, note: note, sent: sent, text: text, sdk: sdk, form: "sdk"},
	}
}

func twoForms() []vector {
	var all []vector
	all = append(all, both("keys-above-ffff", "keys above U+FFFF beside U+E000–U+FFFF", "Code-point order and UTF-16 order differ.",
		`{"😀":1,"\ue000":2,"\uffff":3,"z":4}`, "{\"z\":4,\"\ue000\":2,\"\uffff\":3,\"😀\":1}", "{\"z\":4,\"😀\":1,\"\ue000\":2,\"\uffff\":3}")...)
	all = append(all, both("keys-above-ffff-shared-prefix", "keys above U+FFFF beside U+E000–U+FFFF", "The names differ behind a common start.",
		`{"a\ud83d\ude00":1,"a\uff5e":2,"a":3}`, `{"a":3,"a～":2,"a😀":1}`, `{"a":3,"a😀":1,"a～":2}`)...)
	all = append(all, both("integer-keys", "integer-like keys", "JavaScript moves array indexes ahead, in numeric order.",
		`{"b":1,"10":2,"9":3,"":4,"-1":5}`, `{"":4,"-1":5,"10":2,"9":3,"b":1}`, `{"9":3,"10":2,"":4,"-1":5,"b":1}`)...)
	all = append(all, both("integer-keys-bounds", "integer-like keys", "4294967294 is the last array index; 00 and 1e1 are none.",
		`{"4294967295":1,"4294967294":2,"00":3,"1e1":4,"0":5,"2":6}`,
		`{"0":5,"00":3,"1e1":4,"2":6,"4294967294":2,"4294967295":1}`,
		`{"0":5,"2":6,"4294967294":2,"00":3,"1e1":4,"4294967295":1}`)...)
	all = append(all, both("integer-keys-nested", "integer-like keys", "The order differs inside an array of objects.",
		`{"list":[{"10":1,"9":2}]}`, `{"list":[{"10":1,"9":2}]}`, `{"list":[{"9":2,"10":1}]}`)...)
	all = append(all, both("exponents", "1e21 and up, 1e-7 and down", "JavaScript writes exponents there.",
		`{"a":1e21,"b":1e-7,"c":-12.5e30,"d":1.5e-10,"e":1e20,"f":0.000001}`,
		`{"a":1000000000000000000000,"b":0.0000001,"c":-12500000000000000000000000000000,"d":0.00000000015,"e":100000000000000000000,"f":0.000001}`,
		`{"a":1e+21,"b":1e-7,"c":-1.25e+31,"d":1.5e-10,"e":100000000000000000000,"f":0.000001}`)...)
	return all
}

func largeIntegers() []vector {
	const row = "integers past 2^53"
	const rounded = "The SDK rounds the number, so that different claims would share this signature."
	return []vector{
		{name: "large-integer", row: row, note: "Digits are kept.", sent: `{"n":9007199254740993}`, text: `{"n":9007199254740993}`},
		{name: "large-integer-rounded", row: row, note: rounded, code: canonical,
			sent: `{"n":9007199254740993}`, text: `{"n":9007199254740993}`, signed: `{"n":9007199254740992}`},
		{name: "large-integer-tampered", row: row, note: "Changed after signing, to a number that the SDK rounds the same.", code: canonical,
			sent: `{"n":9007199254740993}`, text: `{"n":9007199254740993}`, signed: `{"n":9007199254740994}`},
		{name: "large-integer-shortest", row: row, note: "The shortest decimal of its float64: both forms are the same.",
			sent: `{"n":1152921504606847000}`, text: `{"n":1152921504606847000}`},
		{name: "large-integer-not-shortest", row: row, note: "A float64, but not as JavaScript writes it.", code: canonical,
			sent: `{"n":1152921504606846976}`, text: `{"n":1152921504606846976}`, signed: `{"n":1152921504606847000}`},
		{name: "large-integer-exponent", row: row, note: "An integer however it is spelled.",
			sent: `{"n":123456789012345678901e2}`, text: `{"n":12345678901234567890100}`},
		{name: "long-fraction", row: row, note: "The fraction has more digits than a float64 holds.", code: canonical,
			sent: `{"n":0.10000000000000000001}`, signed: `{"n":0.1}`},
	}
}

func protoKey() []vector {
	const row = "key __proto__"
	return []vector{
		{name: "proto-key", row: row, note: "A key like any other.",
			sent: `{"a":1,"__proto__":{"x":1}}`, text: `{"__proto__":{"x":1},"a":1}`},
		{name: "proto-key-dropped", row: row, note: "Signed without it, as by the SDK: anybody could have added it.", code: signature,
			sent: `{"a":1,"__proto__":{"x":1}}`, text: `{"__proto__":{"x":1},"a":1}`, signed: `{"a":1}`},
		{name: "proto-key-at-top", row: row, note: "The top level is closed.", code: schema,
			text: noMetadata, change: replace(`"mir": 1`, `"mir": 1, "__proto__": {}`)},
	}
}

func duplicates() []vector {
	const row = "duplicate keys"
	return []vector{
		{name: "duplicate-in-metadata", row: row, note: "The last one was signed.", code: schema,
			sent: `{"count":1,"count":2}`, signed: `{"count":2}`},
		{name: "duplicate-by-escape", row: row, note: "The names are equal once decoded.", code: schema,
			sent: `{"count":1,"c\u006funt":1}`, signed: `{"count":1}`},
		{name: "duplicate-deep", row: row, code: schema, sent: `{"a":[{"b":1,"b":1}]}`, signed: `{"a":[{"b":1}]}`},
		{name: "duplicate-at-top", row: row, code: schema, text: noMetadata, change: replace(`"mir": 1`, `"mir": 1, "mir": 1`)},
	}
}

func outOfRange() []vector {
	const row = "numbers out of float64's range"
	const note = "The SDK signs null in its place."
	return []vector{
		{name: "number-too-large", row: row, note: note, code: canonical, sent: `{"n":1e400}`, signed: `{"n":null}`},
		{name: "number-too-large-negative", row: row, note: note, code: canonical, sent: `{"n":-1e400}`, signed: `{"n":null}`},
		{name: "number-too-large-in-digits", row: row, note: note, code: canonical,
			sent: `{"n":1` + strings.Repeat("0", 400) + `}`, signed: `{"n":null}`},
		{name: "number-null-swapped", row: row, note: "null was signed, and is null.", sent: `{"n":null}`, text: `{"n":null}`},
		{name: "number-too-small", row: row, note: "It would become 0.", code: canonical, sent: `{"n":1e-400}`, signed: `{"n":0}`},
		{name: "number-huge-exponent", row: row, code: canonical, sent: `{"n":1e99999999999999999999}`, signed: `{"n":null}`},
		{name: "number-zero-huge-exponent", row: row, note: "Zero, however it is spelled.",
			sent: `{"n":0e99999999999999999999}`, text: `{"n":0}`},
	}
}

func keyTraps() []vector {
	const row = "small-order and non-canonical public keys"
	var all []vector
	for _, name := range []string{
		"identity", "identityNonCanonical", "identityNegative", "orderTwo", "orderFour", "orderFourNonCanonical", "orderEight", "notOnCurve",
	} {
		all = append(all, vector{name: "key-" + name, row: row, note: "The domain publishes the key " + badKeys[name] + ", which is no key.",
			code: notFound, key: name, sig: forged, text: noMetadata})
	}
	return all
}

func badText() []vector {
	const row = "lone surrogates, invalid UTF-8"
	return []vector{
		{name: "lone-surrogate", row: row, note: "The SDK signs the escape.", code: canonical,
			sent: `{"s":"\ud800"}`, signed: `{"s":"\ud800"}`},
		{name: "lone-low-surrogate", row: row, code: canonical, sent: `{"s":"\ude00\ud83d"}`, signed: `{"s":"\ude00\ud83d"}`},
		{name: "lone-surrogate-in-key", row: row, code: canonical, sent: `{"\ud800":1}`, signed: `{"\ud800":1}`},
		{name: "invalid-utf8", row: row, note: "Signed with U+FFFD in its place.", code: canonical,
			sent: "{\"s\":\"\xff\"}", signed: "{\"s\":\"\ufffd\"}"},
		{name: "surrogate-in-utf8", row: row, code: canonical, sent: "{\"s\":\"\xed\xa0\x80\"}", signed: `{"s":"\ud800"}`},
		{name: "overlong-utf8", row: row, code: canonical, sent: "{\"s\":\"\xc0\xaf\"}", signed: `{"s":"/"}`},
		{name: "replacement-character", row: row, note: "U+FFFD itself is a character like any other.",
			sent: `{"s":"\ufffd"}`, text: "{\"s\":\"\ufffd\"}"},
		{name: "lone-surrogate-in-domain", row: row, note: "Formats come before the canonical form.", code: schema, text: noMetadata,
			change: replace(`vectors.example.com`, `vectors\ud800.example.com`)},
		{name: "lone-surrogate-and-unknown-member", row: row, note: "Formats come before the canonical form.", code: schema,
			sent: `{"s":"\ud800"}`, signed: `{"s":"\ud800"}`, change: replace(`"mir": 1`, `"mir": 1, "extra": 1`)},
	}
}

func sigSpellings() []vector {
	const row = "sig with padding, +/, line breaks, or non-zero trailing bits"
	spell := func(name, note string, change func(sig string) string) vector {
		v := vector{name: name, row: row, note: note, code: schema, key: "keyA", text: noMetadata}
		for n := 0; !strings.Contains(v.signature(), "-") || !strings.Contains(v.signature(), "_"); n++ {
			v.domain = fmt.Sprintf("shop%d.example.com", n) // until the sig has both
		}
		v.change = replace(v.signature(), change(v.signature()))
		return v
	}
	escaped := spell("sig-escaped", "Escapes in JSON are no second spelling: the string is the same.",
		func(s string) string { return fmt.Sprintf(`\u%04x`, s[0]) + s[1:] })
	escaped.code = ""
	return []vector{
		spell("sig-padded", "", func(s string) string { return s + "==" }),
		spell("sig-standard-alphabet", "", func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) }),
		spell("sig-line-break", "", func(s string) string { return s[:43] + `\n` + s[43:] }),
		spell("sig-line-break-for-a-character", "86 characters, one of them a line break.", func(s string) string { return s[:85] + `\n` }),
		spell("sig-trailing-bits", "Fifteen other last characters decode to the same bytes.", func(s string) string {
			return s[:85] + string(s[85]+1)
		}),
		spell("sig-space", "", func(s string) string { return " " + s }),
		spell("sig-short", "", func(s string) string { return s[:85] }),
		escaped,
	}
}
