package names_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mirnode/conformance/names"
)

func start(t *testing.T, suffix string) *names.Names {
	t.Helper()
	n, err := names.Start(names.Options{Suffix: suffix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func publish(t *testing.T, n *names.Names, name string, d names.Domain) {
	t.Helper()
	if err := n.Publish(name, d); err != nil {
		t.Fatal(err)
	}
}

// ask sends one question.
func ask(t *testing.T, n *names.Names, network, name string, rrtype uint16) (*dns.Msg, error) {
	t.Helper()
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), rrtype)
	answer, _, err := (&dns.Client{Net: network, Timeout: 2 * time.Second}).ExchangeContext(t.Context(), question, n.DNS().String())
	return answer, err
}

// texts are the TXT values of an answer, each record's strings joined.
func texts(answer *dns.Msg) []string {
	var found []string
	for _, r := range answer.Answer {
		if txt, ok := r.(*dns.TXT); ok {
			found = append(found, strings.Join(txt.Txt, "|"))
		}
	}
	return found
}

// browser is a client that trusts the servers' authorities and finds every host at n.
func browser(t *testing.T, n *names.Names, trusted ...*names.Names) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	for _, m := range append(trusted, n) {
		roots.AppendCertsFromPEM(m.CAPEM())
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, n.HTTPS().String())
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t *testing.T, client *http.Client, url string) (*http.Response, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

func TestDNS(t *testing.T) {
	n := start(t, "a.test")
	publish(t, n, "Shop.a.test", names.Domain{TTL: 7, Keys: []names.PublishedKey{{Public: "AAA"}, {Public: "BBB", Channels: []string{names.WellKnown}}},
		Records: []string{`_mir-key TXT "mir-key=" "CCC"`, `@ AAAA ::1`, `*.wild TXT "w"`, `other.wild TXT "o"`, `alias CNAME _mir-key`, `loop CNAME loop2`, `loop2 CNAME loop`}})
	publish(t, n, "broken.a.test", names.Domain{Rcode: "SERVFAIL"})
	publish(t, n, "half.a.test", names.Domain{RcodeOf: map[string]string{"_mir-key": "REFUSED"}})
	publish(t, n, "none.a.test", names.Domain{Addresses: []netip.Addr{}})
	for _, c := range []struct {
		name  string
		kind  uint16
		rcode int
		want  []string // TXT values, or the number of answers for other kinds
		count int
	}{
		{"_mir-key.shop.a.test", dns.TypeTXT, dns.RcodeSuccess, []string{"mir-key=AAA", "mir-key=|CCC"}, 2},
		{"_MIR-key.SHOP.a.test", dns.TypeTXT, dns.RcodeSuccess, []string{"mir-key=AAA", "mir-key=|CCC"}, 2},
		{"shop.a.test", dns.TypeA, dns.RcodeSuccess, nil, 1},
		{"shop.a.test", dns.TypeAAAA, dns.RcodeSuccess, nil, 1},
		{"shop.a.test", dns.TypeTXT, dns.RcodeSuccess, nil, 0},
		{"x.y.wild.shop.a.test", dns.TypeTXT, dns.RcodeSuccess, []string{"w"}, 1},
		{"other.wild.shop.a.test", dns.TypeTXT, dns.RcodeSuccess, []string{"o"}, 1},
		{"x.other.wild.shop.a.test", dns.TypeTXT, dns.RcodeNameError, nil, 0},
		{"wild.shop.a.test", dns.TypeTXT, dns.RcodeSuccess, nil, 0},
		{"alias.shop.a.test", dns.TypeTXT, dns.RcodeSuccess, []string{"mir-key=AAA", "mir-key=|CCC"}, 3},
		{"loop.shop.a.test", dns.TypeTXT, dns.RcodeServerFailure, nil, -1},
		{"no.shop.a.test", dns.TypeTXT, dns.RcodeNameError, nil, 0},
		{"unknown.a.test", dns.TypeA, dns.RcodeNameError, nil, 0},
		{"_mir-key.broken.a.test", dns.TypeTXT, dns.RcodeServerFailure, nil, 0},
		{"_mir-key.half.a.test", dns.TypeTXT, dns.RcodeRefused, nil, 0},
		{"half.a.test", dns.TypeA, dns.RcodeSuccess, nil, 1},
		{"none.a.test", dns.TypeA, dns.RcodeSuccess, nil, 0},
		{"outside.example", dns.TypeA, dns.RcodeNameError, nil, 0},
	} {
		for _, network := range []string{"udp", "tcp"} {
			answer, err := ask(t, n, network, c.name, c.kind)
			if err != nil {
				t.Fatalf("%s %s: %v", network, c.name, err)
			}
			if answer.Rcode != c.rcode || c.count >= 0 && len(answer.Answer) != c.count || !slices.Equal(texts(answer), c.want) {
				t.Errorf("%s %s: got %v", network, c.name, answer)
			}
			if len(answer.Answer) > 0 && answer.Answer[0].Header().Ttl != 7 && c.name != "half.a.test" {
				t.Errorf("%s: TTL %d", c.name, answer.Answer[0].Header().Ttl)
			}
		}
	}
	if got := n.Queries("shop.a.test"); got.DNS != 4 || got.HTTPS != 0 {
		t.Errorf("counted %+v", got)
	}
	n.Remove("shop.a.test")
	if answer, err := ask(t, n, "udp", "_mir-key.shop.a.test", dns.TypeTXT); err != nil || answer.Rcode != dns.RcodeNameError {
		t.Errorf("a domain that was removed: %v, %v", answer, err)
	}
}

func TestDNSFaults(t *testing.T) {
	n := start(t, "a.test")
	publish(t, n, "cut.a.test", names.Domain{Truncate: true, Keys: []names.PublishedKey{{Public: "AAA"}}})
	publish(t, n, "dead.a.test", names.Domain{DropDNS: true})
	publish(t, n, "slow.a.test", names.Domain{DNSDelay: time.Hour})
	if answer, err := ask(t, n, "udp", "_mir-key.cut.a.test", dns.TypeTXT); err != nil || !answer.Truncated || len(answer.Answer) > 0 {
		t.Errorf("over UDP: %v, %v", answer, err)
	}
	if answer, err := ask(t, n, "tcp", "_mir-key.cut.a.test", dns.TypeTXT); err != nil || answer.Truncated || len(answer.Answer) != 1 {
		t.Errorf("over TCP: %v, %v", answer, err)
	}
	for _, name := range []string{"_mir-key.dead.a.test", "slow.a.test"} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		question := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeTXT)
		if answer, _, err := new(dns.Client).ExchangeContext(ctx, question, n.DNS().String()); err == nil {
			t.Errorf("%s: answered %v", name, answer)
		}
		cancel()
	}
	if answer, err := ask(t, n, "udp", "dead.a.test", dns.TypeA); err != nil || len(answer.Answer) != 1 {
		t.Errorf("the address of a domain whose keys are not answered: %v, %v", answer, err)
	}
}

