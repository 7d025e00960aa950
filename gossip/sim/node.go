package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"

	"mirnode/gossip/planner"
)

// epoch is when every simulation begins.
var epoch = time.Date(2026, time.November, 22, 7, 0, 0, 0, time.UTC)

// node is a simulated node. Every node has one origin log, and its number names both.
type node struct {
	planner *planner.Planner
	queue   *memberlist.TransmitLimitedQueue
	held    []uint32 // entries, by origin
	changed []uint32 // by origin: the version at which held changed last
	version uint32   // what cursors count

	asked      int64 // the earliest wake-up that is scheduled; 0: none
	uplinkFree int64
	busy       []int64 // ns of sending, by second
	leaves     int64
	returns    int64
	missing    int   // records made while away that are not here yet
	caughtUp   int64 // when the last of them came; 0: not yet
}

// newWorld builds the network.
func newWorld(c Config) *world {
	w := &world{
		Config: c, random: rand.New(rand.NewPCG(c.Seed, 0x6d69726e6f6465)), //nolint:gosec // a simulation: it must replay
		end:   int64(c.WarmUp + c.Measured + c.Drain),
		nodes: make([]node, c.Nodes), gone: make([]bool, c.Nodes), contact: make([]int64, c.Nodes*c.Nodes), ofOrigin: make([][]int32, c.Nodes),
	}
	infos := make([]planner.PeerInfo, c.Nodes)
	for i := range infos {
		w.names = append(w.names, peerID(int32(i)))
		infos[i] = planner.PeerInfo{ID: peerID(int32(i)), Origins: []planner.OriginID{originID(int32(i))}}
	}
	seconds := int(time.Duration(w.end)/time.Second) + 2
	for i := range w.nodes {
		n := &w.nodes[i]
		random := rand.New(rand.NewPCG(c.Seed, uint64(i)+1)) //nolint:gosec // a simulation: it must replay
		*n = node{
			planner: planner.New(infos[i].ID, c.Planner, random),
			queue:   &memberlist.TransmitLimitedQueue{NumNodes: func() int { return c.Nodes }, RetransmitMult: c.RetransmitMult},
			held:    make([]uint32, c.Nodes), changed: make([]uint32, c.Nodes), busy: make([]int64, seconds),
			leaves: w.end + 1, returns: w.end + 1,
		}
		n.planner.Holds(epoch, originID(int32(i)), 0, [4]byte{}, true)
		n.planner.SetPeers(epoch, infos)
		for range c.Probed {
			if peer := int32(w.random.IntN(c.Nodes)); peer != int32(i) {
				n.planner.Measured(epoch, peerID(peer), time.Duration(2*w.latency(int32(i), peer)))
			}
		}
		w.schedule(w.random.Int64N(int64(time.Second)), wakeUp, int32(i), 0)
		w.schedule(w.random.Int64N(int64(c.GossipInterval)), gossipTick, int32(i), 0)
		w.schedule(w.random.Int64N(int64(time.Second)), probeTick, int32(i), 0)
	}
	for i := range max(0, c.Away) {
		n := &w.nodes[i*c.Nodes/c.Away]
		span := max(0, c.Measured-c.AwayFor)
		n.leaves = int64(c.WarmUp + span*time.Duration(i)/time.Duration(c.Away))
		n.returns = n.leaves + int64(c.AwayFor)
		w.schedule(n.leaves, leaves, int32(i*c.Nodes/c.Away), 0)
		w.schedule(n.returns, returns, int32(i*c.Nodes/c.Away), 0)
	}
	w.schedule(w.nextRecord(), recordIn, 0, 0)
	return w
}

func peerID(i int32) planner.PeerID { return planner.PeerID(fmt.Sprintf("node%04d.test", i)) }

// nodeOf reads a peerID.
func nodeOf(id planner.PeerID) int32 {
	return int32(id[4]-'0')*1000 + int32(id[5]-'0')*100 + int32(id[6]-'0')*10 + int32(id[7]-'0')
}

func originID(i int32) (id planner.OriginID) {
	binary.BigEndian.PutUint32(id[:], uint32(i))
	return id
}

func originOf(id planner.OriginID) int32 { return int32(binary.BigEndian.Uint32(id[:])) }

// rootOf stands for the root of a log at a size.
func rootOf(origin int32, size uint32) (root [4]byte) {
	binary.BigEndian.PutUint32(root[:], uint32(mix(1, uint64(origin), uint64(size))))
	return root
}

func (w *world) time() time.Time { return epoch.Add(time.Duration(w.now)) }

// wake is called when the time that a planner asked for has come.
func (w *world) wake(i int32) {
	if w.nodes[i].asked == w.now {
		w.nodes[i].asked = 0
	}
	w.act(i)
}

