package vectors

import (
	"strings"

	"mirnode/conformance/cases"
)

// canonicalForms returns the cases of the section canonical: which bytes are signed.
func (m *maker) canonicalForms() []vector {
	var all []vector
	for _, part := range [][]vector{
		orders(), stringForms(), numberForms(), twoForms(), m.otherForms(), largeIntegers(), outOfRange(), badText(), protoNames(), normalisation(),
	} {
		all = append(all, part...)
	}
	return all
}

func noForm() []string { return []string{canonical} }
func forged() []string { return []string{signature} }

// noSDKForm is for what neither form verifies: where the SDK's form does not exist, that is what is wrong; who tries the text's form alone
// finds the signature wrong.
func noSDKForm() []string { return []string{canonical, signature} }

// noUTF8 is for bytes that are not UTF-8, inside metadata: some parsers refuse the document as a whole.
func noUTF8() []string { return []string{canonical, schema} }

func orders() []vector {
	return under(ruleSorted(), nil, []vector{
		{name: "names-sorted", title: "names sent unsorted, with upper case, an underscore and an empty one",
			sent: `{"zebra":1,"alpha":2,"Zulu":true,"_":false,"":0}`, text: `{"":0,"Zulu":true,"_":false,"alpha":2,"zebra":1}`,
			why: "A database that reorders members must not break the records of everybody in it."},
		{name: "names-sorted-nested", title: "unsorted names inside objects and arrays", sent: `{"b":{"d":[3,{"z":1,"y":2},1],"c":null},"a":[]}`,
			text: `{"a":[],"b":{"c":null,"d":[3,{"y":2,"z":1},1]}}`, why: "Sorting the outer level alone makes every structured record fail on other machines."},
		{name: "names-by-prefix", title: "names of which one begins the other", sent: `{"ab":1,"a":2,"a b":3,"a!":4}`, text: `{"a":2,"a b":3,"a!":4,"ab":1}`,
			why: "A sort that knows words and languages orders these in its own way, and its signatures verify nowhere else."},
		{name: "names-not-by-locale", title: "names with accents and in both cases", sent: `{"é":1,"z":2,"E":3,"e":4,"ß":5,"ss":6}`,
			text: `{"E":3,"e":4,"ss":6,"z":2,"ß":5,"é":1}`, why: "Sorted by a language's rules, the order depends on the country of the server."},
		{name: "names-by-decoded-text", title: "names with escapes, sorted by what they stand for", sent: `{"\u0062":1,"a\u0000":2,"\u0061":3,"\"":4}`,
			text: `{"\"":4,"a":3,"a\u0000":2,"b":1}`, why: "Sorting the spelling in place of the name gives another order for another encoder."},
		{name: "arrays-keep-order", title: "an array whose elements look unsorted", sent: `{"a":[3,1,2,"b","a",[2,1]]}`, text: `{"a":[3,1,2,"b","a",[2,1]]}`,
			why: "In an array order is content: steps of a delivery, sorted, tell another story."},
		{name: "sig-in-metadata-stays", title: "a member sig inside metadata, which is signed with the rest", rule: ruleWithoutSig(),
			sent: `{"sig":"inner","deep":{"sig":[1]}}`, text: `{"deep":{"sig":[1]},"sig":"inner"}`,
			why: "Removing it everywhere leaves a place in the record that anybody can rewrite."},
		{name: "sig-in-metadata-removed", title: "signed without the sig inside metadata", rule: ruleWithoutSig(), codes: forged(),
			sent: `{"sig":"inner","n":1}`, text: `{"n":1,"sig":"inner"}`, signed: `{"n":1}`,
			why: "Whoever accepts it lets anybody write text into another's record."},
		{name: "array-order-changed", title: "an array sorted after signing", codes: forged(), sent: `{"a":[1,2,3]}`, text: `{"a":[1,2,3]}`, signed: `{"a":[3,1,2]}`,
			why: "Sorting what a domain signed changes what it said."},
		{name: "empty-containers", title: "empty objects, arrays, strings and names", sent: `{"a":{},"b":[],"c":"","":[{}]}`, text: `{"":[{}],"a":{},"b":[],"c":""}`,
			why: "Writers that drop what is empty break the signature of a record that looks the same."},
		{name: "literals", title: "true, false and null", sent: `{"a": true, "b": false, "c": null}`, text: `{"a":true,"b":false,"c":null}`,
			why: "Writers that drop null break the signature of a record that looks the same."},
	})
}

