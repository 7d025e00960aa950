package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	// maxStreams bounds the connections through one doorway: 64 nodes with some 8 each, and as many again that hang over a cut.
	maxStreams       = 1024
	handshakeTimeout = 10 * time.Second
	backendTimeout   = 10 * time.Second
	heldBytes        = 8 << 10 // of a caller's first message, read while it is held up: more than a TLS hello
	acceptPause      = 10 * time.Millisecond
)

// doorway is one TCP listener of an edge, and the connections that came through it.
type doorway struct {
	edge     *edge
	listener net.Listener
	to       netip.AddrPort
	tls      *tls.Config // nil: connections are handed on as they come
	running  sync.WaitGroup

	mu      sync.Mutex
	closed  bool                 // guarded by mu
	streams map[*stream]struct{} // guarded by mu
}

// open serves the listener until the edge is closed.
func (e *edge) open(listener net.Listener, to netip.AddrPort, settings *tls.Config) *doorway {
	d := &doorway{edge: e, listener: listener, to: to, tls: settings, streams: make(map[*stream]struct{})}
	d.running.Go(d.accept)
	return d
}

func (d *doorway) accept() {
	for {
		connection, err := d.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left, or a caller that went away at once
			d.edge.log.Warn("an edge cannot take a connection", "node", nodeName(d.edge.node), "error", err)
			select {
			case <-time.After(acceptPause):
			case <-d.edge.done:
				return
			}
			continue
		}
		caller, l := d.edge.from(connection.RemoteAddr())
		s := &stream{doorway: d, caller: caller, link: l, outer: connection.(*net.TCPConn)}
		s.alive, s.cancel = context.WithCancel(context.Background())
		if !d.add(s) {
			s.abort()
			continue
		}
		d.running.Go(func() {
			defer d.remove(s)
			defer s.end(false)
			s.serve()
		})
	}
}

// add takes a stream in, unless there are too many or the doorway is closed.
func (d *doorway) add(s *stream) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.streams) >= maxStreams {
		return false
	}
	d.streams[s] = struct{}{}
	return true
}

func (d *doorway) remove(s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.streams, s)
}

// breakCut breaks what stands over links that are cut with Reset.
func (d *doorway) breakCut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.streams {
		if now := s.link.now.Load(); now.cut && now.how == Reset {
			s.abort()
		}
	}
}

// shut closes the listener and breaks all streams. The edge's done is closed by then.
func (d *doorway) shut() error {
	err := d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for s := range d.streams {
		s.abort()
	}
	d.mu.Unlock()
	d.running.Wait()
	return err
}

// stream is one connection through a doorway.
type stream struct {
	doorway *doorway
	caller  int // -1: no node
	link    *link
	outer   *net.TCPConn    // the caller's
	alive   context.Context // until the stream ends
	cancel  context.CancelFunc

	mu    sync.Mutex
	inner *net.TCPConn // the node's, once it is there; guarded by mu
}

// abort breaks the stream, so that both ends see it at once. It may be called more than once, and from any goroutine.
func (s *stream) abort() { s.end(true) }

// end closes both connections, if that was not done before: with a reset, or so that what was written still arrives.
func (s *stream) end(reset bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive.Err() != nil {
		return
	}
	s.cancel()
	for _, connection := range []*net.TCPConn{s.outer, s.inner} {
		if connection == nil {
			continue
		}
		if reset {
			_ = connection.SetLinger(0) // it is closed all the same
		}
		_ = connection.Close()
	}
}

// serve takes the stream from the caller's first byte to the end.
func (s *stream) serve() {
	now, first := s.hold()
	if now == nil {
		return
	}
	// A connection over a slow link needs two round trips before its first byte: TCP's and TLS's. What follows is slowed down where it passes.
	if now.delay > 0 && !s.wait(4*now.delay) {
		return
	}
	outer, err := s.greet(first)
	if err != nil {
		s.doorway.edge.log.Debug("no handshake", "node", nodeName(s.doorway.edge.node), "error", err)
		return
	}
	inner, err := s.dial()
	if err != nil {
		s.doorway.edge.log.Debug("the node takes no connection", "node", nodeName(s.doorway.edge.node), "error", err)
		return
	}
	s.exchange(outer, inner)
}

// wait lets time pass, and reports false when the stream broke.
func (s *stream) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.alive.Done():
		return false
	}
}

// hold waits while the link is cut, as if nothing of the caller's had arrived. It reads what the caller says first, so as to notice when the
// caller gives up: a cut of minutes must not gather dead connections. A nil condition means that the stream is over.
func (s *stream) hold() (now *condition, first []byte) {
	if now = s.link.now.Load(); !now.cut {
		return now, nil
	}
	released := make(chan *condition, 1)
	go func() {
		released <- s.link.pass(s.alive.Done())
		_ = s.outer.SetReadDeadline(time.Unix(1, 0)) // ends the reading below
	}()
	buffer := make([]byte, heldBytes)
	n := 0
	for n < len(buffer) {
		read, err := s.outer.Read(buffer[n:])
		n += read
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			s.abort()
			break
		}
	}
	now = <-released
	_ = s.outer.SetReadDeadline(time.Time{})
	return now, buffer[:n]
}

// outerConnection is the caller's side of a stream: plain, or inside TLS.
type outerConnection interface {
	net.Conn
	CloseWrite() error
}

// greet makes the TLS handshake, where there is one.
func (s *stream) greet(first []byte) (outerConnection, error) {
	begun := &begunConn{TCPConn: s.outer, first: first}
	if s.doorway.tls == nil {
		if len(first) == 0 {
			return s.outer, nil
		}
		return begun, nil
	}
	outer := tls.Server(begun, s.doorway.tls)
	ctx, cancel := context.WithTimeout(s.alive, handshakeTimeout)
	defer cancel()
	return outer, outer.HandshakeContext(ctx)
}

// dial connects to the node, from the caller's own address, as the node would see it without an edge.
func (s *stream) dial() (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: backendTimeout}
	if s.caller >= 0 {
		dialer.LocalAddr = &net.TCPAddr{IP: sourceOf(s.caller).AsSlice()}
	}
	connection, err := dialer.DialContext(s.alive, "tcp4", s.doorway.to.String())
	if err != nil {
		return nil, err
	}
	inner := connection.(*net.TCPConn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive.Err() != nil {
		return nil, errors.Join(net.ErrClosed, inner.Close())
	}
	s.inner = inner
	return inner, nil
}

// begunConn is a connection of which something was read already.
type begunConn struct {
	*net.TCPConn
	first []byte
}

func (c *begunConn) Read(into []byte) (int, error) {
	if len(c.first) == 0 {
		return c.TCPConn.Read(into)
	}
	n := copy(into, c.first)
	c.first = c.first[n:]
	return n, nil
}
