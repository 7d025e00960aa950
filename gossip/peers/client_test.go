package peers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/peers"
)

// recorder is an answer in the making.
type recorder struct {
	body *bytes.Buffer
	*httptest.ResponseRecorder
}

func newRecorder() *recorder {
	r := httptest.NewRecorder()
	return &recorder{r.Body, r}
}

func (r *recorder) response() *http.Response { return r.Result() }

// reports keeps what the client said of exchanges.
type reports struct {
	errs  []error
	bytes int64
	sent  int64
}

func (r *reports) Report(_ string, err error, bytes int64, _ time.Duration) {
	r.errs = append(r.errs, err)
	r.bytes += bytes
}
func (r *reports) Sent(_ string, bytes int64) { r.sent += bytes }

var peer = peers.Peer{Domain: "node2.test", URL: "https://node2.test:8443"}

// TestClient is about answers: what the caller gets, and whether the peer's health suffers.
func TestClient(t *testing.T) {
	cases := map[string]struct {
		handler http.HandlerFunc
		check   func(t *testing.T, body []byte, err error)
		healthy bool
	}{
		"ok": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+r.Header.Get("User-Agent"))
		}, func(t *testing.T, body []byte, err error) {
			if err != nil || string(body) != "GET https://node2.test:8443/log/heads?since=1 mirnode (node1.test)" {
				t.Errorf("%q, %v", body, err)
			}
		}, true},
		"not found": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":"no such\u001b[31m mirror","hint":"x","code":null}`)
		}, func(t *testing.T, _ []byte, err error) {
			var status *peers.StatusError
			if !errors.As(err, &status) || status.Code != 404 || status.Message != "no such?[31m mirror" {
				t.Errorf("%+v", err)
			}
		}, true},
		"busy": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}, func(t *testing.T, _ []byte, err error) {
			var status *peers.StatusError
			if !errors.As(err, &status) || status.RetryAfter != 7*time.Second {
				t.Errorf("%+v", err)
			}
		}, false},
		"broken": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, strings.Repeat("<", 100_000))
		}, func(t *testing.T, _ []byte, err error) {
			var status *peers.StatusError
			if !errors.As(err, &status) || len(status.Body) > 4<<10 || status.Message != "" {
				t.Errorf("%+v", err)
			}
		}, false},
		"moved": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.test/", http.StatusFound)
		}, func(t *testing.T, _ []byte, err error) {
			var status *peers.StatusError
			if !errors.As(err, &status) || status.Code != 302 {
				t.Errorf("%+v", err)
			}
		}, false},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
		}, func(t *testing.T, _ []byte, err error) {
			if err == nil {
				t.Error("accepted")
			}
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := &reports{}
			client := peers.NewClient(limited{c.handler}, r, "node1.test", nil)
			body, err := client.Get(t.Context(), peer, "/log/heads?since=1", 1000)
			c.check(t, body, err)
			if len(r.errs) != 1 || (r.errs[0] == nil) != c.healthy {
				t.Errorf("reported %v, want healthy: %v", r.errs, c.healthy)
			}
		})
	}
}

// limited is scripted, which leaves the bound to the client under test.
type limited struct{ handler http.HandlerFunc }

func (l limited) Do(r *http.Request, _ int64) (*http.Response, error) {
	rec := newRecorder()
	l.handler(rec, r)
	return rec.response(), nil
}

// failing does not answer.
type failing struct{ err error }

func (f failing) Do(r *http.Request, _ int64) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return nil, f.err
}

func TestClientFaults(t *testing.T) {
	r := &reports{}
	client := peers.NewClient(failing{errors.New("dial tcp 10.1.2.3:4: secret")}, r, "node1.test", nil)
	var unreachable *peers.UnreachableError
	if _, err := client.Post(t.Context(), peer, "/hint", "application/json", []byte("{}"), 10); !errors.As(err, &unreachable) || unreachable.Domain != "node2.test" {
		t.Errorf("%v", err)
	}
	if len(r.errs) != 1 || r.errs[0] == nil || r.sent != 2 {
		t.Errorf("reported %+v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Get(ctx, peer, "/hint", 10); !errors.Is(err, context.Canceled) || len(r.errs) != 1 {
		t.Errorf("a request that we gave up: %v, reported %+v", err, r)
	}
	if _, err := client.Get(t.Context(), peer, "hint", 10); err == nil {
		t.Error("a path without a slash")
	}
	r = &reports{}
	client = peers.NewClient(limited{func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "abc\n") }}, r, "node1.test", nil)
	stream, err := client.GetStream(t.Context(), peer, "/x", 10)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(stream); string(body) != "abc\n" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if len(r.errs) != 0 {
		t.Error("reported before its end")
	}
	_, _ = stream.Close(), stream.Close()
	if len(r.errs) != 1 || r.errs[0] != nil || r.bytes != 4 {
		t.Errorf("reported %+v", r)
	}
}
