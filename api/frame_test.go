package api_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mirnode/api"
	"mirnode/protocol"
	"mirnode/store"
)

func TestWhatIsNoRoute(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/nothing", 404, ""},
		{"GET", "/claims/", 404, ""},
		{"GET", "/docs/../etc/passwd", 404, ""},
		{"GET", "/docs/secret.js", 404, ""},
		{"POST", "/", 404, ""},
		{"GET", "/claims/batch", 405, "POST, OPTIONS"},
		{"OPTIONS", "/nothing", 404, ""},
		{"DELETE", "/claims", 405, "GET, HEAD, POST, OPTIONS"},
		{"PUT", "/verify", 405, "POST, OPTIONS"},
		{"BREW", "/node", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/claims", 204, "GET, HEAD, POST, OPTIONS"},
	} {
		w := f.do(t, httptest.NewRequest(test.method, test.target, nil))
		if w.Code != test.status || w.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", test.method, test.target, w.Code, w.Header().Get("Allow"), test.status, test.allow)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	f := newFixture(t)
	for _, target := range []string{"/node", "/docs", "/docs/docs.js", "/openapi.json", "/claims", "/nothing", "/healthz"} {
		h := f.get(t, target).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Access-Control-Allow-Origin": "*",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", target, name, h.Get(name))
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy is %q", target, policy)
		}
		if strings.Contains(policy, "unsafe") != (target == "/docs") {
			t.Errorf("%s: the policy is %q", target, policy)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", target, h)
		}
	}
}

func TestPreflight(t *testing.T) {
	f := newFixture(t)
	h := f.do(t, request("OPTIONS", "/claims", "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")).Header()
	if h.Get("Access-Control-Allow-Methods") != "GET, HEAD, POST" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Content-Type") || h.Get("Access-Control-Max-Age") == "" {
		t.Errorf("%v", h)
	}
}

func TestHead(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f.api.Handler())
	defer server.Close()
	for _, target := range []string{"/node", "/docs", "/openapi.json", "/claims?domain=shop.example", "/claims/claim_" + strings.Repeat("0", 64)} {
		got, err := http.Head(server.URL + target)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(got.Body)
		_ = got.Body.Close()
		want, err := http.Get(server.URL + target)
		if err != nil {
			t.Fatal(err)
		}
		_ = want.Body.Close()
		if got.StatusCode != want.StatusCode || len(body) > 0 || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
			t.Errorf("%s: HEAD %d, GET %d", target, got.StatusCode, want.StatusCode)
		}
	}
}

func TestRootLeadsToTheDocs(t *testing.T) {
	if w := newFixture(t, unlimited).get(t, "/"); w.Code != 302 || w.Header().Get("Location") != "/docs" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// A body with a length and in chunks may mean two things: nothing else is read from its connection.
func TestTwoLengths(t *testing.T) {
	server := httptest.NewServer(newFixture(t, unlimited).api.Handler())
	defer server.Close()
	connection, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	request := "POST /claims HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	if _, err := io.WriteString(connection, request+"GET /node HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answers, _ := io.ReadAll(connection) // it may end in a reset
	if n := strings.Count(string(answers), "HTTP/1.1 "); n != 1 || !strings.Contains(string(answers), "Connection: close") {
		t.Errorf("%d answers: %s", n, answers)
	}
}

func TestCompression(t *testing.T) {
	f := newFixture(t, unlimited)
	for range 20 {
		f.post(t, "/claims", string(f.shop.claim(t).Raw()))
	}
	for _, test := range []struct {
		target, accept, want string
	}{
		{"/claims?domain=shop.example", "gzip", "gzip"},
		{"/claims?domain=shop.example", "", ""},
		{"/claims?domain=other.example", "gzip", ""}, // too small to be worth it
		{"/openapi.json", "gzip, br", "gzip"},
		{"/docs/swagger-ui-bundle.js", "gzip", "gzip"},
		{"/docs/swagger-ui-bundle.js", "", ""},
	} {
		r := request("GET", test.target, "", "Accept-Encoding", test.accept)
		w := httptest.NewRecorder()
		f.api.Handler().ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); got != test.want {
			t.Errorf("%s, asked for %q: %q", test.target, test.accept, got)
		}
		if test.want == "gzip" {
			reader, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if plain, err := io.ReadAll(reader); err != nil || len(plain) < 2000 {
				t.Errorf("%s: %v, %d bytes", test.target, err, len(plain))
			}
		}
	}
}

