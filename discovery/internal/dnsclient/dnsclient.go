// Package dnsclient asks the resolvers that an operator names for TXT and address
// records, and tells "there is none" apart from "no answer".
//
// # Resolvers
//
// A resolver is written as an address, since nothing could resolve its name:
//
//	udp://127.0.0.1:53             plain DNS, TCP when the answer does not fit (the default)
//	tcp://127.0.0.1:53             plain DNS over TCP alone (RFC 7766)
//	tls://192.0.2.1:853#dns.name   DNS over TLS (RFC 7858), strict: the certificate must be good for dns.name
//
// They are asked in order; the next one only when one fails. A resolver that says
// that DNSSEC validation failed is believed: to ask the next one would let a
// resolver that does not validate overrule one that does.
//
// # Answers
//
// An answer must match the question. CNAME chains are followed inside an answer and
// with further queries, 8 links at most. The AD bit is asked for (RFC 6840 section
// 5.7) and believed only from a resolver that is on loopback or reached over TLS.
//
// [Client.TXT] and [Client.Addresses] return an [Answer] when the question was
// answered, also when the answer is that nothing is there, and an [*Error] when it
// was not. A Client may be used from several goroutines.
package dnsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds on a look-up.
const (
	// MaxChain is the number of CNAME links that are followed.
	MaxChain = 8
	// DefaultTryTimeout bounds one resolver's answer, TCP fallback included.
	DefaultTryTimeout = 2 * time.Second
	// DefaultTimeout bounds a look-up over all resolvers and CNAME links.
	DefaultTimeout = 5 * time.Second
	// maxResolvers bounds the list, as resolv.conf's own limit of 3 does.
	maxResolvers = 8
)

// Options says whom a Client asks and how long it waits.
type Options struct {
	Resolvers  []string       // in order of preference; empty: the nameservers of /etc/resolv.conf
	Roots      *x509.CertPool // who may vouch for tls:// resolvers; nil: the system's roots
	TryTimeout time.Duration  // 0: DefaultTryTimeout
	Timeout    time.Duration  // 0: DefaultTimeout
}

// Client asks resolvers. It holds no connections between look-ups.
type Client struct {
	resolvers  []resolver
	tryTimeout time.Duration
	timeout    time.Duration
}

// Answer is what a resolver said about a name. Without records the name, or its
// records of that type, do not exist.
type Answer struct {
	TXT           []string      // each record's strings joined
	Addresses     []netip.Addr  // IPv4 first; mapped forms are left as they came
	Services      []Service     // as they came; a Host of "" says that there is no such service (RFC 2782)
	Chain         []string      // the CNAME targets, in order
	TTL           time.Duration // the minimum over the chain and the records, or the negative TTL (RFC 2308)
	HasTTL        bool          // false: an absence without SOA, which says nothing about its duration
	Authenticated bool          // AD was set on each answer, and each resolver may be believed
	TrustsAD      bool          // each resolver that was asked may be believed about AD
	Missing       bool          // NXDOMAIN: the name itself, or the one that its chain ends at, does not exist
	Authoritative bool          // AA was set on each answer: the name's own servers were asked, which do not validate
	Notes         []string      // extended DNS errors (RFC 8914)
}

// Service is an SRV record (RFC 2782).
type Service struct {
	Host             string // in lower case, without trailing dot
	Port             uint16
	Priority, Weight uint16
}

// Error says that a question was not answered: no verdict about the name.
type Error struct {
	Question string   // "TXT _mir-key.example.com"
	Reason   string   // what each resolver said or did
	Bogus    bool     // a validating resolver refused the answer
	Notes    []string // extended DNS errors (RFC 8914)
	Err      error    // the last cause; may be nil
}

func (e *Error) Error() string { return "no answer for " + e.Question + ": " + e.Reason }

// Unwrap returns the last resolver's fault.
func (e *Error) Unwrap() error { return e.Err }

