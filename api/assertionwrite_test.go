package api_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"mirnode/accounts"
	"mirnode/api"
	"mirnode/protocol"
)

func TestCreateAssertion(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	stranger := *news
	stranger.id = "issuer_" + strings.Repeat("0", 32)
	hash := file("a picture")
	good := news.signed(news.payload("ISSUED_BY", hash))
	for _, test := range []struct {
		name   string
		body   any
		status int
		want   string
	}{
		{"new", good, 201, `{"assertion":{"id":"assertion_`},
		{"the same again", good, 200, `"duplicate":true`},
		{"a second of the type", news.signed(news.payload("ISSUED_BY", hash, "scope", "photographer")), 400, "/supersede"},
		{"with all metadata", news.signed(news.payload("METHOD", hash), "displayName", "The harbour", "originalFilename", "a.jpg", "artifactMimeType", "image/jpeg",
			"artifactByteSize", 48213, "note", "for us", "tags", []string{"press-release", "Q4"}, "context", "as seen"), 201, `"metadata":{"artifactByteSize":48213`},
		{"with nulls", news.signed(news.payload("INTENT", hash), "displayName", nil, "tags", nil, "keyFingerprint", nil, "artifactByteSize", nil), 201, `"metadata":null`},
		{"with its key's name", news.signed(news.payload("ROLE_SCOPE", hash, "scope", "photographer"), "keyFingerprint", news.fingerprint, "algorithm", "Ed25519"), 201, `"scope":"photographer"`},
		{"as the text that was signed", map[string]any{"payload": encoded(news.payload("LICENSED_TO", hash)), "signature": news.signed(news.payload("LICENSED_TO", hash))["signature"]}, 201, "LICENSED_TO"},
		{"no signature", map[string]any{"payload": news.payload("DISPUTE", hash)}, 400, "signature is missing"},
		{"another's signature", news.signed(news.payload("TRANSFORMED_BY", hash), "signature", base64.StdEncoding.EncodeToString(make([]byte, 64))), 400, `"code":"INVALID_SIGNATURE"`},
		{"no payload", map[string]any{"signature": "x"}, 400, "payload is missing"},
		{"a payload that is a number", map[string]any{"payload": 1, "signature": "x"}, 400, "must be an object or a string"},
		{"a payload with a member too many", news.signed(news.payload("DISPUTE", hash, "mood", "sad")), 400, "mood"},
		{"a late payload", news.signed(news.payload("DISPUTE", hash, "timestamp", "2026-11-22T09:54:59Z")), 400, "5 minutes"},
		{"an unknown type", news.signed(news.payload("OWNED_BY", hash)), 400, "ISSUED_BY"},
		{"an unknown issuer", stranger.signed(stranger.payload("ISSUED_BY", hash)), 403, "belongs to"},
		{"a slip", map[string]any{"payload": map[string]any{}, "signatur": "x"}, 400, `did you mean \"signature\"?`},
		{"eleven tags", news.signed(news.payload("DISPUTE", hash), "tags", strings.Split(strings.Repeat("t ", 10)+"t", " ")), 400, "at most 10"},
		{"a number as a tag", news.signed(news.payload("DISPUTE", hash), "tags", []any{1}), 400, "tags[0] is a number"},
		{"half a byte", news.signed(news.payload("DISPUTE", hash), "artifactByteSize", 0.5), 400, "whole number"},
		{"a long name", news.signed(news.payload("DISPUTE", hash), "displayName", strings.Repeat("x", 201)), 400, "so the signature stays good"},
		{"a long context that is signed", news.signed(news.payload("DISPUTE", hash, "context", strings.Repeat("x", 501))), 400, `"hint":"write at most 500 characters`},
		{"an empty context that is signed", news.signed(news.payload("DISPUTE", hash, "context", "")), 400, `"hint":"leave out what there is nothing to say about`},
		{"two contexts", news.signed(news.payload("DISPUTE", hash, "context", "signed"), "context", "unsigned"), 400, `"error":"the context is signed: supersede`},
		{"a slip in the payload", news.signed(news.payload("DISPUTE", hash, "contxt", "x")), 400, `"error":"unknown member \"contxt\" in an assertion's payload","hint":"did you mean \"context\"?"`},
		{"a member of the payload twice", `{"payload":"{\"version\":1,\"version\":1}","signature":"x"}`, 400, `"hint":"name each member once, and sign again"`},
		{"a long note", news.signed(news.payload("DISPUTE", hash), "note", strings.Repeat("x", 501)), 400, "note"},
		{"not text", `{"payload":"\ud800","signature":"x"}`, 400, "payload is not text"},
		{"a member twice", `{"payload":{},"payload":{},"signature":"x"}`, 400, `"hint":"name each member once"`},
		{"many values", `{"payload":[` + strings.Repeat("0,", 5000) + `0],"signature":"x"}`, 400, "more than"},
		{"deep", strings.Repeat("[", 2000), 400, "deep"},
		{"large", `{"note":"` + strings.Repeat("x", 100<<10) + `"}`, 413, "larger"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, text := test.body.(string)
			if !text {
				body = encoded(test.body)
			}
			w := news.post(t, "/assertions", body)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Fatalf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
			if w.Code < 300 {
				answer := members(t, w)
				id := answer["assertion"].(map[string]any)["id"].(string)
				if w.Header().Get("Location") != "/assertions/"+id || answer["lookup"] != "https://mir.example/assertions?hash="+hash || answer["receipt"] == nil {
					t.Errorf("Location %q, %s", w.Header().Get("Location"), w.Body)
				}
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("the answer may be kept: %v", w.Header())
			}
		})
	}
}

