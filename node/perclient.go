package node

import (
	"net"
	"net/netip"
	"sync"
)

// perClientListener closes what one client opens beyond its part of the connections. A client is an IPv4 address or an IPv6 /64, as it is for the budgets.
// It is safe for concurrent use.
type perClientListener struct {
	net.Listener
	most   int
	exempt []netip.Prefix // proxies: their clients are many

	mu   sync.Mutex
	open map[netip.Addr]int // at most one entry for each open connection
}

// limitPerClient gives a listener that lets each client have so many connections at one time; 0 for any number.
func limitPerClient(l net.Listener, most int, exempt []netip.Prefix) net.Listener {
	if most <= 0 {
		return l
	}
	return &perClientListener{Listener: l, most: most, exempt: exempt, open: make(map[netip.Addr]int)}
}

// Accept gives the next connection that its client may have.
func (l *perClientListener) Accept() (net.Conn, error) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client, counted := l.client(connection.RemoteAddr())
		if !counted {
			return connection, nil
		}
		if l.enter(client) {
			return &countedConnection{Conn: connection, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		_ = connection.Close() // nothing was said on it
	}
}

// client tells who an address counts as, and whether it is counted at all.
func (l *perClientListener) client(address net.Addr) (netip.Addr, bool) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	from := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, prefix := range l.exempt {
		if prefix.Contains(from) {
			return from, false
		}
	}
	if from.Is6() {
		if network, err := from.Prefix(64); err == nil {
			from = network.Addr()
		}
	}
	return from, true
}

func (l *perClientListener) enter(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client] >= l.most {
		return false
	}
	l.open[client]++
	return true
}

func (l *perClientListener) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

// countedConnection gives its place back once it is closed.
type countedConnection struct {
	net.Conn
	leave func()
}

func (c *countedConnection) Close() error {
	c.leave()
	return c.Conn.Close()
}