// act does what a node's planner decides.
func (w *world) act(i int32) {
	n := &w.nodes[i]
	actions, wake := n.planner.Next(w.time())
	for _, action := range actions {
		switch a := action.(type) {
		case planner.Poll:
			var since uint32
			if a.Since != "" {
				_, _ = fmt.Sscan(a.Since, &since)
			}
			w.send(exchange{from: i, to: nodeOf(a.Peer), purpose: forHeads, kind: polls, since: since})
		case planner.Tell:
			w.send(exchange{from: i, to: nodeOf(a.Peer), purpose: forHint, kind: tells, payload: a.Hints, bytes: 40 + hintJSON*len(a.Hints)})
		case planner.Pull:
			w.measure.pulls++
			o := originOf(a.Origin)
			w.send(exchange{from: i, to: nodeOf(a.Peer), purpose: forCheckpoint, kind: pulls, origin: o, size: n.held[o], want: uint32(a.To)})
		case planner.Broadcast:
			for _, h := range a.Hints {
				n.queue.QueueBroadcast(newHint(h))
			}
		}
	}
	at := max(int64(wake.Sub(epoch)), w.now+1)
	if n.asked == 0 || at < n.asked {
		n.asked = at
		w.schedule(at, wakeUp, i, 0)
	}
}

// serve is what a node answers.
func (w *world) serve(e *exchange) {
	n := &w.nodes[e.to]
	switch e.purpose {
	case forHint:
		e.reply = 2
		n.planner.Hinted(w.time(), w.names[e.from], e.payload.([]planner.Hint))
		w.act(e.to)
	case forHeads:
		e.payload, e.since = n.heads(e.since)
		e.reply = 40 + headSize*len(e.payload.([]planner.Hint))
	case forCheckpoint:
		e.reply = checkpointSize
		e.behind = n.held[e.origin] < e.want
		e.want = n.held[e.origin]
	case forEntries:
		e.reply = entrySize * int(e.want-e.size)
	case forBodies:
		e.reply = recordSize * int(e.want-e.size)
	}
}

// heads gives the first page of the heads that changed since a version, and the version that it reaches to.
func (n *node) heads(since uint32) (heads []planner.Hint, until uint32) {
	var origins []int32
	for o, changed := range n.changed {
		if changed > since {
			origins = append(origins, int32(o))
		}
	}
	until = n.version
	if len(origins) > planner.HeadsPage {
		slices.SortFunc(origins, func(a, b int32) int { return int(n.changed[a]) - int(n.changed[b]) })
		origins = origins[:planner.HeadsPage]
		until = n.changed[origins[len(origins)-1]]
	}
	for _, o := range origins {
		heads = append(heads, planner.Hint{Origin: originID(o), Size: uint64(n.held[o]), Root: rootOf(o, n.held[o])})
	}
	return heads, until
}

// answered goes on with an answer.
func (w *world) answered(ref int32) {
	e := w.exchanges[ref]
	n := &w.nodes[e.from]
	switch e.purpose {
	case forHint:
		n.planner.TellEnded(w.time(), w.names[e.to], true)
	case forHeads:
		n.planner.HeadsAnswered(w.time(), w.names[e.to], e.payload.([]planner.Hint), fmt.Sprint(e.since))
	case forCheckpoint, forEntries:
		if e.want <= e.size {
			w.endPull(&e, planner.Pulled)
			break
		}
		w.release(ref)
		e.purpose++
		if e.purpose == forBodies {
			e.bytes = hashSize * int(e.want-e.size)
		}
		w.send(e)
		return
	case forBodies:
		w.schedule(w.now+commitTime, committed, e.from, ref)
		return
	}
	w.release(ref)
	w.act(e.from)
}

// commit ends a pull that brought something.
func (w *world) commit(ref int32) {
	e := w.exchanges[ref]
	w.release(ref)
	n := &w.nodes[e.from]
	if had := n.held[e.origin]; e.want > had {
		n.held[e.origin] = e.want
		n.version++
		n.changed[e.origin] = n.version
		w.measure.arrived(w, e.from, e.origin, had, e.want)
		n.planner.Grew(w.time(), originID(e.origin), uint64(e.want), rootOf(e.origin, e.want), false)
	}
	w.endPull(&e, planner.Pulled)
	w.act(e.from)
}

func (w *world) endPull(e *exchange, outcome planner.Outcome) {
	n := &w.nodes[e.from]
	if n.held[e.origin] == e.size {
		w.measure.idlePulls++
	}
	result := planner.PullResult{Size: uint64(n.held[e.origin]), Behind: e.behind, Outcome: outcome}
	n.planner.PullEnded(w.time(), w.names[e.to], originID(e.origin), result)
}

// timeOut ends an exchange that was cut off.
func (w *world) timeOut(ref int32) {
	e := w.exchanges[ref]
	w.release(ref)
	n := &w.nodes[e.from]
	w.contact[int(e.from)*w.Nodes+int(e.to)] = 0
	switch e.purpose {
	case forHint:
		n.planner.TellEnded(w.time(), w.names[e.to], false)
	case forHeads:
		n.planner.PollFailed(w.time(), w.names[e.to])
	default:
		e.behind = false
		w.endPull(&e, planner.Unreachable)
	}
	w.act(e.from)
}

// leave pulls a node's cable.
func (w *world) leave(i int32) {
	w.gone[i] = true
	for other := range w.Nodes {
		w.contact[int(i)*w.Nodes+other], w.contact[other*w.Nodes+int(i)] = 0, 0
	}
}

// comeBack plugs it in again.
func (w *world) comeBack(i int32) {
	w.gone[i] = false
	n := &w.nodes[i]
	for o, records := range w.ofOrigin {
		n.missing += len(records) - int(n.held[o])
	}
	if n.missing == 0 {
		n.caughtUp = w.now
	}
}
