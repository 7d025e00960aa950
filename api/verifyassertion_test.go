package api_test

import (
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

func TestVerifyAssertion(t *testing.T) {
	f := newFixture(t, unlimited)
	news, rival := f.publisher(t, "Harbour News"), f.publisher(t, "Rival")
	hash := file("a picture")
	sent := encoded(news.signed(news.payload("ISSUED_BY", hash), "displayName", "The harbour"))
	id := members(t, news.post(t, "/assertions", sent))["assertion"].(map[string]any)["id"].(string)
	whole := f.get(t, "/assertions/"+id)
	record := members(t, whole)["proof"].(map[string]any)
	revocation := encoded(news.revocation(id, "REVOKE"))
	fresh := encoded(news.signed(news.payload("INTENT", hash)))
	forged := *news
	forged.key = rival.key
	nobody := *news
	nobody.id = "issuer_" + strings.Repeat("0", 32)
	f.domains.keys["node.example"] = []protocol.DomainKey{newSigner("node.example").published()}
	for _, test := range []struct {
		name, query, body string
		status            int
		result, code      string
		want              string
	}{
		{"as it was sent", "", sent, 200, "ACCEPT", "", `"assertionId":"` + id},
		{"its record", "", record["record"].(string), 200, "ACCEPT", "", `when the issuer's home took it in`},
		{"the whole answer about it", "", whole.Body.String(), 200, "ACCEPT", "", `when the issuer's home took it in`},
		{"the whole answer, its record changed", "", strings.Replace(whole.Body.String(), `\"type\\\":\\\"ISSUED_BY`, `\"type\\\":\\\"METHOD`, 1), 200, "REJECT", "INVALID_SIGNATURE", `"kind":"assertion"`},
		{"a claim's option beside the whole answer", "?maxAge=1h", whole.Body.String(), 400, "", "", "options are for claims"},
		{"a proof without a record", "", `{"assertion":{},"proof":{"receipt":"x"}}`, 200, "REJECT", "INVALID_SCHEMA", "error"},
		{"a proof of something else", "", `{"proof":{"record":"{}"}}`, 200, "REJECT", "INVALID_SCHEMA", "unknown member"},
		{"larger than any", "", strings.Repeat(" ", 200<<10), 413, "", "", "larger"},
		{"its issuer", "", record["issuer"].(string), 200, "ACCEPT", "", `"kind":"issuer"`},
		{"a new one", "", fresh, 200, "ACCEPT", "", `now, since it is not kept here`},
		{"a revocation", "", revocation, 200, "ACCEPT", "", `"kind":"revocation"`},
		{"with another's key", "", encoded(forged.signed(forged.payload("INTENT", hash))), 200, "REJECT", "INVALID_SIGNATURE", `"kind":"assertion"`},
		{"a changed record", "", strings.Replace(record["record"].(string), "ISSUED_BY", "METHOD", 1), 200, "REJECT", "INVALID_SIGNATURE", "error"},
		{"of nobody", "", encoded(nobody.signed(nobody.payload("INTENT", hash))), 200, "REJECT", "KEY_NOT_FOUND", "error"},
		{"from yesterday", "", encoded(news.signed(news.payload("METHOD", hash, "timestamp", "2026-11-21T10:00:00Z"))), 200, "REJECT", "CLAIM_EXPIRED", "error"},
		{"with a bad payload", "", `{"payload":{"version":2},"signature":"x"}`, 200, "REJECT", "INVALID_SCHEMA", "error"},
		{"with a slip", "", `{"payload":{},"signatur":"x"}`, 400, "", "", `did you mean \"signature\"?`},
		{"with a claim's option", "?maxAge=1h", sent, 400, "", "", "options are for claims"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.post(t, "/verify"+test.query, test.body)
			answer := members(t, w)
			result, _ := answer["result"].(string)
			code, _ := answer["code"].(string)
			if w.Code != test.status || result != test.result || code != test.code || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d %s %s, want %d %s %s with %q: %s", w.Code, result, code, test.status, test.result, test.code, test.want, w.Body)
			}
		})
	}
	// What is kept is judged at the time at which it was taken in; what is not, now.
	f.clock.advance(time.Hour)
	for body, want := range map[string]string{sent: "ACCEPT", fresh: "REJECT"} {
		if result := members(t, f.post(t, "/verify", body))["result"]; result != want {
			t.Errorf("an hour later: %v, want %s: %s", result, want, body)
		}
	}
	if w := f.get(t, "/assertions?hash="+hash); strings.Contains(w.Body.String(), "INTENT") {
		t.Errorf("what was verified is kept: %s", w.Body)
	}
}
