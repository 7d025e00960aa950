package planner

import "time"

// Hinted says that hints came in: from a peer over HTTP, or nameless ("") from memberlist. Names are not authenticated, so a hint from a name that is not
// admitted counts as nameless. Hints of logs that no admitted peer owns are passed over, and so is all beyond MaxHints.
func (p *Planner) Hinted(now time.Time, from PeerID, hints []Hint) {
	p.at(now)
	teller := nobody
	if i, known := p.peerIndex[from]; known {
		if teller = i; p.peers[i].deafTo > p.now {
			return
		}
		p.fan(i)
		if p.peers[i].until > p.now {
			p.signOfLife(i)
		}
	}
	if p.trouble >= troubled {
		p.signOfLife(nobody)
	}
	for _, h := range hints[:min(len(hints), MaxHints)] {
		p.hear(teller, h)
	}
}

// hear takes in one hint.
func (p *Planner) hear(teller int32, h Hint) {
	i, known := p.originIndex[h.Origin]
	if !known {
		return
	}
	o := &p.origins[i]
	if o.own || o.frozen || o.owner == nobody || h.Size < o.have {
		return
	}
	if h.Size == o.headSize && h.Root != o.root && h.Size > 0 {
		p.lookTwice(i, teller)
		return
	}
	switch {
	case teller != nobody:
		o.hold(teller, h.Size)
	case h.Size == o.have || o.deafTo > p.now:
		return
	default:
		o.rumoured = max(o.rumoured, h.Size)
	}
	if h.Size > o.have {
		p.consider(i)
	}
}

// lookTwice has the heads of a node read that speaks of another root at the size that we hold: a lie, or a fork. It costs that node's name a while of
// our ear, so that it cannot be had again and again.
func (p *Planner) lookTwice(i, teller int32) {
	o := &p.origins[i]
	if teller == nobody {
		if o.deafTo > p.now {
			return
		}
		p.deafenRumours(o)
		teller = o.owner
	} else {
		p.caughtLying(teller)
	}
	if p.peers[teller].until <= p.now {
		p.pollSoon(teller)
	}
}

// deafenRumours stops listening to nameless hints of a log for a while.
func (p *Planner) deafenRumours(o *origin) {
	deaf := min(p.o.DistrustFirst<<min(o.rumours, maxDoublings), p.o.DistrustMax)
	o.rumoured, o.rumours = 0, min(o.rumours+1, maxDoublings)
	o.deafTo = p.now + p.between(deaf/2, deaf)
}

// HeadsAnswered says that a poll was answered: the heads that changed at the peer, as their checked checkpoints give them, and the cursor for the next
// poll. When it was a full page (HeadsPage), the next poll follows at once.
func (p *Planner) HeadsAnswered(now time.Time, id PeerID, heads []Hint, cursor string) {
	p.at(now)
	i, known := p.peerIndex[id]
	if !known {
		return
	}
	peer := &p.peers[i]
	if peer.polling {
		p.measure(i, p.now-peer.asked)
	}
	peer.polling = false
	p.answered(i)
	again := len(heads) >= HeadsPage && cursor != peer.since
	peer.since = cursor
	for _, h := range heads {
		n, ok := p.originIndex[h.Origin]
		if !ok {
			continue
		}
		o := &p.origins[n]
		if o.own || o.owner == nobody {
			continue
		}
		o.verified = max(o.verified, h.Size)
		o.hold(i, h.Size)
		p.consider(n)
	}
	if again {
		p.pollSoon(i)
	}
}

// PollFailed says that a poll was not answered, or not with what proves itself.
func (p *Planner) PollFailed(now time.Time, id PeerID) {
	p.at(now)
	if i, known := p.peerIndex[id]; known {
		p.peers[i].polling = false
		p.failed(i)
	}
}
