// Package guard decides which addresses may be connected to. It refuses all that is not
// public unicast: private, loopback, link-local, multicast, unspecified, CGNAT, documentation and
// benchmarking ranges, and the IPv6 forms that carry an IPv4 address (mapped, compatible,
// NAT64, 6to4, Teredo), unless a configured range allows them.
//
// It is asked twice: about what a resolver said ([Guard.Check]), so that a report can name
// the fault, and by the dialler ([Guard.Dialer]) about the socket's very address, so that
// nothing can come between the check and the use.
package guard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"code.dny.dev/ssrf"
)

// ErrForbidden marks an address that must not be connected to.
var ErrForbidden = errors.New("the address is not public")

// Guard holds the rules. It may be used from several goroutines.
type Guard struct {
	rules *ssrf.Guardian
}

// New makes a guard for connections to one port. allow lists ranges that may be reached
// although they are not public. An IPv4-mapped IPv6 address needs a mapped range there (to be
// taken at all) and an IPv4 one (for the socket, which the system makes an IPv4 socket).
func New(port uint16, allow []netip.Prefix) Guard {
	return with(ssrf.WithPorts(port), allow)
}

// NewAnyPort is New for connections to any port: other nodes listen where they please.
func NewAnyPort(allow []netip.Prefix) Guard {
	return with(ssrf.WithAnyPort(), allow)
}

func with(ports ssrf.Option, allow []netip.Prefix) Guard {
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		if p.Addr().Is4() {
			v4 = append(v4, p.Masked())
		} else {
			v6 = append(v6, p.Masked())
		}
	}
	return Guard{ssrf.New(ports, ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))}
}

// Check refuses an address with ErrForbidden.
func (g Guard) Check(ip netip.Addr) error {
	if ip.Zone() != "" || g.rules.SafeAddr(ip) != nil {
		return fmt.Errorf("%w: %s", ErrForbidden, ip)
	}
	return nil
}

// Dialer returns a dialler that checks each socket's address and port before it connects.
// timeout bounds the connecting.
func (g Guard) Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: g.rules.Safe}
}
