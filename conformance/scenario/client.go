package scenario

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of the HTTP client.
const (
	requestTimeout = 20 * time.Second
	maxAnswer      = 16 << 20 // bytes of an answer's body
	maxHeaders     = 64 << 10
	maxRetryAfter  = 10 * time.Second // a 429 that asks for more is an answer
	maxRetries     = 8                // of one request, after 429
	maxClients     = 4096             // addresses that requests come from, each with connections of its own; one is forgotten where there are more
)

// userAgent is what all requests name themselves: what any client of a node does, so that a target cannot tell that it is tested.
const userAgent = "mir"

// clients are HTTP clients by the address that they come from. Safe for concurrent use.
type clients struct {
	roots *x509.CertPool // set before use

	mu       sync.Mutex
	byOrigin map[netip.Addr]*http.Client
}

// from gives the client of an address; the zero Addr is any of this machine.
func (c *clients) from(address netip.Addr) *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have := c.byOrigin[address]; have != nil {
		return have
	}
	if c.byOrigin == nil {
		c.byOrigin = map[netip.Addr]*http.Client{}
	}
	if len(c.byOrigin) >= maxClients {
		for other, old := range c.byOrigin {
			old.CloseIdleConnections()
			delete(c.byOrigin, other)
			break
		}
	}
	dialer := &net.Dialer{Timeout: requestTimeout}
	if address.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, 0))
	}
	made := &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: maxHeaders,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        2 * time.Second,
		},
	}
	c.byOrigin[address] = made
	return made
}

func (c *clients) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, client := range c.byOrigin {
		client.CloseIdleConnections()
	}
	c.byOrigin = nil
}

// address gives the address that a case's client has: each name its own, each case its own. The zero Addr where the World offers none.
func (p *play) address(client string) netip.Addr {
	prefix := p.world.Addresses
	if !prefix.IsValid() || !prefix.Addr().Is4() || prefix.Bits() > 16 {
		return netip.Addr{}
	}
	sum := sha256.Sum256([]byte(p.unique + " " + client))
	b := prefix.Masked().Addr().As4()
	for i := range b {
		if 8*i >= prefix.Bits() {
			b[i] = sum[i]
		}
	}
	// Neither the network's own addresses nor those near its start, where nodes listen; and no broadcast.
	b[1], b[3] = b[1]|0x40, min(max(b[3], 1), 254)
	return netip.AddrFrom4(b)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	parsed any // the body as JSON; valid where isJSON
	isJSON bool
}

// send sends a request and reads the answer, both bounded, and keeps them for the report. It waits and sends again where the node says 429, unless limited
// is set. Safe for concurrent use.
func (p *play) send(ctx context.Context, client, method, url string, header http.Header, body []byte, limited bool) (*answer, error) {
	for try := 0; ; try++ {
		a, err := p.sendOnce(ctx, client, method, url, header, body)
		if err != nil || limited || a.status != http.StatusTooManyRequests || try >= maxRetries {
			return a, err
		}
		wait, ok := a.retryAfter()
		if !ok || !sleep(ctx, wait) {
			return a, nil
		}
	}
}

// retryAfter says how long a node asks to wait, and whether that is short enough to do so. A node that says 0 is given a moment all the same.
func (a *answer) retryAfter() (time.Duration, bool) {
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	wait := max(time.Duration(seconds)*time.Second, 100*time.Millisecond)
	return wait, err == nil && wait <= maxRetryAfter
}

func (p *play) sendOnce(ctx context.Context, client, method, url string, header http.Header, body []byte) (*answer, error) {
	what := method + " " + clip(url)
	var reader io.Reader
	if len(body) > 0 {
		reader = strings.NewReader(string(body))
	}
	request, err := http.NewRequestWithContext(ctx, method, url, reader) //nolint:gosec // where to is what the tester and the cases say
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSteps, err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	sent := append(headText(request.Header), body...)
	response, err := p.world.clients.from(p.address(client)).Do(request) //nolint:gosec // as above
	if err != nil {
		p.exchanges.addUnanswered(what, sent, err)
		return nil, fmt.Errorf("%s: no answer: %w", what, err)
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(read) > maxAnswer {
		err = errors.New("the answer is larger than 16 MiB")
	}
	head := append([]byte(response.Status+"\n"), headText(response.Header)...)
	p.exchanges.add(what, sent, append(head, read[:min(len(read), maxKept)]...))
	if err != nil {
		return nil, fmt.Errorf("%s: reading the answer: %w", what, err)
	}
	a := &answer{status: response.StatusCode, header: response.Header, body: read}
	if v, err := parseJSON(read); err == nil {
		a.parsed, a.isJSON = v, true
	}
	return a, nil
}

// headText writes a header for the report, without what identifies a client for good: reports are passed on.
func headText(h http.Header) []byte {
	var b strings.Builder
	shown := h.Clone()
	for _, secret := range []string{"X-Api-Key", "Authorization"} {
		if shown.Get(secret) != "" {
			shown.Set(secret, "(hidden)")
		}
	}
	_ = shown.Write(&b)
	return []byte(strings.ReplaceAll(b.String(), "\r\n", "\n") + "\n")
}
