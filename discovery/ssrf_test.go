package discovery_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"mirnode/discovery"
	"mirnode/discovery/internal/tlstest"
)

// inward is what a hostile domain may point to. reached: the address leads to our listeners
// on loopback once the ranges are allowed, so that the test would notice a connection.
var inward = []struct {
	name, record, literal string
	allow                 []string
	reached               bool
}{
	{"loopback", "A 127.0.0.1", "127.0.0.1", []string{"127.0.0.0/8"}, true},
	{"loopback-far", "A 127.8.8.8", "127.8.8.8", []string{"127.0.0.0/8"}, true},
	{"unspecified", "A 0.0.0.0", "0.0.0.0", []string{"0.0.0.0/8"}, true},
	{"loopback6", "AAAA ::1", "[::1]", []string{"::1/128"}, true},
	{"unspecified6", "AAAA ::", "[::]", []string{"::/128"}, true},
	{"mapped", "AAAA ::ffff:127.0.0.1", "[::ffff:127.0.0.1]", []string{"::ffff:127.0.0.0/104", "127.0.0.0/8"}, true},
	{"compatible", "AAAA ::127.0.0.1", "[::127.0.0.1]", nil, false},
	{"private", "A 10.0.0.1", "10.0.0.1", nil, false},
	{"metadata", "A 169.254.169.254", "169.254.169.254", nil, false},
	{"nat64", "AAAA 64:ff9b::7f00:1", "[64:ff9b::7f00:1]", nil, false},
	{"6to4", "AAAA 2002:7f00:1::", "[2002:7f00:1::]", nil, false},
}

// inside listens on all loopback addresses, IPv4 and IPv6, with one port.
type inside struct {
	*web
	ca     *tlstest.CA
	probes int64
}

func newInside(t *testing.T, w *world) *inside {
	t.Helper()
	return &inside{web: newWeb(t, w.ca, "[::]:0"), ca: w.ca}
}

