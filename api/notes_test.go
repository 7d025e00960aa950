package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mirnode/accounts"
	"mirnode/api"
	"mirnode/assertions"
	"mirnode/store"
)

// A key for look-ups alone is shown no notes.
func TestWhoReadsNotes(t *testing.T) {
	f := newFixture(t, unlimited)
	news, rival := f.publisher(t, "Harbour News"), f.publisher(t, "Rival")
	id := news.asserts(t, "ISSUED_BY", file("a picture"), "note", "for the team")
	keys := map[string]bool{"": false, rival.apiKey: false, news.apiKey: true}
	for scope, reads := range map[string]bool{"lookup": false, "write": true, "manage": true} {
		made := members(t, news.post(t, "/issuers/"+news.id+"/api-keys", fmt.Sprintf(`{"label":%q,"scopes":[%q]}`, scope, scope)))
		keys[made["apiKey"].(string)] = reads
	}
	for key, reads := range keys {
		for _, target := range []string{"/assertions/" + id, "/issuers/" + news.id + "/assertions"} {
			w := f.do(t, request("GET", target, "", "x-api-key", key))
			if w.Code != 200 || strings.Contains(w.Body.String(), "for the team") != reads {
				t.Errorf("%s, to read the note: %v; %d %s", target, reads, w.Code, w.Body)
			}
		}
	}
}

// full are assertions of a node that keeps as many notes as it may.
type full struct{ api.Assertions }

func (full) Create(context.Context, accounts.Caller, assertions.Submission) (*assertions.Written, error) {
	return nil, fmt.Errorf("%w: 1000000 notes", store.ErrFull)
}

func TestNoRoomForNotes(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	f.api.Assertions = full{f.api.Assertions}
	w := news.post(t, "/assertions", encoded(news.signed(news.payload("ISSUED_BY", file("a picture")), "note", "x")))
	if w.Code != 503 || w.Header().Get("Retry-After") != "3600" || !strings.Contains(w.Body.String(), "note") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
