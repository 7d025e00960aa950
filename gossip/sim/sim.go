// Package sim answers how gossip does in a network of a thousand nodes, which no laptop can run: a discrete-event simulation that drives the real
// decisions of gossip over a network that is only reckoned.
//
// What is real: every node has a planner.Planner, the very code of a running node, with its choice of whom to tell, when to look, from whom to
// pull; and memberlist's TransmitLimitedQueue, which decides which hints go into which datagram and how often.
//
// What is modelled, and how:
//
//   - Links: each pair of nodes has a one-way latency of its own, drawn evenly from Config's range, the same both ways. There is no geography in it: a
//     real network has more structure. Each node has an uplink; what it sends waits for what it sent before. Downlinks are never the bottleneck.
//   - memberlist's gossip tick: every GossipInterval a node takes GossipNodes others by chance and sends each a datagram filled from its queue.
//     Membership itself (probes, suspicion, push-pull) is left out: everybody is a member throughout. Of its probes only the round-trip times are
//     taken over, and at the start each node knows those of Config.Probed peers, as after so many seconds of membership.
//   - UDP: a datagram is lost with probability Loss.
//   - HTTP: a request and its answer, each with TLS and TCP/IP around it (httpBytes together). The first contact, or one after 90 s without, opens
//     a connection first: two round trips and handshakeBytes. A lost segment costs a retransmission time-out (a round trip and 200 ms, doubling; 1 s for
//     a connection's first packets), in long messages half another round trip; what exceeds the first congestion window costs a round trip for each doubling.
//     Connections do not block one another.
//   - A pull: the checkpoint, the entries, the bodies, one after the other, as package mirror asks for them, then commitTime for verification and disk. A node
//     takes serveTime to answer.
//   - A node that is away has its cable out: it runs on, and nothing reaches or leaves it. Requests caught by that fail after requestTimeout, as
//     clients give up that long without the start of an answer.
//   - Records come by a Poisson process, each to a node taken by chance among those that are not away. A record's time begins when it is durable there.
//   - Nobody lies. Processors are never busy.
//
// Everything is drawn from one seed, and events of the same instant run in the order in which they were made: a run replays exactly. Report.Digest
// is over all events and proves it.
package sim

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"mirnode/gossip/planner"
)

// Config describes a network and what happens in it. The zero value of a field means DefaultConfig's.
type Config struct {
	Seed       uint64
	Nodes      int           // 2 to MaxNodes
	Rate       float64       // records a second over the whole network
	WarmUp     time.Duration // records before this count for nothing
	Measured   time.Duration // records of this long are measured
	Drain      time.Duration // the longest wait for the last of them
	LatencyMin time.Duration // one way
	LatencyMax time.Duration
	Loss       float64 // of each packet; negative: none
	Uplink     int64   // bits a second
	Away       int     // nodes that are away once, spread over the measured time; negative: none
	AwayFor    time.Duration
	Probed     int // peers whose round trip a node knows at the start; negative: none

	GossipInterval time.Duration // memberlist's, and the following ones as package gossip sets them
	GossipNodes    int
	RetransmitMult int
	UDPBuffer      int // bytes of a datagram's payload

	Planner planner.Options
}

// MaxNodes bounds a simulated network.
const MaxNodes = 4096

