// Package planner makes the decisions of gossip: whom to tell of a log that has grown, when to look and at whose node, from whom to pull.
//
// A Planner is a state machine and nothing else. It has no goroutine, no clock and no I/O, and draws its chances from a source that it is handed:
// the same events at the same times give the same actions. So the running node and the simulation of a thousand nodes drive the same code.
//
// What happened goes in by a method for each event, with the time it happened. What is to be done comes out of Next, with the time at which Next wants
// to be called again at the latest. After any event, call Next: actions may be due at once.
//
//	Poll{Peer, Since}       ask the peer for its heads (GET /log/heads); answer with HeadsAnswered or PollFailed
//	Pull{Peer, Origin, To}  bring the mirror of Origin up from the peer; answer with PullEnded
//	Tell{Peer, Hints}       POST /hint; answer with TellEnded
//	Broadcast{Hints}        put the hints into memberlist's queue; no answer
//
// The rules, in short. A hint says "the node that sends this holds so many entries of that origin". It is never authority: it can cause one look at
// one node. Nobody proves his name by a hint, so a false one costs no peer anything: hints of that log are looked at less often for a while
// (Options.LookPause), and a true one among them is found by the same looks. What a node holds itself (and so has verified) it passes on, once for
// each new size: to some peers over HTTP and to everybody by memberlist's queue. Hints that were only heard are not passed on, so that a
// lie ends where it arrives. Peers that are near (their answers come fast) and peers chosen by chance are told first, and preferred as sources. Everything also
// converges by polling alone. When all heads are equal, only the polls remain.
//
// A Planner may be used by one goroutine at a time.
package planner

import (
	"math/rand/v2"
	"time"
)

// PeerID names a peer: the domain of its descriptor, in lower case.
type PeerID string

// OriginID names an origin log: the SHA-256 of the origin's name, as in hints and in /mirror/{hex}.
type OriginID [32]byte

// Hint says that a log has grown: how many entries whoever sends it holds of it, and the first bytes of the tree's root at that size. It takes 44 bytes.
type Hint struct {
	Origin OriginID
	Size   uint64
	Root   [4]byte
}

// HintBytes is the size of a hint in binary form: origin, size, root.
const HintBytes = 32 + 8 + 4

// MaxHints is the largest number of hints that one Tell or Broadcast carries, and that one call of Hinted reads. The rest of a longer list is passed over.
const MaxHints = 64

// PeerInfo is an admitted peer: who it is, and which logs are its own (its present epoch and earlier ones).
type PeerInfo struct {
	ID      PeerID
	Site    string     // who runs it, as far as can be told: peers of one site share places for pulls; "": it alone
	Origins []OriginID // at most MaxOriginsPerPeer count
}

// Bounds of what a planner remembers. What goes beyond is passed over.
const (
	MaxPeers          = 4096 // admitted peers
	MaxOrigins        = 8192 // origin logs, own ones included
	MaxOriginsPerPeer = 16   // logs of one peer: its epochs
)

// Action is one of Poll, Pull, Tell and Broadcast.
type Action interface{ action() }

// Poll asks a peer which heads changed since the cursor that it gave last ("" the first time: all).
type Poll struct {
	Peer  PeerID
	Since string
}

// Pull brings the mirror of an origin up from a peer. To is the size that the peer is thought to hold: no limit, but what Behind is judged by.
type Pull struct {
	Peer   PeerID
	Origin OriginID
	To     uint64
}

// Tell sends hints to a peer over HTTP: at most MaxHints, of heads that we hold.
type Tell struct {
	Peer  PeerID
	Hints []Hint
}

// Broadcast hands hints to memberlist's queue, newest per origin only: at most MaxHints, of heads that we hold.
type Broadcast struct {
	Hints []Hint
}

func (Poll) action()      {}
func (Pull) action()      {}
func (Tell) action()      {}
func (Broadcast) action() {}

// Outcome says how a pull went.
type Outcome uint8

// The outcomes of a pull.
const (
	Pulled      Outcome = iota // the peer answered: Size and Behind say what came of it
	Unreachable                // no answer, or 5xx: the peer is backed off, others are asked
	Busy                       // the peer asked us to come later (429, 503): a short pause, no blame
	Refused                    // the peer answered and what it gave did not prove itself: it is not asked and not listened to for a while
	Frozen                     // the origin is frozen here: it is not pulled again until Freeze(…, false)
	Local                      // we ourselves could not (disk full, shutting down): later, no blame
	Slow                       // the peer answered by drips, and was left: as Unreachable, but our own link is well
)

// PullResult says what a pull brought.
type PullResult struct {
	Size    uint64 // entries of the origin that we hold now, whatever the outcome
	Behind  bool   // the peer answered and holds fewer entries than To
	Outcome Outcome
}

// Planner decides. See the package comment.
type Planner struct {
	self   PeerID
	o      Options
	random *rand.Rand
	start  time.Time     // the first event's time; instants count from here
	now    time.Duration // the newest instant seen: time never runs backwards in here

	peers      []peer
	peerIndex  map[PeerID]int32
	live       []int32 // the admitted peers, in the order of their names
	freePeers  []int32
	neighbours neighbourhood

	origins     []origin
	originIndex map[OriginID]int32
	idle        int  // where idleOrigin goes on
	crowded     bool // it found none

	timers    timerHeap
	ready     []int32        // origins whose pull is due, in order of arrival
	pulls     int            // pulls in flight
	sites     map[string]int // of them, by the site of the peer that is asked; no zeros
	doubtAt   time.Duration  // the next free instant for a look at what only doubted hints speak of
	grown     []int32        // origins to hand to memberlist's queue
	tellReady []int32        // peers with something to be told
	polling   pollPlan
	trouble   int // failures in a row, over all peers, since the last success
	actions   []Action
}

// New makes the planner of a node. random must be seeded by the caller and used by nobody else.
func New(self PeerID, o Options, random *rand.Rand) *Planner {
	return &Planner{
		self: self, o: o.withDefaults(), random: random,
		peerIndex: map[PeerID]int32{}, originIndex: map[OriginID]int32{}, sites: map[string]int{},
	}
}

// at turns a time into an instant and moves the planner's time on.
func (p *Planner) at(now time.Time) {
	if p.start.IsZero() {
		p.start = now
	}
	p.now = max(p.now, now.Sub(p.start)+1) // +1: zero means "never"
}

// time turns an instant back into a time.
func (p *Planner) time(instant time.Duration) time.Time { return p.start.Add(instant - 1) }

// between draws a duration from low to high.
func (p *Planner) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(p.random.Int64N(int64(high-low)))
}
