package main

import (
	"cmp"
	"slices"
	"strings"
)

// unchecked returns what the SDK lets pass.
func unchecked() []vector {
	const row = "timestamp, metadata, extra fields"
	all := []vector{
		{name: "metadata-null", row: row, code: schema, sent: `null`, signed: `null`},
		{name: "metadata-array", row: row, code: schema, sent: `[]`, signed: `[]`},
		{name: "metadata-string", row: row, code: schema, sent: `"x"`, signed: `"x"`},
		{name: "extra-field", row: row, code: schema, text: noMetadata, change: replace(`"mir": 1`, `"mir": 1, "note": "x"`)},
		{name: "name-in-other-case", row: row, code: schema, text: noMetadata, change: replace(`"domain"`, `"Domain"`)},
		{name: "missing-field", row: row, code: schema, text: noMetadata, change: replace(`"mir": 1,`, ``)},
		{name: "version-2", row: row, code: schema, text: noMetadata, change: replace(`"mir": 1`, `"mir": 2`)},
		{name: "version-string", row: row, code: schema, text: noMetadata, change: replace(`"mir": 1`, `"mir": "1"`)},
		{name: "version-true", row: row, code: schema, text: noMetadata, change: replace(`"mir": 1`, `"mir": true`)},
		{name: "version-spelled-1.0", row: row, note: "JSON's 1.0 is the integer 1.", text: noMetadata, change: replace(`"mir": 1`, `"mir": 1.0`)},
		{name: "timestamp-spaced", row: row, code: schema, text: noMetadata, timestamp: "2026-03-01 12:00:00Z"},
	}
	for name, timestamp := range map[string]string{
		"no-zone": "2026-03-01T12:00:00", "lower-case": "2026-03-01t12:00:00z", "no-seconds": "2026-03-01T12:00Z",
		"basic-form": "20260301T120000Z", "zone-without-colon": "2026-03-01T12:00:00+0100", "zone-24": "2026-03-01T12:00:00+24:00",
		"day-31": "2026-02-31T12:00:00Z", "hour-24": "2026-03-01T24:00:00Z", "second-60": "2026-03-01T12:00:60Z",
		"empty-fraction": "2026-03-01T12:00:00.Z", "comma": "2026-03-01T12:00:00,5Z",
	} {
		all = append(all, vector{name: "timestamp-" + name, row: row, code: schema, text: noMetadata, timestamp: timestamp})
	}
	for name, domain := range map[string]string{
		"address": "192.0.2.1", "trailing-dot": "vectors.example.com.", "wildcard": "*.example.com", "one-label": "localhost",
		"port": "example.com:443", "underscore": "a_b.example.com", "not-ascii": "exämple.com", "hyphen": "-a.example.com",
	} {
		all = append(all, vector{name: "domain-" + name, row: row, code: schema, text: noMetadata, domain: domain})
	}
	for name, typ := range map[string]string{
		"upper-case": "mir.Transaction.completed", "three-parts": "mir.transaction.completed.twice", "no-prefix": "transaction.completed",
		"one-part": "mir.transaction", "host-without-dot": "shop:loyalty.earned", "digit-first": "mir.1a.b",
	} {
		all = append(all, vector{name: "type-" + name, row: row, code: schema, text: noMetadata, typ: typ})
	}
	return sortedByName(all)
}

func limits() []vector {
	const row = "nesting, size"
	nested := func(levels int) string { // inside the claim and metadata, which are two
		return `{"a":` + strings.Repeat("[", levels-2) + strings.Repeat("]", levels-2) + `}`
	}
	filled := func(size int) string { return `{"a":"` + strings.Repeat("x", size-len(`{"a":""}`)) + `"}` }
	return []vector{
		{name: "depth-32", row: row, sent: nested(32), text: nested(32)},
		{name: "depth-33", row: row, code: schema, sent: nested(33), signed: nested(33)},
		{name: "metadata-4096", row: row, sent: filled(4096), text: filled(4096)},
		{name: "metadata-4097", row: row, code: schema, sent: filled(4097), signed: filled(4097)},
		{name: "metadata-4096-spaced", row: row, note: "The canonical form counts.",
			sent: strings.Replace(filled(4096), ":", ":"+strings.Repeat(" ", 100), 1), text: filled(4096)},
		{name: "metadata-grows", row: row, note: "1e300 has 301 digits in canonical form.", code: schema,
			sent: `{"a":[` + strings.Repeat("1e300,", 20) + `0]}`, signed: `{}`},
		{name: "document-too-large", row: row, note: "The document as received counts, without the white space around it.", code: schema,
			text: noMetadata, change: replace(`"mir": 1`, `"mir":`+strings.Repeat(" ", 16<<10)+`1`)},
		{name: "document-in-white-space", row: row, note: "White space around the document does not count.", text: noMetadata,
			change: func(doc string) string { return strings.Repeat("\n", 64) + doc + strings.Repeat(" ", 64) }},
		{name: "byte-order-mark", row: row, code: schema, text: noMetadata, change: func(doc string) string { return "\ufeff" + doc }},
		{name: "trailing-data", row: row, code: schema, text: noMetadata, change: func(doc string) string { return doc + "{}" }},
	}
}

// sortedByName gives what comes out of a map a fixed order.
func sortedByName(vectors []vector) []vector {
	slices.SortStableFunc(vectors, func(a, b vector) int { return cmp.Compare(a.name, b.name) })
	return vectors
}
