package gossip

import (
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// Bounds on the connections that strangers open to the hint channel.
const (
	maxStreams     = 32
	maxStreamBytes = 1 << 20 // a push/pull with maxMembers members
)

var errForbidden = errors.New("the address may not be reached")

// transport is memberlist's own, held to our rules: members' messages name addresses, and neither a packet nor a connection goes to one
// that is not permitted; connections leave from a given address; those that come in are bounded in number and size.
type transport struct {
	*memberlist.NetTransport
	permit  func(netip.Addr) error
	source  netip.Addr // of connections; the zero Addr leaves it to the system
	streams chan net.Conn
	open    atomic.Int32
	done    chan struct{}
	end     sync.Once
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

// listen opens the UDP and TCP sockets.
func listen(at netip.AddrPort, source netip.Addr, permit func(netip.Addr) error, logger *log.Logger) (*transport, error) {
	base, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{at.Addr().String()}, BindPort: int(at.Port()), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	t := &transport{
		NetTransport: base, permit: permit, source: source, streams: make(chan net.Conn), done: make(chan struct{}),
	}
	go t.accept()
	return t, nil
}

// port is the one that is listened on.
func (t *transport) port() int { return t.GetAutoBindPort() }

// accept hands connections on while there are not too many.
func (t *transport) accept() {
	for {
		select {
		case conn := <-t.NetTransport.StreamCh():
			if t.open.Add(1) > maxStreams {
				t.open.Add(-1)
				_ = conn.Close() // a stranger's
				continue
			}
			select {
			case t.streams <- &boundedConn{Conn: conn, left: maxStreamBytes, closed: func() { t.open.Add(-1) }}:
			case <-t.done:
				_ = conn.Close()
				return
			}
		case <-t.done:
			return
		}
	}
}

// StreamCh implements memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown implements memberlist.Transport. It may be called several times.
func (t *transport) Shutdown() (err error) {
	t.end.Do(func() {
		err = t.NetTransport.Shutdown() // its listeners may be handing something over: accept still takes it
		close(t.done)
	})
	return err
}

// WriteTo implements memberlist.Transport.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	if err := t.check(addr); err != nil {
		return time.Time{}, err
	}
	return t.NetTransport.WriteTo(b, addr)
}

// WriteToAddress implements memberlist.NodeAwareTransport.
func (t *transport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

// DialTimeout implements memberlist.Transport.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	if err := t.check(addr); err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: timeout}
	if t.source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.source, 0))
	}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn, left: maxStreamBytes}, nil
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *transport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}

func (t *transport) check(addr string) error {
	to, err := netip.ParseAddrPort(addr)
	if err != nil || t.permit(to.Addr().Unmap()) != nil {
		return errForbidden
	}
	return nil
}

// boundedConn ends a connection that sends more than it may.
type boundedConn struct {
	net.Conn
	left   int64
	closed func()
	over   atomic.Bool
}

// Read implements net.Conn. One goroutine reads.
func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	if c.closed != nil && c.over.CompareAndSwap(false, true) {
		c.closed()
	}
	return c.Conn.Close()
}
