package api_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOperatorsIssuers(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	path := "/admin/issuers/" + news.id
	unknown := "/admin/issuers/issuer_" + strings.Repeat("0", 32)
	for _, test := range []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"make", "POST", "/admin/issuers", `{"name":"Rival"}`, 200, `"apiKey":"mir_dev_`},
		{"make without a name", "POST", "/admin/issuers", `{}`, 400, "name is missing"},
		{"make with a bad name", "POST", "/admin/issuers", `{"name":"\n"}`, 400, "name"},
		{"make with a slip", "POST", "/admin/issuers", `{"nam":"x"}`, 400, `did you mean \"name\"?`},
		{"make with too much", "POST", "/admin/issuers", `{"name":"` + strings.Repeat("x", 5000) + `"}`, 413, "larger"},
		{"show", "GET", path, "", 200, `{"issuer":{"id":"` + news.id + `","name":"Harbour News","status":"UNVERIFIED"`},
		{"show the unknown", "GET", unknown, "", 404, "no issuer"},
		{"show what is none", "GET", "/admin/issuers/7", "", 400, "issuer_"},
		{"list", "GET", "/admin/issuers", "", 200, `"nextAfter":null}`},
		{"list one", "GET", "/admin/issuers?limit=1", "", 200, `"nextAfter":"issuer_`},
		{"list none", "GET", "/admin/issuers?limit=0", "", 400, "limit"},
		{"list with a slip", "GET", "/admin/issuers?limt=1", "", 400, `did you mean \"limit\"?`},
		{"badge", "POST", path + "/status", `{"status":"SUSPENDED","reason":"fraud"}`, 200, `"reason":"fraud"`},
		{"no badge", "POST", path + "/status", `{"status":"GOOD"}`, 400, "VERIFIED"},
		{"a badge that must be earned", "POST", path + "/status", `{"status":"VERIFIED"}`, 400, "verified"},
		{"badge of the unknown", "POST", unknown + "/status", `{"status":"SUSPENDED"}`, 404, "no issuer"},
		{"plan", "POST", path + "/plan", `{"plan":"newsroom"}`, 200, `"plan":"newsroom"`},
		{"no plan named", "POST", path + "/plan", `{}`, 400, "plan is missing"},
		{"no plan any more", "POST", path + "/plan", `{"plan":""}`, 200, news.id},
		{"an API key, though suspended", "POST", path + "/api-keys", `{"label":"spare","scopes":["lookup"]}`, 200, `{"apiKey":"mir_dev_`},
		{"an API key with a slip", "POST", path + "/api-keys", `{"label":"x","scops":[]}`, 400, `did you mean \"scopes\"?`},
		{"recheck what is not verified", "POST", path + "/domain/recheck", `{}`, 400, "domain"},
		{"revoke an API key that is not there", "DELETE", path + "/api-keys/key_none", "", 404, "hint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.operate(t, test.method, test.target, test.body)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("the answer may be kept: %v", w.Header())
			}
		})
	}
	key := newsKeyID(t, news)
	f.operated(t, "DELETE", path+"/api-keys/"+key, "", 200)
	if w := news.post(t, "/assertions/lookup", hashes(file("a"))); w.Code != 401 {
		t.Errorf("with a revoked key: %d", w.Code)
	}
	if strings.Contains(f.log.String(), news.apiKey) {
		t.Error("the log holds an API key")
	}
}

// What a page in the operator's browser could send is refused, whatever the method.
func TestOperatorRefusesPages(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	key := "/admin/issuers/" + news.id + "/api-keys/" + newsKeyID(t, news)
	for _, test := range []struct {
		method, target, body string
		headers              []string
		status               int
	}{
		{"POST", "/admin/issuers", `{"name":"x"}`, []string{"Origin", "https://evil.example", "Content-Type", "application/json"}, 403},
		{"POST", "/admin/issuers", `{"name":"x"}`, []string{"Content-Type", "text/plain"}, 415},
		{"POST", "/admin/issuers", `{"name":"x"}`, nil, 415},
		{"PUT", "/admin/issuers", `{"name":"x"}`, nil, 415},
		{"PATCH", "/admin/issuers", `{"name":"x"}`, nil, 415},
		{"DELETE", key, "", []string{"Origin", "https://evil.example"}, 403},
		{"DELETE", key, "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"DELETE", key, "x", nil, 415},
		{"GET", "/admin/issuers", "", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", "/admin/issuers", "", []string{"Host", "evil.example"}, 403},
	} {
		t.Run(fmt.Sprint(test.method, test.headers), func(t *testing.T) {
			r := httptest.NewRequest(test.method, "http://127.0.0.1"+test.target, strings.NewReader(test.body))
			for i := 0; i+1 < len(test.headers); i += 2 {
				r.Header.Set(test.headers[i], test.headers[i+1])
				if test.headers[i] == "Host" {
					r.Host = test.headers[i+1]
				}
			}
			w := httptest.NewRecorder()
			f.api.Operator().ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("%d, want %d: %s", w.Code, test.status, w.Body)
			}
		})
	}
	if w := news.post(t, "/assertions/lookup", hashes(file("a"))); w.Code != 200 {
		t.Errorf("the key is gone: %d", w.Code)
	}
}
