package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
)

// Where the ports of nodes are chosen from: below those that systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere), so
// that a node which comes back finds its port free.
const (
	firstPort = 10_000
	lastPort  = 32_000
	freeTries = 200
)

// freePort finds a port of the address that nobody uses now, for TCP and for UDP, and that is not among the taken ones.
func freePort(address netip.Addr, taken map[netip.AddrPort]bool) (netip.AddrPort, error) {
	var failed error
	for range freeTries {
		at := netip.AddrPortFrom(address, uint16(firstPort+rand.IntN(lastPort-firstPort))) //nolint:gosec // any free port will do
		if taken[at] {
			continue
		}
		if failed = tryPort(at); failed == nil {
			taken[at] = true
			return at, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no free port on %s: %w", address, failed)
}

func tryPort(at netip.AddrPort) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", at.String())
	if err != nil {
		return err
	}
	packets, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp4", at.String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return errors.Join(packets.Close(), listener.Close())
}

// manyAddresses tells that this machine has the addresses from which edges know the nodes apart.
func manyAddresses() bool {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", netip.AddrPortFrom(sourceOf(0), 0).String())
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}
