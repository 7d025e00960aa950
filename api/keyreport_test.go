package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A key that its owner reported: what it signed since is told with that, and verifies with a warning.
func TestAReportedKey(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	hash := file("a picture")
	sent := encoded(news.signed(news.payload("ISSUED_BY", hash)))
	if w := news.post(t, "/assertions", sent); w.Code != 201 || strings.Contains(w.Body.String(), "keyRevokedAt") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := f.post(t, "/verify", sent); w.Code != 200 || strings.Contains(w.Body.String(), "warning") {
		t.Errorf("before: %d %s", w.Code, w.Body)
	}
	keys := members(t, f.get(t, "/issuers/"+news.id))["keys"].([]any)
	f.clock.advance(time.Minute)
	since := f.clock.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	w := news.post(t, fmt.Sprintf("/issuers/%s/keys/%s/revoke", news.id, keys[0].(map[string]any)["fingerprint"]), `{"compromisedAt":"`+since+`"}`)
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := `"anchor":"home","keyRevokedAt":"2026-11-22T10:01:00.000Z","keyCompromisedAt":"2026-11-22T10:00:00.000Z"}],"conflicts":false,"guidance":"An issuer reports`
	if w := f.get(t, "/assertions?hash="+hash); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.post(t, "/verify", sent); !strings.Contains(w.Body.String(), `"result":"ACCEPT"`) || !strings.Contains(w.Body.String(), `"flags":["key_compromised"]`) || !strings.Contains(w.Body.String(), `"warning":"the issuer reports`) {
		t.Errorf("after: %d %s", w.Code, w.Body)
	}
}
