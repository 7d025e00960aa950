package scenario

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Bounds of the HTTP client.
const (
	requestTimeout = 20 * time.Second
	maxAnswer      = 1 << 20                // bytes of an answer's body, where nobody asks for more
	maxLongAnswer  = 8 << 20                // bytes of answers of which long ones are wanted: logs
	maxHeaders     = 64 << 10               // bytes of an answer's header
	maxRetryAfter  = time.Minute            // that is waited where a node asks for it and the case has no end
	maxRetries     = 64                     // of one request, after 429: cases side by side share a budget, and one of them may come too late often
	firstRetry     = 100 * time.Millisecond // is waited at least; twice as long each time, up to longestRetry
	longestRetry   = 1600 * time.Millisecond
	dateGrain      = time.Second // a date has whole seconds: the one that it names must be over
	maxClients     = 4096        // addresses that requests come from, each with connections of its own; one is forgotten where there are more
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

// sending is a request that a case sends.
type sending struct {
	client      string // which of the case's clients
	method, url string
	header      http.Header
	body        []byte
	limited     bool // a 429 is what is wanted: do not wait and ask again
	most        int  // bytes of the answer's body; 0 is maxAnswer
}

// get asks for a page as ask does.
func (p *play) get(ctx context.Context, url string) (*answer, error) {
	return p.ask(ctx, sending{method: http.MethodGet, url: url})
}

// ask sends a request and reads the answer, both bounded, and keeps them for the report. It waits and sends again where the node says 429, as long as the case lasts. Safe
// for concurrent use.
func (p *play) ask(ctx context.Context, s sending) (*answer, error) {
	for try := 0; ; try++ {
		a, err := p.sendOnce(ctx, s)
		if err != nil || s.limited || a.status != http.StatusTooManyRequests {
			return a, err
		}
		wait := a.retryAfter(p.world.Now(), try)
		if try >= maxRetries || wait > timeLeft(ctx) || !sleep(ctx, wait) {
			a.limited = true
			return a, nil
		}
	}
}

// timeLeft is how long a context lasts; where it has no end, a minute.
func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxRetryAfter
	}
	return time.Until(deadline)
}

// sendOnce sends a request once, and keeps the exchange.
func (p *play) sendOnce(ctx context.Context, s sending) (*answer, error) {
	what := s.method + " " + clip(s.url)
	request, err := s.request(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSteps, err)
	}
	sent := append(headText(request.Header), s.body[:min(len(s.body), maxHeld)]...)
	a, err := p.exchange(request, s)
	if a == nil {
		p.exchanges.unanswered(what, sent, err)
		return nil, fmt.Errorf("%s: no answer: %w", what, err)
	}
	head := append([]byte(fmt.Sprintf("%d %s\n", a.status, http.StatusText(a.status))), headText(a.header)...)
	p.exchanges.add(what, sent, append(head, a.body[:min(len(a.body), maxHeld)]...))
	if err != nil {
		return nil, fmt.Errorf("%s: reading the answer: %w", what, err)
	}
	return a, nil
}

func (s *sending) request(ctx context.Context) (*http.Request, error) {
	var reader io.Reader
	if len(s.body) > 0 {
		reader = bytes.NewReader(s.body)
	}
	request, err := http.NewRequestWithContext(ctx, s.method, s.url, reader)
	if err != nil {
		return nil, err
	}
	for name, values := range s.header {
		request.Header[name] = values
	}
	if host := s.header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	return request, nil
}

// exchange sends a request and reads the answer; nil where none came. What came of an answer that was not read to its end comes with the error.
func (p *play) exchange(request *http.Request, s sending) (*answer, error) {
	response, err := p.world.clients.from(p.address(s.client)).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	most := cmp.Or(s.most, maxAnswer)
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(most)+1))
	if err == nil && len(body) > most {
		err = fmt.Errorf("the answer has more than %d bytes", most)
	}
	p.world.secrets.learn(body)
	return &answer{status: response.StatusCode, header: response.Header, body: body}, err
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