// What the issuer's standing allows is told with the status that the format gives it.
func TestStandings(t *testing.T) {
	f := newFixture(t, unlimited, policy(func(p *accounts.Policy) { p.RequirePlan = true }))
	news := f.publisher(t, "Harbour News")
	hash := file("a picture")
	attempt := func(name string, status int, want string) {
		t.Helper()
		w := news.post(t, "/assertions", encoded(news.signed(news.payload("ISSUED_BY", hash))))
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, want %d with %q: %s", name, w.Code, status, want, w.Body)
		}
	}
	attempt("without a plan", 402, "plan")
	f.operated(t, "POST", "/admin/issuers/"+news.id+"/plan", `{"plan":"newsroom"}`, 200)
	news.badge(t, "SUSPENDED")
	attempt("suspended", 403, "SUSPENDED")
	news.badge(t, "RESTRICTED")
	attempt("restricted", 403, "RESTRICTED")
	news.badge(t, "UNVERIFIED")
	attempt("with a plan", 201, "assertion_")
	if w := news.post(t, "/issuers/"+news.id+"/api-keys", `{"label":"x"}`); w.Code != 201 {
		t.Errorf("an API key: %d %s", w.Code, w.Body)
	}
	news.badge(t, "SUSPENDED")
	if w := news.post(t, "/issuers/"+news.id+"/api-keys", `{"label":"x"}`); w.Code != 403 {
		t.Errorf("an API key, suspended: %d %s", w.Code, w.Body)
	}
	if w := news.post(t, "/assertions/lookup", hashes(hash)); w.Code != 200 || !strings.Contains(w.Body.String(), `"status":"SUSPENDED"`) {
		t.Errorf("a look-up, suspended: %d %s", w.Code, w.Body)
	}
}

