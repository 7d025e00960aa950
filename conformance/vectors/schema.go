package vectors

import (
	"strings"

	"mirnode/conformance/cases"
)

// claimSchema returns the cases of the section claim-schema: what a claim must look like.
func (m *maker) claimSchema() []vector {
	var all []vector
	for _, part := range [][]vector{
		m.documents(), membersMissing(), memberKinds(), versions(), m.coreTypes(), m.typeFaults(), m.domains(), m.domainFaults(),
		subjects(), timestamps(), timestampFaults(), metadataSizes(), depths(),
	} {
		all = append(all, part...)
	}
	return all
}

func invalid() []string { return []string{schema} }

// documents are about the document as a whole.
func (m *maker) documents() []vector {
	good := []vector{
		{name: "ordinary", title: "a claim as the protocol's page shows it", rule: ruleSigOver(), sent: `{"currency": "USD", "count": 1}`,
			text: `{"count":1,"currency":"USD"}`, why: "A verifier that refuses an ordinary claim makes people's history disappear."},
		{name: "without-metadata", title: "a claim without metadata", rule: ruleClosed(),
			why: "Most records carry no metadata. Asking for some makes domains invent some, and invented fields are where personal data ends up."},
		{name: "white-space-around", title: "white space before and behind the document", rule: ruleDocument(),
			change: func(doc string) string { return strings.Repeat("\n", 64) + doc + strings.Repeat(" \t\r\n", 16) },
			why:    "Files end in line feeds and some programs add more. A record must not depend on which editor it went through."},
		{name: "size-16384", title: "a document of exactly 16 KiB", rule: ruleDocument(), change: paddedTo(16 << 10),
			why: "A limit that is one byte tighter on one machine than on another splits the network over the same record."},
		{name: "order-of-members", title: "sig first, the other members in another order", rule: ruleSigOver(), change: sigFirst,
			why: "JSON objects have no order, and databases shuffle it. A person's record must survive being stored."},
		{name: "escaped-names", title: "names of members written with escapes", rule: ruleSigOver(), sent: `{"n":1}`, text: `{"n":1}`,
			change: chain(replace(`"domain"`, `"\u0064omain"`), replace(`"metadata"`, `"meta\u0064ata"`), replace(`"sig"`, `"\u0073ig"`)),
			why:    "Escapes are spelling, not content. A parser that misses them sees another claim than its neighbour."},
	}
	bad := under(ruleDocument(), invalid(), []vector{
		{name: "size-16385", title: "a document of 16 KiB and one byte", change: paddedTo(16<<10 + 1),
			why: "Without one bound for all, a large record is kept by some nodes and dropped by others, and nobody knows which is right."},
		{name: "byte-order-mark", title: "a byte order mark before the document", change: func(doc string) string { return "\ufeff" + doc },
			why: "Two documents that look the same would differ in bytes, and their copies would fail to compare."},
		{name: "trailing-object", title: "a second object behind the document", change: func(doc string) string { return doc + `{"mir":1}` },
			why: "What stands behind the claim was signed by nobody, yet would be kept and shown as part of the record."},
		{name: "trailing-bracket", title: "a closing bracket too many", change: func(doc string) string { return doc + "}" },
			why: "A parser that stops early accepts what another refuses, and the two nodes never agree on the record."},
		{name: "two-claims-in-one", title: "the same claim twice in one document", change: func(doc string) string { return doc + doc },
			why: "Two records behind one another would be checked as one and counted as two."},
		{name: "array-around", title: "the claim in an array", nowhere: true, change: func(doc string) string { return "[" + doc + "]" },
			why: "A batch that is taken for a claim hides records which nobody verified."},
		{name: "string-around", title: "the claim as a JSON string", nowhere: true,
			change: quoted,
			why:    "Encoding twice is a common fault. Taking it makes two spellings of every record."},
		{name: "empty", title: "an empty document", nowhere: true, change: func(string) string { return "" },
			why: "Nothing at all must never count as a record of somebody."},
		{name: "null", title: "the document null", nowhere: true, change: func(string) string { return "null" },
			why: "A program that treats null as an empty claim crashes or invents a record."},
		{name: "not-json", title: "text that is no JSON", nowhere: true, change: func(string) string { return "mir=1&type=mir.account.created" },
			why: "A lenient reader turns a form post into a record that its signer never wrote."},
		{name: "cut-off", title: "the document without its last brace", change: func(doc string) string { return strings.TrimSpace(doc)[:len(doc)-2] },
			why: "A broken upload must not become a record. What was cut off could have been the part that matters."},
		{name: "comment", title: "a comment in the document", change: replace(`"mir": 1,`, `"mir": 1, /* x */`),
			why: "Comments are no JSON. Where one parser skips them and another fails, the record exists on half the network."},
		{name: "trailing-comma", title: "a comma behind the last member", change: trailingComma,
			why: "Lenient parsers disagree about such commas, so that the record exists on half the network."},
		{name: "single-quotes", title: "names in single quotes", change: replace(`"mir"`, `'mir'`),
			why: "It is no JSON, and only some parsers take it: nodes would disagree about the record."},
		{name: "utf-16", title: "the document in UTF-16", nowhere: true, change: utf16LE, rule: ruleDocument(),
			why: "A reader that guesses encodings can be made to see another record than the one that was signed."},
		{name: "nul-behind", title: "a NUL byte behind the document", change: func(doc string) string { return doc + "\x00" },
			why: "Programs in C stop at NUL. Anything could be hidden behind it from half of the readers."},
	})
	unknown := under(ruleClosed(), invalid(), []vector{
		{name: "unknown-member", title: "a member that no claim has", change: replace(`"mir": 1`, `"mir": 1, "note": "x"`),
			why: "What stands outside the schema was not signed in every implementation: anybody could write on another's record."},
		{name: "unknown-member-signed", title: "a member that no claim has, signed along", wrong: replace(`"mir":1`, `"mir":1,"note":"x"`),
			change: replace(`"mir": 1`, `"mir": 1, "note": "x"`),
			why:    "If unknown members passed once signed, personal data would find a way around the limits on metadata."},
		{name: "member-in-other-case", title: "Domain for domain", nowhere: true, change: replace(`"domain"`, `"Domain"`),
			why: "Readers that ignore case see a domain where strict ones see none: one claim, two issuers."},
		{name: "member-in-both-cases", title: "domain, and Domain beside it", change: replace(`"mir": 1`, `"mir": 1, "Domain": "victim.`+m.Suffix+`"`),
			why: "A reader that ignores case takes the last one: the record would be shown as a domain's that never signed it."},
		{name: "member-sig-twice-spelled", title: "Sig beside sig", change: replace(`"mir": 1`, `"mir": 1, "Sig": ""`),
			why: "Which signature counts would depend on the parser."},
		{name: "member-proto", title: "the member __proto__ at the top level", change: replace(`"mir": 1`, `"mir": 1, "__proto__": {}`),
			why: "In JavaScript it vanishes from what is signed and can still change what the program reads: anybody could add it."},
		{name: "member-empty-name", title: "a member whose name is empty", change: replace(`"mir": 1`, `"mir": 1, "": 1`),
			why: "A nameless member is easily dropped when a claim is written again, and the record no longer verifies."},
	})
	duplicate := under(ruleDocument(), invalid(), []vector{
		{name: "duplicate-version", title: "mir twice", change: replace(`"mir": 1`, `"mir": 1, "mir": 1`),
			why: "Parsers differ over which of two equal names counts, and so would verdicts."},
		{name: "duplicate-subject", title: "subject twice, with different values",
			change: replace(`"subject": "`, `"subject": "`+strings.Repeat("0", 64)+`", "subject": "`),
			why:    "One reader would see the record under one person and another under someone else."},
		{name: "duplicate-type-by-escape", title: "type twice, once with an escape",
			change: replace(`"mir": 1`, `"mir": 1, "\u0074ype": "mir.transaction.chargeback"`),
			why:    "A completed transaction could be shown as a chargeback by whoever reads the other one."},
		{name: "duplicate-sig", title: "sig twice", change: replace(`"mir": 1`, `"sig": "`+strings.Repeat("A", 86)+`", "mir": 1`),
			why: "The hash of sig names the record. With two of them it has two names."},
		{name: "duplicate-in-metadata", title: "a name twice in metadata; the last one was signed", sent: `{"count":1,"count":2}`, signed: `{"count":2}`,
			why: "A parser that keeps the first shows a count that nobody signed."},
		{name: "duplicate-in-metadata-by-escape", title: "a name twice in metadata, once with an escape", sent: `{"count":1,"c\u006funt":1}`, signed: `{"count":1}`,
			why: "The names are equal once they are decoded. Comparing them before lets a second value through."},
		{name: "duplicate-deep", title: "a name twice in an object inside an array", sent: `{"a":[{"b":1,"b":1}]}`, signed: `{"a":[{"b":1}]}`,
			why: "A check of the outer level alone leaves every inner object open to a second value."},
	})
	return append(append(append(good, bad...), unknown...), duplicate...)
}

