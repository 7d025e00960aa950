package discovery_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"mirnode/discovery"
	"mirnode/discovery/internal/tlstest"
	"mirnode/protocol"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

// TestWellKnownStatuses holds each answer of a web server to its status.
func TestWellKnownStatuses(t *testing.T) {
	w := newWorld(t)
	key, stop := newKey(t), make(chan struct{})
	t.Cleanup(func() { close(stop) }) // before the web server ends: cleanups run last in, first out
	good := document(key)
	status := func(code int) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }
	}
	typed := func(contentType, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(rw, body)
		}
	}
	redirect := func(format string, args ...any) http.HandlerFunc {
		return http.RedirectHandler(fmt.Sprintf(format, args...), http.StatusFound).ServeHTTP
	}
	w.publishDocument("target.example", key)
	w.Set("no-address.example")
	at := func(host string) string { return fmt.Sprintf("https://%s:%d/.well-known/mir.json", host, w.web.port) }
	for i := range 5 {
		host := fmt.Sprintf("hop%d.example", i)
		w.Set(host, "60 IN A 127.0.0.1")
		w.web.handle(host, redirect("%s", at(fmt.Sprintf("hop%d.example", i+1))))
	}
	w.web.handle("hop4.example", serveJSON(good))

	cases := []struct {
		name    string
		handler http.HandlerFunc
		want    discovery.Status
		says    string
	}{
		{"good", serveJSON(good), discovery.StatusOK, "1 key"},
		{"type-with-parameter", typed("Application/JSON; charset=utf-8", good), discovery.StatusOK, "1 key"},
		{"unknown-members", serveJSON(strings.Replace(good, "{", `{"more":[{}],`, 1)), discovery.StatusOK, "1 key"},
		{"wrong-type", typed("text/html", good), discovery.StatusInvalid, "text/html"},
		{"no-type", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header()["Content-Type"] = nil
			_, _ = io.WriteString(rw, good)
		}, discovery.StatusInvalid, "Content-Type"},
		{"compressed", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			serveJSON("\x1f\x8b")(rw, r)
		}, discovery.StatusInvalid, "compressed"},
		{"not-json", serveJSON("<html>"), discovery.StatusInvalid, "cannot be read"},
		{"not-keys", serveJSON(`{"Keys":[]}`), discovery.StatusInvalid, "no array called keys"},
		{"empty", serveJSON(`{"keys":[]}`), discovery.StatusOK, "0 keys"},
		{"status-404", status(404), discovery.StatusAbsent, "404"},
		{"status-410", status(410), discovery.StatusAbsent, "410"},
		{"status-403", status(403), discovery.StatusAbsent, "403"},
		{"status-408", status(408), discovery.StatusUnreachable, "408"},
		{"status-429", status(429), discovery.StatusUnreachable, "429"},
		{"status-500", status(500), discovery.StatusUnreachable, "500"},
		{"status-503", status(503), discovery.StatusUnreachable, "503"},
		{"status-204", status(204), discovery.StatusInvalid, "204"},
		{"status-304", status(304), discovery.StatusInvalid, "304"},
		{"endless", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			for {
				if _, err := rw.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, discovery.StatusInvalid, "larger than"},
		{"large-announced", serveJSON(strings.Repeat(" ", discovery.MaxBody) + good), discovery.StatusInvalid, "larger than"},
		{"exactly-at-the-bound", serveJSON(strings.Repeat(" ", discovery.MaxBody-len(good)) + good), discovery.StatusOK, "1 key"},
		{"large-headers", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("X", strings.Repeat("x", 20<<10))
			serveJSON(good)(rw, r)
		}, discovery.StatusUnreachable, ""},
		{"slow-headers", func(_ http.ResponseWriter, r *http.Request) { wait(r, stop) }, discovery.StatusUnreachable, "in time"},
		{"slow-body", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(rw, "{")
			_ = http.NewResponseController(rw).Flush()
			wait(r, stop)
		}, discovery.StatusUnreachable, "in time"},
		{"hang-up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, discovery.StatusUnreachable, ""},
		{"redirect", redirect("%s", at("target.example")), discovery.StatusOK, "1 key"},
		{"redirects-3", redirect("%s", at("hop2.example")), discovery.StatusOK, "1 key"},
		{"redirects-4", redirect("%s", at("hop1.example")), discovery.StatusInvalid, "more than 3 redirects"},
		{"redirect-to-itself", redirect("%s", at("redirect-to-itself.example")), discovery.StatusInvalid, "more than 3 redirects"},
		{"redirect-to-http", redirect("http://target.example:%d/", w.web.port), discovery.StatusInvalid, "only https://"},
		{"redirect-to-port", redirect("https://target.example:1/"), discovery.StatusInvalid, "port 1 is not allowed"},
		{"redirect-to-user", redirect("https://me@target.example:%d/", w.web.port), discovery.StatusInvalid, "user name"},
		{"redirect-to-nobody", redirect("%s", at("no-address.example")), discovery.StatusInvalid, "no address"},
		{"redirect-to-file", redirect("file:///etc/passwd"), discovery.StatusInvalid, "only https://"},
	}
	d := w.discoverer(t, func(c *discovery.Config) { c.HTTPTimeout = 2 * time.Second })
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			domain := c.name + ".example"
			w.Set(domain, "300 IN A 127.0.0.1")
			w.web.handle(domain, c.handler)
			report, err := d.Keys(t.Context(), domain)
			if err != nil {
				t.Fatal(err)
			}
			if got := report.WellKnown; got.Status != c.want || !strings.Contains(got.Detail, c.says) {
				t.Errorf("%s (%s), want %s (%s)", got.Status, got.Detail, c.want, c.says)
			}
			_, err = d.FindKey(t.Context(), domain, protocol.Fingerprint(newKey(t)))
			if want := map[bool]string{true: "unreachable", false: "KEY_NOT_FOUND"}[c.want == discovery.StatusUnreachable]; outcome(err) != want {
				t.Errorf("another key: %v, want %s", err, want)
			}
		})
	}
}