func TestPublishRefuses(t *testing.T) {
	n := start(t, "a.test")
	for name, d := range map[string]names.Domain{
		"":         {},
		"b.a.test": {Records: []string{"x.example. TXT \"outside\""}},
		"c.a.test": {Records: []string{"_mir-key NONSENSE 1"}},
		"d.a.test": {Rcode: "SORRY"},
		"e.a.test": {RcodeOf: map[string]string{"_mir-key": "SORRY"}},
		"f.a.test": {Records: []string{"$INCLUDE /etc/passwd"}},
	} {
		if err := n.Publish(name, d); err == nil {
			t.Errorf("%q: published %+v", name, d)
		}
	}
}

func TestDocuments(t *testing.T) {
	n := start(t, "a.test")
	client := browser(t, n)
	publish(t, n, "shop.a.test", names.Domain{TTL: 9, Keys: []names.PublishedKey{{Public: "AAA", Fingerprint: "f", Expires: json.RawMessage("null")},
		{Public: "BBB", Channels: []string{names.DNS}}},
		Documents: map[string]names.Document{"/moved": {Status: 302, Location: "https://x.test:HTTPS_PORT/y", ContentType: "none"}, "//www/there": {Body: "www", DripEvery: time.Microsecond}}})
	answer, body, err := get(t, client, "https://shop.a.test/.well-known/mir.json")
	const want = `{"keys":[{"pub":"AAA","fingerprint":"f","alg":"Ed25519","expires":null}]}`
	if err != nil || body != want || answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "max-age=9" {
		t.Errorf("the document: %v, %q, %v", answer, body, err)
	}
	if answer, _, err = get(t, client, "https://shop.a.test/moved"); err != nil || answer.StatusCode != http.StatusFound || len(answer.Header["Content-Type"]) > 0 ||
		!strings.HasSuffix(answer.Header.Get("Location"), netip.AddrPortFrom(n.HTTPS().Addr(), n.HTTPS().Port()).String()[len("127.0.0.1"):]+"/y") {
		t.Errorf("the redirect: %v, %v", answer, err)
	}
	if _, body, err = get(t, client, "https://www.shop.a.test/there"); err != nil || body != "www" {
		t.Errorf("below: %q, %v", body, err)
	}
	if answer, _, err = get(t, client, "https://www.shop.a.test/.well-known/mir.json"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("a name below has the domain's document: %v, %v", answer, err)
	}
	if got := n.Queries("shop.a.test"); got.HTTPS != 4 {
		t.Errorf("counted %+v", got)
	}
	publish(t, n, "close.a.test", names.Domain{Document: &names.Document{Close: true}})
	publish(t, n, "late.a.test", names.Domain{Document: &names.Document{Hang: true}})
	publish(t, n, "drip.a.test", names.Domain{Document: &names.Document{Body: "{}", DripEvery: time.Hour}})
	client.Timeout = 200 * time.Millisecond
	for _, host := range []string{"close", "late", "drip", "unknown"} {
		if answer, _, err = get(t, client, "https://"+host+".a.test/.well-known/mir.json"); err == nil {
			t.Errorf("%s: answered %v", host, answer)
		}
	}
}

