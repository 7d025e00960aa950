package api_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mirnode/api"
)

func TestBudgetOfAClient(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) { o.Limits = api.Limits{Read: api.Rate{PerSecond: 0.5, Burst: 2}} }))
	for _, want := range []struct {
		status       int
		state, retry string
	}{
		{200, `"read";r=1;t=2`, ""},
		{200, `"read";r=0;t=4`, ""},
		{429, `"read";r=0;t=4`, "2"},
	} {
		w := f.get(t, "/node")
		h := w.Header()
		if w.Code != want.status || h.Get("RateLimit") != want.state || h.Get("RateLimit-Policy") != `"read";q=2;w=4` || h.Get("Retry-After") != want.retry {
			t.Errorf("%d %v, want %+v", w.Code, h, want)
		}
	}
	if w := f.get(t, "/healthz"); w.Code != 200 || w.Header().Get("RateLimit") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	f.clock.advance(2 * time.Second)
	if w := f.get(t, "/node"); w.Code != 200 {
		t.Errorf("after the time that Retry-After named: %d", w.Code)
	}
}

func TestWhoIsOneClient(t *testing.T) {
	for _, test := range []struct {
		name, first, second string
		one                 bool
	}{
		{"one IPv4 address", "192.0.2.1:1", "192.0.2.1:2", true},
		{"two IPv4 addresses", "192.0.2.1:1", "192.0.2.2:1", false},
		{"a mapped form", "192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"one /64", "[2001:db8::1]:1", "[2001:db8::ffff:1]:1", true},
		{"two /64", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
	} {
		f := newFixture(t, with(func(o *api.Options) { o.Limits = api.Limits{Read: api.Rate{PerSecond: 1, Burst: 1}} }))
		status := 0
		for _, address := range []string{test.first, test.second} {
			r := request("GET", "/node", "", "X-Forwarded-For", "198.51.100.7") // written by anybody: it does not count
			r.RemoteAddr = address
			status = f.do(t, r).Code
		}
		if (status == 429) != test.one {
			t.Errorf("%s: %d", test.name, status)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	for _, test := range []struct{ name, peer, forwarded, want string }{
		{"through the proxy", "10.0.0.1:1", "198.51.100.7", "198.51.100.7"},
		{"through two", "10.0.0.1:1", "198.51.100.7, 10.0.0.2", "198.51.100.7"},
		{"with a lie in front", "10.0.0.1:1", "203.0.113.9, 198.51.100.7", "198.51.100.7"},
		{"not through the proxy", "192.0.2.1:1", "198.51.100.7", "192.0.2.1"},
		{"the proxy itself", "10.0.0.1:1", "", "10.0.0.1"},
		{"garbage", "10.0.0.1:1", "198.51.100.7, x", "10.0.0.1"},
		{"endless", "10.0.0.1:1", strings.Repeat("10.0.0.2,", 1000) + "10.0.0.2", "10.0.0.2"},
	} {
		f := newFixture(t, with(func(o *api.Options) {
			o.TrustedProxies, o.LogClients = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, true
		}))
		r := request("GET", "/node", "", "X-Forwarded-For", test.forwarded)
		r.RemoteAddr = test.peer
		f.do(t, r)
		if !strings.Contains(f.log.String(), "client="+test.want+"\n") {
			t.Errorf("%s: %s", test.name, f.log)
		}
	}
}

// A stranger cannot use up a domain's budget: only what its key has signed counts, and only once.
func TestDomainBudget(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) { o.Limits = api.Limits{Domain: api.Rate{PerSecond: 1, Burst: 2}} }))
	good := string(f.shop.claim(t).Raw())
	for range 5 {
		f.post(t, "/claims", strings.Replace(good, "EUR", "USD", 1)) // forged
	}
	for range 5 {
		f.post(t, "/claims", good) // once new, then known
	}
	if w := f.post(t, "/claims", string(f.shop.claim(t).Raw())); w.Code != 201 {
		t.Fatalf("the second claim: %d %s", w.Code, w.Body)
	}
	w := f.post(t, "/claims", string(f.shop.claim(t).Raw()))
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("the third: %d %v", w.Code, w.Header())
	}
}

// Made-up domains and fingerprints cost the client its look-ups, and no more than those.
func TestLookupBudget(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) { o.Limits = api.Limits{Lookup: api.Rate{PerSecond: 1, Burst: 3}} }))
	for i := range 10 {
		domain := fmt.Sprintf("made-up-%d.example", i)
		f.domains.cold[domain] = true
		want := 400
		if i >= 3 {
			want = 429
		}
		if w := f.post(t, "/claims", string(newSigner(domain).claim(t).Raw())); w.Code != want {
			t.Errorf("claim %d: %d %s", i, w.Code, w.Body)
		}
	}
	if f.domains.lookups != 3 {
		t.Errorf("%d look-ups", f.domains.lookups)
	}
	if w := f.post(t, "/claims", string(f.shop.claim(t).Raw())); w.Code != 201 {
		t.Errorf("a claim whose key is in the cache: %d", w.Code)
	}
}

// Look-ups of slow domains fill their own gate: claims with known keys go on, and those past the gate get 503.
func TestSlowDomainsHoldUpNobody(t *testing.T) {
	f := newFixture(t, unlimited, with(func(o *api.Options) { o.Work = api.Work{Lookups: 1, Waiting: 1, Patience: time.Millisecond} }))
	f.domains.block, f.domains.blocked = make(chan struct{}), make(chan string, 1)
	f.domains.cold["slow.example"] = true
	slow := newSigner("slow.example")
	done := make(chan int)
	go func() { done <- f.post(t, "/claims", string(slow.claim(t).Raw())).Code }()
	<-f.domains.blocked
	if w := f.post(t, "/verify", string(newSigner("slow.example").claim(t).Raw())); w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("past the gate: %d %s", w.Code, w.Body)
	}
	f.domains.mu.Lock()
	block := f.domains.block
	f.domains.block = nil
	f.domains.mu.Unlock()
	if w := f.post(t, "/claims", string(f.shop.claim(t).Raw())); w.Code != 201 {
		t.Errorf("a claim with a known key: %d %s", w.Code, w.Body)
	}
	close(block)
	if status := <-done; status != 400 {
		t.Errorf("the slow one: %d", status)
	}
}