func stringForms() []vector {
	return under(ruleEscapes(), nil, []vector{
		{name: "escapes-undone", title: "escapes that the canonical form does not have", sent: `{"a":"\u0041\u00e9\u4E2D\uD83D\uDE00\u002f\/"}`,
			text: `{"a":"Aé中😀//"}`, why: "Libraries escape to their taste. The signed bytes must not depend on the taste."},
		{name: "escapes-kept", title: "the quote, the backslash and control characters",
			sent: `{"a":"\u0022\u005C\u0008\u0009\u000A\u000C\u000D\u0000\u001F"}`, text: `{"a":"\"\\\b\t\n\f\r\u0000\u001f"}`,
			why: "One escape written in another way, and the signature of an honest domain fails."},
		{name: "delete-not-escaped", title: "U+007F, U+0080 and U+2028, which are not escaped", sent: `{"a":"\u007f\u0080\u2028\u2029\ufeff"}`,
			text: "{\"a\":\"\x7f\u0080\u2028\u2029\ufeff\"}", why: "JavaScript and Java escape these out of habit, and their signatures would verify nowhere else."},
		{name: "html-not-escaped", title: "characters that HTML needs escaped", sent: `{"a":"<b>&'</b>"}`, text: `{"a":"<b>&'</b>"}`,
			why: "Go's encoder writes \\u003c for < unless told otherwise: a domain's records would fail for that alone."},
		{name: "html-escaped", title: "signed with < > & as escapes, as Go's encoder writes them", codes: forged(), sent: `{"a":"<b>&</b>"}`,
			text: `{"a":"<b>&</b>"}`, signed: `{"a":"\u003cb\u003e\u0026\u003c/b\u003e"}`,
			why: "Accepting a third form beside the two makes it everybody's duty to try more and more of them."},
		{name: "ascii-escaped", title: "signed with all non-ASCII characters as escapes, as Python's encoder writes them", codes: forged(), sent: `{"a":"é中"}`,
			text: `{"a":"é中"}`, signed: `{"a":"\u00e9\u4e2d"}`, why: "A verifier that tries such forms accepts what others refuse, and records come and go."},
		{name: "slash-escaped", title: "signed with / as \\/, as PHP's encoder writes it", codes: forged(), sent: `{"a":"1/2"}`, text: `{"a":"1/2"}`,
			signed: `{"a":"1\/2"}`, why: "A verifier that tries such forms accepts what others refuse, and records come and go."},
		{name: "upper-case-escape", title: "signed with \\u001F in upper case", codes: forged(), sent: `{"a":"\u001F"}`, text: `{"a":"\u001f"}`, signed: `{"a":"\u001F"}`,
			why: "One form for each string: a second one gives one claim two signatures."},
		{name: "short-escape-spelled-out", title: "signed with \\u000a in place of \\n", codes: forged(), sent: `{"a":"\n"}`, text: `{"a":"\n"}`, signed: `{"a":"\u000a"}`,
			why: "One form for each string: a second one gives one claim two signatures."},
		{name: "names-escaped", title: "names with characters to escape", sent: `{"a\"\\\u0001\/":1}`, text: `{"a\"\\\u0001/":1}`,
			why: "Names are strings too. Copying them as they were spelled breaks the signature."},
		{name: "astral-plane", title: "characters above U+FFFF in strings", sent: `{"a":"😀\ud83d\ude00\udbff\udfff"}`, text: "{\"a\":\"😀😀\U0010ffff\"}",
			why: "People write emoji. Halves of a character that are encoded apart are not UTF-8, and the signature fails."},
		{name: "noncharacters", title: "U+FFFE, U+FFFF and a private character", sent: "{\"a\":\"\ufffe\uffff\ue000\"}", text: "{\"a\":\"\ufffe\uffff\ue000\"}",
			why: "They are valid UTF-8. A reader that cleans them away changes what was signed."},
	})
}

