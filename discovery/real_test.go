package discovery_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mirnode/discovery"
	"mirnode/discovery/internal/dnstest"
	"mirnode/protocol"
)

// TestRealServers finds keys in bind9's zones, through unbound, over each transport.
func TestRealServers(t *testing.T) {
	w := newWorld(t)
	a, b := newKey(t), newKey(t)
	whole := protocol.KeyRecord(a)
	zone := fmt.Sprintf("_mir-key TXT %q\n_mir-key TXT %q %q\n", whole, protocol.KeyRecord(b)[:20], protocol.KeyRecord(b)[20:])
	bind := dnstest.StartBind(t,
		dnstest.Zone{Name: "plain.example", Records: zone},
		dnstest.Zone{Name: "hosted.example", Records: "_mir-key CNAME _mir-key.plain.example."},
		dnstest.Zone{Name: "empty.example"},
		dnstest.Zone{Name: "signed.example", Records: zone, Sign: true},
		dnstest.Zone{Name: "broken.example", Records: zone, Sign: true, Spoil: func(text string) string {
			return strings.Replace(text, whole, protocol.KeyRecord(newKey(t)), 1)
		}},
	)
	unbound := dnstest.StartUnbound(t, bind, w.ca, "lame.example")
	for _, resolver := range []string{"udp://" + unbound.Address(), "tcp://" + unbound.Address(), "tls://" + unbound.TLSAddress() + "#" + unbound.ServerName} {
		d := w.discoverer(t, func(c *discovery.Config) {
			c.Resolvers = []string{resolver}
			c.DNSTryTimeout, c.DNSTimeout, c.Timeout = 10*time.Second, 20*time.Second, 20*time.Second
		})
		for _, c := range []struct {
			domain, want string
			dnssec       bool
			says         string
		}{
			{"plain.example", "found", false, "not protected by DNSSEC"},
			{"hosted.example", "found", false, "by way of _mir-key.plain.example"},
			{"signed.example", "found", true, "validated"},
			{"empty.example", "KEY_NOT_FOUND", false, "no key was found"},
			{"sub.plain.example", "KEY_NOT_FOUND", false, "no key was found"},
			{"broken.example", "unreachable", false, "DNSSEC Bogus"},
			{"lame.example", "unreachable", false, "SERVFAIL"},
		} {
			for _, key := range [][]byte{a, b} {
				found, err := d.FindKey(t.Context(), c.domain, protocol.Fingerprint(key))
				if outcome(err) != c.want || found.DNSSEC != c.dnssec {
					t.Errorf("%s by %s: %+v, %v; want %s, DNSSEC %v", c.domain, resolver, found, err, c.want, c.dnssec)
				}
			}
			report, err := d.Keys(t.Context(), c.domain)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(report)
			if err != nil || !strings.Contains(string(text), c.says) {
				t.Errorf("%s by %s: the report does not say %q: %s, %v", c.domain, resolver, c.says, text, err)
			}
		}
	}
}

// TestTXT reads any name, past the cache.
func TestTXT(t *testing.T) {
	w := newWorld(t)
	d := w.discoverer(t, nil)
	w.Set("alias.example", "50 IN CNAME shop.example.")
	w.Set("shop.example", `60 IN TXT "a" "b"`)
	answer, err := d.TXT(t.Context(), "alias.example")
	if err != nil || len(answer.Values) != 1 || answer.Values[0] != "ab" || len(answer.Chain) != 1 || answer.TTL != 50*time.Second {
		t.Errorf("%+v, %v", answer, err)
	}
	if answer, err = d.TXT(t.Context(), "missing.example"); err != nil || len(answer.Values) != 0 {
		t.Errorf("%+v, %v", answer, err)
	}
	silent := w.discoverer(t, func(c *discovery.Config) {
		c.Resolvers = []string{dnstest.Serve(t, func(q *dns.Msg, _ string) []byte { return dnstest.Pack(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) })}
	})
	if _, err = silent.TXT(t.Context(), "shop.example"); outcome(err) != "unreachable" {
		t.Error(err)
	}
}

// BenchmarkFindKeyCached is the hot path of each verification.
func BenchmarkFindKeyCached(b *testing.B) {
	w := newWorld(b)
	key := newKey(b)
	w.publishDNS("shop.example", key)
	d := w.discoverer(b, func(c *discovery.Config) { c.Now = nil })
	fingerprint := protocol.Fingerprint(key)
	if _, err := d.FindKey(b.Context(), "shop.example", fingerprint); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.FindKey(b.Context(), "shop.example", fingerprint); err != nil {
				b.Error(err)
			}
		}
	})
}