// TestOneAssertion follows an assertion through all that may become of it.
func TestOneAssertion(t *testing.T) {
	f := newFixture(t, unlimited)
	news, rival := f.publisher(t, "Harbour News"), f.publisher(t, "Rival")
	hash := file("a picture")
	id := news.asserts(t, "ISSUED_BY", hash, "note", "for our team alone", "displayName", "The harbour")
	path := "/assertions/" + id
	successor := news.signed(news.payload("ISSUED_BY", hash, "scope", "photographer", "supersedes", id))
	supersession := func() string {
		body := map[string]any{"revocation": news.revocation(id, "SUPERSEDE"), "displayName": "The harbour, again"}
		body["payload"], body["signature"] = successor["payload"], successor["signature"]
		return encoded(body)
	}
	unknown := "/assertions/assertion_" + strings.Repeat("0", 64)
	for _, test := range []struct {
		name, method, target, body string
		by                         *publisher
		status                     int
		want                       string
	}{
		{"to anybody", "GET", path, "", nil, 200, `"proof":{"record":"{\"keyFingerprint\"`},
		{"with the issuer's record", "GET", path, "", nil, 200, `"issuerReceipt":"c2sp.org/tlog-proof@v1`},
		{"to the issuer", "GET", path, "", news, 200, `"note":"for our team alone"`},
		{"in upper case", "GET", "/assertions/assertion_" + strings.ToUpper(id[10:]), "", nil, 200, id},
		{"unknown", "GET", unknown, "", nil, 404, "no assertion"},
		{"no ID", "GET", "/assertions/7", "", nil, 400, "assertion_"},
		{"as if it were a claim", "GET", "/claims/claim_" + id[10:], "", nil, 404, "no claim"},
		{"with a parameter", "GET", path + "?x=1", "", nil, 400, "unknown query"},
		{"edit", "PATCH", path, `{"displayName":"The harbour, from the east","tags":["a"],"note":null}`, news, 200, `"displayName":"The harbour, from the east"`},
		{"edit nothing", "PATCH", path, `{}`, news, 400, "members"},
		{"edit what was signed", "PATCH", path, `{"scope":"x"}`, news, 400, "scope"},
		{"edit another's", "PATCH", path, `{"displayName":"mine"}`, rival, 403, "issuer"},
		{"edit without a key", "PATCH", path, `{"displayName":"mine"}`, nil, 401, "x-api-key"},
		{"edit the unknown", "PATCH", unknown, `{"displayName":"x"}`, news, 404, "no assertion"},
		{"a note is gone", "GET", path, "", news, 200, `"note":null`},
		{"revoke another's", "POST", path + "/revoke", encoded(rival.revocation(id, "REVOKE")), rival, 403, "issuer"},
		{"revoke by supersession", "POST", path + "/revoke", encoded(news.revocation(id, "SUPERSEDE")), news, 400, "REVOKE"},
		{"revoke the unknown", "POST", unknown + "/revoke", encoded(news.revocation(unknown[12:], "REVOKE")), news, 404, "no assertion"},
		{"revoke unsigned", "POST", path + "/revoke", `{"payload":{},"signature":""}`, news, 400, "error"},
		{"revoke with metadata", "POST", path + "/revoke", `{"payload":{},"signature":"x","note":"x"}`, news, 400, "unknown member"},
		{"supersede with half", "POST", path + "/supersede", encoded(successor), news, 400, "revocation is missing"},
		{"supersede with a slip", "POST", path + "/supersede", `{"revocation":{"payload":{},"signatur":"x"},"payload":{},"signature":"x"}`, news, 400, "in revocation"},
		{"supersede", "POST", path + "/supersede", supersession(), news, 201, `"revocationReceipt":"c2sp`},
		{"supersede again", "POST", path + "/supersede", supersession(), news, 200, `"duplicate":true`},
		{"the old one", "GET", path, "", nil, 200, `"revocation":"SUPERSEDED","supersededBy":"assertion_`},
		{"revoke the old one", "POST", path + "/revoke", encoded(news.revocation(id, "REVOKE")), news, 200, `"duplicate":true`},
	} {
		t.Run(test.name, func(t *testing.T) {
			apiKey := ""
			if test.by != nil {
				apiKey = test.by.apiKey
			}
			w := f.do(t, request(test.method, test.target, test.body, "x-api-key", apiKey))
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Fatalf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
			if test.by != news && strings.Contains(w.Body.String(), "for our team alone") {
				t.Errorf("the note came out: %s", w.Body)
			}
		})
	}
	list := members(t, news.send(t, "GET", "/issuers/"+news.id+"/assertions?limit=1", ""))
	first := list["assertions"].([]any)[0].(map[string]any)
	if first["scope"] != "photographer" || list["nextCursor"] == nil {
		t.Errorf("the list: %v", list)
	}
	rest := members(t, f.get(t, fmt.Sprintf("/issuers/%s/assertions?cursor=%s", news.id, list["nextCursor"])))
	if all := rest["assertions"].([]any); len(all) != 1 || all[0].(map[string]any)["id"] != id || rest["nextCursor"] != nil {
		t.Errorf("the rest: %v", rest)
	}
	current := first["id"].(string)
	if w := news.post(t, "/assertions/"+current+"/revoke", encoded(news.revocation(current, "REVOKE"))); w.Code != 200 || !strings.Contains(w.Body.String(), `"revocation":"REVOKED"`) {
		t.Errorf("revoking the successor: %d %s", w.Code, w.Body)
	}
	if w := f.get(t, "/assertions?hash="+hash); !strings.Contains(w.Body.String(), `"revoked":true`) || strings.Contains(w.Body.String(), `"revoked":false`) {
		t.Errorf("afterwards: %s", w.Body)
	}
	if w := f.operate(t, "GET", "/metrics", ""); !strings.Contains(w.Body.String(), `mir_assertions_written_total{outcome="revoked"} 1`) || !strings.Contains(w.Body.String(), `{outcome="superseded"} 1`) {
		t.Error("the metrics do not tell of it")
	}
}