func numberForms() []vector {
	return append(under(ruleIntegers(), nil, []vector{
		{name: "integers", title: "integers up to 2^53", sent: `{"a":[0,7,-1,100,9007199254740991,-9007199254740991]}`, text: `{"a":[0,7,-1,100,9007199254740991,-9007199254740991]}`,
			why: "Counts are the commonest thing in metadata. Written with an exponent or a point, every record fails."},
		{name: "minus-zero", title: "-0 in four spellings", sent: `{"a":[-0,-0.0,-0e5,-0.0e-5]}`, text: `{"a":[0,0,0,0]}`,
			why: "Libraries write -0 or 0. One of them would break the signature."},
		{name: "integers-with-point", title: "1.0 and 100.00", sent: `{"a":[1.0,100.00,-5.0]}`, text: `{"a":[1,100,-5]}`,
			why: "Python writes 1.0 where JavaScript writes 1: the same shop, the same count, two signatures."},
		{name: "integers-with-exponent", title: "1e3, 12.34e2, 1000e-3", sent: `{"a":[1e3,1E+3,12.34e2,1000e-3,0e99]}`, text: `{"a":[1000,1000,1234,1,0]}`,
			why: "An exponent is spelling. A database that prefers it must not break records."},
		{name: "integer-1e20", title: "1e20, the last that both forms write in digits", sent: `{"a":[1e20,123456789012345680000]}`, text: `{"a":[100000000000000000000,123456789012345680000]}`,
			why: "One power of ten too early or too late, and the two forms part where they should agree."},
		{name: "integer-signed-with-point", title: "signed as 1.0", codes: forged(), sent: `{"n":1.0}`, text: `{"n":1}`, signed: `{"n":1.0}`,
			why: "A verifier that hashes what it received accepts a form that others refuse."},
		{name: "minus-zero-signed", title: "signed as -0", codes: forged(), sent: `{"n":-0}`, text: `{"n":0}`, signed: `{"n":-0}`,
			why: "A verifier that hashes what it received accepts a form that others refuse."},
	}), under(ruleFractions(), nil, []vector{
		{name: "fractions", title: "fractions with zeros to drop", sent: `{"a":[-1.50,0.10,4.35,2.5E-3,0.000001]}`, text: `{"a":[-1.5,0.1,4.35,0.0025,0.000001]}`,
			why: "Prices come with trailing zeros from one library and without them from another."},
		{name: "fraction-17-digits", title: "a fraction that needs 17 digits", sent: `{"a":[0.30000000000000004,5.551115123125783e-5]}`,
			text: `{"a":[0.30000000000000004,0.00005551115123125783]}`, why: "Printing 15 digits changes the amount that was signed."},
		{name: "fraction-too-long", title: "a fraction of more digits than a float64 holds", codes: noForm(), sent: `{"n":0.10000000000000000001}`, signed: `{"n":0.1}`,
			why: "Two different amounts would share one signature, and one could be put in the other's place."},
		{name: "fraction-exact-expansion", title: "the exact decimal of the float64 nearest to 0.1", codes: noForm(),
			sent: `{"n":0.1000000000000000055511151231257827021181583404541015625}`, signed: `{"n":0.1}`,
			why: "It is another number than 0.1 to whoever reads decimals: one signature, two amounts."},
		{name: "fraction-zeros-dropped-late", title: "signed as 0.10", codes: forged(), sent: `{"n":0.10}`, text: `{"n":0.1}`, signed: `{"n":0.10}`,
			why: "A verifier that hashes what it received accepts a form that others refuse."},
	})...)
}

// both returns a claim signed in each of its two forms.
func both(name, title, sent, text, sdk string) []vector {
	const why = "Records in both forms exist. A verifier of one alone calls the honest half of the world's records forged."
	return []vector{
		{name: name + "-text", title: title + ", signed in the text's form", why: why, sent: sent, text: text, sdk: sdk, form: "text"},
		{name: name + "-sdk", title: title + ", signed in the SDK's form", why: why, sent: sent, text: text, sdk: sdk, form: "sdk"},
	}
}