// membersMissing leaves each required member out.
func membersMissing() []vector {
	why := map[string]string{
		"mir":            "Without a version nobody knows by which rules the record was made, and a later version could be passed off as this one.",
		"type":           "A record that does not say what happened would be counted as whatever the reader likes.",
		"domain":         "Without a domain nobody answers for the record.",
		"subject":        "A record about nobody could be attached to anybody.",
		"timestamp":      "Without a time an old record passes for a new one, and a stolen key cannot be told from the one it was.",
		"keyFingerprint": "A verifier would have to try every key, so that retired and stolen ones count for ever.",
		"sig":            "An unsigned record is a rumour.",
	}
	var all []vector
	for _, name := range []string{"mir", "type", "domain", "subject", "timestamp", "keyFingerprint", "sig"} {
		all = append(all, vector{
			name: "missing-" + strings.ToLower(name), title: name + " is missing", rule: ruleClosed(), why: why[name], codes: invalid(),
			nowhere: name == "domain", change: without(name),
		})
	}
	return append(all, vector{name: "only-braces", title: "an object without members", rule: ruleClosed(), codes: invalid(), nowhere: true,
		change: func(string) string { return "{}" }, why: "A program that fills in what is missing invents a record of somebody."})
}

// memberKinds gives members values of another JSON type.
func memberKinds() []vector {
	wrong := func(member, value, why string) vector {
		kind := map[byte]string{'n': "null", '[': "an array", '{': "an object", 't': "true", '1': "a number", '"': "an empty string"}[value[0]]
		slug := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(kind, "an "), "a "), " ", "-")
		return vector{name: strings.ToLower(member) + "-is-" + slug, title: member + " is " + kind, why: why, nowhere: member == "domain",
			change: valueOf(member, value)}
	}
	all := []vector{
		wrong("type", "null", "null means that the issuer did not say what happened; it must not be read as some default event."),
		wrong("domain", `["a"]`, "Code that joins a list into text would attribute the record to a domain that nobody wrote."),
		wrong("subject", "1", "A number that is turned into text can collide with another person's pseudonym."),
		wrong("timestamp", "1", "Seconds and milliseconds cannot be told apart: the record would move by decades."),
		wrong("keyfingerprint", "true", "A lenient comparison with true matches any key."),
		wrong("sig", "null", "A library that is handed no signature may call the check passed."),
		wrong("sig", `""`, "An empty signature must not count as one that was checked."),
		wrong("sig", "{}", "An object in the signature's place makes programs crash on a stranger's input."),
		wrong("type", `""`, "A record without a type counts as whatever the reader likes."),
		wrong("timestamp", `""`, "A default of now makes an old record new every time it is read."),
		wrong("domain", `""`, "An empty domain makes everybody and nobody the issuer."),
		wrong("subject", `""`, "All records with an empty subject would be one person's."),
	}
	return under(ruleClosed(), invalid(), all)
}

