package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mirnode/api"
	"mirnode/store"
)

// The answers that a platform's program reads have the members, the order and the words of the format's own documentation.
func TestLookup(t *testing.T) {
	f := newFixture(t, unlimited)
	news, rival := f.publisher(t, "Harbour News"), f.publisher(t, "Rival")
	hash, empty, contested := file("a picture"), file("nothing"), file("contested")
	news.asserts(t, "ISSUED_BY", hash)
	rival.asserts(t, "ISSUED_BY", contested)
	news.asserts(t, "NOT_ISSUED_BY", contested, "context", "Impersonates our \"CFO\"")
	for _, test := range []struct {
		name, target string
		status       int
		want         string // a part of the answer
	}{
		{"one", "/assertions?hash=" + hash, 200, `{"artifactHash":"` + hash + `","assertions":[{"id":"assertion_`},
		{"its members", "/assertions?hash=" + hash, 200, `","type":"ISSUED_BY","issuer":{"id":"` + news.id + `","name":"Harbour News","status":"UNVERIFIED","verified":false,`},
		{"and their order", "/assertions?hash=" + hash, 200, `},"scope":null,"context":null,"createdAt":"2026-11-22T10:00:00.000Z","revoked":false,`},
		{"no conflict", "/assertions?hash=" + hash, 200, `],"conflicts":false,"guidance":"MIR records who made each assertion. MIR does not verify content accuracy."}`},
		{"upper case", "/assertions?hash=" + strings.ToUpper(hash), 200, `{"artifactHash":"` + hash + `","assertions":[{"id"`},
		{"escaped", "/assertions?hash=%" + fmt.Sprintf("%x", hash[0]) + hash[1:], 200, `{"artifactHash":"` + hash + `","assertions":[{"id"`},
		{"the other path", "/assertions/lookup?hash=" + hash, 200, `{"artifactHash":"` + hash + `","assertions":[{"id"`},
		{"nobody says anything", "/assertions?hash=" + empty, 200,
			`{"artifactHash":"` + empty + `","assertions":[],"conflicts":false,"guidance":"No assertions found for this artifact. Absence of assertions is not evidence of anything."}`},
		{"a conflict", "/assertions?hash=" + contested, 200, `"conflicts":true,"guidance":"Issuers disagree`},
		{"unsigned context", "/assertions?hash=" + contested, 200, `"context":"Impersonates our \"CFO\""`},
		{"no hash", "/assertions", 400, `"error":"the query parameter hash is missing","hint":"send ?hash=`},
		{"an empty hash", "/assertions?hash=", 400, "missing"},
		{"a short hash", "/assertions?hash=" + hash[:63], 400, "64 hex digits"},
		{"no hex", "/assertions?hash=" + strings.Repeat("g", 64), 400, "64 hex digits"},
		{"a slip", "/assertions?hahs=" + hash, 400, `did you mean \"hash\"?`},
		{"twice", "/assertions?hash=" + hash + "&hash=" + hash, 400, "twice"},
		{"a cursor that is none", "/assertions?hash=" + hash + "&cursor=x", 400, `"error":"the cursor does not belong to this look-up","hint":"send the cursor of the answer before`},
		{"more than is known", "/assertions?hash=" + hash + "&limit=1", 400, "limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.get(t, test.target)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d with %s: %s", w.Code, test.status, test.want, w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("a look-up may be kept: %v", w.Header())
			}
		})
	}
	w := f.operate(t, "GET", "/metrics", "")
	for _, want := range []string{`mir_assertion_lookups_total{result="found"} 7`, `{result="none"} 1`, `{result="conflict"} 2`, `mir_assertions_written_total{outcome="created"} 3`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// hashes is the body of a batch look-up.
func hashes(list ...string) string { return encoded(map[string]any{"hashes": list}) }

func TestBatchLookup(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	known, empty := file("a picture"), file("nothing")
	news.asserts(t, "ISSUED_BY", known)
	many := make([]string, 101)
	for i := range many {
		many[i] = file(fmt.Sprint(i))
	}
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"two", hashes(known, empty), 200, `"hasConflicts":false,"guidance":"MIR records`},
		{"the count", hashes(known, empty), 200, `"meta":{"hashesRequested":2,"hashesQueried":2}}`},
		{"twice, and in upper case", hashes(known, strings.ToUpper(known), empty, known), 200, `"meta":{"hashesRequested":4,"hashesQueried":2}}`},
		{"a hundred", hashes(many[:100]...), 200, `{"hashesRequested":100,"hashesQueried":100}`},
		{"one too many", hashes(many...), 400, `"hint":"send at most 100 hashes`},
		{"a thousand", `{"hashes":["` + strings.Repeat(known+`","`, 999) + known + `"]}`, 400, "more than 100 hashes"},
		{"too many of nothing", `{"hashes":[` + strings.Repeat("[],", 40_000) + `[]]}`, 400, "more than 100 hashes"},
		{"far too much", `{"hashes":["` + strings.Repeat("x", 200<<10) + `"]}`, 413, "larger than"},
		{"none", `{"hashes":[]}`, 400, "empty"},
		{"left out", `{}`, 400, "hashes is missing"},
		{"null", `{"hashes":null}`, 400, "hashes is missing"},
		{"no list", `{"hashes":"` + known + `"}`, 400, "must be an array"},
		{"no hash", hashes(known, "x"), 400, "hashes[1] is not"},
		{"a number", `{"hashes":[1]}`, 400, "hashes[0] is not"},
		{"a slip", `{"hashs":["` + known + `"]}`, 400, `did you mean \"hashes\"?`},
		{"the same member twice", `{"hashes":[],"hashes":[]}`, 400, "twice"},
		{"an array", `["` + known + `"]`, 400, "must be an object"},
		{"no JSON", `{"hashes":[`, 400, "in the middle"},
		{"nothing", " ", 400, "empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := news.post(t, "/assertions/lookup", test.body)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Fatalf("%d, want %d with %s: %.600s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
	// An entry is what a single look-up answers, and one member more.
	var batch struct {
		Results map[string]json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(news.post(t, "/assertions/lookup", hashes(strings.ToUpper(known), empty)).Body.Bytes(), &batch); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{known, empty} {
		entry := bytes.Replace(batch.Results[hash], []byte(`"hasConflicts":false,`), nil, 1)
		if single := f.get(t, "/assertions?hash="+hash).Body.Bytes(); !bytes.Equal(entry, single) {
			t.Errorf("the batch has\n%s\nthe single answer is\n%s", entry, single)
		}
	}
}

// A key is needed, and says what is wrong with it.
func TestAPIKeys(t *testing.T) {
	f := newFixture(t, unlimited)
	news, rival := f.publisher(t, "Harbour News"), f.publisher(t, "Rival")
	reader := members(t, news.post(t, "/issuers/"+news.id+"/api-keys", `{"label":"reader","scopes":["lookup"]}`))["apiKey"].(string)
	hash := file("a picture")
	own := encoded(news.signed(news.payload("ISSUED_BY", hash)))
	for _, test := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		want                       string
	}{
		{"missing", "POST", "/assertions/lookup", hashes(hash), nil, 401, "header x-api-key"},
		{"in the wrong header", "POST", "/assertions/lookup", hashes(hash), []string{"Authorization", "Bearer " + reader}, 401, "not in Authorization"},
		{"no key", "POST", "/assertions/lookup", hashes(hash), []string{"x-api-key", "mir_YOUR_API_KEY"}, 401, "no API key"},
		{"endless", "POST", "/assertions/lookup", hashes(hash), []string{"x-api-key", strings.Repeat("x", 4000)}, 401, "not an API key"},
		{"of another network", "POST", "/assertions/lookup", hashes(hash), []string{"x-api-key", "mir_" + strings.TrimPrefix(reader, "mir_dev_")}, 401, "network"},
		{"made up", "POST", "/assertions/lookup", hashes(hash), []string{"x-api-key", "mir_dev_" + strings.Repeat("a", 43)}, 401, "not known"},
		{"good", "POST", "/assertions/lookup", hashes(hash), []string{"x-api-key", reader}, 200, "results"},
		{"in another spelling", "POST", "/assertions/lookup", hashes(hash), []string{"X-API-KEY", reader}, 200, "results"},
		{"in the query", "POST", "/assertions/lookup?x-api-key=" + reader, hashes(hash), nil, 400, "unknown query parameter"},
		{"a writer without one", "POST", "/assertions", own, nil, 401, "header x-api-key"},
		{"a writer with another issuer's", "POST", "/assertions", own, []string{"x-api-key", rival.apiKey}, 403, "belongs to"},
		{"a writer with one that may only read", "POST", "/assertions", own, []string{"x-api-key", reader}, 403, "scope"},
		{"a manager without one", "POST", "/issuers/" + news.id + "/keys/challenge", "", nil, 401, "header x-api-key"},
		{"a manager with another issuer's", "POST", "/issuers/" + news.id + "/keys/challenge", "", []string{"x-api-key", rival.apiKey}, 403, "another issuer"},
		{"a manager with one that may only read", "POST", "/issuers/" + news.id + "/keys/challenge", "", []string{"x-api-key", reader}, 403, "scope manage"},
		{"somebody who signs up", "POST", "/issuers", `{"name":"x"}`, nil, 401, "mir admin issuer new"},
		{"a reader of one, with a bad one", "GET", "/issuers/" + news.id + "/assertions", "", []string{"x-api-key", "x"}, 401, "no API key"},
		{"a reader of one, with none", "GET", "/issuers/" + news.id + "/assertions", "", nil, 200, `"assertions":[]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.do(t, request(test.method, test.target, test.body, test.headers...))
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
			if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("%d with WWW-Authenticate %q", w.Code, w.Header().Get("WWW-Authenticate"))
			}
		})
	}
	r := request("POST", "/assertions/lookup", hashes(hash))
	r.Header["X-Api-Key"] = []string{reader, reader}
	if w := f.do(t, r); w.Code != 401 || !strings.Contains(w.Body.String(), "once") {
		t.Errorf("two keys: %d %s", w.Code, w.Body)
	}
	for _, secret := range []string{reader, news.apiKey, "mir_YOUR_API_KEY"} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log holds an API key: %s", f.log)
		}
	}
}

// Batch look-ups have a budget for each issuer, which is neither the client's own nor that of a key.
func TestBatchBudget(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) {
		o.Limits = api.DefaultLimits()
		o.Limits.Read = api.Rate{PerSecond: 0.001, Burst: 2}
	}))
	news, rival := f.publisher(t, "Harbour News"), f.publisher(t, "Rival")
	body := hashes(file("a picture"))
	for i := range 30 {
		w := news.post(t, "/assertions/lookup", body)
		if w.Code != 200 || w.Header().Get("RateLimit-Policy") != `"assertion-lookup";q=30;w=60` || w.Header().Get("RateLimit") != fmt.Sprintf(`"assertion-lookup";r=%d;t=%d`, 29-i, 2*(i+1)) {
			t.Fatalf("%d: %d %v", i, w.Code, w.Header())
		}
	}
	w := news.post(t, "/assertions/lookup", body)
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || !strings.Contains(w.Body.String(), `"error":"the budget for look-ups of many files with the issuer's API keys is used up","hint":"send the request again in 2 s`) {
		t.Errorf("the 31st: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := rival.post(t, "/assertions/lookup", body); w.Code != 200 {
		t.Errorf("another issuer, from the same client: %d", w.Code)
	}
	minted := members(t, news.post(t, "/issuers/"+news.id+"/api-keys", `{"label":"one more"}`))["apiKey"].(string)
	if w := f.post(t, "/assertions/lookup", body, "x-api-key", minted); w.Code != 429 {
		t.Errorf("with a key that the issuer just made: %d", w.Code)
	}
	fresh := members(t, news.post(t, "/issuers/"+news.id+"/api-keys/"+newsKeyID(t, news)+"/rotate", ""))
	news.apiKey = fresh["apiKey"].(string)
	if w := news.post(t, "/assertions/lookup", body); w.Code != 429 {
		t.Errorf("with the key that came in its place: %d", w.Code)
	}
	for i, want := range []int{401, 401, 429} { // what is no key costs the client
		if w := f.post(t, "/assertions/lookup", body, "x-api-key", "x"); w.Code != want {
			t.Errorf("bad key %d: %d, want %d", i, w.Code, want)
		}
	}
}

// newsKeyID is the ID of an issuer's first API key.
func newsKeyID(t *testing.T, p *publisher) string {
	t.Helper()
	issuer := members(t, p.f.operated(t, "GET", "/admin/issuers/"+p.id, "", 200))["issuer"].(map[string]any)
	return issuer["apiKeys"].([]any)[0].(map[string]any)["id"].(string)
}

// Look-ups go on while nothing can be written; what would write says why, and may be sent again.
func TestReadOnlyAssertions(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	hash := file("a picture")
	id := news.asserts(t, "ISSUED_BY", hash)
	must(t, f.store.Freeze(t.Context(), nodeOrigin.String(), "a test"))
	for _, target := range []string{"/assertions?hash=" + hash, "/assertions/" + id, "/issuers/" + news.id, "/issuers/" + news.id + "/assertions"} {
		if w := f.get(t, target); w.Code != 200 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if w := news.post(t, "/assertions/lookup", hashes(hash)); w.Code != 200 {
		t.Errorf("the batch: %d %s", w.Code, w.Body)
	}
	if w := news.post(t, "/assertions", encoded(news.signed(news.payload("INTENT", hash)))); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a write: %d %s", w.Code, w.Body)
	}
}

// A node without a domain, and one without these rooms, answer what they can.
func TestWithoutAHome(t *testing.T) {
	news := newFixture(t, unlimited).publisher(t, "Harbour News")
	hash := file("a picture")
	body := encoded(news.signed(news.payload("ISSUED_BY", hash)))
	bare := func(s *setup) { s.api.Assertions, s.api.Issuers, s.api.Accounts = nil, nil, nil }
	for _, test := range []struct {
		name               string
		change             func(*setup)
		method, path, body string
		status             int
		want               string
	}{
		{"look up", logless, "GET", "/assertions?hash=" + hash, "", 200, "No assertions found"},
		{"assert", logless, "POST", "/assertions", body, 403, "home node"},
		{"manage", logless, "POST", "/issuers/" + news.id + "/keys/challenge", "", 403, "home node"},
		{"look up many", logless, "POST", "/assertions/lookup", hashes(hash), 401, "gave no API keys"},
		{"an issuer", logless, "GET", "/issuers/" + news.id, "", 404, "known here"},
		{"built without: look up", bare, "GET", "/assertions?hash=" + hash, "", 404, "another node"},
		{"built without: look up many", bare, "POST", "/assertions/lookup", hashes(hash), 404, "another node"},
		{"built without: assert", bare, "POST", "/assertions", body, 404, "another node"},
		{"built without: an issuer", bare, "GET", "/issuers/" + news.id, "", 404, "known here"},
		{"built without: a list", bare, "GET", "/issuers/" + news.id + "/assertions", "", 404, "another node"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, unlimited, logless)
			if test.name[:5] == "built" {
				f = newFixture(t, unlimited, func(s *setup) { s.wrap = func(of *store.Store) api.Store { bare(s); return of } })
			}
			w := f.do(t, request(test.method, test.path, test.body, "x-api-key", news.apiKey))
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
}