func twoForms() []vector {
	var all []vector
	for _, pair := range [][]vector{
		both("keys-above-ffff", "names above U+FFFF beside U+E000 and U+FFFF",
			`{"😀":1,"\ue000":2,"\uffff":3,"z":4}`, "{\"z\":4,\"\ue000\":2,\"\uffff\":3,\"😀\":1}", "{\"z\":4,\"😀\":1,\"\ue000\":2,\"\uffff\":3}"),
		both("keys-above-ffff-shared-start", "such names with a common start",
			`{"a\ud83d\ude00":1,"a\uff5e":2,"a":3}`, `{"a":3,"a～":2,"a😀":1}`, `{"a":3,"a😀":1,"a～":2}`),
		both("integer-keys", "names that look like integers", `{"b":1,"10":2,"9":3,"":4,"-1":5}`,
			`{"":4,"-1":5,"10":2,"9":3,"b":1}`, `{"9":3,"10":2,"":4,"-1":5,"b":1}`),
		both("integer-keys-bounds", "names at the bounds of JavaScript's array indexes",
			`{"4294967295":1,"4294967294":2,"00":3,"1e1":4,"0":5,"2":6}`,
			`{"0":5,"00":3,"1e1":4,"2":6,"4294967294":2,"4294967295":1}`, `{"0":5,"2":6,"4294967294":2,"00":3,"1e1":4,"4294967295":1}`),
		both("integer-keys-nested", "names that look like integers, inside an array",
			`{"list":[{"10":1,"9":2}]}`, `{"list":[{"10":1,"9":2}]}`, `{"list":[{"9":2,"10":1}]}`),
		both("large-exponents", "numbers from 1e21 up", `{"a":1e21,"c":-12.5e30,"e":1e20}`,
			`{"a":1000000000000000000000,"c":-12500000000000000000000000000000,"e":100000000000000000000}`,
			`{"a":1e+21,"c":-1.25e+31,"e":100000000000000000000}`),
		both("small-exponents", "numbers from 1e-7 down", `{"b":1e-7,"d":1.5e-10,"f":0.000001}`,
			`{"b":0.0000001,"d":0.00000000015,"f":0.000001}`, `{"b":1e-7,"d":1.5e-10,"f":0.000001}`),
		both("extremes", "the largest and the smallest float64", `{"a":1.7976931348623157e308,"b":5e-324}`,
			`{"a":17976931348623157`+strings.Repeat("0", 292)+`,"b":0.`+strings.Repeat("0", 323)+`5}`, `{"a":1.7976931348623157e+308,"b":5e-324}`),
	} {
		all = append(all, pair...)
	}
	return under(ruleBothForms(), nil, all)
}

// otherForms are signed in a form that is neither of the two.
func (m *maker) otherForms() []vector {
	all := []vector{
		{name: "mixed-forms", title: "names in the SDK's order and numbers in the text's form", sent: `{"10":1e21,"9":1}`,
			text: `{"10":1000000000000000000000,"9":1}`, signed: `{"9":1,"10":1000000000000000000000}`,
			why: "A mixture is a third form: every form more is one more chance that two different claims share their bytes."},
		{name: "mixed-forms-turned", title: "names in the text's order and numbers in the SDK's form", sent: `{"10":1e21,"9":1}`,
			text: `{"10":1000000000000000000000,"9":1}`, signed: `{"10":1e+21,"9":1}`,
			why: "A mixture is a third form: every form more is one more chance that two different claims share their bytes."},
		{name: "reverse-order", title: "names in reverse order", sent: `{"a":1,"b":2}`, text: `{"a":1,"b":2}`, signed: `{"b":2,"a":1}`,
			why: "Hashing members as they came lets whoever stores the record break it by storing it."},
		{name: "with-spaces", title: "JSON with a space behind each comma and colon, as Python's encoder writes it", sent: `{"a":1,"b":2}`, text: `{"a":1,"b":2}`,
			wrong: strings.NewReplacer(`,"`, `, "`, `":`, `": `).Replace, why: "A verifier that tries a library's habits accepts what others refuse."},
		{name: "with-line-feed", title: "the canonical form and a line feed", wrong: func(s string) string { return s + "\n" },
			why: "Tools add a final line feed. Taking both gives one claim two signatures."},
		{name: "with-byte-order-mark", title: "a byte order mark and the canonical form", wrong: func(s string) string { return "\ufeff" + s },
			why: "An invisible difference gives one claim two signatures."},
		{name: "with-null-metadata", title: "the canonical form with metadata null, of a claim without", wrong: replace(`,"mir":1`, `,"metadata":null,"mir":1`),
			why: "Absent and null are different statements of the issuer."},
		{name: "with-empty-metadata", title: "the canonical form with empty metadata, of a claim without", wrong: replace(`,"mir":1`, `,"metadata":{},"mir":1`),
			why: "Absent and empty are different statements of the issuer."},
		{name: "timestamp-normalised", title: "the timestamp rewritten to UTC before signing", timestamp: "2026-03-01T13:00:00+01:00",
			wrong: replace("2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00Z"), why: "A verifier that rewrites times sees other bytes than the issuer signed."},
		{name: "domain-lower-cased", title: "the domain lower-cased before signing, and sent in upper case", domain: "SHOP." + strings.ToUpper(m.Suffix),
			wrong: func(s string) string {
				return strings.Replace(s, "SHOP."+strings.ToUpper(m.Suffix), m.domain("shop"), 1)
			},
			why: "The signed bytes keep the spelling; a verifier that changes it accepts what others refuse."},
	}
	return under(ruleWithoutSig(), forged(), all)
}

