package node_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/node"
	"mirnode/protocol"
)

// world is DNS and HTTPS in the place of the internet's, with a configuration of a node that asks them.
type world struct {
	dir    string
	names  *cluster.Names
	config node.Config
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	var err error
	if w.names, err = cluster.StartNames(w.dir, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.names.Close() })
	c := node.Default()
	c.Domain, c.DataDir, c.Listen, c.OperatorListen = "node.test", t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	c.Discovery.Resolvers = []string{"udp://" + w.names.DNS().String()}
	c.Discovery.AllowRanges = []string{"127.0.0.0/8"}
	c.Discovery.ExtraCAFile = w.names.CAFile()
	c.Discovery.WellKnownPort = int(w.names.WellKnown().Port())
	c.Limits.SubmitPerSecond, c.Limits.ReadPerSecond, c.Limits.DomainPerSecond = 0, 0, 0
	w.config = c
	w.change(t, func(p *cluster.Published) { p.Domains["node.test"] = &cluster.Domain{} })
	return w
}

func (w *world) change(t testing.TB, change func(p *cluster.Published)) {
	t.Helper()
	err := cluster.UpdatePublished(w.dir, func(p *cluster.Published) error {
		if p.Domains == nil {
			p.Domains = make(map[string]*cluster.Domain)
		}
		change(p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func keyOf(domain string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

// publish makes a domain with its key in both channels.
func (w *world) publish(t testing.TB, domain string) {
	t.Helper()
	public := protocol.EncodePublicKey(keyOf(domain).Public().(ed25519.PublicKey))
	w.change(t, func(p *cluster.Published) {
		p.Domains[domain] = &cluster.Domain{Keys: []cluster.Key{{Public: public, Channels: []protocol.Channel{protocol.WellKnown, protocol.DNS}}}}
	})
}

// claim signs the i-th claim of a domain.
func claim(t testing.TB, domain string, i int) *protocol.Claim {
	t.Helper()
	return typed(t, domain, i, "mir.transaction.completed")
}

// typed is claim with a type; a long one makes a large claim.
func typed(t testing.TB, domain string, i int, kind string) *protocol.Claim {
	t.Helper()
	draft, err := protocol.ParseDraft(fmt.Appendf(nil, `{"mir":1,"type":%q,"domain":%q,"subject":%q,"timestamp":%q,"metadata":{"count":%d}}`,
		kind, domain, protocol.Subject(domain, strconv.Itoa(i%7)), time.Now().UTC().Add(-time.Hour).Format(time.RFC3339), i))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := draft.Sign(keyOf(domain))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// running is a node that serves in this process.
type running struct {
	*node.Node
	stop func() error // stops it, and gives what Run returned
}

func (w *world) run(t *testing.T) running {
	t.Helper()
	n, err := node.New(t.Context(), w.config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	var result error
	stopped := false
	stop := func() error {
		if !stopped {
			stopped = true
			cancel()
			result = <-done
		}
		return result
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return running{n, stop}
}

func post(t testing.TB, url string, body []byte) (status int, header http.Header, answer map[string]any) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, answer
}

func get(t testing.TB, client *http.Client, url string) (int, string) {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// A domain that answers is told from one that does not, from the outside to the inside.
func TestSubmissionsEndToEnd(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "shop.test")
	w.publish(t, "broken.test")
	w.change(t, func(p *cluster.Published) {
		p.Domains["bare.test"] = &cluster.Domain{}
		p.Domains["broken.test"].Rcode = "SERVFAIL"
		p.Domains["broken.test"].Document = &cluster.Document{Status: 500}
	})
	n := w.run(t)
	for _, test := range []struct {
		name, domain string
		status       int
		code         any
	}{
		{"a key in both channels", "shop.test", 201, nil},
		{"no key", "bare.test", 400, "KEY_NOT_FOUND"},
		{"no such domain", "none.test", 400, "KEY_NOT_FOUND"},
		{"DNS fails", "broken.test", 503, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			signed := claim(t, test.domain, 1)
			status, header, answer := post(t, n.URL()+"/claims", signed.Raw())
			if status != test.status || answer["code"] != test.code {
				t.Fatalf("%d %v", status, answer)
			}
			if retry, _ := strconv.Atoi(header.Get("Retry-After")); (status == 503) != (retry > 0) {
				t.Errorf("Retry-After is %q", header.Get("Retry-After"))
			}
			if status == 201 {
				if status, body := get(t, http.DefaultClient, n.URL()+"/claims/"+signed.ID()); status != 200 || !strings.Contains(body, string(signed.Raw())) {
					t.Errorf("%d %s", status, body)
				}
			}
		})
	}
	if status, body := get(t, http.DefaultClient, n.URL()+"/domains/shop.test/keys"); status != 200 || !strings.Contains(body, `"agreement":"agree"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, http.DefaultClient, n.URL()+"/readyz"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, http.DefaultClient, n.Operator()+"/admin/status"); status != 200 || !strings.Contains(body, `"ready":true`) {
		t.Errorf("%d %s", status, body)
	}
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.LocalAddr().String()
}

// Without a resolver nothing gets a verdict, and the node says so.
func TestResolverThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.config.Discovery.Resolvers = []string{"udp://" + closedPort(t)}
	n := w.run(t)
	status, header, answer := post(t, n.URL()+"/claims", claim(t, "shop.test", 1).Raw())
	if status != 503 || header.Get("Retry-After") == "" || answer["code"] != nil {
		t.Errorf("%d %v %v", status, header, answer)
	}
	if status, body := get(t, http.DefaultClient, n.URL()+"/readyz"); status != 503 || !strings.Contains(body, "resolver") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, http.DefaultClient, n.URL()+"/claims?domain=shop.test"); status != 200 {
		t.Errorf("reads: %d %s", status, body)
	}
}

// A request under way when the node is told to stop is answered, and what it brought is there after a restart.
func TestStopInOrder(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "shop.test")
	w.config.ReadyFile = filepath.Join(t.TempDir(), "ready.json")
	n := w.run(t)
	if err := n.WriteReady(); err != nil {
		t.Fatal(err)
	}
	var note struct {
		URL, Operator string
		PID           int
	}
	if data, err := os.ReadFile(w.config.ReadyFile); err != nil || json.Unmarshal(data, &note) != nil || note.URL != n.URL() || note.Operator != n.Operator() || note.PID != os.Getpid() {
		t.Errorf("%v %s", err, data)
	}
	signed := claim(t, "shop.test", 1)
	connection, err := net.Dial("tcp", strings.TrimPrefix(n.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := fmt.Fprintf(connection, "POST /claims HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(signed.Raw())); err != nil {
		t.Fatal(err)
	}
	inside := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(connection, inside); err != nil { // the handler reads: the request is under way
		t.Fatal(err)
	}
	stopped := make(chan error)
	go func() { stopped <- n.stop() }()
	for { // until no new connection is taken
		probe, err := net.Dial("tcp", strings.TrimPrefix(n.URL(), "http://"))
		if err != nil {
			break
		}
		_ = probe.Close()
	}
	if _, err := connection.Write(signed.Raw()); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(connection)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 201") {
		t.Errorf("%s", answer)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
	again := w.run(t)
	if status, body := get(t, http.DefaultClient, again.URL()+"/claims/"+signed.ID()); status != 200 {
		t.Errorf("after the restart: %d %s", status, body)
	}
}

func TestOperatorOnASocket(t *testing.T) {
	w := newWorld(t)
	dir, err := os.MkdirTemp("", "mir") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "operator.sock")
	w.config.OperatorListen = "unix:" + path
	n := w.run(t)
	if n.Operator() != "unix:"+path {
		t.Errorf("the operator's routes are at %s", n.Operator())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", err, info)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	if status, body := get(t, client, "http://node/metrics"); status != 200 || !strings.Contains(body, "mir_store_claims 0") {
		t.Errorf("%d %s", status, body)
	}
	second := w.config
	second.DataDir = t.TempDir()
	if _, err := node.New(t.Context(), second, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("a second node took the socket: %v", err)
	}
}

// Two nodes on one folder would spoil it.
func TestOneNodeAFolder(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	w.config.Listen = "127.0.0.1:0"
	if _, err := node.New(t.Context(), w.config, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("a second node opened the folder: %v", err)
	}
}

func TestRefusedAtTheStart(t *testing.T) {
	blocker := writeFile(t, "file", "x")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		name   string
		change func(c *node.Config)
		want   string
	}{
		{"a file where the folder should be", func(c *node.Config) { c.DataDir = blocker }, "data_dir"},
		{"an address that is taken", func(c *node.Config) { c.Listen = taken.Addr().String() }, "listen"},
		{"a socket's path that is a file", func(c *node.Config) { c.OperatorListen = "unix:" + blocker }, "is no socket"},
		{"a certificate that is not there", func(c *node.Config) { c.TLS = node.TLS{Cert: "none.pem", Key: "none.pem"} }, "tls"},
		{"authorities that are none", func(c *node.Config) { c.Discovery.ExtraCAFile = blocker }, "no certificate"},
		{"a resolver of no kind", func(c *node.Config) { c.Discovery.Resolvers = []string{"http://x"} }, "discovery"},
		{"a document that is not there", func(c *node.Config) { c.Publish = node.Published{"shop.test": {"none.json"}} }, "publish"},
		{"a document that is none", func(c *node.Config) { c.Publish = node.Published{"shop.test": {blocker}} }, "publish"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := node.Default()
			c.DataDir, c.Listen = t.TempDir(), "127.0.0.1:0"
			test.change(&c)
			n, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = n.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, os.ErrClosed) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
		})
	}
}
