package cluster

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxPacket      = 64 << 10 // bytes; the most that UDP carries
	delayedPackets = 1024     // under way over slow links at one time; more are lost, as in a router
	relayBuffer    = 1 << 20  // bytes that the kernel keeps for a relay that is not quick enough
)

// relay hands on the UDP packets for one node. It needs no sessions: an answer is sent to the asker's own edge.
type relay struct {
	edge    *edge
	packets *net.UDPConn
	to      netip.AddrPort
	running sync.WaitGroup
	delayed atomic.Int64
	late    sync.WaitGroup // packets under way over slow links
}

func startRelay(packets *net.UDPConn, e *edge, to netip.AddrPort) *relay {
	r := &relay{edge: e, packets: packets, to: to}
	_ = packets.SetReadBuffer(relayBuffer) // the system may allow less, and packets may be lost anyway
	r.running.Go(r.run)
	return r
}

// run hands on each packet as the link that it came over is at that moment.
func (r *relay) run() {
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := r.packets.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an earlier packet found nobody: the node is down
		}
		caller := callerAt(from.Addr(), r.edge.links.n)
		switch now := r.edge.links.between(caller, r.edge.node).now.Load(); {
		case now.cut:
		case now.delay > 0:
			r.later(buffer[:n], now.delay)
		default:
			_, _ = r.packets.WriteToUDPAddrPort(buffer[:n], r.to) // a packet may get lost
		}
	}
}

// later hands a packet on after the delay.
func (r *relay) later(packet []byte, delay time.Duration) {
	if r.delayed.Add(1) > delayedPackets {
		r.delayed.Add(-1)
		return
	}
	kept := append([]byte(nil), packet...)
	r.late.Go(func() {
		defer r.delayed.Add(-1)
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			_, _ = r.packets.WriteToUDPAddrPort(kept, r.to) // a packet may get lost
		case <-r.edge.done:
		}
	})
}

// shut ends the relay. The edge's done is closed by then.
func (r *relay) shut() error {
	err := r.packets.Close()
	r.running.Wait()
	r.late.Wait()
	return err
}