// DefaultConfig is the network of the figures in docs/performance.md, at 5 records/s.
func DefaultConfig() Config {
	return Config{
		Seed: 1, Nodes: 1000, Rate: 5,
		WarmUp: 10 * time.Second, Measured: 30 * time.Second, Drain: 30 * time.Second,
		LatencyMin: 5 * time.Millisecond, LatencyMax: 150 * time.Millisecond, Loss: 0.02, Uplink: 100_000_000,
		Away: 20, AwayFor: 15 * time.Second, Probed: 300,
		GossipInterval: 50 * time.Millisecond, GossipNodes: 4, RetransmitMult: 4, UDPBuffer: 1400,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.Nodes = or(c.Nodes, d.Nodes)
	c.Rate = or(c.Rate, d.Rate)
	c.WarmUp = or(c.WarmUp, d.WarmUp)
	c.Measured = or(c.Measured, d.Measured)
	c.Drain = or(c.Drain, d.Drain)
	c.LatencyMin = or(c.LatencyMin, d.LatencyMin)
	c.LatencyMax = or(c.LatencyMax, d.LatencyMax)
	c.Loss = max(0, or(c.Loss, d.Loss))
	c.Uplink = or(c.Uplink, d.Uplink)
	c.Away = or(c.Away, d.Away)
	c.AwayFor = or(c.AwayFor, d.AwayFor)
	c.Probed = or(c.Probed, d.Probed)
	c.GossipInterval = or(c.GossipInterval, d.GossipInterval)
	c.GossipNodes = or(c.GossipNodes, d.GossipNodes)
	c.RetransmitMult = or(c.RetransmitMult, d.RetransmitMult)
	c.UDPBuffer = or(c.UDPBuffer, d.UDPBuffer)
	return c
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// check refuses what cannot be simulated.
func (c Config) check() error {
	switch {
	case c.Nodes < 2 || c.Nodes > MaxNodes:
		return errors.New("sim: a network has 2 to 4096 nodes")
	case c.Rate < 0 || c.Rate*(c.WarmUp+c.Measured).Seconds() > math.MaxInt32/float64(c.Nodes):
		return errors.New("sim: so many records cannot be simulated")
	case c.LatencyMin <= 0 || c.LatencyMax < c.LatencyMin:
		return errors.New("sim: the latencies are no range")
	case c.Loss < 0 || c.Loss > 0.5:
		return errors.New("sim: the loss must lie between 0 and 0.5")
	case c.Uplink < 1_000_000 || c.WarmUp < 0 || c.Measured <= 0 || c.AwayFor < 0:
		return errors.New("sim: an uplink below 1 Mbit/s, or a time below zero")
	case c.Away >= c.Nodes:
		return errors.New("sim: somebody must stay")
	}
	return nil
}

// world is a simulation under way.
type world struct {
	Config
	random  *rand.Rand
	now     int64 // ns since the start
	end     int64 // no events after
	events  eventHeap
	made    uint64 // events made: their order among equals
	digest  uint64
	handled uint64

	nodes     []node
	names     []planner.PeerID // of the nodes
	gone      []bool           // of the nodes: away now
	contact   []int64          // [from*Nodes+to]: when from last had an answer from to; 0: no connection
	exchanges []exchange       // HTTP requests under way, and free places
	free      []int32
	datagrams [][][]byte
	freeData  []int32
	news      []planner.Hint // of the datagram that is being read

	records  []record
	ofOrigin [][]int32 // records by origin and index
	measure  measures
}

// Run simulates. It ends early with an error when ctx ends. Several may run at once.
func Run(ctx context.Context, c Config) (Report, error) {
	began := time.Now()
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return Report{}, err
	}
	w := newWorld(c)
	if err := w.run(ctx); err != nil {
		return Report{}, err
	}
	r := w.report()
	r.Wall = time.Since(began)
	return r, nil
}

// run handles events until everything measured has arrived, or the time is over.
func (w *world) run(ctx context.Context) error {
	for n := 0; len(w.events) > 0; n++ {
		if n%65536 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e := w.events.pop()
		if e.at > w.end || w.settled() {
			return nil
		}
		w.now = e.at
		w.handled++
		w.digest = mix(w.digest, uint64(e.at), uint64(e.kind)<<56|uint64(uint32(e.node))<<28|uint64(uint32(e.ref)))
		w.handle(e)
	}
	return nil
}

func (w *world) handle(e event) {
	switch e.kind {
	case wakeUp:
		w.wake(e.node)
	case gossipTick:
		w.tick(e.node)
	case probeTick:
		w.probe(e.node)
	case datagramIn:
		w.datagram(e.node, e.ref)
	case requestIn:
		w.request(e.ref)
	case answerIn:
		w.answer(e.ref)
	case timedOut:
		w.timeOut(e.ref)
	case committed:
		w.commit(e.ref)
	case recordIn:
		w.ingest()
	case leaves:
		w.leave(e.node)
	case returns:
		w.comeBack(e.node)
	}
}

// mix is the step of a fast hash over words: enough to tell two runs apart, not more.
func mix(h, a, b uint64) uint64 {
	h = (h ^ a) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	h = (h ^ b) * 0xbf58476d1ce4e5b9
	return h ^ h>>32
}
