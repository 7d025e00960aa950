package discovery_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mirnode/discovery"
	"mirnode/discovery/internal/dnstest"
	"mirnode/discovery/internal/tlstest"
	"mirnode/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	loopback4 = netip.MustParsePrefix("127.0.0.0/8")
	loopback6 = netip.MustParsePrefix("::1/128")
)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time // owned by mu
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is an Internet on loopback: DNS records, a web server for all hosts, an authority.
type world struct {
	*dnstest.Records
	resolver string
	ca       *tlstest.CA
	clock    *clock
	web      *web
}

// newWorld starts one that ends with the test.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{Records: new(dnstest.Records), ca: tlstest.NewCA(t), clock: newClock()}
	w.resolver = dnstest.Serve(t, w.Answer)
	w.web = newWeb(t, w.ca, "127.0.0.1:0")
	return w
}

// config reaches the world, and nothing else.
func (w *world) config() discovery.Config {
	return discovery.Config{
		Resolvers: []string{w.resolver}, ExtraCAs: []*x509.Certificate{w.ca.Certificate},
		AllowRanges: []netip.Prefix{loopback4, loopback6}, WellKnownPort: w.web.port, Now: w.clock.Now,
	}
}

// discoverer makes one that ends with the test. change may be nil.
func (w *world) discoverer(t testing.TB, change func(*discovery.Config)) *discovery.Discoverer {
	t.Helper()
	cfg := w.config()
	if change != nil {
		change(&cfg)
	}
	d, err := discovery.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// publishDNS sets a domain's TXT records to the keys.
func (w *world) publishDNS(domain string, keys ...ed25519.PublicKey) {
	var records []string
	for _, k := range keys {
		records = append(records, `300 IN TXT "`+protocol.KeyRecord(k)+`"`)
	}
	w.Set("_mir-key."+domain, records...)
}

// publishDocument gives the domain an address and a key document.
func (w *world) publishDocument(domain string, keys ...ed25519.PublicKey) {
	w.Set(domain, "300 IN A 127.0.0.1")
	w.web.handle(domain, serveJSON(document(keys...)))
}

func document(keys ...ed25519.PublicKey) string {
	var d protocol.KeyDocument
	for _, k := range keys {
		d.Keys = append(d.Keys, protocol.DomainKey{Public: k, Fingerprint: protocol.Fingerprint(k)})
	}
	return string(d.JSON())
}

func serveJSON(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body)) // the client may be gone
	}
}

// web is a TLS server for any host. Unknown hosts get 404.
type web struct {
	port        int
	connections atomic.Int64

	mu       sync.Mutex
	hosts    map[string]http.HandlerFunc // owned by mu
	leaves   map[string]*tls.Certificate // owned by mu
	fallback func(name string) (*tls.Certificate, error)
}

func newWeb(t testing.TB, ca *tlstest.CA, address string) *web {
	t.Helper()
	s := &web{hosts: make(map[string]http.HandlerFunc), leaves: make(map[string]*tls.Certificate)}
	s.fallback = func(name string) (*tls.Certificate, error) {
		leaf := ca.Issue(t, tlstest.Leaf{Names: []string{name}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}})
		return &leaf, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	server := httptest.NewUnstartedServer(s)
	_ = server.Listener.Close() // ours takes its place
	server.Listener = counted{listener, &s.connections}
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{GetCertificate: s.certificate}
	server.Config.ErrorLog = discard()
	server.StartTLS()
	t.Cleanup(server.Close)
	return s
}

func (s *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	s.mu.Lock()
	handler := s.hosts[host]
	s.mu.Unlock()
	if handler == nil {
		handler = http.NotFound
	}
	handler(w, r)
}

func (s *web) handle(host string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[host] = handler
}

// present makes the host show this certificate.
func (s *web) present(host string, leaf tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaves[host] = &leaf
}

func (s *web) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	leaf, ok := s.leaves[hello.ServerName]
	if !ok {
		var err error
		if leaf, err = s.fallback(hello.ServerName); err != nil {
			return nil, err
		}
		s.leaves[hello.ServerName] = leaf
	}
	return leaf, nil
}

// counted counts accepted connections.
type counted struct {
	net.Listener
	n *atomic.Int64
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

func newKey(t testing.TB) ed25519.PublicKey {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// outcome names what FindKey said: "found", "KEY_NOT_FOUND", "unreachable", or another error's text.
func outcome(err error) string {
	var refusal *protocol.Error
	var unreachable *protocol.UnreachableError
	switch {
	case err == nil:
		return "found"
	case errors.As(err, &refusal):
		return string(refusal.Code)
	case errors.As(err, &unreachable):
		return "unreachable"
	}
	return err.Error()
}
