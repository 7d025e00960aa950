package cluster_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
)

// browser is a client that trusts the cluster's authority as its file is now, and finds every name at the cluster's HTTPS server.
func browser(t *testing.T, names *cluster.Names, now func() time.Time) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(names.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", pem)
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, Time: now},
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, names.WellKnown().String())
		},
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, Timeout: 5 * time.Second, CheckRedirect: stay}
}

func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestWellKnownDocument(t *testing.T) {
	names, dir := startNames(t, time.Now)
	created, expires := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	publish(t, dir, "a.test", func(d *cluster.Domain) {
		d.SetKey(cluster.Key{Public: testKey(1), Channels: both(), Created: &created, Expires: &expires})
		d.SetKey(cluster.Key{Public: testKey(2), Channels: []protocol.Channel{protocol.DNS}})
	})
	answer, body := get(t, browser(t, names, nil), "https://A.test/.well-known/mir.json")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "max-age=60" {
		t.Errorf("%s %v", answer.Status, answer.Header)
	}
	document, err := protocol.ParseKeyDocument([]byte(body))
	if err != nil || len(document.Problems) > 0 || len(document.Keys) != 1 {
		t.Fatalf("%s: %v %v", body, err, document)
	}
	if key := document.Keys[0]; protocol.EncodePublicKey(key.Public) != testKey(1) || !key.Created.Equal(created) || !key.Expires.Equal(expires) {
		t.Errorf("%+v", key)
	}
}

func TestWellKnownAnswers(t *testing.T) {
	names, dir := startNames(t, time.Now)
	publish(t, dir, "bare.test", func(d *cluster.Domain) { d.Records = []string{"www CNAME bare.test."} })
	publish(t, dir, "odd.test", func(d *cluster.Domain) {
		d.Document = &cluster.Document{Status: 302, ContentType: "text/html", Location: "http://10.0.0.1/", Body: "elsewhere"}
	})
	client := browser(t, names, nil)
	for url, want := range map[string]string{
		"https://bare.test/.well-known/mir.json":     "404 404 page not found",
		"https://www.bare.test/.well-known/mir.json": "404 404 page not found",
		"https://odd.test/":                          "404 404 page not found",
		"https://odd.test/.well-known/mir.json":      "302 elsewhere",
	} {
		answer, body := get(t, client, url)
		if got := answer.Status[:4] + strings.TrimSpace(body); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	answer, _ := get(t, client, "https://odd.test/.well-known/mir.json")
	if answer.Header.Get("Location") != "http://10.0.0.1/" || answer.Header.Get("Content-Type") != "text/html" {
		t.Errorf("headers %v", answer.Header)
	}
	if _, err := client.Get("https://nobody.test/.well-known/mir.json"); err == nil {
		t.Error("a name that is not published got a certificate")
	}
	request, err := http.NewRequest(http.MethodGet, "https://bare.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "odd.test"
	if answer, err := client.Do(request); err != nil || answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host over the same connection: %v %v", answer, err)
	} else {
		answer.Body.Close()
	}
	if answer, err := client.Post("https://odd.test/.well-known/mir.json", "text/plain", nil); err != nil || answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v %v", answer, err)
	} else {
		answer.Body.Close()
	}
}

func TestCertificatesAreRenewed(t *testing.T) {
	clock := time.Now()
	now := func() time.Time { return clock }
	names, dir := startNames(t, now)
	publish(t, dir, "a.test", func(*cluster.Domain) {})
	client := browser(t, names, now)
	serial := func() string {
		answer, _ := get(t, client, "https://a.test/")
		return answer.TLS.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	if serial() != first {
		t.Error("a new certificate for every connection")
	}
	clock = clock.Add(36 * time.Hour)
	if serial() == first {
		t.Error("an expired certificate was not renewed")
	}
}
