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
		o.hear(teller, h.Size)
	case h.Size == o.have:
		return
	default:
		o.rumoured = max(o.rumoured, h.Size)
	}
	if h.Size > o.have {
		p.consider(i)
	}
}

// lookTwice has the heads of a node read that speaks of another root at the size that we hold: a lie, or a fork. Who said so is not proven, so it
// costs no peer our ear; but it cannot be had again and again.
func (p *Planner) lookTwice(i, teller int32) {
	o := &p.origins[i]
	again := &o.twiceAt
	if teller == nobody {
		again, teller = &o.rumourAt, o.owner
	}
	if *again > p.now || p.peers[teller].until > p.now {
		return
	}
	pause := min(p.o.DistrustFirst<<min(o.twice, maxDoublings), p.o.DistrustMax)
	o.twice = min(o.twice+1, maxDoublings)
	*again = p.now + p.between(pause/2, pause)
	p.pollSoon(teller)
}

// doubt notes that a look found less than hints had spoken of. Names in hints prove nothing, so it is the hints of this log that matter less for a
// while: they cause looks at their pace, and no faster than all doubted logs together may. Any growth ends it.
func (p *Planner) doubt(o *origin) {
	pause := min(p.o.LookPause<<min(o.doubts, maxDoublings), p.o.LookPauseMax)
	o.doubts = min(o.doubts+1, maxDoublings)
	p.doubtAt = max(p.doubtAt, p.now) + doubtedEvery
	o.lookAt = max(p.now+p.between(pause/2, pause), p.doubtAt)
}

// doubtedEvery is the least time between looks at doubted logs, over all of them: 64 of them a second.
const doubtedEvery = time.Second / 64

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
		p.cutOff(i)
	}
}
