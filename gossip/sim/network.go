package sim

import (
	"math"
	"math/bits"
	"time"
)

// Sizes in bytes, as the real formats have them.
const (
	httpBytes      = 500  // a request and its answer: headers, TLS records, TCP/IP
	handshakeBytes = 4500 // opening a TLS connection: of that the server's part
	serverPart     = 3500
	packetBytes    = 28 // UDP and IP
	sealBytes      = 41 // memberlist's label and encryption
	checkpointSize = 300
	entrySize      = 130
	recordSize     = 700
	headSize       = 400 // of one head in the answer to a poll
	hashSize       = 67  // of one record in the request for bodies
	hintJSON       = 130 // of one hint in POST /hint
	segment        = 1400
	firstWindow    = 10 * segment
)

// Times.
const (
	serveTime      = int64(500 * time.Microsecond)
	commitTime     = int64(5 * time.Millisecond)
	idleTimeout    = int64(90 * time.Second)
	requestTimeout = int64(5 * time.Second)
	minTimeout     = int64(200 * time.Millisecond) // TCP's
	synTimeout     = int64(time.Second)
)

// traffic is what bytes are spent on.
type traffic uint8

const (
	datagrams traffic = iota
	tells
	pulls
	polls
	handshakes
	kinds
)

// latency is a pair's one-way latency.
func (w *world) latency(a, b int32) int64 {
	if a > b {
		a, b = b, a
	}
	h := mix(w.Seed, uint64(a)+1, uint64(b)+1)
	span := uint64(w.LatencyMax-w.LatencyMin) + 1
	high, _ := bits.Mul64(h, span)
	return int64(w.LatencyMin) + int64(high)
}

// up sends bytes over a node's uplink and gives the time at which the last of them is on the wire.
func (w *world) up(from int32, bytes int, kind traffic) int64 {
	n := &w.nodes[from]
	took := int64(bytes) * 8 * int64(time.Second) / w.Uplink
	n.uplinkFree = max(n.uplinkFree, w.now) + took
	w.measure.sent(w, n, bytes, kind, took)
	return n.uplinkFree
}

// away tells whether a node's cable is out.
func (w *world) away(i int32) bool { return w.gone[i] }

// retransmission is what losses cost a TCP message of so many bytes.
func (w *world) retransmission(bytes int, trip, timeout int64) (delay int64) {
	segments := 1 + bytes/segment
	for wait := trip + timeout; w.random.Float64() < 1-math.Pow(1-w.Loss, float64(segments)); wait *= 2 {
		if segments > 3 {
			delay += trip * 3 / 2 // the packets after it tell that it is missing
		} else {
			delay += wait
		}
		segments = 1
	}
	if bytes > firstWindow {
		delay += trip * int64(bits.Len(uint(bytes/firstWindow)))
	}
	return delay
}

type purpose uint8

const (
	forHeads purpose = iota
	forHint
	forCheckpoint
	forEntries
	forBodies
)

// exchange is an HTTP request on its way, and its answer.
type exchange struct {
	from, to int32
	origin   int32
	purpose  purpose
	kind     traffic
	failed   bool   // cut off: only the time-out ends it
	began    int64  // ns
	since    uint32 // forHeads: the cursor; in the answer the next one
	size     uint32 // entries that the client holds; in the end those that it gets
	want     uint32 // the pull's To
	behind   bool
	payload  any // hints of a Tell or heads of a poll
	bytes    int // of the request's body
	reply    int // of the answer's
}

// send opens an exchange: a connection if need be, and the request.
func (w *world) send(x exchange) {
	ref := w.place(x)
	e := &w.exchanges[ref]
	e.began = w.now
	if w.away(e.from) || w.away(e.to) {
		e.failed = true
		w.schedule(e.began+requestTimeout, timedOut, e.from, ref)
		return
	}
	trip := 2 * w.latency(e.from, e.to)
	var opening int64
	if last := w.contact[int(e.from)*w.Nodes+int(e.to)]; last == 0 || w.now-last > idleTimeout {
		w.up(e.from, handshakeBytes-serverPart, handshakes)
		w.up(e.to, serverPart, handshakes)
		opening = 2*trip + w.retransmission(0, trip, synTimeout) + w.retransmission(0, trip, synTimeout) + w.retransmission(serverPart, trip, minTimeout)
	}
	bytes := httpBytes/2 + e.bytes
	at := w.up(e.from, bytes, e.kind) + opening + trip/2 + w.retransmission(bytes, trip, minTimeout)
	w.arrive(at, requestIn, e.to, ref)
}

// request is handled where it arrives.
func (w *world) request(ref int32) {
	e := &w.exchanges[ref]
	if w.away(e.from) || w.away(e.to) {
		w.cutOff(ref)
		return
	}
	w.serve(e)
	e = &w.exchanges[ref] // serving may have made room for more of them
	trip := 2 * w.latency(e.from, e.to)
	bytes := httpBytes/2 + e.reply
	at := w.up(e.to, bytes, e.kind) + serveTime + trip/2 + w.retransmission(bytes, trip, minTimeout)
	w.arrive(at, answerIn, e.from, ref)
}

// arrive schedules a message's arrival, unless the client gives up before.
func (w *world) arrive(at int64, kind eventKind, node, ref int32) {
	if at > w.exchanges[ref].began+requestTimeout {
		w.cutOff(ref)
		return
	}
	w.schedule(at, kind, node, ref)
}

// answer arrives at the client.
func (w *world) answer(ref int32) {
	e := &w.exchanges[ref]
	if w.away(e.from) || w.away(e.to) {
		w.cutOff(ref)
		return
	}
	w.contact[int(e.from)*w.Nodes+int(e.to)] = w.now
	w.answered(ref)
}

// cutOff leaves an exchange to its time-out.
func (w *world) cutOff(ref int32) {
	e := &w.exchanges[ref]
	e.failed = true
	w.schedule(max(w.now, e.began+requestTimeout), timedOut, e.from, ref)
}

func (w *world) place(x exchange) int32 {
	if n := len(w.free); n > 0 {
		ref := w.free[n-1]
		w.free = w.free[:n-1]
		w.exchanges[ref] = x
		return ref
	}
	w.exchanges = append(w.exchanges, x)
	return int32(len(w.exchanges) - 1)
}

func (w *world) release(ref int32) {
	w.exchanges[ref] = exchange{}
	w.free = append(w.free, ref)
}
