package planner

import (
	"slices"
	"strings"
	"time"
)

// peer is what the planner knows of an admitted peer.
type peer struct {
	id      PeerID
	site    string
	origins []int32
	since   string // the cursor that its heads are asked for with

	roundTrip time.Duration // how fast it answers; 0: not known
	contact   time.Duration // its last answer; 0: never
	asked     time.Duration // when the poll in flight was sent

	failures int           // in a row
	until    time.Duration // backed off until then
	told     time.Duration // when its last hints came
	lies     int           // false hints in a row
	deafTo   time.Duration // its hints do not count until then

	pulls     int           // in flight
	mine      int           // in flight, of its own logs, from whomever
	served    time.Duration // when the last pull of a log of its own began
	quick     bool          // it answered its last pull fast
	stalls    int           // pulls from it that failed, less half of them for each that went well
	pullAfter time.Duration // not pulled from before
	silent    bool          // a poll or a Tell failed since its last answer: it is the link, and not only its pulls

	polling bool
	urgent  bool // waits in pollPlan.urgent
	gone    bool // no longer admitted

	toTell  []int32       // origins whose head it is to be told; at most MaxHints
	queued  bool          // waits in tellReady
	telling bool          // a Tell is in flight
	toldOwn bool          // and speaks of our own log
	tellAt  time.Duration // not before; while telling: give the answer up
	toldAt  time.Duration // when the Tell in flight was sent
}

const (
	warmFor      = 80 * time.Second      // an answer so recent means that a connection is open (idle ones are closed after 90 s)
	unknownTrip  = 50 * time.Millisecond // the round trip of a peer that was never measured
	busyPause    = time.Second           // after Busy
	maxDoublings = 20
)

// SetPeers says who is admitted now, and which logs they own. Peers that are not in the list are forgotten, but for what Export gives before.
// The order of the list does not matter. A list longer than MaxPeers is cut.
func (p *Planner) SetPeers(now time.Time, infos []PeerInfo) {
	p.at(now)
	infos = slices.Clone(infos)
	slices.SortFunc(infos, func(a, b PeerInfo) int { return strings.Compare(string(a.ID), string(b.ID)) })
	infos = slices.CompactFunc(infos, func(a, b PeerInfo) bool { return a.ID == b.ID })
	infos = slices.DeleteFunc(infos, func(i PeerInfo) bool { return i.ID == p.self || i.ID == "" })
	infos = infos[:min(len(infos), MaxPeers)]

	stays := make([]bool, len(p.peers))
	for _, info := range infos {
		if i, known := p.peerIndex[info.ID]; known {
			stays[i] = true
		}
	}
	before := len(p.freePeers)
	for _, i := range p.live {
		if !stays[i] {
			p.forget(i)
		}
	}
	if len(p.freePeers) > before {
		p.crowded = false
		for o := range p.origins {
			p.origins[o].dropGone(p.peers)
		}
	}
	p.live = p.live[:0]
	fresh := 0
	for _, info := range infos {
		i, known := p.peerIndex[info.ID]
		if !known {
			i = p.newPeer(info.ID)
			fresh++
		}
		p.live = append(p.live, i)
		p.peers[i].site = info.Site
		p.own(i, info.Origins[:min(len(info.Origins), MaxOriginsPerPeer)])
	}
	p.refreshNeighbours()
	p.planPolls(fresh > 0)
}

// newPeer gives a peer a place.
func (p *Planner) newPeer(id PeerID) int32 {
	var i int32
	if n := len(p.freePeers); n > 0 {
		i, p.freePeers = p.freePeers[n-1], p.freePeers[:n-1]
		queued, urgent := p.peers[i].queued, p.peers[i].urgent // it may still lie in these queues
		p.peers[i] = peer{id: id, queued: queued, urgent: urgent}
	} else {
		i = int32(len(p.peers))
		p.peers = append(p.peers, peer{id: id})
	}
	p.peerIndex[id] = i
	return i
}

// forget drops a peer that is no longer admitted. Its logs stay known, and are not pulled.
func (p *Planner) forget(i int32) {
	delete(p.peerIndex, p.peers[i].id)
	for _, o := range p.peers[i].origins {
		p.origins[o].owner = nobody
	}
	p.peers[i].gone, p.peers[i].toTell, p.peers[i].origins = true, nil, nil
	p.freePeers = append(p.freePeers, i)
}

// own notes which logs belong to a peer. A log that another peer owns already stays with that one.
func (p *Planner) own(i int32, ids []OriginID) {
	if len(p.peers[i].origins) > 0 {
		p.crowded = false
	}
	for _, o := range p.peers[i].origins {
		p.origins[o].owner = nobody
	}
	p.peers[i].origins = p.peers[i].origins[:0]
	for _, id := range ids {
		o, ok := p.origin(id)
		if !ok || p.origins[o].own || p.origins[o].owner != nobody {
			continue
		}
		p.origins[o].owner = i
		p.peers[i].origins = append(p.peers[i].origins, o)
		p.consider(o)
	}
}

// PeerUp says that a peer answered us, in whatever matter: its backoff ends.
func (p *Planner) PeerUp(now time.Time, id PeerID) {
	p.at(now)
	if i, known := p.peerIndex[id]; known {
		p.answered(i)
	}
}

// PeerDown says that a peer did not answer us. Failures of polls, pulls and tells count by themselves.
func (p *Planner) PeerDown(now time.Time, id PeerID) {
	p.at(now)
	if i, known := p.peerIndex[id]; known {
		p.cutOff(i)
	}
}

