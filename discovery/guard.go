package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"code.dny.dev/ssrf"
)

// errForbidden marks an address that must not be connected to.
var errForbidden = errors.New("the address is not public")

// guard decides which addresses may be connected to. It is asked twice: about what
// the resolver said, so that a report can name the fault, and by the dialler about the
// socket's very address, so that nothing can come between the check and the use.
type guard struct {
	ssrf *ssrf.Guardian
}

// newGuard refuses all that is not public unicast: private, loopback, link-local,
// multicast, unspecified, CGNAT, documentation and benchmarking ranges, and the IPv6
// forms that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
func newGuard(port int, allow []netip.Prefix) guard {
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		if p.Addr().Is4() {
			v4 = append(v4, p.Masked())
		} else {
			v6 = append(v6, p.Masked())
		}
	}
	return guard{ssrf.New(
		ssrf.WithPorts(uint16(port)), // #nosec G115 -- withDefaults checked the range
		ssrf.WithAllowedV4Prefixes(v4...),
		ssrf.WithAllowedV6Prefixes(v6...),
	)}
}

// check refuses an address with errForbidden.
func (g guard) check(ip netip.Addr) error {
	if err := g.ssrf.SafeAddr(ip); err != nil {
		return fmt.Errorf("%w: %s", errForbidden, ip)
	}
	return nil
}

// dialer returns a dialler that checks each socket's address before it connects.
func (g guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, Control: g.ssrf.Safe}
}