func versions() []vector {
	one := func(name, title, value, why string) vector {
		return vector{name: name, title: title, why: why, change: replace(`"mir": 1`, `"mir": `+value)}
	}
	all := under(ruleVersion(), invalid(), []vector{
		one("version-2", "mir is 2", "2", "Rules of a later version, judged by those of this one, would let through what version 2 forbids."),
		one("version-0", "mir is 0", "0", "A version that never was has no rules, so anything passes under it."),
		one("version-negative", "mir is -1", "-1", "A comparison with 'at most 1' lets it pass, and then anything does."),
		one("version-string", "mir is the string 1", `"1"`, "Readers that compare loosely accept it and strict ones do not: the record exists on half the network."),
		one("version-true", "mir is true", "true", "In several languages true equals 1. The same record would pass in one and fail in another."),
		one("version-null", "mir is null", "null", "A default of 1 for null would let records without a version in."),
		one("version-fraction", "mir is 1.5", "1.5", "Cut to an integer it is 1, and a record under unknown rules would count."),
		one("version-near-one", "mir is 1 and a fraction that float64 cannot see", "1.00000000000000000001",
			"A reader with floating point numbers sees 1 and one with decimals does not: two verdicts on one record."),
		one("version-array", "mir is [1]", "[1]", "Languages that turn [1] into 1 accept what others refuse."),
	})
	return append(all, vector{name: "version-spelled-1-0", title: "mir is spelled 1.0", rule: ruleVersionSpelling(), level: cases.May,
		change: replace(`"mir": 1`, `"mir": 1.0`), why: "JSON has one kind of number, so that databases may write 1.0. A verifier that refuses it loses records to a spelling."})
}

