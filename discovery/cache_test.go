package discovery_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mirnode/discovery"
	"mirnode/discovery/internal/dnstest"
	"mirnode/protocol"
)

// TestLifetimes is about how long keys are kept.
func TestLifetimes(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	record := func(ttl int) string { return fmt.Sprintf(`%d IN TXT "%s"`, ttl, protocol.KeyRecord(key)) }
	control := func(value string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if value != "" {
				rw.Header().Set("Cache-Control", value)
			}
			serveJSON(document(key))(rw, r)
		}
	}
	d := w.discoverer(t, nil)
	for name, c := range map[string]struct {
		record  string
		handler http.HandlerFunc
		want    time.Duration
	}{
		"dns":           {record(600), nil, 10 * time.Minute},
		"dns-short":     {record(1), nil, discovery.DefaultMinTTL},
		"dns-long":      {record(1e6), nil, discovery.DefaultMaxTTL},
		"web":           {"", control("max-age=600"), 10 * time.Minute},
		"web-unsaid":    {"", control(""), discovery.DefaultTTL},
		"web-no-store":  {"", control("no-store"), discovery.DefaultMinTTL},
		"web-long":      {"", control("max-age=1000000"), discovery.DefaultMaxTTL},
		"both-dns":      {record(600), control("max-age=6000"), 10 * time.Minute},
		"both-web":      {record(6000), control("max-age=600"), 10 * time.Minute},
		"neither":       {"", nil, time.Minute}, // the SOA's
		"only-problems": {`30 IN TXT "mir-key=bad"`, nil, 30 * time.Second},
	} {
		domain := name + ".example"
		if c.record != "" {
			w.Set("_mir-key."+domain, c.record)
		}
		if c.handler != nil {
			w.Set(domain, "60 IN A 127.0.0.1")
			w.web.handle(domain, c.handler)
		}
		report, err := d.Keys(t.Context(), domain)
		if err != nil || report.ExpiresAt.Sub(report.FetchedAt) != c.want {
			t.Errorf("%s: kept for %v, %v; want %v", domain, report.ExpiresAt.Sub(report.FetchedAt), err, c.want)
		}
	}
}

func TestExpiry(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	fingerprint := protocol.Fingerprint(key)
	w.publishDNS("shop.example", key) // 300 s
	d := w.discoverer(t, nil)
	question := "TXT _mir-key.shop.example"
	for _, step := range []struct {
		advance time.Duration
		cached  bool
		queries int
	}{{0, false, 1}, {0, true, 1}, {299 * time.Second, true, 1}, {time.Second, false, 2}, {0, true, 2}} {
		w.clock.Advance(step.advance)
		if known := d.Known("shop.example", fingerprint); known != step.cached {
			t.Errorf("known: %v, want %v", known, step.cached)
		}
		found, err := d.FindKey(t.Context(), "shop.example", fingerprint)
		if err != nil || found.Cached != step.cached || w.Queries(question) != step.queries {
			t.Errorf("%+v, %v after %d queries; want cached %v, %d queries", found, err, w.Queries(question), step.cached, step.queries)
		}
	}
	d.Forget("Shop.example")
	if d.Known("shop.example", fingerprint) {
		t.Error("known after Forget")
	}
	w.publishDNS("shop.example") // removal is revocation
	if _, err := d.FindKey(t.Context(), "shop.example", fingerprint); outcome(err) != "KEY_NOT_FOUND" {
		t.Errorf("removed key: %v", err)
	}
	stats := d.Stats()
	if stats.Lookups != 3 || stats.Hits != 3 || stats.InFlight != 0 || stats.CachedDomains != 0 || stats.CachedNegatives != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestFlood sends made-up fingerprints for an hour's worth of clock: look-ups stay within the
// budget, known keys are served all along, and a key that is published meanwhile is found as soon as
// the budget allows, never denied once it could have been seen.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	old, fresh := newKey(t), newKey(t)
	w.publishDNS("shop.example", old)
	d := w.discoverer(t, nil)
	const seconds = 600
	var refused, denied, foundAfter int
	published := w.clock.Now().Add(seconds / 2 * time.Second)
	for range seconds {
		w.clock.Advance(time.Second)
		now := w.clock.Now()
		if now.Equal(published) {
			w.publishDNS("shop.example", old, fresh)
		}
		for range 3 {
			_, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(newKey(t)))
			switch outcome(err) {
			case "KEY_NOT_FOUND":
				denied++
			case "unreachable":
				refused++
				var u *protocol.UnreachableError
				if errors.As(err, &u); u.RetryAfter <= 0 || u.RetryAfter > discovery.DefaultRefetchEvery {
					t.Fatalf("retry after %v", u.RetryAfter)
				}
			default:
				t.Fatal(err)
			}
		}
		if _, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(old)); err != nil {
			t.Fatalf("the known key: %v", err)
		}
		if now.Before(published) {
			continue
		}
		_, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(fresh))
		since := now.Sub(published)
		switch {
		case outcome(err) == "found" && foundAfter == 0:
			foundAfter = int(since/time.Second) + 1
		case outcome(err) == "KEY_NOT_FOUND" && since >= discovery.DefaultRefetchAge:
			t.Fatalf("the new key is denied %v after it was published", since)
		case outcome(err) != "found" && foundAfter != 0:
			t.Fatalf("the new key is lost again: %v", err)
		}
	}
	lookups := w.Queries("TXT _mir-key.shop.example")
	if most := 1 + discovery.DefaultRefetchBurst + seconds/10; lookups > most || lookups < seconds/10 {
		t.Errorf("%d look-ups, want at most %d", lookups, most)
	}
	if foundAfter == 0 || foundAfter > 12 {
		t.Errorf("the new key was found after %d s", foundAfter)
	}
	if refused == 0 || denied == 0 {
		t.Errorf("%d refused and %d denied: the flood did not meet its bounds", refused, denied)
	}
}

