package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/discovery"
	"mirnode/protocol"
)

func (w *world) peerClient(t testing.TB, change func(*discovery.Config), o discovery.PeerOptions) *discovery.PeerClient {
	t.Helper()
	cfg := w.config()
	cfg.WellKnownPort = 0 // peers listen on any port
	if change != nil {
		change(&cfg)
	}
	c, err := discovery.NewPeerClient(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// fetch asks the web for a path of the host's and reads the answer.
func (w *world) fetch(t testing.TB, c *discovery.PeerClient, host string, limit int64) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://%s:%d/x", host, w.web.port), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(request, limit)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

func TestPeerClient(t *testing.T) {
	w := newWorld(t)
	w.Set("node.example", "60 IN A 127.0.0.1")
	w.web.handle("node.example", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("it asked for compression")
		}
		_, _ = io.WriteString(rw, strings.Repeat("a", 100_000))
	})
	w.Set("moved.example", "60 IN A 127.0.0.1")
	w.web.handle("moved.example", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, fmt.Sprintf("https://node.example:%d/", w.web.port), http.StatusFound)
	})
	w.Set("inside.example", "60 IN A 10.0.0.1")

	c := w.peerClient(t, nil, discovery.PeerOptions{})
	for range 3 {
		if body, err := w.fetch(t, c, "node.example", 1<<20); err != nil || len(body) != 100_000 {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	}
	if n := w.web.connections.Load(); n != 1 {
		t.Errorf("%d connections for 3 requests, want one that is kept", n)
	}
	if _, err := w.fetch(t, c, "node.example", 99_999); !discovery.IsTooLarge(err) {
		t.Errorf("a longer answer: %v", err)
	}
	if body, err := w.fetch(t, c, "moved.example", 1<<20); err != nil || len(body) > 1000 {
		t.Errorf("a redirect was followed: %d bytes, %v", len(body), err)
	}
	_, err := w.fetch(t, c, "inside.example", 10)
	if err == nil || !strings.Contains(discovery.Explain(err), "not public") {
		t.Errorf("an inward host: %v", err)
	}
	closed := w.peerClient(t, func(cfg *discovery.Config) { cfg.AllowRanges = nil }, discovery.PeerOptions{})
	if _, err := w.fetch(t, closed, "node.example", 10); err == nil || !strings.Contains(discovery.Explain(err), "not public") {
		t.Errorf("loopback without its range: %v", err)
	}
	if closed.Permit(netip.MustParseAddr("127.0.0.1")) == nil || c.Permit(netip.MustParseAddr("127.0.0.1")) != nil {
		t.Error("Permit does not hold to the ranges")
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://node.example:%d/", w.web.port), nil)
	if _, err := c.Do(request, 10); err == nil || !strings.Contains(discovery.Explain(err), "only https") {
		t.Errorf("clear text: %v", err)
	}
	if body, status, err := c.Document(t.Context(), fmt.Sprintf("https://moved.example:%d/", w.web.port)); !discovery.IsTooLarge(err) {
		t.Errorf("a large document: %d bytes, %d, %v", len(body), status, err)
	}
}

// TestPeerClientSource is about the address that connections come from.
func TestPeerClientSource(t *testing.T) {
	w := newWorld(t)
	w.Set("node.example", "60 IN A 127.0.0.1")
	w.Set("six.example", "60 IN AAAA ::1")
	w.web.handle("node.example", func(rw http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = io.WriteString(rw, host)
	})
	c := w.peerClient(t, nil, discovery.PeerOptions{Source: netip.MustParseAddr("127.0.9.9")})
	if from, err := w.fetch(t, c, "node.example", 100); err != nil || from != "127.0.9.9" {
		t.Errorf("from %q, %v", from, err)
	}
	if _, err := w.fetch(t, c, "six.example", 100); err == nil || !strings.Contains(discovery.Explain(err), "IPv4") {
		t.Errorf("an IPv6 host from an IPv4 address: %v", err)
	}
}

// TestPeerClientStall: a peer that stops in the middle is given up, and one that never starts too.
func TestPeerClientStall(t *testing.T) {
	w := newWorld(t)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	w.Set("node.example", "60 IN A 127.0.0.1")
	w.web.handle("node.example", func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(rw, "begin")
		_ = http.NewResponseController(rw).Flush()
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	c := w.peerClient(t, nil, discovery.PeerOptions{StallTimeout: 50 * time.Millisecond})
	body, err := w.fetch(t, c, "node.example", 100)
	if body != "begin" || discovery.Explain(err) != "it did not answer in time" {
		t.Errorf("%q, %v", body, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://node.example:%d/", w.web.port), nil)
	if _, err := c.Do(request, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that was given up: %v", err)
	}
}

func TestNodeURLs(t *testing.T) {
	w := newWorld(t)
	w.Set("_mir-node._tcp.shop.example",
		"60 IN SRV 20 1 443 last.example.", "60 IN SRV 10 1 8443 Light.example.", "60 IN SRV 10 9 8443 heavy.example.", "60 IN SRV 30 1 1 x.example.")
	w.Set("_mir-node._tcp.none.example", "60 IN SRV 0 0 0 .")
	c := w.peerClient(t, nil, discovery.PeerOptions{})
	const path = "/.well-known/mir-node.json"
	for domain, want := range map[string][]string{
		"Shop.example": {"https://heavy.example:8443" + path, "https://light.example:8443" + path, "https://last.example" + path, "https://shop.example" + path},
		"none.example": {"https://none.example" + path},
		"bare.example": {"https://bare.example" + path},
	} {
		if got, err := c.NodeURLs(t.Context(), domain); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", domain, got, err, want)
		}
	}
	if hosts, err := c.HomeNodes(t.Context(), "shop.example"); err != nil || !slices.Equal(hosts, []string{"heavy.example", "light.example", "last.example"}) {
		t.Errorf("%q, %v", hosts, err)
	}
	var refusal *protocol.Error
	if _, err := c.NodeURLs(t.Context(), "127.0.0.1"); !errors.As(err, &refusal) {
		t.Errorf("an address as domain: %v", err)
	}
	silent := w.peerClient(t, func(cfg *discovery.Config) {
		cfg.Resolvers, cfg.DNSTryTimeout = []string{"udp://127.0.0.1:1"}, 50*time.Millisecond
	}, discovery.PeerOptions{})
	var unreachable *protocol.UnreachableError
	if got, err := silent.NodeURLs(t.Context(), "shop.example"); !errors.As(err, &unreachable) || len(got) != 1 {
		t.Errorf("no resolver: %q, %v", got, err)
	}
	if _, err := silent.Resolve(t.Context(), "shop.example"); err == nil {
		t.Error("a name was resolved without a resolver")
	}
}