// Reset ends a peer's backoff and distrust by hand, and has it polled at once.
func (p *Planner) Reset(now time.Time, id PeerID) {
	p.at(now)
	i, known := p.peerIndex[id]
	if !known {
		return
	}
	peer := &p.peers[i]
	peer.failures, peer.until, peer.lies, peer.deafTo, peer.stalls, peer.pullAfter = 0, 0, 0, 0, 0, 0
	p.pollSoon(i)
	for _, o := range peer.origins {
		p.consider(o)
	}
}

// Measured says how long a round trip to a peer took, as memberlist's probes measure it. Polls and tells are measured without it.
func (p *Planner) Measured(now time.Time, id PeerID, roundTrip time.Duration) {
	p.at(now)
	if i, known := p.peerIndex[id]; known {
		p.measure(i, roundTrip)
		if p.peers[i].until > p.now {
			p.signOfLife(i)
		}
	}
}

func (p *Planner) measure(i int32, took time.Duration) {
	peer := &p.peers[i]
	took = max(took, time.Microsecond)
	if peer.roundTrip == 0 || took < peer.roundTrip {
		peer.roundTrip = took // the first answer of a connection pays for opening it: believe the faster
	} else {
		peer.roundTrip += (took - peer.roundTrip) / 8
	}
	p.maybeNear(i)
}

// answered notes that a peer answered.
func (p *Planner) answered(i int32) {
	peer := &p.peers[i]
	peer.failures, peer.until, peer.contact = 0, 0, p.now
	if peer.silent {
		peer.silent, peer.pullAfter = false, 0
	}
	if p.trouble >= troubled {
		p.healed()
	}
	p.trouble = 0
}

// cutOff notes that a peer did not answer a poll or a Tell.
func (p *Planner) cutOff(i int32) {
	p.peers[i].silent = true
	p.failed(i)
}

// failed notes that a peer did not answer, and backs it off. Who fails for long says nothing of our own link any more.
func (p *Planner) failed(i int32) {
	if p.backOff(i) && p.peers[i].failures <= troubled {
		p.trouble++
	}
}

// backOff leaves a peer alone for a while, and reports whether it is not left alone already: what was in flight together fails together, which is
// one failure.
func (p *Planner) backOff(i int32) bool {
	peer := &p.peers[i]
	if peer.until > p.now {
		return false
	}
	peer.failures++
	pause := min(p.o.BackoffFirst<<min(peer.failures-1, maxDoublings), p.o.BackoffMax)
	peer.until = max(peer.until, p.now+p.between(pause/2, pause))
	peer.contact = 0
	if p.neighbours.has(i) {
		p.timers.push(timer{at: peer.until, kind: retryDue, index: i})
	}
	return true
}

// stall notes that a pull from a peer failed. Polls that it answers do not end the pause that follows, or it could hold a place for pulls for good.
func (p *Planner) stall(i int32) {
	peer := &p.peers[i]
	peer.stalls, peer.quick = min(peer.stalls+1, maxDoublings), false
	pause := min(p.o.BackoffFirst<<(peer.stalls-1), p.o.BackoffMax)
	peer.pullAfter = max(peer.pullAfter, p.now+p.between(pause/2, pause))
}

// caughtLying stops listening to a peer for a while.
func (p *Planner) caughtLying(i int32) {
	peer := &p.peers[i]
	deaf := min(p.o.DistrustFirst<<min(peer.lies, maxDoublings), p.o.DistrustMax)
	peer.lies++
	peer.deafTo = p.now + p.between(deaf/2, deaf)
}

// PeerState is what of a peer's health outlives a restart.
type PeerState struct {
	Peer     PeerID    `json:"peer"`
	Failures int       `json:"failures"`
	Until    time.Time `json:"until"` // backed off until then
}

// Export gives the peers that are backed off, in the order of their names.
func (p *Planner) Export() []PeerState {
	var states []PeerState
	for _, i := range p.live {
		if peer := &p.peers[i]; peer.failures > 0 {
			states = append(states, PeerState{Peer: peer.id, Failures: peer.failures, Until: p.time(peer.until)})
		}
	}
	return states
}

// Import takes up what Export gave, after SetPeers. Peers that are unknown are passed over; no pause is longer than BackoffMax from now.
func (p *Planner) Import(now time.Time, states []PeerState) {
	p.at(now)
	for _, s := range states {
		if i, known := p.peerIndex[s.Peer]; known && s.Failures > 0 {
			p.peers[i].failures = s.Failures
			p.peers[i].until = p.now + min(s.Until.Sub(now), p.o.BackoffMax)
		}
	}
}

// PeerStatus is what the planner makes of a peer.
type PeerStatus struct {
	Failures  int           // in a row
	Until     time.Time     // backed off until then; zero: it is not
	Distrust  time.Time     // its hints do not count until then; zero: they do
	RoundTrip time.Duration // how fast it answers; 0: not known
	Pulls     int           // in flight
	Neighbour bool          // told and asked first
}

// Peer tells about a peer as of the last event.
func (p *Planner) Peer(id PeerID) (PeerStatus, bool) {
	i, known := p.peerIndex[id]
	if !known {
		return PeerStatus{}, false
	}
	peer := &p.peers[i]
	s := PeerStatus{Failures: peer.failures, RoundTrip: peer.roundTrip, Pulls: peer.pulls, Neighbour: p.neighbours.has(i)}
	if peer.until > p.now {
		s.Until = p.time(peer.until)
	}
	if peer.deafTo > p.now {
		s.Distrust = p.time(peer.deafTo)
	}
	return s, true
}
