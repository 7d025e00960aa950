package discovery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/discovery/internal/guard"
)

// Bounds of the guarded HTTP client beside those of Config.
const (
	dialTimeout     = 2 * time.Second  // one address
	maxDialled      = 6                // addresses of a host that are tried
	tlsTimeout      = 3 * time.Second  // handshake
	headerTimeout   = 4 * time.Second  // until the answer's headers are in
	maxHeaderBytes  = 16 << 10         // headers of an answer
	idleConnections = 32               // kept open, over all hosts
	idleTimeout     = 10 * time.Second // until an unused connection is closed
)

var (
	errTooLarge  = fmt.Errorf("the answer is larger than %d bytes", MaxBody)
	errNoAddress = errors.New("the host has no address")
	errFamily    = errors.New("the host has no address of the kind (IPv4, IPv6) that connections are made from")
	errNoName    = fmt.Errorf("%w: its name does not exist in DNS", errNoAddress)
)

// ruleError is a request that the client's rules forbid: scheme, port, user info,
// number of redirects.
type ruleError struct{ message string }

func (e *ruleError) Error() string { return e.message }

// hostError says which host a dial was for; redirects lead to others.
type hostError struct {
	host string
	err  error
}

func (e *hostError) Error() string { return e.host + ": " + e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

// NewHTTPClient returns the client for every request to a host that others name. It
// speaks HTTPS to the configured port alone, resolves names through the configured
// resolvers, refuses addresses that are not public (see Config.AllowRanges) at the
// socket itself, follows at most MaxRedirects redirects by the same rules, cuts bodies
// off at MaxBody, keeps no cookies, uses no proxy and asks for no compression.
// CloseIdleConnections ends its idle connections. It may be used from several goroutines.
func NewHTTPClient(cfg Config) (*http.Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	resolve, err := newDNSClient(cfg)
	if err != nil {
		return nil, err
	}
	return newHTTPClient(cfg, resolve), nil
}

func newDNSClient(cfg Config) (*dnsclient.Client, error) {
	c, err := dnsclient.New(dnsclient.Options{
		Resolvers: cfg.Resolvers, Roots: cfg.roots(), TryTimeout: cfg.DNSTryTimeout, Timeout: cfg.DNSTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	return c, nil
}

func newHTTPClient(cfg Config, resolve *dnsclient.Client) *http.Client {
	g := guard.New(uint16(cfg.WellKnownPort), cfg.AllowRanges) // withDefaults checked the port's range
	d := guardedDialer{resolve: resolve, guard: g, dialer: g.Dialer(dialTimeout), timeout: cfg.HTTPTimeout}
	transport := &guardedTransport{
		port: strconv.Itoa(cfg.WellKnownPort),
		base: &http.Transport{
			Proxy:                  nil,
			DialContext:            d.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.roots()},
			TLSHandshakeTimeout:    tlsTimeout,
			ResponseHeaderTimeout:  headerTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableCompression:     true,
			MaxIdleConns:           idleConnections,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idleTimeout,
		},
	}
	return &http.Client{Transport: transport, Timeout: cfg.HTTPTimeout, CheckRedirect: transport.checkRedirect}
}

// guardedDialer connects to addresses that it resolved and checked itself.
type guardedDialer struct {
	resolve *dnsclient.Client
	guard   guard.Guard
	dialer  *net.Dialer
	timeout time.Duration // resolving and all addresses; the transport may dial on after its request ended
	source  netip.Addr    // where connections are made from; the zero Addr: the system chooses
}

// dial resolves the host and tries its permitted addresses in turn.
func (d guardedDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	addresses, err := d.addresses(ctx, host)
	if err != nil {
		return nil, &hostError{host, err}
	}
	for _, ip := range addresses {
		var conn net.Conn
		conn, err = d.dialer.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &hostError{host, err}
}

// addresses returns the permitted addresses of a host, at least one.
func (d guardedDialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	all := make([]netip.Addr, 0, 1)
	if ip, err := netip.ParseAddr(host); err == nil {
		all = append(all, ip)
	} else {
		answer, err := d.resolve.Addresses(ctx, host)
		if err != nil {
			return nil, err
		}
		if answer.Missing && len(answer.Chain) == 0 {
			return nil, errNoName
		}
		all = answer.Addresses
	}
	if len(all) == 0 {
		return nil, errNoAddress
	}
	var permitted []netip.Addr
	var refusal error
	for _, ip := range all {
		if d.source.IsValid() && d.source.Is4() != ip.Unmap().Is4() {
			refusal = errFamily
		} else if err := d.guard.Check(ip); err != nil {
			refusal = err
		} else if len(permitted) < maxDialled {
			permitted = append(permitted, ip)
		}
	}
	if len(permitted) == 0 {
		return nil, refusal
	}
	return permitted, nil
}

// guardedTransport holds each request, redirected ones too, to the rules.
type guardedTransport struct {
	base *http.Transport
	port string
}

// RoundTrip implements http.RoundTripper.
func (t *guardedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := t.check(request.URL); err != nil {
		return nil, err
	}
	answer, err := t.base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if answer.ContentLength > MaxBody {
		_ = answer.Body.Close() // not read: too large
		return nil, errTooLarge
	}
	answer.Body = &boundedBody{body: answer.Body, left: MaxBody}
	return answer, nil
}

// CloseIdleConnections is called by http.Client's method of that name.
func (t *guardedTransport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t *guardedTransport) check(u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	switch {
	case u.Scheme != "https":
		return &ruleError{fmt.Sprintf("%s:// is not allowed, only https://", u.Scheme)}
	case u.User != nil:
		return &ruleError{"a URL with user name or password is not allowed"}
	case port != t.port:
		return &ruleError{fmt.Sprintf("port %s is not allowed, only %s", port, t.port)}
	}
	return nil
}

// checkRedirect is the http.Client's hook: what it returns ends the request.
func (t *guardedTransport) checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > MaxRedirects {
		return &ruleError{fmt.Sprintf("more than %d redirects", MaxRedirects)}
	}
	request.Header.Del("Referer")
	if err := t.check(request.URL); err != nil {
		return &ruleError{fmt.Sprintf("redirect to %s: %s", clip(request.URL.Redacted()), err)}
	}
	return nil
}

// boundedBody fails with errTooLarge instead of yielding more than its bound.
type boundedBody struct {
	body io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if n > b.left {
		n, err = b.left, errTooLarge
	}
	b.left -= n
	return n, err
}

func (b *boundedBody) Close() error { return b.body.Close() }
