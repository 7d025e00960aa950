package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mirnode/api"
)

func TestOperatorRoutes(t *testing.T) {
	f := newFixture(t, unlimited)
	claim := f.shop.claim(t)
	f.post(t, "/claims", string(claim.Raw()))
	f.post(t, "/claims", `{}`)
	erase := "/admin/claims/" + claim.ID() + "/erase"
	for _, test := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		want                       string
	}{
		{"metrics", "GET", "http://127.0.0.1:9/metrics", "", nil, 200, `mir_http_requests_total{method="POST",route="/claims",status="201"} 1`},
		{"verdicts", "GET", "http://localhost/metrics", "", nil, 200, `mir_verdicts_total{result="ACCEPT"} 1`},
		{"profiles", "GET", "http://[::1]:9/debug/pprof/", "", nil, 200, "goroutine"},
		{"status", "GET", "http://LOCALHOST:9/admin/status", "", nil, 200, `"claims":1`},
		{"status of the look-ups", "GET", "http://127.0.0.1/admin/status", "", nil, 200, `"cachedDomains":`},
		{"forget", "POST", "http://127.0.0.1/admin/domains/SHOP.example/forget", "", nil, 200, "shop.example"},
		{"forget what is no domain", "POST", "http://127.0.0.1/admin/domains/x/forget", "", nil, 400, "error"},
		{"erase without a reason", "POST", erase, `{"reason":""}`, nil, 400, "reason"},
		{"erase with a slip", "POST", erase, `{"reasn":"x"}`, nil, 400, "reasn"},
		{"erase with too much", "POST", erase, `{"reason":"` + strings.Repeat("x", 5000) + `"}`, nil, 413, "error"},
		{"erase what is not there", "POST", "/admin/claims/claim_" + strings.Repeat("0", 64) + "/erase", `{"reason":"x"}`, nil, 404, "error"},
		{"erase what is no claim", "POST", "/admin/claims/7/erase", `{"reason":"x"}`, nil, 400, "error"},
		{"from a page", "POST", erase, `{"reason":"x"}`, []string{"Origin", "http://127.0.0.1"}, 403, "error"},
		{"by a name that points here", "GET", "http://evil.example/metrics", "", nil, 403, "error"},
		{"by a name without a dot", "GET", "http://operator/metrics", "", nil, 403, "error"},
		{"by an address of another machine", "GET", "http://192.0.2.1/metrics", "", nil, 403, "error"},
		{"from a sibling site", "GET", "http://127.0.0.1/admin/status", "", []string{"Sec-Fetch-Site", "same-site"}, 403, "error"},
		{"typed into a browser", "GET", "http://127.0.0.1/admin/status", "", []string{"Sec-Fetch-Site", "none"}, 200, "claims"},
		{"an order without its label", "POST", erase, `{"reason":"x"}`, []string{"Content-Type", ""}, 415, "Content-Type"},
		{"an order as a form", "POST", erase, `{"reason":"x"}`, []string{"Content-Type", "text/plain"}, 415, "Content-Type"},
		{"from another site", "GET", "http://127.0.0.1/admin/status", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "error"},
		{"nothing", "GET", "http://127.0.0.1/", "", nil, 404, "hint"},
		{"erase", "POST", "http://127.0.0.1" + erase, `{"reason":"asked for"}`, nil, 200, claim.ID()},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := test.target
			if strings.HasPrefix(target, "/") {
				target = "http://127.0.0.1" + target
			}
			r := httptest.NewRequest(test.method, target, strings.NewReader(test.body))
			if test.method == http.MethodPost {
				r.Header.Set("Content-Type", "application/json; charset=utf-8")
			}
			for i := 0; i+1 < len(test.headers); i += 2 {
				r.Header.Set(test.headers[i], test.headers[i+1])
			}
			w := httptest.NewRecorder()
			f.api.Operator().ServeHTTP(w, r)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d and %q: %.500s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
	if len(f.domains.forgotten) != 1 || f.domains.forgotten[0] != "shop.example" {
		t.Errorf("forgotten: %q", f.domains.forgotten)
	}
	if w := f.get(t, "/metrics"); w.Code != 404 {
		t.Errorf("the operator's routes are public: %d", w.Code)
	}
}

// What a stranger sends does not become series.
func TestMetricsStayBounded(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) { o.Requests = api.LogNone }))
	for _, target := range []string{"/a", "/b", "/c"} {
		f.do(t, httptest.NewRequest("MADE-UP-"+strings.Trim(target, "/"), target, nil))
	}
	w := httptest.NewRecorder()
	f.api.Operator().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil))
	if !strings.Contains(w.Body.String(), `mir_http_requests_total{method="other",route="none",status="404"} 3`) {
		t.Error(w.Body)
	}
}
