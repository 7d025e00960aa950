package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"mirnode/discovery"
)

// anyAddress is all addresses: the user chose the node.
var anyAddress = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}

// resolveBy makes the transport ask these resolvers for the names that it connects to. The system's are asked for what they do not know, as for a
// name of /etc/hosts, and for localhost.
func resolveBy(transport *http.Transport, resolvers []string) error {
	names, err := discovery.NewPeerClient(discovery.Config{Resolvers: resolvers, AllowRanges: anyAddress}, discovery.PeerOptions{})
	if err != nil {
		return err
	}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if _, notIP := netip.ParseAddr(host); err != nil || notIP == nil || host == "localhost" {
			return dial(ctx, network, address)
		}
		addresses, unknown := names.Resolve(ctx, host)
		if unknown != nil {
			connection, err := dial(ctx, network, address)
			if _, ok := errors.AsType[*net.DNSError](err); ok {
				err = fmt.Errorf("%w; the system's resolver: %w", unknown, err)
			}
			return connection, err
		}
		err = fmt.Errorf("%s has no address", host)
		for _, ip := range addresses {
			var connection net.Conn
			if connection, err = dial(ctx, network, net.JoinHostPort(ip.String(), port)); err == nil {
				return connection, nil
			}
		}
		return nil, err
	}
	return nil
}