func subjects() []vector {
	one := func(name, title, subject, why string) vector {
		return vector{name: name, title: title, subject: subject, why: why}
	}
	hash := strings.Repeat("5a", 32)
	return under(ruleSubject(), invalid(), []vector{
		one("subject-upper-case", "a subject in upper-case hex", strings.ToUpper(hash), "Two spellings of one pseudonym split a person's history in two."),
		one("subject-63", "a subject of 63 digits", hash[:63], "A digit that was lost points at nobody, or, padded with a zero, at somebody else."),
		one("subject-65", "a subject of 65 digits", hash+"0", "Cut to 64 it is somebody else's."),
		one("subject-not-hex", "a subject with a letter that is no hex digit", hash[:63]+"g", "A lenient decoder drops the letter and finds another person."),
		one("subject-email", "an e-mail address as the subject", "jane.doe@example.com", "Published records cannot be taken back: a name in them stays for good."),
		one("subject-base64url", "a subject in base64url", "5aWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU", "One person under two encodings has half a history under each."),
		one("subject-spaced", "a subject with a space behind it", hash+" ", "Trimmed in one place and not in another, a person has two histories."),
		one("subject-line-feed", "a subject with a line feed behind it", hash+`\n`, "Many regular expressions let a final line feed pass, and the index has a second person."),
		one("subject-full-width", "a subject with a full-width digit", hash[:63]+"５", "Digits of other scripts look the same to a person and differ to a program."),
	})
}

