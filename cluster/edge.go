package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
)

// edge stands before a node, in the cluster's process, as the network does before a real one: peers reach the node through it alone. It takes
// HTTPS under the node's name and hands it on to the node's plain listener, and it hands on gossip, UDP and TCP. Who calls it tells by the
// address that the call comes from (sourceOf), so that every link can be cut and slowed down by itself.
type edge struct {
	node  int
	links *links
	log   *slog.Logger
	api   *doorway // HTTPS
	talk  *doorway // gossip over TCP
	relay *relay   // gossip over UDP
	url   string   // https://nodeN.test:PORT
	done  chan struct{}
	close func() error
}

// backend is where a node listens, which an edge hands on to.
type backend struct {
	api    netip.AddrPort
	gossip netip.AddrPort // zero: the node does not gossip
}

// startEdge listens on free ports of 127.0.0.1 for the i-th node.
func startEdge(i int, l *links, to backend, authority *authority, log *slog.Logger) (*edge, error) {
	e := &edge{node: i, links: l, log: log, done: make(chan struct{})}
	e.close = sync.OnceValue(e.shut)
	certificate := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return authority.certificateFor(nodeDomain(i)) }
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", nodeName(i), err)
	}
	// Session tickets are on, so a peer that comes back makes no full handshake. HTTP/1.1 alone: what is inside passes as it is, and a node's
	// plain listener speaks no HTTP/2.
	e.api = e.open(listener, to.api, &tls.Config{GetCertificate: certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	e.url = fmt.Sprintf("https://%s:%d", nodeDomain(i), listener.Addr().(*net.TCPAddr).Port)
	if !to.gossip.IsValid() {
		return e, nil
	}
	packets, listener, err := listenBoth(netip.AddrPortFrom(localhost, 0))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for %s: %w", nodeName(i), err), e.Close())
	}
	e.talk = e.open(listener, to.gossip, nil)
	e.relay = startRelay(packets.(*net.UDPConn), e, to.gossip)
	return e, nil
}

// gossip is where others send gossip for the node; the zero value if it does not gossip.
func (e *edge) gossip() netip.AddrPort {
	if e.relay == nil {
		return netip.AddrPort{}
	}
	return e.relay.packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

// from is the link that a call from the address comes over.
func (e *edge) from(address net.Addr) (caller int, l *link) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return -1, e.links.outside
	}
	caller = callerAt(tcp.AddrPort().Addr(), e.links.n)
	return caller, e.links.between(caller, e.node)
}

// breakCut breaks the connections that stand over links which are cut so.
func (e *edge) breakCut() {
	for _, d := range []*doorway{e.api, e.talk} {
		if d != nil {
			d.breakCut()
		}
	}
}

// Close ends all connections, and waits until nothing of the edge runs.
func (e *edge) Close() error { return e.close() }

func (e *edge) shut() error {
	close(e.done)
	var failed error
	for _, d := range []*doorway{e.api, e.talk} {
		if d != nil {
			failed = errors.Join(failed, d.shut())
		}
	}
	if e.relay != nil {
		failed = errors.Join(failed, e.relay.shut())
	}
	return failed
}