// brokenStore fails as the test says.
type brokenStore struct {
	*store.Store
	fail func() error
}

func (s brokenStore) Claim(context.Context, [32]byte) (store.Record, error) {
	return store.Record{}, s.fail()
}

func (s brokenStore) Ready() error { return s.fail() }

// broken makes a store whose reads of claims fail.
func broken(fail func() error) func(*setup) {
	return func(s *setup) { s.wrap = func(inner *store.Store) api.Store { return brokenStore{inner, fail} } }
}

func TestFaultsOfTheNode(t *testing.T) {
	for _, test := range []struct {
		name   string
		fail   func() error
		status int
		retry  string
		logged string
	}{
		{"a fault", func() error { return errors.New("/var/lib inside: I/O error") }, 500, "", "I/O error"},
		{"a panic", func() error { panic("inside out") }, 500, "", "inside out"},
		{"read-only", func() error { return errors.Join(store.ErrReadOnly, errors.New("inside")) }, 503, "30", ""},
		{"stopping", func() error { return store.ErrClosed }, 503, "5", ""},
		{"too slow", func() error { return context.DeadlineExceeded }, 503, "5", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, broken(test.fail))
			w := f.get(t, "/claims/claim_"+strings.Repeat("a", 64))
			if w.Code != test.status || w.Header().Get("Retry-After") != test.retry {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			if test.status == 500 {
				id := w.Header().Get("X-Request-Id")
				if !strings.Contains(w.Body.String(), id) || !strings.Contains(f.log.String(), id) || !strings.Contains(f.log.String(), test.logged) {
					t.Errorf("request %s: %s\n%s", id, w.Body, f.log)
				}
			}
		})
	}
}

func TestReady(t *testing.T) {
	var fault error
	f := newFixture(t, with(func(o *api.Options) {
		o.Checks = []api.Check{{Name: "resolver", Ready: func(context.Context) error { return fault }}}
	}))
	if w := f.get(t, "/readyz"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	fault = errors.New("the resolver does not answer")
	if w := f.get(t, "/readyz"); w.Code != 200 {
		t.Errorf("the answer was not kept: %d %s", w.Code, w.Body)
	}
	f.clock.advance(11e9)
	if w := f.get(t, "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "does not answer") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	readOnly := newFixture(t, broken(func() error { return store.ErrReadOnly }))
	if w := readOnly.get(t, "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "read-only") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Damage in the store's files is told to whoever watches the node, even when the next record is whole again.
func TestDamageIsTold(t *testing.T) {
	damaged := true
	f := newFixture(t, broken(func() error {
		if damaged {
			return fmt.Errorf("reading inside: %w", &store.CorruptError{File: "/inside/log.db", Reason: "checksum"})
		}
		return nil
	}))
	if w := f.get(t, "/claims/claim_"+strings.Repeat("a", 64)); w.Code != 500 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	damaged = false
	if w := f.get(t, "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "damage") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := httptest.NewRecorder()
	f.api.Operator().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil))
	if !strings.Contains(w.Body.String(), "mir_store_damage_total 1") {
		t.Error(w.Body)
	}
}

// The log has no bodies, no subjects, no claim IDs, and no addresses unless they are turned on.
func TestRequestLog(t *testing.T) {
	f := newFixture(t)
	subject := protocol.Subject("shop.example", "4711")
	claim := f.shop.claim(t)
	f.post(t, "/claims", string(claim.Raw()))
	f.get(t, "/claims?subject="+subject)
	f.get(t, "/claims/"+claim.ID())
	log := f.log.String()
	for _, secret := range []string{subject, claim.ID(), claim.Sig, "192.0.2.1", "EUR"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	if !strings.Contains(log, "route=/claims/:claimId status=200") {
		t.Errorf("the log lacks a request:\n%s", log)
	}
	clients := newFixture(t, with(func(o *api.Options) { o.LogClients = true }))
	clients.get(t, "/node")
	if !strings.Contains(clients.log.String(), "client=192.0.2.1") {
		t.Errorf("the log lacks the client:\n%s", clients.log)
	}
	errorsOnly := newFixture(t, with(func(o *api.Options) { o.Requests = api.LogErrors }))
	errorsOnly.get(t, "/node")
	if errorsOnly.log.String() != "" {
		t.Errorf("logged:\n%s", errorsOnly.log)
	}
}