func metadataSizes() []vector {
	filled := func(size int) string { return `{"a":"` + strings.Repeat("x", size-len(`{"a":""}`)) + `"}` }
	accented := func(size int) string { return `{"a":"` + strings.Repeat("é", (size-len(`{"a":""}`))/2) + `"}` }
	good := []vector{
		{name: "metadata-empty", title: "an empty object of metadata", rule: ruleMetadata(), sent: `{ }`, text: `{}`,
			why: "Empty and absent are signed differently. A verifier that confuses them refuses what was signed."},
		{name: "metadata-unknown-fields", title: "metadata of names and shapes of the issuer's own", rule: rulePreserved(),
			sent: `{"x-custom": {"deep": [null, true, "y"]}, "UPPER": ""}`, text: `{"UPPER":"","x-custom":{"deep":[null,true,"y"]}}`,
			why: "What is dropped breaks the signature: the issuer's record vanishes from everybody who comes later."},
		{name: "metadata-4096", title: "metadata of exactly 4,096 bytes", rule: ruleMetadata(), sent: filled(4096), text: filled(4096),
			why: "A bound that is one byte off loses records that the issuer made in good faith."},
		{name: "metadata-4096-spaced", title: "metadata of 4,096 bytes in canonical form, with white space beside", rule: ruleMetadata(),
			sent: strings.Replace(filled(4096), ":", ":"+strings.Repeat(" ", 100), 1), text: filled(4096),
			why: "Counting white space makes the verdict depend on who formatted the record last."},
		{name: "metadata-4096-escaped", title: "metadata of 4,096 bytes in canonical form, sent with longer escapes", rule: ruleMetadata(),
			sent: strings.Replace(filled(4096), "xxxx", `\u0078\u0078\u0078\u0078`, 1), text: filled(4096),
			why: "The same record, escaped by another library, must not become too large."},
	}
	bad := under(ruleMetadata(), invalid(), []vector{
		{name: "metadata-4097", title: "metadata of 4,097 bytes", rule: ruleMetadataSize(), sent: filled(4097), signed: filled(4097),
			why: "The limit keeps documents about people out of a record that cannot be taken back. One byte over on some nodes splits the network."},
		{name: "metadata-4098-in-bytes", title: "metadata under 4,096 characters, and over 4,096 bytes", rule: ruleMetadataSize(),
			sent: accented(4098), signed: accented(4098), why: "Counting characters in place of bytes lets records through that others refuse."},
		{name: "metadata-grows", title: "metadata that is short as sent and longer than 4,096 bytes in canonical form", rule: ruleMetadataSize(),
			sent: `{"a":[` + strings.Repeat("1e300,", 20) + `0]}`, signed: `{"a":[` + strings.Repeat("1"+strings.Repeat("0", 300)+",", 20) + `0]}`,
			why: "A node could be made to write kilobytes for every byte that it was sent."},
		{name: "metadata-null", title: "metadata is null", sent: `null`, signed: `null`,
			why: "Programs drop null when they write a claim again, and then the signature fails for everybody after them."},
		{name: "metadata-array", title: "metadata is an array", sent: `[]`, signed: `[]`,
			why: "Readers that look names up in a list crash, on a document that any stranger can send."},
		{name: "metadata-string", title: "metadata is a string", sent: `"x"`, signed: `"x"`,
			why: "Free text is where names and addresses of people end up."},
		{name: "metadata-number", title: "metadata is a number", sent: `7`, signed: `7`, why: "A bare number says nothing that a reader could understand later."},
	})
	return append(good, bad...)
}

// depths nest arrays inside the claim and its metadata, which are two levels.
func depths() []vector {
	nested := func(levels int) string {
		return `{"a":` + strings.Repeat("[", levels-2) + strings.Repeat("]", levels-2) + `}`
	}
	objects := func(levels int) string {
		return strings.Repeat(`{"a":`, levels-2) + "{}" + strings.Repeat("}", levels-2)
	}
	return []vector{
		{name: "depth-32", title: "arrays nested to level 32", rule: ruleDocument(), sent: nested(32), text: nested(32),
			why: "What one node keeps and another refuses is a record that comes and goes."},
		{name: "depth-33", title: "arrays nested to level 33", rule: ruleDocument(), sent: nested(33), signed: nested(33), codes: invalid(),
			why: "Deep nesting costs a stranger nothing and readers a stack. A common bound keeps verdicts equal."},
		{name: "depth-32-objects", title: "objects nested to level 32", rule: ruleDocument(), sent: objects(32), text: objects(32),
			why: "A bound that counts objects and arrays apart is another bound than its neighbour's."},
		{name: "depth-33-objects", title: "objects nested to level 33", rule: ruleDocument(), sent: objects(33), signed: objects(33), codes: invalid(),
			why: "A bound on arrays alone leaves the same attack open with objects."},
		{name: "depth-2000", title: "arrays nested 2,000 levels deep", rule: ruleDocument(), sent: nested(2000), signed: nested(2000), codes: invalid(),
			why: "A recursive reader dies of it, and with it everybody's look-ups on that machine."},
	}
}
