package names

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where the servers listen.
type Options struct {
	Suffix      string           // the domains below it are the suite's; others are forwarded
	DNSListen   string           // host and port, for UDP and TCP; "" is any free port of 127.0.0.1
	HTTPSListen string           // "" is any free port of 127.0.0.1
	Address     netip.Addr       // of the domains' A or AAAA records; the zero Addr is where the HTTPS server listens
	Now         func() time.Time // nil is time.Now
	Logger      *slog.Logger     // nil is none
}

// Names are the two servers. Safe for concurrent use.
type Names struct {
	suffix    string
	address   netip.Addr
	now       func() time.Time
	log       *slog.Logger
	state     state
	authority *authority
	dns       *dnsServer
	https     *httpsServer
	upstream  atomic.Pointer[upstream]

	handlersMu sync.Mutex
	handlers   map[string]http.Handler // by lower-case host
}

// upstream is where that is forwarded what lies outside the suffix.
type upstream struct{ dns, https netip.AddrPort }

// Start listens and answers until Close.
func Start(o Options) (*Names, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	authority, err := newAuthority(o.Now(), strings.ToLower(o.Suffix))
	if err != nil {
		return nil, err
	}
	n := &Names{suffix: strings.ToLower(o.Suffix), now: o.Now, log: o.Logger, authority: authority,
		state: state{domains: map[string]*published{}}, handlers: map[string]http.Handler{}}
	if n.https, err = startHTTPS(n, o.HTTPSListen); err != nil {
		return nil, err
	}
	if n.address = o.Address; !n.address.IsValid() {
		n.address = n.https.address.Addr()
	}
	if n.dns, err = startDNS(n, o.DNSListen); err != nil {
		return nil, errors.Join(err, n.https.Close())
	}
	return n, nil
}

// Close stops both servers.
func (n *Names) Close() error { return errors.Join(n.dns.Close(), n.https.Close()) }

// Suffix is the name below which all domains are the suite's.
func (n *Names) Suffix() string { return n.suffix }

// DNS is where the DNS server listens, for UDP and TCP.
func (n *Names) DNS() netip.AddrPort { return n.dns.address }

// HTTPS is where the HTTPS server listens.
func (n *Names) HTTPS() netip.AddrPort { return n.https.address }

// CAPEM is the certificate of the authority that vouches for the HTTPS server, for nodes to trust.
func (n *Names) CAPEM() []byte { return n.authority.pem() }

// SetUpstream names the servers to which that is forwarded what lies outside the suffix: DNS messages, and TLS connections by their SNI, byte for byte.
func (n *Names) SetUpstream(dns, https netip.AddrPort) { n.upstream.Store(&upstream{dns, https}) }

// Handle serves a host over HTTPS with h; nil takes the handler away. The host must be published too, so that it has an address and, by its domain's faults, a certificate.
func (n *Names) Handle(host string, h http.Handler) {
	n.handlersMu.Lock()
	defer n.handlersMu.Unlock()
	if host = strings.ToLower(host); h == nil {
		delete(n.handlers, host)
	} else {
		n.handlers[host] = h
	}
}

// handler is the host's own, or nil.
func (n *Names) handler(host string) http.Handler {
	n.handlersMu.Lock()
	defer n.handlersMu.Unlock()
	return n.handlers[host]
}

// ours reports whether a name lies within the suffix, or is published by itself.
func (n *Names) ours(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == n.suffix || strings.HasSuffix(name, "."+n.suffix) || n.covering(name) != nil
}