// reached is the number of connections so far. A handshake of our own comes first: connections
// are accepted in order, so that none is still on its way.
func (s *inside) reached(t *testing.T) int64 {
	t.Helper()
	probe := tls.Dialer{Config: &tls.Config{RootCAs: s.ca.Pool(), ServerName: "probe.example"}}
	conn, err := probe.DialContext(t.Context(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
	if err != nil {
		t.Fatalf("the listener must take IPv4 too: %v", err)
	}
	_ = conn.Close()
	s.probes++
	return s.connections.Load() - s.probes
}

// TestInwardDomains points domains inward. With nothing allowed no connection is made; with
// the range allowed the same domain is connected to, which shows that the test can fail.
func TestInwardDomains(t *testing.T) {
	w := newWorld(t)
	inside := newInside(t, w)
	for _, c := range inward {
		domain := c.name + ".example"
		w.Set(domain, "60 IN "+c.record)
		inside.handle(domain, serveJSON(document(newKey(t))))
		closed := w.discoverer(t, func(cfg *discovery.Config) { cfg.AllowRanges, cfg.WellKnownPort = nil, inside.port })
		report, err := closed.Keys(t.Context(), domain)
		if err != nil || report.WellKnown.Status != discovery.StatusRefused || !strings.Contains(report.WellKnown.Detail, "not public") {
			t.Errorf("%s: %+v, %v; want it refused", domain, report.WellKnown, err)
		}
	}
	if n := inside.reached(t); n != 0 {
		t.Fatalf("%d connections were made inward", n)
	}
	for _, c := range inward {
		if !c.reached {
			continue
		}
		open := w.discoverer(t, func(cfg *discovery.Config) { cfg.AllowRanges, cfg.WellKnownPort = prefixes(c.allow), inside.port })
		report, err := open.Keys(t.Context(), c.name+".example")
		if err != nil || report.WellKnown.Status != discovery.StatusOK {
			t.Errorf("%s with %q allowed: %+v, %v; want it read", c.name, c.allow, report.WellKnown, err)
		}
	}
	if n := inside.reached(t); n == 0 {
		t.Error("no connection was made with the ranges allowed: this test proves nothing")
	}
}

// TestInwardRedirects does the same for a public host that redirects inward. 127.7.7.7 is
// the public host here: the only address that is allowed.
func TestInwardRedirects(t *testing.T) {
	w := newWorld(t)
	inside := newInside(t, w)
	public := prefixes([]string{"127.7.7.7/32"})
	targets := map[string]string{"name": "loopback.example"} // and each literal
	w.Set("loopback.example", "60 IN A 127.0.0.1")
	for _, c := range inward {
		targets[c.name] = c.literal
	}
	d := w.discoverer(t, func(cfg *discovery.Config) { cfg.AllowRanges, cfg.WellKnownPort = public, inside.port })
	for name, target := range targets {
		domain := "to-" + name + ".example"
		w.Set(domain, "60 IN A 127.7.7.7")
		inside.handle(domain, http.RedirectHandler(fmt.Sprintf("https://%s:%d/", target, inside.port), http.StatusFound).ServeHTTP)
		before := inside.reached(t)
		report, err := d.Keys(t.Context(), domain)
		if err != nil || report.WellKnown.Status != discovery.StatusRefused || !strings.Contains(report.WellKnown.Detail, "redirected to") {
			t.Errorf("%s: %+v, %v; want it refused", domain, report.WellKnown, err)
		}
		if n := inside.reached(t) - before; n != 1 {
			t.Errorf("%s: %d connections, want the one to the public host", domain, n)
		}
	}
	// With loopback allowed the redirect is followed.
	open := w.discoverer(t, func(cfg *discovery.Config) {
		cfg.AllowRanges, cfg.WellKnownPort = prefixes([]string{"127.0.0.0/8"}), inside.port
	})
	before := inside.reached(t)
	if _, err := open.Keys(t.Context(), "to-name.example"); err != nil {
		t.Fatal(err)
	}
	if n := inside.reached(t) - before; n != 2 {
		t.Errorf("%d connections with the range allowed, want 2", n)
	}
}

// TestMixedAddresses: where a host has both kinds of addresses, only the permitted are used.
func TestMixedAddresses(t *testing.T) {
	w := newWorld(t)
	inside := newInside(t, w)
	w.Set("mixed.example", "60 IN A 10.0.0.1", "60 IN A 127.0.0.1", "60 IN A 127.7.7.7", "60 IN AAAA ::1")
	inside.handle("mixed.example", func(rw http.ResponseWriter, r *http.Request) {
		if at := r.Context().Value(http.LocalAddrContextKey).(net.Addr).String(); !strings.Contains(at, "127.7.7.7") {
			t.Errorf("connected to %s", at)
		}
		serveJSON(document(newKey(t)))(rw, r)
	})
	d := w.discoverer(t, func(cfg *discovery.Config) {
		cfg.AllowRanges, cfg.WellKnownPort = prefixes([]string{"127.7.7.7/32"}), inside.port
	})
	report, err := d.Keys(t.Context(), "mixed.example")
	if err != nil || report.WellKnown.Status != discovery.StatusOK {
		t.Errorf("%+v, %v", report.WellKnown, err)
	}
}

// TestHTTPClient is about what others get who ask for the guarded client.
func TestHTTPClient(t *testing.T) {
	w := newWorld(t)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	w.Set("shop.example", "60 IN A 127.0.0.1")
	w.web.handle("shop.example", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" || r.Header.Get("Accept-Encoding") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("headers %v", r.Header)
		}
		http.SetCookie(rw, &http.Cookie{Name: "a", Value: "b"})
		if r.URL.Path == "/first" {
			http.Redirect(rw, r, "/second", http.StatusFound)
		}
	})
	client, err := discovery.NewHTTPClient(w.config())
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	get := func(url string) error {
		answer, err := client.Get(url)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	for range 2 {
		if err := get(fmt.Sprintf("https://shop.example:%d/first", w.web.port)); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{"http://shop.example/", "https://shop.example/", fmt.Sprintf("https://a:b@shop.example:%d/", w.web.port), "ftp://shop.example/",
		"https://2130706433/", "https://0x7f000001/"} {
		if err := get(url); err == nil {
			t.Errorf("%s was fetched", url)
		}
	}
	for _, bad := range []discovery.Config{{Resolvers: []string{"nonsense"}}, {WellKnownPort: 70000}, {MinTTL: time.Hour, MaxTTL: time.Minute}, {Timeout: -1}, {CacheDomains: -1}} {
		if _, err := discovery.NewHTTPClient(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
		if _, err := discovery.New(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func prefixes(list []string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}