func largeIntegers() []vector {
	const swap = "The SDK rounds the number, so that different claims would share this signature and one could be put in the other's place."
	return []vector{
		{name: "integer-past-2-53", title: "an integer past 2^53, digits kept", rule: ruleIntegers(), sent: `{"n":9007199254740993}`, text: `{"n":9007199254740993}`,
			why: "Amounts in small units and identifiers get this large. Rounded, they are somebody else's."},
		{name: "integer-past-2-53-rounded", title: "signed as the SDK rounds it", rule: ruleInjective(), codes: noSDKForm(),
			sent: `{"n":9007199254740993}`, text: `{"n":9007199254740993}`, signed: `{"n":9007199254740992}`, why: swap},
		{name: "integer-past-2-53-tampered", title: "changed after signing to a number that the SDK rounds the same", rule: ruleInjective(), codes: noSDKForm(),
			sent: `{"n":9007199254740993}`, text: `{"n":9007199254740993}`, signed: `{"n":9007199254740994}`, why: swap},
		{name: "integer-shortest", title: "a large integer that is the shortest decimal of its float64", rule: ruleIntegers(),
			sent: `{"n":1152921504606847000}`, text: `{"n":1152921504606847000}`, why: "Both forms agree on it; refusing it loses an honest record."},
		{name: "integer-not-shortest", title: "2^60, a float64 that JavaScript writes with other digits, signed so", rule: ruleInjective(), codes: noSDKForm(),
			sent: `{"n":1152921504606846976}`, text: `{"n":1152921504606846976}`, signed: `{"n":1152921504606847000}`, why: swap},
		{name: "integer-not-shortest-text", title: "2^60, signed in the text's form", rule: ruleIntegers(), sent: `{"n":1152921504606846976}`,
			text: `{"n":1152921504606846976}`, why: "Powers of two are common identifiers; a float64 in between changes them."},
		{name: "integer-23-digits-exponent", title: "an integer of 23 digits, spelled with an exponent", rule: ruleIntegers(),
			sent: `{"n":123456789012345678901e2}`, text: `{"n":12345678901234567890100}`, why: "An integer is one however it is spelled; its digits are what was signed."},
		{name: "integer-200-digits", title: "an integer of 200 digits", rule: ruleIntegers(), sent: `{"n":` + strings.Repeat("1234567890", 20) + `}`,
			text: `{"n":` + strings.Repeat("1234567890", 20) + `}`, why: "A verifier with 64-bit integers that wraps around would accept another number in its place."},
	}
}

