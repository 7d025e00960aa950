package sim

import (
	"encoding/binary"
	"time"

	"github.com/hashicorp/memberlist"

	"mirnode/gossip/planner"
)

// hint is a broadcast in memberlist's queue: one origin's newest head. A newer one takes its place.
type hint struct {
	name    string
	message []byte
}

const (
	messageBytes  = 1 + 2 + planner.HintBytes // memberlist's type byte, the message's version and count, the hint
	entryOverhead = 2                         // of a message in a compound datagram
)

func newHint(h planner.Hint) *hint {
	message := make([]byte, messageBytes)
	copy(message[3:], h.Origin[:])
	binary.BigEndian.PutUint64(message[35:], h.Size)
	copy(message[43:], h.Root[:])
	return &hint{name: string(h.Origin[:]), message: message}
}

func readHint(message []byte) (h planner.Hint) {
	copy(h.Origin[:], message[3:])
	h.Size = binary.BigEndian.Uint64(message[35:])
	copy(h.Root[:], message[43:])
	return h
}

// Name is a method of memberlist.NamedBroadcast.
func (h *hint) Name() string { return h.name }

// Message is a method of memberlist.Broadcast.
func (h *hint) Message() []byte { return h.message }

// Invalidates is a method of memberlist.Broadcast: a newer head of an origin takes the place of an older one.
func (h *hint) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*hint)
	return ok && o.name == h.name
}

// Finished is a method of memberlist.Broadcast.
func (h *hint) Finished() {}

// tick is memberlist's gossip: some others by chance get a datagram each.
func (w *world) tick(i int32) {
	w.schedule(w.now+int64(w.GossipInterval), gossipTick, i, 0)
	n := &w.nodes[i]
	if n.queue.NumQueued() == 0 {
		return
	}
	var chosen [16]int32
	for k := range min(w.GossipNodes, w.Nodes-1, len(chosen)) {
		chosen[k] = w.other(i, chosen[:k])
		messages := n.queue.GetBroadcasts(entryOverhead, w.UDPBuffer-sealBytes)
		if len(messages) == 0 {
			return
		}
		bytes := packetBytes + sealBytes + len(messages)*(messageBytes+entryOverhead)
		at := w.up(i, bytes, datagrams) + w.latency(i, chosen[k])
		if w.random.Float64() < w.Loss || w.away(i) {
			continue
		}
		w.schedule(at, datagramIn, chosen[k], w.keep(messages))
	}
}

// other gives a node by chance, which is neither i nor chosen yet.
func (w *world) other(i int32, chosen []int32) int32 {
draw:
	for {
		node := int32(w.random.IntN(w.Nodes))
		if node == i {
			continue
		}
		for _, c := range chosen {
			if c == node {
				continue draw
			}
		}
		return node
	}
}

// datagram arrives.
func (w *world) datagram(i, ref int32) {
	messages := w.datagrams[ref]
	w.datagrams[ref] = nil
	w.freeData = append(w.freeData, ref)
	if w.away(i) {
		return
	}
	n := &w.nodes[i]
	news := w.news[:0]
	for _, message := range messages {
		// What is held already would change nothing, but be a sign of life to a node that was away.
		if h := readHint(message); h.Size > uint64(n.held[originOf(h.Origin)]) || w.now >= n.leaves {
			news = append(news, h)
		}
	}
	w.news = news
	if len(news) > 0 {
		n.planner.Hinted(w.time(), "", news)
		w.act(i)
	}
}

func (w *world) keep(messages [][]byte) int32 {
	if n := len(w.freeData); n > 0 {
		ref := w.freeData[n-1]
		w.freeData = w.freeData[:n-1]
		w.datagrams[ref] = messages
		return ref
	}
	w.datagrams = append(w.datagrams, messages)
	return int32(len(w.datagrams) - 1)
}

// probe is memberlist's: one other node a second is asked whether it lives, which tells the round trip.
func (w *world) probe(i int32) {
	w.schedule(w.now+int64(time.Second), probeTick, i, 0)
	if other := w.other(i, nil); !w.away(i) && !w.away(other) {
		w.nodes[i].planner.Measured(w.time(), w.names[other], time.Duration(2*w.latency(i, other)))
	}
}
