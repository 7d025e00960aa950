package dnsclient

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// udpSize is the EDNS buffer size that avoids IP fragments (DNS flag day 2020).
	udpSize = 1232
	// udpBuffer takes what a server sends that ignores udpSize.
	udpBuffer = 4096
	// maxStray bounds the datagrams that do not match the question before we give up:
	// late answers and guesses of a forger, not an endless stream.
	maxStray = 32
)

var (
	errMismatch  = errors.New("the answer does not match the question")
	errTruncated = errors.New("the answer is cut short even over TCP")
)

// resolver is one place to ask.
type resolver struct {
	name     string // as the operator wrote it
	network  string // "udp", "tcp" or "tls"
	address  string // host:port
	tls      *tls.Config
	trustsAD bool
}

// parseResolver reads the notation of the package comment; an address alone is udp.
func parseResolver(s string) (resolver, error) {
	bad := func(why string) (resolver, error) {
		return resolver{}, fmt.Errorf("resolver %q: %s (write udp://ADDRESS:PORT, tcp://ADDRESS:PORT or tls://ADDRESS:PORT#SERVERNAME)", s, why)
	}
	text := s
	if ip, err := netip.ParseAddr(s); err == nil && ip.Is6() {
		text = "[" + s + "]"
	}
	if !strings.Contains(text, "://") {
		text = "udp://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("cannot be read")
	}
	if u.User != nil || u.Path != "" || u.RawQuery != "" {
		return bad("has more in it than an address")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return bad("must be given by IP address, since nothing could resolve its name")
	}
	port := u.Port()
	r := resolver{name: s, network: u.Scheme, trustsAD: ip.Unmap().IsLoopback()}
	switch u.Scheme {
	case "udp", "tcp":
		if u.Fragment != "" {
			return bad("a server name belongs to tls:// alone")
		}
		if port == "" {
			port = "53"
		}
	case "tls":
		if port == "" {
			port = "853"
		}
		r.trustsAD = true
		r.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Fragment}
		if u.Fragment == "" {
			r.tls.ServerName = ip.String()
		}
	default:
		return bad("unknown scheme")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return bad("bad port")
	}
	r.address = net.JoinHostPort(ip.String(), port)
	return r, nil
}

// systemResolvers reads the nameservers of /etc/resolv.conf.
func systemResolvers() ([]string, error) {
	const path = "/etc/resolv.conf"
	conf, err := dns.ClientConfigFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("no resolver is configured and %s cannot be read: %w (name one, such as udp://127.0.0.1:53)", path, err)
	}
	var names []string
	for _, server := range conf.Servers {
		if _, err := netip.ParseAddr(server); err == nil && len(names) < 3 {
			names = append(names, "udp://"+net.JoinHostPort(server, conf.Port))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no resolver is configured and %s names none (name one, such as udp://127.0.0.1:53)", path)
	}
	return names, nil
}

// ask sends one question and returns the answer that matches it. Servers from before
// EDNS are asked again without it (RFC 6891 section 6.2.2).
func (r resolver) ask(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	query := new(dns.Msg)
	query.SetQuestion(name, qtype)
	query.AuthenticatedData = true
	query.SetEdns0(udpSize, false)
	reply, err := r.exchange(ctx, query)
	if err == nil && (reply.Rcode == dns.RcodeFormatError || reply.Rcode == dns.RcodeNotImplemented || reply.Rcode == dns.RcodeBadVers) {
		query.Extra = nil
		query.Id = dns.Id()
		return r.exchange(ctx, query)
	}
	return reply, err
}

func (r resolver) exchange(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	packed, err := query.Pack()
	if err != nil {
		return nil, fmt.Errorf("packing the question: %w", err)
	}
	if r.network == "udp" {
		reply, err := r.overUDP(ctx, query, packed)
		if err != nil || !reply.Truncated {
			return reply, err
		}
	}
	reply, err := r.overStream(ctx, query, packed)
	if err == nil && reply.Truncated {
		return nil, errTruncated
	}
	return reply, err
}

// overUDP sends a datagram from a fresh port and waits for the one that answers it.
func (r resolver) overUDP(ctx context.Context, query *dns.Msg, packed []byte) (*dns.Msg, error) {
	conn, stop, err := r.dial(ctx, "udp")
	if err != nil {
		return nil, err
	}
	defer stop()
	if _, err := conn.Write(packed); err != nil {
		return nil, err
	}
	buffer := make([]byte, udpBuffer)
	for range maxStray {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		reply, err := decode(query, buffer[:n])
		if errors.Is(err, errMismatch) {
			continue // not ours: a late answer or a forger's guess
		}
		return reply, err
	}
	return nil, errMismatch
}

// overStream sends the question over TCP or TLS (RFC 7766 section 8: two octets of length).
func (r resolver) overStream(ctx context.Context, query *dns.Msg, packed []byte) (*dns.Msg, error) {
	conn, stop, err := r.dial(ctx, "tcp")
	if err != nil {
		return nil, err
	}
	defer stop()
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(packed)))
	if _, err := conn.Write(append(framed, packed...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("reading the answer's length: %w", err)
	}
	message := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, message); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return decode(query, message)
}

// dial connects. stop closes the connection; until then the end of ctx ends its reads and writes.
func (r resolver) dial(ctx context.Context, network string) (conn net.Conn, stop func(), err error) {
	if r.tls != nil {
		conn, err = (&tls.Dialer{Config: r.tls}).DialContext(ctx, network, r.address)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, network, r.address)
	}
	if err != nil {
		return nil, nil, err
	}
	detach := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // in the past: wakes whoever reads
	})
	return conn, func() {
		detach()
		_ = conn.Close() // nothing more is wanted of it
	}, nil
}

// describe puts a resolver's fault in few words.
func describe(err error) string {
	var (
		certificate *tls.CertificateVerificationError
		socket      *net.OpError
		call        *os.SyscallError
	)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &certificate):
		return "its certificate is not good: " + certificate.Err.Error()
	case errors.As(err, &call):
		return call.Err.Error() // which port was ours, and which call it was, helps nobody
	case errors.As(err, &socket):
		return socket.Err.Error()
	}
	return err.Error()
}
