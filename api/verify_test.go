package api_test

import (
	"strings"
	"testing"
	"time"

	"mirnode/api"
	"mirnode/protocol"
)

func TestVerify(t *testing.T) {
	f := newFixture(t, unlimited)
	old := newSigner("old.example")
	expired := old.published()
	expired.Expires = start.Add(-30 * time.Minute)
	f.domains.keys["old.example"] = []protocol.DomainKey{expired}
	good := string(f.shop.claim(t).Raw())
	oldClaim := string(old.claim(t).Raw())
	for _, test := range []struct {
		name, query, body string
		status            int
		result, code      string
	}{
		{"good", "", good, 200, "ACCEPT", ""},
		{"young enough", "?maxAge=2h", good, 200, "ACCEPT", ""},
		{"too old", "?maxAge=10m", good, 200, "REJECT", "CLAIM_EXPIRED"},
		{"expected domain", "?expectDomain=SHOP.example", good, 200, "ACCEPT", ""},
		{"another domain", "?expectDomain=other.example", good, 200, "REJECT", "DOMAIN_MISMATCH"},
		{"expired key", "", oldClaim, 200, "ACCEPT", ""},
		{"no expired keys", "?noExpiredKeys=true", oldClaim, 200, "REJECT", "KEY_EXPIRED"},
		{"expired keys, said", "?noExpiredKeys=false", oldClaim, 200, "ACCEPT", ""},
		{"forged", "", strings.Replace(good, "EUR", "USD", 1), 200, "REJECT", "INVALID_SIGNATURE"},
		{"not JSON", "", "x", 200, "REJECT", "INVALID_SCHEMA"},
		{"no key", "", string(newSigner("none.example").claim(t).Raw()), 200, "REJECT", "KEY_NOT_FOUND"},
		{"no answer", "", string(newSigner("gone.example").claim(t).Raw()), 503, "", ""},
		{"no duration", "?maxAge=10", good, 400, "", ""},
		{"negative duration", "?maxAge=-1h", good, 400, "", ""},
		{"no truth", "?noExpiredKeys=yes", good, 400, "", ""},
		{"no domain", "?expectDomain=x", good, 400, "", ""},
		{"unknown option", "?maxage=1h", good, 400, "", ""},
		{"too large", "", strings.Repeat(" ", 100<<10), 413, "", "INVALID_SCHEMA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request("POST", "/verify"+test.query, test.body)
			if test.name == "not JSON" {
				r.Header.Set("Content-Type", "text/plain")
			}
			w := f.do(t, r)
			answer := members(t, w)
			result, _ := answer["result"].(string)
			code, _ := answer["code"].(string)
			if w.Code != test.status || result != test.result || code != test.code {
				t.Errorf("%d %s %s, want %d %s %s: %s", w.Code, result, code, test.status, test.result, test.code, w.Body)
			}
		})
	}
	if f.store.Stats().Claims != 0 {
		t.Error("a claim was kept")
	}
}

func TestDomainKeys(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) { o.Limits = api.Limits{Lookup: api.Rate{PerSecond: 1, Burst: 1}} }))
	f.domains.cold["cold.example"], f.domains.cold["cold2.example"] = true, true
	for range 3 { // from the cache, it costs nothing
		if w := f.get(t, "/domains/SHOP.example/keys"); w.Code != 200 || w.Header().Get("Age") != "60" || members(t, w)["domain"] != "shop.example" {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	for _, test := range []struct {
		name, target string
		status       int
	}{
		{"not in the cache", "/domains/cold.example/keys", 200},
		{"another one", "/domains/cold2.example/keys", 429},
		{"the node is busy", "/domains/gone.example/keys", 429},
		{"an address", "/domains/127.0.0.1/keys", 400},
		{"no domain", "/domains/x/keys", 400},
		{"a path", "/domains/..%2f..%2fx/keys", 400},
		{"a slash that is none", "/domains%2fshop.example/keys", 404},
		{"a parameter", "/domains/shop.example/keys?x=1", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			if w := f.get(t, test.target); w.Code != test.status {
				t.Errorf("%d, want %d: %s", w.Code, test.status, w.Body)
			}
		})
	}
	f.clock.advance(time.Minute)
	if w := f.get(t, "/domains/gone.example/keys"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestPublishedKeys(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct {
		host   string
		status int
	}{{"shop.example", 200}, {"SHOP.example:8443", 200}, {"other.example", 404}, {"", 404}} {
		r := request("GET", "/.well-known/mir.json", "")
		r.Host = test.host
		w := f.do(t, r)
		if w.Code != test.status {
			t.Errorf("%s: %d %s", test.host, w.Code, w.Body)
			continue
		}
		if w.Code != 200 {
			continue
		}
		document, err := protocol.ParseKeyDocument(w.Body.Bytes())
		if err != nil || len(document.Keys) != 1 || document.Keys[0].Fingerprint != f.shop.published().Fingerprint {
			t.Errorf("%v: %s", err, w.Body)
		}
	}
}