// New checks the resolvers' notation. It sends nothing.
func New(o Options) (*Client, error) {
	names := o.Resolvers
	if len(names) == 0 {
		var err error
		if names, err = systemResolvers(); err != nil {
			return nil, err
		}
	}
	if len(names) > maxResolvers {
		return nil, fmt.Errorf("%d resolvers are configured, at most %d are allowed", len(names), maxResolvers)
	}
	c := &Client{tryTimeout: o.TryTimeout, timeout: o.Timeout}
	if c.tryTimeout <= 0 {
		c.tryTimeout = DefaultTryTimeout
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	sessions := tls.NewLRUClientSessionCache(maxResolvers)
	for _, name := range names {
		r, err := parseResolver(name)
		if err != nil {
			return nil, err
		}
		if r.tls != nil {
			r.tls.RootCAs = o.Roots
			r.tls.ClientSessionCache = sessions
		}
		c.resolvers = append(c.resolvers, r)
	}
	return c, nil
}

// TXT asks for a name's TXT records.
func (c *Client) TXT(ctx context.Context, name string) (Answer, error) {
	return c.lookup(ctx, name, dns.TypeTXT)
}

// Services asks for a name's SRV records.
func (c *Client) Services(ctx context.Context, name string) (Answer, error) {
	return c.lookup(ctx, name, dns.TypeSRV)
}

// Addresses asks for a name's A and AAAA records, both at once. Where one of the two
// has addresses and the other is not answered, those addresses are the answer.
func (c *Client) Addresses(ctx context.Context, host string) (Answer, error) {
	type half struct {
		answer Answer
		err    error
	}
	ask := func(qtype uint16) half {
		a, err := c.lookup(ctx, host, qtype)
		return half{a, err}
	}
	pending := make(chan half, 1)
	go func() { pending <- ask(dns.TypeAAAA) }()
	v4 := ask(dns.TypeA)
	v6 := <-pending
	for _, pair := range [][2]half{{v4, v6}, {v6, v4}} {
		failed, other := pair[0], pair[1]
		switch {
		case failed.err == nil:
		case len(other.answer.Addresses) > 0:
			return other.answer, nil
		default:
			return Answer{}, failed.err
		}
	}
	return merge(v4.answer, v6.answer), nil
}

// merge joins the answers for the two address families.
func merge(a, b Answer) Answer {
	a.Addresses = append(a.Addresses, b.Addresses...)
	if !a.HasTTL || b.HasTTL && b.TTL < a.TTL {
		a.TTL, a.HasTTL = b.TTL, b.HasTTL
	}
	a.Authenticated = a.Authenticated && b.Authenticated
	a.TrustsAD = a.TrustsAD && b.TrustsAD
	a.Authoritative = a.Authoritative && b.Authoritative
	a.Missing = a.Missing && b.Missing
	for _, note := range b.Notes {
		if !slices.Contains(a.Notes, note) {
			a.Notes = append(a.Notes, note)
		}
	}
	return a
}

// lookup follows a name's CNAME chain to the records of the type.
func (c *Client) lookup(ctx context.Context, name string, qtype uint16) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	question := dns.TypeToString[qtype] + " " + strings.TrimSuffix(name, ".")
	w := newWalk(name)
	for {
		reply, from, err := c.query(ctx, w.at, qtype)
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Question = question
			}
			return Answer{}, err
		}
		w.answer.TrustsAD = w.answer.TrustsAD && from.trustsAD
		w.answer.Authenticated = w.answer.Authenticated && from.trustsAD && reply.AuthenticatedData
		w.answer.Authoritative = w.answer.Authoritative && reply.Authoritative
		done, err := w.read(reply, qtype)
		if err != nil {
			return Answer{}, &Error{Question: question, Reason: from.name + ": " + err.Error(), Notes: w.answer.Notes, Err: err}
		}
		if done {
			return w.answer, nil
		}
	}
}

// query asks the resolvers in order until one answers. What it returns is NOERROR or
// NXDOMAIN and matches the question.
func (c *Client) query(ctx context.Context, name string, qtype uint16) (*dns.Msg, resolver, error) {
	fault := &Error{}
	var reasons []string
	for _, r := range c.resolvers {
		try, cancel := context.WithTimeout(ctx, c.tryTimeout)
		reply, err := r.ask(try, name, qtype)
		cancel()
		if err == nil {
			notes := extendedErrors(reply)
			if reply.Rcode == dns.RcodeSuccess || reply.Rcode == dns.RcodeNameError {
				return reply, r, nil
			}
			fault.Notes = append(fault.Notes, notes...)
			err = fmt.Errorf("%s", strings.Join(append([]string{rcodeName(reply.Rcode)}, notes...), ", "))
			fault.Bogus = failedValidation(reply)
		}
		fault.Err = err
		reasons = append(reasons, r.name+": "+describe(err))
		if fault.Bogus || ctx.Err() != nil {
			break
		}
	}
	fault.Reason = strings.Join(reasons, "; ")
	return nil, resolver{}, fault
}
