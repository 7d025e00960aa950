package names

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Bounds of the doorway.
const (
	helloTimeout   = 5 * time.Second
	maxHello       = 32 << 10 // bytes read before the host is known
	maxConnections = 1024     // at a time; more wait in the system's queue
	dialTimeout    = 3 * time.Second
	tlsHandshake   = 22 // the first byte of a TLS connection: the content type (RFC 8446, 5.1)
)

// doorway stands before the HTTPS server: it reads each connection's first message, for the name of the host that it is for, and passes on to the upstream, byte for
// byte, what is not for us. As a net.Listener it gives the others.
type doorway struct {
	net.Listener
	names  *Names
	ours   chan net.Conn
	plain  chan net.Conn // those that do not speak TLS
	closed chan struct{}
	once   sync.Once
	slots  chan struct{}
	busy   sync.WaitGroup
	ctx    context.Context //nolint:containedctx // ends with the doorway
	cancel context.CancelFunc
}

func newDoorway(n *Names, l net.Listener) *doorway {
	d := &doorway{Listener: l, names: n, ours: make(chan net.Conn), plain: make(chan net.Conn), closed: make(chan struct{}), slots: make(chan struct{}, maxConnections)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.busy.Go(d.run)
	return d
}

// Accept gives the next connection that is for us.
func (d *doorway) Accept() (net.Conn, error) { return d.next(d.ours) }

func (d *doorway) next(from chan net.Conn) (net.Conn, error) {
	select {
	case c := <-from:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// plainDoor gives the connections that do not speak TLS.
type plainDoor struct{ *doorway }

// Accept implements net.Listener.
func (d plainDoor) Accept() (net.Conn, error) { return d.next(d.plain) }

// Close ends the listening; connections that are passed on end too.
func (d *doorway) Close() error {
	err := error(nil)
	d.once.Do(func() {
		close(d.closed)
		d.cancel()
		err = d.Listener.Close()
	})
	return err
}

// wait returns when nothing runs any more.
func (d *doorway) wait() {
	_ = d.Close()
	d.busy.Wait()
}

func (d *doorway) run() {
	for {
		select {
		case d.slots <- struct{}{}:
		case <-d.closed:
			return
		}
		c, err := d.Listener.Accept()
		if err != nil {
			select {
			case <-d.closed:
				return
			case <-time.After(20 * time.Millisecond): // out of file descriptors, say
			}
			<-d.slots
			continue
		}
		d.busy.Go(func() {
			defer func() { <-d.slots }()
			d.meet(c)
		})
	}
}

// meet reads a connection's first message and sends it on its way.
func (d *doorway) meet(c net.Conn) {
	stop := context.AfterFunc(d.ctx, func() { _ = c.Close() })
	defer stop()
	host, read, err := readHello(d.ctx, c)
	var to chan net.Conn
	switch {
	case len(read) > 0 && read[0] != tlsHandshake:
		to = d.plain
	case err != nil || host == "":
		_ = c.Close()
		return
	case d.names.ours(host) || d.names.upstream.Load() == nil:
		to = d.ours
	}
	c = &replayed{Conn: c, first: bytes.NewReader(read)}
	if to == nil {
		d.passOn(c)
		return
	}
	stop() // the servers close their connections themselves
	select {
	case to <- c:
	case <-d.closed:
		_ = c.Close()
	}
}

// passOn joins a connection with one to the upstream until either ends.
func (d *doorway) passOn(c net.Conn) {
	defer func() { _ = c.Close() }()
	up, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(d.ctx, "tcp", d.names.upstream.Load().https.String())
	if err != nil {
		d.names.log.Debug("connection not passed on", "error", err)
		return
	}
	defer func() { _ = up.Close() }()
	stop := context.AfterFunc(d.ctx, func() { _ = up.Close() })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(c, up)
		_ = c.Close()
	})
	_, _ = io.Copy(up, c)
	if half, ok := up.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	back.Wait()
}

// errEnough ends a handshake that was begun for the client's first message alone.
var errEnough = errors.New("the host is known")

// readHello reads a client's first TLS message, and gives the host that it names and the bytes that were read.
func readHello(ctx context.Context, c net.Conn) (host string, read []byte, err error) {
	_ = c.SetReadDeadline(time.Now().Add(helloTimeout))
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	var kept bytes.Buffer
	peek := &peeked{Conn: c, from: io.TeeReader(io.LimitReader(c, maxHello), &kept)}
	err = tls.Server(peek, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		host = hello.ServerName
		return nil, errEnough
	}}).HandshakeContext(ctx)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return host, kept.Bytes(), err
}

// peeked is a connection that only reads.
type peeked struct {
	net.Conn
	from io.Reader
}

func (p *peeked) Read(b []byte) (int, error)  { return p.from.Read(b) }
func (p *peeked) Write(b []byte) (int, error) { return len(b), nil } // the alert that ends the handshake is not for the client
func (p *peeked) Close() error                { return nil }

// replayed is a connection whose first bytes were read already.
type replayed struct {
	net.Conn
	first *bytes.Reader
}

func (r *replayed) Read(b []byte) (int, error) {
	if r.first.Len() > 0 {
		return r.first.Read(b)
	}
	return r.Conn.Read(b)
}