func outOfRange() []vector {
	const why = "The SDK signs null in its place, so that a number can be swapped for nothing and the signature stays."
	return under(ruleRange(), noForm(), []vector{
		{name: "number-too-large", title: "1e400, signed as null", sent: `{"n":1e400}`, signed: `{"n":null}`, why: why},
		{name: "number-too-large-negative", title: "-1e400, signed as null", sent: `{"n":-1e400}`, signed: `{"n":null}`, why: why},
		{name: "number-too-large-signed-as-sent", title: "1e400, signed as 1e400", sent: `{"n":1e400}`, signed: `{"n":1e400}`,
			why: "Half of the libraries cannot read it back: the record is there for some and gone for others."},
		{name: "number-too-large-in-digits", title: "an integer of 401 digits", sent: `{"n":1` + strings.Repeat("0", 400) + `}`, signed: `{"n":null}`, why: why},
		{name: "number-too-large-signed-in-digits", title: "1e400, signed as the integer of 401 digits that it is", sent: `{"n":1e400}`, signed: `{"n":1` + strings.Repeat("0", 400) + `}`,
			why: "Half of the libraries cannot read it back: the record is there for some and gone for others."},
		{name: "number-just-too-large", title: "the first number that rounds to infinity", sent: `{"n":1.7976931348623159e308}`, signed: `{"n":null}`, why: why},
		{name: "number-too-small", title: "1e-400, signed as 0", sent: `{"n":1e-400}`, signed: `{"n":0}`,
			why: "It would become 0, so that something small could be swapped for nothing."},
		{name: "number-denormal-rounded", title: "4e-324, which rounds to the smallest float64", rule: ruleFractions(), sent: `{"n":4e-324}`, signed: `{"n":5e-324}`,
			why: "Two different numbers would share one signature."},
		{name: "number-huge-exponent", title: "an exponent of twenty digits", sent: `{"n":1e99999999999999999999}`, signed: `{"n":null}`,
			why: "Written out it would fill the machine's memory; one line from a stranger would stop a node."},
		{name: "number-tiny-exponent", title: "a negative exponent of twenty digits", sent: `{"n":1e-99999999999999999999}`, signed: `{"n":0}`,
			why: "Written out it would fill the machine's memory; one line from a stranger would stop a node."},
		{name: "null-itself", title: "null, signed as null", codes: accepted(), rule: ruleRange(), sent: `{"n":null}`, text: `{"n":null}`,
			why: "null is a value like any other. Refusing it out of caution loses honest records."},
		{name: "zero-with-huge-exponent", title: "zero with an exponent of twenty digits", codes: accepted(), rule: ruleIntegers(), level: cases.Should,
			sent: `{"n":0e99999999999999999999}`, text: `{"n":0}`, why: "Zero is zero however it is spelled."},
	})
}

// accepted is an empty list of codes, where the list's usual is a refusal.
func accepted() []string { return []string{} }

func badText() []vector {
	const why = "The SDK signs an escape for it and others a replacement character: two texts that differ would share one signature."
	return under(ruleBadText(), noForm(), []vector{
		{name: "lone-surrogate", title: "a lone high surrogate", sent: `{"s":"\ud800"}`, signed: `{"s":"\ud800"}`, why: why},
		{name: "lone-low-surrogate", title: "two surrogates in the wrong order", sent: `{"s":"\ude00\ud83d"}`, signed: `{"s":"\ude00\ud83d"}`, why: why},
		{name: "lone-surrogate-in-name", title: "a lone surrogate in a name", sent: `{"\ud800":1}`, signed: `{"\ud800":1}`, why: why},
		{name: "surrogate-before-character", title: "a high surrogate before an ordinary character", sent: `{"s":"\ud800A"}`, signed: `{"s":"\ufffdA"}`, why: why},
		{name: "invalid-utf8", codes: noUTF8(), title: "a byte that is not UTF-8, signed as U+FFFD", sent: "{\"s\":\"\xff\"}", signed: "{\"s\":\"\ufffd\"}",
			why: "Whatever byte stands there would verify: a stranger could change text in another's record."},
		{name: "invalid-utf8-signed-as-sent", codes: noUTF8(), title: "a byte that is not UTF-8, signed as it is", sent: "{\"s\":\"\xff\"}", signed: "{\"s\":\"\xff\"}",
			why: "JSON cannot carry it: the record is lost as soon as it is written again."},
		{name: "surrogate-in-utf8", codes: noUTF8(), title: "a surrogate encoded as if it were a character", sent: "{\"s\":\"\xed\xa0\x80\"}", signed: `{"s":"\ud800"}`, why: why},
		{name: "overlong-utf8", codes: noUTF8(), title: "a slash in two bytes", sent: "{\"s\":\"\xc0\xaf\"}", signed: `{"s":"/"}`,
			why: "Overlong forms get text past every filter that looks at bytes."},
		{name: "utf8-cut-off", codes: noUTF8(), title: "a character cut off in the middle", sent: "{\"s\":\"\xe4\xb8\"}", signed: "{\"s\":\"\ufffd\"}", why: why},
		{name: "utf8-above-10ffff", codes: noUTF8(), title: "four bytes beyond U+10FFFF", sent: "{\"s\":\"\xf4\x90\x80\x80\"}", signed: "{\"s\":\"\ufffd\"}", why: why},
		{name: "invalid-utf8-in-name", codes: noUTF8(), title: "a byte that is not UTF-8 in a name", sent: "{\"\xff\":1}", signed: "{\"\ufffd\":1}", why: why},
		{name: "replacement-character", title: "U+FFFD itself", codes: accepted(), sent: `{"s":"\ufffd"}`, text: "{\"s\":\"\ufffd\"}",
			why: "It is a character like any other. Refusing it loses honest records with damaged names."},
		{name: "lone-surrogate-in-domain", title: "a lone surrogate in the domain", codes: invalid(), nowhere: true,
			change: replace("shop.", `shop\ud800.`), why: "Formats come before the canonical form: one fault, one code on all machines."},
		{name: "lone-surrogate-and-unknown-member", title: "a lone surrogate in metadata and an unknown member", rule: ruleFirstFault(), codes: invalid(),
			sent: `{"s":"\ud800"}`, signed: `{"s":"\ud800"}`, change: replace(`"mir": 1`, `"mir": 1, "extra": 1`),
			why: "A code that depends on the order of checks tells the issuer to mend the wrong thing."},
	})
}