func TestCertificates(t *testing.T) {
	n := start(t, "a.test")
	client := browser(t, n)
	for _, kind := range []string{"self-signed", "other-name", "expired"} {
		publish(t, n, kind+".a.test", names.Domain{Certificate: kind})
		_, _, err := get(t, client, "https://"+kind+".a.test/")
		if fault := new(tls.CertificateVerificationError); !errors.As(err, &fault) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// Whoever trusts the authority trusts it for the suite's own names alone.
func TestAuthorityIsForItsNamesAlone(t *testing.T) {
	n := start(t, "a.example")
	client := browser(t, n)
	for host, good := range map[string]bool{"shop.a.example": true, "www.shop.a.example": true, "shop.test": true, "a.example.com": false, "bank.example": false} {
		publish(t, n, host, names.Domain{})
		_, _, err := get(t, client, "https://"+host+"/")
		fault := new(tls.CertificateVerificationError)
		if refused := errors.As(err, &fault); refused == good || good && err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// However many questions are to be held back, few are; and the others are answered as ever.
func TestFewAnswersAreHeldBack(t *testing.T) {
	n := start(t, "a.test")
	publish(t, n, "slow.a.test", names.Domain{DNSDelay: time.Hour})
	publish(t, n, "quick.a.test", names.Domain{})
	connection, err := new(net.Dialer).DialContext(t.Context(), "udp", n.DNS().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	before := runtime.NumGoroutine()
	question, err := new(dns.Msg).SetQuestion("_mir-key.slow.a.test.", dns.TypeTXT).Pack()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4000 {
		if _, err := connection.Write(question); err != nil {
			t.Fatal(err)
		}
		if i%100 != 99 {
			continue
		}
		if answer, err := ask(t, n, "udp", "quick.a.test", dns.TypeA); err != nil || len(answer.Answer) != 1 { // and so the questions before are read
			t.Fatalf("%v, %v", answer, err)
		}
	}
	if more := runtime.NumGoroutine() - before; more > 1000 || more < 100 {
		t.Errorf("%d goroutines hold answers back", more)
	}
}

func TestHandleAndPlain(t *testing.T) {
	n := start(t, "a.test")
	publish(t, n, "peer.a.test", names.Domain{})
	n.Handle("peer.a.test", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	if _, body, err := get(t, browser(t, n), "https://peer.a.test/log"); err != nil || body != "here" {
		t.Errorf("%q, %v", body, err)
	}
	if _, body, err := get(t, browser(t, n), "http://peer.a.test/log"); err != nil || body != "here" {
		t.Errorf("in clear text: %q, %v", body, err)
	}
	if got := n.Queries("peer.a.test"); got.Plain != 1 || got.HTTPS != 1 {
		t.Errorf("counted %+v", got)
	}
	n.Handle("peer.a.test", nil)
	if answer, _, err := get(t, browser(t, n), "https://peer.a.test/log"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("%v, %v", answer, err)
	}
}

func TestUpstream(t *testing.T) {
	n, up := start(t, "a.test"), start(t, "b.test")
	publish(t, up, "node.b.test", names.Domain{Keys: []names.PublishedKey{{Public: "AAA"}}})
	client := browser(t, n, up)
	if _, _, err := get(t, client, "https://node.b.test/.well-known/mir.json"); err == nil {
		t.Error("answered without an upstream")
	}
	n.SetUpstream(up.DNS(), up.HTTPS())
	for _, network := range []string{"udp", "tcp"} {
		if answer, err := ask(t, n, network, "_mir-key.node.b.test", dns.TypeTXT); err != nil || !slices.Equal(texts(answer), []string{"mir-key=AAA"}) {
			t.Errorf("%s: %v, %v", network, answer, err)
		}
	}
	if answer, body, err := get(t, client, "https://node.b.test/.well-known/mir.json"); err != nil || !strings.Contains(body, "AAA") {
		t.Errorf("%v, %q, %v", answer, body, err)
	}
	if answer, err := ask(t, n, "udp", "no.a.test", dns.TypeA); err != nil || answer.Rcode != dns.RcodeNameError {
		t.Errorf("a name below the suffix was forwarded: %v, %v", answer, err)
	}
}
