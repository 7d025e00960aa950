package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxForwarded bounds how many addresses of X-Forwarded-For are looked at, from the right.
const maxForwarded = 16

// clientAddress is the address that a request came from. X-Forwarded-For counts only when the connection comes from a trusted proxy: then it is the
// right-most address that is no trusted proxy itself, since everything left of it was written by somebody whom we do not trust.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a unix socket: all its clients are one
	}
	address := peer.Addr().Unmap().WithZone("")
	if len(trusted) == 0 || !contains(trusted, address) {
		return address
	}
	forwarded := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for range maxForwarded {
		cut := strings.LastIndexByte(forwarded, ',')
		hop, err := netip.ParseAddr(strings.TrimSpace(forwarded[cut+1:]))
		if err != nil {
			return address
		}
		address = hop.Unmap().WithZone("")
		if cut < 0 || !contains(trusted, address) {
			return address
		}
		forwarded = forwarded[:cut]
	}
	return address
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(address) {
			return true
		}
	}
	return false
}
