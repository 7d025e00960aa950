package names

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
)

// maxInside bounds the connections that an Inside holds at a time; those beyond it are counted, and closed at once.
const maxInside = 16

// Inside is a listener at an address that nodes must not connect to, with whatever a node would find if it did: certificates for the names that are
// published, and their documents. So a node that connects there is seen, and takes the keys too. Safe for concurrent use.
type Inside struct {
	listener    net.Listener
	server      *http.Server
	done        chan struct{} // closed when nothing is served any more
	connections atomic.Int64
	slots       chan struct{}
}

// ListenInside listens at an address of this machine, at the port of the HTTPS server, which is where nodes look for documents. The error is that of
// listening: the machine has no such address, or something listens there. The caller closes it, before the Names.
func (n *Names) ListenInside(address netip.Addr) (*Inside, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", netip.AddrPortFrom(address, n.HTTPS().Port()).String())
	if err != nil {
		return nil, fmt.Errorf("listen where nodes must not connect: %w", err)
	}
	i := &Inside{listener: listener, done: make(chan struct{}), slots: make(chan struct{}, maxInside)}
	i.server = &http.Server{
		Handler:           n.https,
		TLSConfig:         &tls.Config{GetCertificate: n.https.certificate, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      headerTimeout,
		IdleTimeout:       headerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(i.done)
		_ = i.server.ServeTLS(insideDoor{listener, i}, "", "") // until Close: it has no other end that anybody could mend
	}()
	return i, nil
}

// Address is where it listens.
func (i *Inside) Address() netip.AddrPort { return i.listener.Addr().(*net.TCPAddr).AddrPort() }

// Connections is how many were made since it listens, whatever came over them.
func (i *Inside) Connections() int { return int(i.connections.Load()) }

// Close ends the listening and all connections, and returns when the listener is gone.
func (i *Inside) Close() error {
	err := i.server.Close()
	<-i.done
	return err
}

// insideDoor counts connections as they come.
type insideDoor struct {
	net.Listener
	inside *Inside
}

// Accept implements net.Listener.
func (d insideDoor) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.inside.connections.Add(1)
		select {
		case d.inside.slots <- struct{}{}:
			return &insideConn{Conn: c, leave: sync.OnceFunc(func() { <-d.inside.slots })}, nil
		default:
			_ = c.Close() // it is counted, and that is all that it is for
		}
	}
}

// insideConn gives its place back when it is closed.
type insideConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *insideConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