func protoNames() []vector {
	return under(ruleProto(), nil, []vector{
		{name: "proto-name", title: "the name __proto__ in metadata, signed along", sent: `{"a":1,"__proto__":{"x":1}}`, text: `{"__proto__":{"x":1},"a":1}`,
			why: "In JavaScript it vanishes. A verifier that loses it calls an honest record forged."},
		{name: "proto-name-dropped", title: "the name __proto__ in metadata, not signed", codes: forged(), sent: `{"a":1,"__proto__":{"x":1}}`,
			text: `{"__proto__":{"x":1},"a":1}`, signed: `{"a":1}`, why: "Anybody could have added it to another's record, and programs would read it."},
		{name: "proto-name-dropped-deep", title: "the name __proto__ deep in metadata, not signed", codes: forged(), sent: `{"a":[{"__proto__":1}]}`,
			text: `{"a":[{"__proto__":1}]}`, signed: `{"a":[{}]}`, why: "Anybody could have added it to another's record, and programs would read it."},
		{name: "names-of-object", title: "names that JavaScript objects have from birth", sent: `{"toString":1,"constructor":2,"hasOwnProperty":3,"length":4}`,
			text: `{"constructor":2,"hasOwnProperty":3,"length":4,"toString":1}`, why: "A program that calls them in place of reading them crashes on a stranger's record."},
	})
}

func normalisation() []vector {
	const composed, decomposed = "é", "e\u0301"
	return under(ruleEscapes(), nil, []vector{
		{name: "decomposed-text", title: "a letter and its accent as two characters", sent: `{"s":"` + decomposed + `"}`, text: `{"s":"` + decomposed + `"}`,
			why: "Text comes from people's keyboards. Composing it before the check breaks the issuer's signature."},
		{name: "normalised-text", title: "signed with the letter and accent composed", codes: forged(), sent: `{"s":"` + decomposed + `"}`,
			text: `{"s":"` + decomposed + `"}`, signed: `{"s":"` + composed + `"}`,
			why: "Whoever normalises lets two different texts share one signature."},
		{name: "composed-and-decomposed-names", title: "two names that differ in Unicode normalisation alone", sent: `{"` + composed + `":1,"` + decomposed + `":2}`,
			text: `{"` + decomposed + `":2,"` + composed + `":1}`, why: "They are two names. Taking them for one drops what was signed under the other."},
		{name: "case-kept", title: "letters that change under case folding", sent: `{"s":"ẞßİıK"}`, text: `{"s":"ẞßİıK"}`,
			why: "Folding case changes what was signed, and in Turkish it changes it in another way."},
	})
}
