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
	"time"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/discovery/internal/guard"
)

// Bounds and defaults of PeerOptions.
const (
	// MaxPeerBody is the most that one answer of a peer may hold, in bytes.
	MaxPeerBody = 16 << 20

	DefaultPeerHeaderTimeout = 5 * time.Second // a peer that has vanished holds up no pull for longer; others have what it has
	DefaultPeerStallTimeout  = 15 * time.Second
	DefaultPeerIdleTimeout   = 90 * time.Second
	DefaultPeerConnections   = 8

	peerIdleConnections = 512 // kept open, over all peers: one or two a peer
	peerDNSTimeout      = 5 * time.Second
)

// PeerOptions says how a PeerClient differs from the client for key documents. Zero fields mean the defaults.
type PeerOptions struct {
	// Source is the address that connections are made from; the zero Addr leaves it to the system. It must be one of this machine's.
	Source netip.Addr
	// HeaderTimeout bounds the wait for an answer's headers, StallTimeout that for any further byte of its body, and IdleTimeout
	// how long an unused connection is kept. The whole of a call is bounded by the caller's context.
	HeaderTimeout, StallTimeout, IdleTimeout time.Duration
	// Connections bounds the connections to one host.
	Connections int
}

// PeerClient speaks to other nodes: HTTPS alone, by the same rules about addresses, resolvers and authorities as the client for
// key documents, but to any port, with bodies as large as the caller allows, and over connections that are kept. It may be used
// from several goroutines.
type PeerClient struct {
	resolve *dnsclient.Client
	guard   guard.Guard
	dialer  guardedDialer
	base    *http.Transport
	direct  *http.Client // follows no redirect
	follow  *http.Client // follows a few, for documents that a domain publishes
	stall   time.Duration
	port    int
}

// NewPeerClient returns a client that knows the resolvers, ranges and authorities of cfg.
func NewPeerClient(cfg Config, o PeerOptions) (*PeerClient, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.HeaderTimeout, DefaultPeerHeaderTimeout}, {&o.StallTimeout, DefaultPeerStallTimeout}, {&o.IdleTimeout, DefaultPeerIdleTimeout},
	} {
		if *d.field < 0 {
			return nil, errors.New("discovery: a time-out of the peer client is negative")
		}
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.Connections <= 0 {
		o.Connections = DefaultPeerConnections
	}
	resolve, err := newDNSClient(cfg)
	if err != nil {
		return nil, err
	}
	g := guard.NewAnyPort(cfg.AllowRanges)
	dialer := g.Dialer(dialTimeout)
	if o.Source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(o.Source.Unmap(), 0))
	}
	c := &PeerClient{
		resolve: resolve, guard: g, stall: o.StallTimeout, port: cfg.WellKnownPort,
		dialer: guardedDialer{resolve: resolve, guard: g, dialer: dialer, timeout: cfg.HTTPTimeout, source: o.Source.Unmap()},
	}
	c.base = &http.Transport{
		DialContext:            c.dialer.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.roots()},
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  o.HeaderTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // what is small on the wire must not grow here
		MaxIdleConns:           peerIdleConnections,
		MaxIdleConnsPerHost:    2,
		MaxConnsPerHost:        o.Connections,
		IdleConnTimeout:        o.IdleTimeout,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.direct = &http.Client{Transport: peerTransport{c.base}, CheckRedirect: stay}
	c.follow = &http.Client{Transport: peerTransport{c.base}, CheckRedirect: checkPeerRedirect}
	return c, nil
}

// Do sends a request, whose context bounds the whole call, and returns the answer. A redirect is an answer and not followed. The
// body yields at most limit bytes (and never more than MaxPeerBody), then fails with an error that [IsTooLarge] knows; it fails
// too where no byte comes for StallTimeout. The caller closes it. An answer that announces more is refused before it is read.
func (c *PeerClient) Do(request *http.Request, limit int64) (*http.Response, error) {
	return c.do(c.direct, request, limit)
}

// Document fetches a small document (at most MaxBody bytes) that a domain publishes, over at most MaxRedirects redirects. status is
// the answer's code; the body is given only with 200.
func (c *PeerClient) Document(ctx context.Context, address string) (body []byte, status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "mirnode")
	answer, err := c.do(c.follow, request, MaxBody)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = answer.Body.Close() }() // read to its end or given up
	if answer.StatusCode != http.StatusOK {
		return nil, answer.StatusCode, nil
	}
	body, err = io.ReadAll(answer.Body)
	return body, answer.StatusCode, err
}

func (c *PeerClient) do(client *http.Client, request *http.Request, limit int64) (*http.Response, error) {
	limit = min(max(limit, 0), MaxPeerBody)
	ctx, cancel := context.WithCancelCause(request.Context())
	answer, err := client.Do(request.WithContext(ctx)) //nolint:gosec // guarded: the socket's address is checked when it connects
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if answer.ContentLength > limit {
		cancel(nil)
		_ = answer.Body.Close() // not read: too large
		return nil, &tooLargeError{limit}
	}
	answer.Body = newPatientBody(answer.Body, limit, c.stall, cancel)
	return answer, nil
}

// Resolve returns the permitted addresses of a host, at most a few; names that lead inward are refused like any dial to them.
func (c *PeerClient) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, peerDNSTimeout)
	defer cancel()
	addresses, err := c.dialer.addresses(ctx, host)
	if err != nil {
		return nil, &hostError{host, err}
	}
	return addresses, nil
}

// Permit refuses an address that is not public and not in Config.AllowRanges.
func (c *PeerClient) Permit(ip netip.Addr) error { return c.guard.Check(ip) }

// CloseIdleConnections ends the connections that nobody uses now.
func (c *PeerClient) CloseIdleConnections() { c.base.CloseIdleConnections() }

// peerTransport holds each request to the rules that need no configuration.
type peerTransport struct{ base *http.Transport }

// RoundTrip implements http.RoundTripper.
func (t peerTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := checkPeerURL(request.URL); err != nil {
		return nil, err
	}
	return t.base.RoundTrip(request)
}

func checkPeerURL(u *url.URL) error {
	switch {
	case u.Scheme != "https":
		return &ruleError{fmt.Sprintf("%s:// is not allowed, only https://", clip(u.Scheme))}
	case u.User != nil:
		return &ruleError{"a URL with user name or password is not allowed"}
	}
	return nil
}

func checkPeerRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > MaxRedirects {
		return &ruleError{fmt.Sprintf("more than %d redirects", MaxRedirects)}
	}
	request.Header.Del("Referer")
	return checkPeerURL(request.URL)
}