// wait blocks until the client or the test is gone.
func wait(r *http.Request, stop chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-stop:
	}
}

func TestCertificates(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	other := tlstest.NewCA(t)
	cases := []struct {
		domain string
		ca     *tlstest.CA
		leaf   tlstest.Leaf
		want   discovery.Status
		says   string
	}{
		{"good.example", w.ca, tlstest.Leaf{Names: []string{"good.example"}}, discovery.StatusOK, "1 key"},
		{"wildcard.good.example", w.ca, tlstest.Leaf{Names: []string{"*.good.example"}}, discovery.StatusOK, "1 key"},
		{"expired.example", w.ca, tlstest.Leaf{Names: []string{"expired.example"}, Expired: true}, discovery.StatusUnreachable, "expired"},
		{"wrong.example", w.ca, tlstest.Leaf{Names: []string{"other.example"}}, discovery.StatusUnreachable, "another name"},
		{"self.example", w.ca, tlstest.Leaf{Names: []string{"self.example"}, SelfSigned: true}, discovery.StatusUnreachable, "unknown authority"},
		{"foreign.example", other, tlstest.Leaf{Names: []string{"foreign.example"}}, discovery.StatusUnreachable, "unknown authority"},
	}
	d := w.discoverer(t, nil)
	for _, c := range cases {
		w.publishDocument(c.domain, key)
		w.web.present(c.domain, c.ca.Issue(t, c.leaf))
		report, err := d.Keys(t.Context(), c.domain)
		if err != nil {
			t.Fatal(err)
		}
		if got := report.WellKnown; got.Status != c.want || !strings.Contains(got.Detail, c.says) {
			t.Errorf("%s: %s (%s), want %s (%s)", c.domain, got.Status, got.Detail, c.want, c.says)
		}
	}
}

func TestBadEntriesAreReported(t *testing.T) {
	w := newWorld(t)
	key, other := newKey(t), newKey(t)
	entry := func(pub, fingerprint string) string {
		return fmt.Sprintf(`{"pub":%q,"fingerprint":%q,"alg":"Ed25519","created":"2026-01-01T00:00:00Z","expires":null}`, pub, fingerprint)
	}
	good := entry(protocol.EncodePublicKey(key), protocol.Fingerprint(key))
	identity := protocol.EncodePublicKey(append([]byte{1}, make([]byte, 31)...)) // small order: verifies anything
	w.Set("shop.example", "300 IN A 127.0.0.1")
	w.web.handle("shop.example", serveJSON(`{"keys":[`+strings.Join([]string{
		good, good, entry(protocol.EncodePublicKey(other), protocol.Fingerprint(key)), entry(identity, "00"), "17"}, ",")+`]}`))
	w.Set("_mir-key.shop.example", `60 IN TXT "mir-key=tooshort"`, `60 IN TXT "mir-key=`+identity+`"`, `60 IN TXT "MIR-KEY = x"`,
		`60 IN TXT "v=spf1 -all"`, `60 IN TXT "`+protocol.KeyRecord(key)+`"`, `61 IN TXT "mir-key=" "`+protocol.EncodePublicKey(key)+`"`)
	report, err := w.discoverer(t, nil).Keys(t.Context(), "SHOP.example")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Keys) != 1 || len(report.Keys[0].Channels) != 2 || report.Agreement != discovery.Agree {
		t.Errorf("keys %+v, agreement %s", report.Keys, report.Agreement)
	}
	if len(report.WellKnown.Problems) != 4 || len(report.DNS.Problems) != 4 {
		t.Errorf("problems %q and %q, want 4 and 4", report.WellKnown.Problems, report.DNS.Problems)
	}
	for _, says := range []string{"tooshort", "small order", "more than once", "fingerprint"} {
		if !reported(report, discovery.Fail, says) {
			t.Errorf("no finding about %q in %+v", says, report.Findings)
		}
	}
}

func reported(r *discovery.Report, level discovery.Level, says string) bool {
	for _, f := range r.Findings {
		if f.Level == level && strings.Contains(f.Message, says) {
			return true
		}
	}
	return false
}