// TestRefetchBudget counts the budget's tokens.
func TestRefetchBudget(t *testing.T) {
	w := newWorld(t)
	const age = 5 * time.Second
	d := w.discoverer(t, func(c *discovery.Config) { c.RefetchAge, c.RefetchEvery, c.RefetchBurst = age, 2*age, 3 })
	ask := func() string {
		_, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(newKey(t)))
		return outcome(err)
	}
	var got []string
	for range 7 { // the first look-up, three of the burst, and a token every second round
		known := d.Known("shop.example", protocol.Fingerprint(newKey(t)))
		got = append(got, fmt.Sprintf("%s, known %v", ask(), known))
		w.clock.Advance(age)
	}
	want := append(slices.Repeat([]string{"KEY_NOT_FOUND, known false"}, 6), "unreachable, known true")
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := d.Refresh(t.Context(), "shop.example"); err != nil {
		t.Errorf("a token came back in the meantime: %v", err)
	}
	if _, err := d.Refresh(t.Context(), "shop.example"); outcome(err) != "unreachable" {
		t.Errorf("Refresh past the budget: %v", err)
	}
	d.Forget("shop.example")
	if _, err := d.Refresh(t.Context(), "shop.example"); err != nil {
		t.Errorf("after Forget: %v", err)
	}
	if ask() != "KEY_NOT_FOUND" || !d.Known("shop.example", "x") {
		t.Error("a young set must be final")
	}
}

// TestFailureKeepsKeys: what a channel held stays usable until its own end while it is silent.
func TestFailureKeepsKeys(t *testing.T) {
	w := newWorld(t)
	key, silent := newKey(t), atomic.Bool{}
	w.publishDNS("shop.example", key) // 300 s
	cfg := w.config()
	cfg.Resolvers = []string{dnstest.Serve(t, func(q *dns.Msg, network string) []byte {
		if silent.Load() {
			return dnstest.Pack(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
		}
		return w.Answer(q, network)
	})}
	d := w.discoverer(t, func(c *discovery.Config) { *c = cfg })
	if _, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(key)); err != nil {
		t.Fatal(err)
	}
	silent.Store(true)
	w.clock.Advance(100 * time.Second)
	if _, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(newKey(t))); outcome(err) != "unreachable" {
		t.Errorf("another key: %v", err)
	}
	report, err := d.Keys(t.Context(), "shop.example")
	if err != nil || report.DNS.Status != discovery.StatusUnreachable || !reported(report, discovery.Fail, "is used for 3m20s more") {
		t.Errorf("%+v, %v", report, err)
	}
	for _, step := range []struct {
		advance time.Duration
		want    string
	}{{0, "found"}, {199 * time.Second, "found"}, {time.Second, "unreachable"}} {
		w.clock.Advance(step.advance)
		found, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(key))
		if outcome(err) != step.want {
			t.Errorf("%+v, %v; want %s", found, err, step.want)
		}
	}
	silent.Store(false)
	w.clock.Advance(discovery.DefaultFailureTTL)
	if _, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(key)); err != nil {
		t.Errorf("after the resolver came back: %v", err)
	}
}

// TestNegativeCacheIsApart floods made-up domains past the cache's size.
func TestNegativeCacheIsApart(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.publishDNS("real.example", key)
	d := w.discoverer(t, func(c *discovery.Config) { c.CacheDomains = 4 })
	if _, err := d.Keys(t.Context(), "real.example"); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if _, err := d.Keys(t.Context(), fmt.Sprintf("made-up-%d.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	if !d.Known("real.example", protocol.Fingerprint(key)) {
		t.Error("made-up domains evicted a real one")
	}
	if s := d.Stats(); s.CachedDomains != 1 || s.CachedNegatives != 4 || s.Lookups != 41 {
		t.Errorf("%+v", s)
	}
}
