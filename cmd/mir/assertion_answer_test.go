package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestLookupForAPerson: contradictions come first, what was revoked last; badges and keys say whose word they are; and nothing of a node's moves the cursor.
func TestLookupForAPerson(t *testing.T) {
	const issuer = `"issuer":{"id":"issuer_0123456789abcdef0123456789abcdef","name":"N","status":"UNVERIFIED","verified":false,"home":"home.test","verification":null}`
	for _, test := range []struct {
		name, assertions string
		conflicts        bool
		order            []string // what must stand there, in this order
		lacks            []string
	}{
		{"conflict", `{"id":"a1","type":"METHOD",` + issuer + `},{"id":"a2","type":"ISSUED_BY",` + issuer + `},
			{"id":"a3","type":"NOT_ISSUED_BY","revoked":true,"revocation":"REVOKED","revokedAt":"2026-11-02T03:04:05.678Z",` + issuer + `},
			{"id":"a4","type":"NOT_ISSUED_BY",` + issuer + `},{"id":"a5","type":"DISPUTE","signed":{"disputes":"assertion_9"},` + issuer + `}`, true,
			[]string{"CONFLICT", "DISPUTE  “N” disputes", "disputes  assertion_9", "a5", "NOT_ISSUED_BY", "a4", "ISSUED_BY", "a2", "METHOD", "a1",
				"No longer said:", "NOT_ISSUED_BY", "revoked 2026-11-02 03:04:05 UTC", "a3", "guidance"}, nil},
		{"no conflict: the node's order", `{"id":"a1","type":"METHOD",` + issuer + `},{"id":"a2","type":"NOT_ISSUED_BY",` + issuer + `}`, false,
			[]string{"METHOD", "a1", "NOT_ISSUED_BY", "a2"}, []string{"CONFLICT", "No longer said"}},
		{"superseded", `{"id":"a1","type":"METHOD","revoked":true,"revocation":"SUPERSEDED","supersededBy":"a2","revocationReason":"new",` + issuer + `}`, false,
			[]string{"superseded by a2: “new”"}, nil},
		{"a domain that the node saw, and publishes the key", `{"id":"a1","type":"ISSUED_BY","anchor":"domain","issuer":{"id":"i","name":"N","status":"VERIFIED","verified":true,"home":"home.test",
			"verification":{"by":"domain","domain":"n.test","since":"2026-11-01T00:00:00Z"}}}`, false,
			[]string{"verified: owns the domain n.test (node:1 looked itself, in DNS)", "published by the issuer's own domain, n.test"}, []string{"home.test"}},
		{"by activity, in the home's word", `{"id":"a1","type":"ISSUED_BY","anchor":"home","issuer":{"id":"i","name":"N","status":"VERIFIED","verified":true,"home":"home.test",
			"verification":{"by":"activity","vouchedBy":"home.test"}}}`, false,
			[]string{"verified by its activity, in the word of its home home.test", "vouched for by the issuer's home, home.test"}, nil},
		{"said by the home, not seen here", `{"id":"a1","type":"ISSUED_BY","issuer":{"id":"i","name":"N","status":"UNVERIFIED","verified":false,"home":"home.test","verification":null,
			"detail":"its home says that it owns n.test; this node has not seen it"}}`, false, []string{"not verified", "this node has not seen it"}, nil},
		{"under review", `{"id":"a1","type":"ISSUED_BY","issuer":{"id":"i","name":"N","status":"RESTRICTED","home":"home.test"}}`, false, []string{"issuer    RESTRICTED, under review by its home; not verified"}, nil},
		{"suspended", `{"id":"a1","type":"ISSUED_BY","issuer":{"id":"i","name":"N","status":"SUSPENDED","verified":true,"home":"home.test"}}`, false, []string{"issuer    SUSPENDED by its home; verified"}, nil},
		{"of an issuer that the node does not know", `{"id":"a1","type":"ISSUED_BY","issuer":{"id":"issuer_0123456789abcdef0123456789abcdef","name":null,"status":"UNVERIFIED","verified":false,"home":null,"verification":null}}`, false,
			[]string{"ISSUED_BY  issuer_0123456789abcdef0123456789abcdef says", "vouched for by the issuer's home, -"}, nil},
		{"signed and unsigned", `{"id":"a1","type":"ISSUED_BY","context":"c","contextSigned":false,"signed":{"artifactMimeType":"image/png"},
			"metadata":{"displayName":"Title","originalFilename":"x.png","artifactMimeType":"text/html","artifactByteSize":7,"tags":["a","b"]},` + issuer + `}`, false,
			[]string{"“c” (not signed; the issuer can edit it)", "title     “Title”", "image/png (signed); named “x.png”, 7 bytes (not signed)", "“a”, “b”"}, []string{"text/html"}},
		{"a key in wrong hands", `{"id":"a1","type":"ISSUED_BY","keyRevokedAt":"2026-11-02T00:00:00Z","keyCompromisedAt":"2026-11-01T00:00:00Z",` + issuer + `}`, false,
			[]string{"revoked 2026-11-02 00:00:00 UTC; NOT TRUSTED by its owner since 2026-11-01 00:00:00 UTC"}, nil},
		{"made while the key was in wrong hands", `{"id":"a1","type":"ISSUED_BY","createdAt":"2026-11-01T00:00:00.000Z","keyRevokedAt":"2026-11-02T00:00:00Z","keyCompromisedAt":"2026-11-01T00:00:00Z",` + issuer + `}`, false,
			[]string{"WARNING   made when its key was in wrong hands", "NOT TRUSTED by its owner since"}, nil},
		{"made before", `{"id":"a1","type":"ISSUED_BY","createdAt":"2026-10-31T23:59:59.999Z","keyRevokedAt":"2026-11-02T00:00:00Z","keyCompromisedAt":"2026-11-01T00:00:00Z",` + issuer + `}`, false,
			[]string{"NOT TRUSTED by its owner since"}, []string{"WARNING"}},
		{"made then, and revoked", `{"id":"a1","type":"ISSUED_BY","revoked":true,"createdAt":"2026-11-01T00:00:00.000Z","keyCompromisedAt":"2026-11-01T00:00:00Z",` + issuer + `}`, false,
			[]string{"No longer said"}, []string{"WARNING"}},
		{"a type of tomorrow", `{"id":"a1","type":"FORETOLD",` + issuer + `}`, false, []string{"FORETOLD  “N” says something about this file"}, nil},
		{"dangerous words", `{"id":"a\u001b[1","type":"M\nETHOD","scope":"s\u202e","context":"c\r","createdAt":"\u0007","signed":{"disputes":"\u001b"},"metadata":{"displayName":"\u001b[2J"},
			"issuer":{"id":"i","name":"\u001b]0;x\u0007","status":"\u001b","home":"\u001b","verified":true,"detail":"\u001b"}}`, false, []string{`M\u000aETHOD`}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var answer lookupAnswer
			body := `{"artifactHash":"h","assertions":[` + test.assertions + `],"guidance":"guidance\u001b","truncated":true}`
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatal(err)
			}
			answer.Conflicts = test.conflicts
			sortForReading(answer.Assertions, answer.Conflicts)
			var out bytes.Buffer
			if err := answer.print(streams{out: &out}, "node:1", question{name: "file", hash: "h"}); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if !strings.Contains(text, "There is more than is shown") {
				t.Errorf("nothing is said of what is not shown:\n%s", text)
			}
			if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), dangerous) {
				t.Errorf("dangerous: %q", text)
			}
			rest := text
			for _, want := range test.order {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("%q is not there, or not in its place:\n%s", want, text)
				}
				rest = after
			}
			if i := slices.IndexFunc(test.lacks, func(s string) bool { return strings.Contains(text, s) }); i >= 0 {
				t.Errorf("%q is there:\n%s", test.lacks[i], text)
			}
		})
	}
}
