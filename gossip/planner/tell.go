package planner

import (
	"slices"
	"time"
)

// spread has some peers told over HTTP that a log has grown: neighbours that are not known to hold it, near ones first.
func (p *Planner) spread(i int32, fanout int) {
	o := &p.origins[i]
	o.spreadAt = 0
	targets := p.neighbours.order(p.random)
	for _, peer := range targets {
		if fanout == 0 {
			return
		}
		if !o.knows(peer) && p.peers[peer].until <= p.now && peer != o.owner {
			p.tell(peer, i)
			fanout--
		}
	}
}

// tell notes that a peer is to be told of a log's head. Beyond MaxHints it learns the rest by polling.
func (p *Planner) tell(i, o int32) {
	peer := &p.peers[i]
	if len(peer.toTell) >= MaxHints || slices.Contains(peer.toTell, o) {
		return
	}
	peer.toTell = append(peer.toTell, o)
	p.queueTell(i)
}

// queueTell has a peer told in the next round, unless it is being told: then its hints gather.
func (p *Planner) queueTell(i int32) {
	if peer := &p.peers[i]; !peer.queued && !peer.telling && len(peer.toTell) > 0 {
		peer.queued = true
		p.tellReady = append(p.tellReady, i)
	}
}

// startTells gives the Tells that are due, and the Broadcast.
func (p *Planner) startTells() {
	for _, i := range p.tellReady {
		peer := &p.peers[i]
		peer.queued = false
		switch {
		case peer.gone || peer.telling:
		case peer.until > p.now:
			peer.toTell = peer.toTell[:0] // it polls when it is back
		case peer.tellAt > p.now:
			p.timers.push(timer{at: peer.tellAt, kind: tellDue, index: i})
		default:
			p.sendTell(i)
		}
	}
	p.tellReady = p.tellReady[:0]
	for grown := range slices.Chunk(p.grown, MaxHints) {
		for _, i := range grown {
			p.origins[i].growing = false
		}
		p.actions = append(p.actions, Broadcast{Hints: p.hints(grown)})
	}
	p.grown = p.grown[:0]
}

// sendTell tells a peer what it is not known to hold by now.
func (p *Planner) sendTell(i int32) {
	peer := &p.peers[i]
	peer.toTell = slices.DeleteFunc(peer.toTell, func(o int32) bool {
		return p.origins[o].frozen || p.origins[o].knows(i)
	})
	if len(peer.toTell) == 0 {
		return
	}
	p.actions = append(p.actions, Tell{Peer: peer.id, Hints: p.hints(peer.toTell)})
	peer.toldOwn = slices.ContainsFunc(peer.toTell, func(o int32) bool { return p.origins[o].own })
	peer.toTell = peer.toTell[:0]
	peer.telling, peer.toldAt, peer.tellAt = true, p.now, p.now+p.o.TellPause
}

// hints gives the present heads of some logs.
func (p *Planner) hints(origins []int32) []Hint {
	hints := make([]Hint, len(origins))
	for n, i := range origins {
		o := &p.origins[i]
		hints[n] = Hint{Origin: o.id, Size: o.headSize, Root: o.root}
	}
	return hints
}

// TellEnded says that a Tell was answered (ok), or that it was not. What gathered meanwhile is told then.
func (p *Planner) TellEnded(now time.Time, id PeerID, ok bool) {
	p.at(now)
	i, known := p.peerIndex[id]
	if !known || !p.peers[i].telling {
		return
	}
	peer := &p.peers[i]
	if ok {
		p.measure(i, p.now-peer.toldAt)
		p.answered(i)
	} else {
		p.cutOff(i)
		p.tellAnother(i)
	}
	peer.telling = false
	p.queueTell(i)
}

// tellAnother makes up for a Tell of our own log's growth that failed: soon another peer is told. Nobody else would.
func (p *Planner) tellAnother(i int32) {
	if !p.peers[i].toldOwn {
		return
	}
	for n := range p.origins {
		if o := &p.origins[n]; o.own && o.announced > 0 && o.spreadAt == 0 {
			o.spreadAt = p.now + p.between(p.o.BackoffFirst/2, p.o.BackoffFirst)
			p.timers.push(timer{at: o.spreadAt, kind: spreadDue, index: int32(n)})
		}
	}
}