// Whoever comes to a node that is not the issuer's home hears where to go, whatever API key is shown, or none.
func TestAnotherHome(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	nonce := strings.Repeat("7", 32)
	foreign, err := protocol.IssuerDraft{
		Home: "other.example", Nonce: nonce, Network: protocol.Development, Name: "Elsewhere", Status: protocol.IssuerUnverified, Sequence: 1, Issued: start,
	}.Sign(nodeKey)
	must(t, err)
	if _, err := f.store.AppendStatement(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	stranger := *news
	stranger.id = foreign.ID
	payload := encoded(stranger.signed(stranger.payload("ISSUED_BY", file("a picture"))))
	revocation := encoded(stranger.revocation("assertion_"+strings.Repeat("1", 64), "REVOKE"))
	for _, test := range []struct{ name, method, target, body string }{
		{"assert", "POST", "/assertions", payload},
		{"revoke", "POST", "/assertions/assertion_" + strings.Repeat("1", 64) + "/revoke", revocation},
		{"a challenge", "POST", "/issuers/" + foreign.ID + "/keys/challenge", ""},
		{"an API key", "POST", "/issuers/" + foreign.ID + "/api-keys", `{"label":"x"}`},
		{"a domain", "POST", "/issuers/" + foreign.ID + "/domain", `{"domain":"news.example"}`},
		{"a list of API keys", "GET", "/issuers/" + foreign.ID + "/api-keys", ""},
	} {
		for _, key := range []string{"", news.apiKey, "mir_dev_" + strings.Repeat("a", 43)} {
			w := f.do(t, request(test.method, test.target, test.body, "x-api-key", key))
			if answer := members(t, w); w.Code != 403 || !strings.Contains(fmt.Sprint(answer["hint"]), "other.example") {
				t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
			}
		}
	}
	if w := f.get(t, "/issuers/"+foreign.ID); w.Code != 200 || !strings.Contains(w.Body.String(), `"home":"other.example"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.operate(t, "GET", "/admin/issuers/"+foreign.ID, ""); w.Code != 403 || !strings.Contains(w.Body.String(), "other.example") {
		t.Errorf("the operator: %d %s", w.Code, w.Body)
	}
}

// Writing has a budget for each key. A request that is refused before its key is looked at costs it nothing.
func TestWriteBudget(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) { o.Limits = api.Limits{AssertionWrite: api.Rate{PerSecond: 1, Burst: 4}} }))
	news := f.publisher(t, "Harbour News") // takes two
	f.post(t, "/assertions", encoded(news.signed(news.payload("ISSUED_BY", file("0")))))
	for i, want := range []int{201, 201, 429} {
		w := news.post(t, "/assertions", encoded(news.signed(news.payload("ISSUED_BY", file(fmt.Sprint(i))))))
		if w.Code != want || w.Header().Get("RateLimit-Policy") != `"assertion-write";q=4;w=4` {
			t.Errorf("%d: %d, want %d: %v %s", i, w.Code, want, w.Header(), w.Body)
		}
	}
}
