package planner

import "time"

const (
	pullTrips  = 3           // round trips of a pull: the checkpoint, the entries, the bodies
	maxGuesses = 3           // near neighbours asked for one growth on the chance that they have it
	localPause = time.Second // after Local, and after an answer that brought nothing
	retryMax   = time.Minute // the longest pause between rounds of looks for something that a checkpoint proves to exist
)

// consider has a log pulled, if there is something to pull: at once when a near source is known, else after a short wait for one.
func (p *Planner) consider(i int32) {
	o := &p.origins[i]
	if o.own || o.frozen || o.pulling || o.queued || o.owner == nobody || o.want() <= o.have {
		return
	}
	at := max(p.now, o.notBefore)
	if p.distant(o) {
		at += p.between(p.o.HoldOff/2, p.o.HoldOff)
	}
	if o.due != 0 && o.due <= at {
		return
	}
	if at <= p.now {
		o.due, o.queued = 0, true
		p.ready = append(p.ready, i)
		return
	}
	o.due = at
	p.timers.push(timer{at: at, kind: pullDue, index: i})
}

// distant tells whether a pull from the best source known would take long, in a network where a better one may turn up.
func (p *Planner) distant(o *origin) bool {
	if len(p.live) <= p.o.Neighbours {
		return false
	}
	reach := p.reach()
	if p.cost(o.owner) <= reach {
		return false
	}
	for n, holder := range o.holders {
		if holder != nobody && o.sizes[n] > o.have && p.cost(holder) <= reach {
			return false
		}
	}
	return true
}

// cost guesses how long a pull from a peer takes: entries and then bodies, and before them the opening of a connection.
func (p *Planner) cost(i int32) time.Duration {
	peer := &p.peers[i]
	trips := time.Duration(pullTrips + peer.pulls)
	if peer.contact == 0 || p.now-peer.contact > warmFor {
		trips += 2
	}
	return p.trip(i) * trips
}

// startPulls gives the pulls that are due, as far as the limits allow. Who waits for a free place keeps its place in the queue.
func (p *Planner) startPulls() {
	if p.trouble >= troubled {
		return // they would only hang, and hold their origins up when the network is back
	}
	waiting := p.ready[:0]
	for n, i := range p.ready {
		if p.pulls >= p.o.MaxPulls {
			waiting = append(waiting, p.ready[n:]...)
			break
		}
		o := &p.origins[i]
		if o.own || o.frozen || o.pulling || o.owner == nobody || o.want() <= o.have {
			o.queued = false
			continue
		}
		source, later := p.pick(o)
		if len(p.live) > p.o.Neighbours && (source == nobody || p.cost(source) > p.reach()) {
			if likely := p.guess(o); likely != nobody {
				source = likely
			}
		}
		switch {
		case source != nobody:
			o.queued = false
			p.pull(o, source)
		case later == 0:
			waiting = append(waiting, i)
		default:
			o.queued, o.due = false, later
			p.timers.push(timer{at: later, kind: pullDue, index: i})
		}
	}
	p.ready = waiting
}

// pull starts one.
func (p *Planner) pull(o *origin, source int32) {
	to := o.want()
	if held := o.holds(source); held > o.have {
		to = held
	}
	o.pulling, o.source, o.from, o.began = true, source, o.have, p.now
	p.peers[source].pulls++
	p.pulls++
	p.actions = append(p.actions, Pull{Peer: p.peers[source].id, Origin: o.id, To: to})
}

// guess gives a near neighbour to ask, though nobody said that it holds the log's growth, when those known to hold it are far or busy with other pulls of
// ours: what we heard of, it has probably heard of too.
func (p *Planner) guess(o *origin) int32 {
	if o.guesses >= maxGuesses {
		return nobody
	}
	n := &p.neighbours
	for _, some := range [][]int32{n.near, n.fans} {
		for range some {
			i := some[p.random.IntN(len(some))]
			if p.peers[i].until <= p.now && p.cost(i) <= p.reach() && p.peers[i].pulls < p.o.MaxPullsPerPeer && i != o.guessed {
				o.guesses++
				o.guessed = i
				return i
			}
		}
	}
	return nobody
}

// pick chooses the node to pull from: of those who said that they have it and the log's own node, the one that will be fastest; when none of
// them can be asked, any other. Without any it gives the time to try again, or 0 when one is only busy with other pulls of ours.
func (p *Planner) pick(o *origin) (source int32, later time.Duration) {
	best, bestCost, full := nobody, time.Duration(0), false
	later = p.now + p.o.BackoffMax
	try := func(i int32) {
		peer := &p.peers[i]
		switch {
		case peer.until > p.now:
			later = min(later, peer.until)
		case peer.pulls >= p.o.MaxPullsPerPeer:
			full = true
		default:
			if cost := p.cost(i); best == nobody || cost < bestCost {
				best, bestCost = i, cost
			}
		}
	}
	try(o.owner)
	for n, holder := range o.holders {
		if holder != nobody && holder != o.owner && o.sizes[n] > o.have {
			try(holder)
		}
	}
	if best == nobody && !full {
		for range 4 { // anybody may have it
			i := p.live[p.random.IntN(len(p.live))]
			if i != o.owner && o.holds(i) <= o.have {
				try(i)
			}
		}
	}
	if full {
		later = 0
	}
	return best, later
}

// PullEnded says how a pull went.
func (p *Planner) PullEnded(now time.Time, id PeerID, originID OriginID, r PullResult) {
	p.at(now)
	i, known := p.originIndex[originID]
	if !known || !p.origins[i].pulling {
		return
	}
	o := &p.origins[i]
	began := o.began
	o.pulling, o.source = false, nobody
	p.pulls--
	grew := r.Size > o.from
	o.have = max(o.have, r.Size)
	source, admitted := p.peerIndex[id]
	if admitted {
		p.peers[source].pulls = max(0, p.peers[source].pulls-1)
		if p.peers[source].roundTrip == 0 && r.Outcome == Pulled && began != 0 {
			p.measure(source, (p.now-began)/pullTrips)
		}
		p.judge(o, source, r, grew)
	}
	p.again(o, grew, r)
	p.consider(i)
}

// judge draws the conclusions about the node that was asked.
func (p *Planner) judge(o *origin, source int32, r PullResult, grew bool) {
	peer := &p.peers[source]
	switch r.Outcome {
	case Pulled:
		p.answered(source)
		if r.Behind {
			p.behind(o, source, r.Size)
		} else if grew {
			peer.lies = 0
			o.hold(source, r.Size)
		}
	case Unreachable:
		p.failed(source) // what it said of the log stands: others may have it
	case Busy:
		peer.until = max(peer.until, p.now+p.between(busyPause/2, busyPause))
	case Refused:
		p.caughtLying(source)
		peer.until = max(peer.until, peer.deafTo)
		o.drop(source)
	case Frozen:
		o.frozen = true
	case Local:
	}
}

// behind is called when a node holds less than it was thought to. If it said so itself, it lied; and if it is the log's own node, everybody who
// spoke of more did, unless a signed checkpoint stands behind it.
func (p *Planner) behind(o *origin, source int32, size uint64) {
	if o.holds(source) > size {
		p.caughtLying(source)
	}
	o.drop(source)
	o.hold(source, size)
	if source != o.owner || o.verified > size {
		return
	}
	if o.rumoured > size {
		p.deafenRumours(o)
	}
	for n, holder := range o.holders {
		if holder != nobody && o.sizes[n] > size {
			p.caughtLying(holder)
			o.holders[n], o.sizes[n] = nobody, 0
		}
	}
}

// again decides when the log may be pulled again: after progress soon, so that what grows meanwhile comes in one go; after failures elsewhere at once, and
// when several nodes failed, later. What only hints spoke of is given up then.
func (p *Planner) again(o *origin, grew bool, r PullResult) {
	switch {
	case grew:
		o.tries, o.guesses, o.guessed = 0, 0, nobody
		o.notBefore = p.now
		if r.Outcome == Pulled && o.want() < o.have+catchUp {
			o.notBefore += p.o.PullPause
		}
		if o.rumoured != 0 && o.rumoured <= o.have {
			o.rumoured, o.rumours = 0, 0
		}
		return
	case r.Outcome == Local, r.Outcome == Pulled && !r.Behind && o.want() > o.have:
		o.notBefore = p.now + p.between(localPause/2, localPause)
	}
	if o.want() <= o.have {
		o.tries, o.guesses, o.guessed = 0, 0, nobody
		return
	}
	if o.guessed != nobody && r.Outcome == Pulled && r.Behind {
		return // it was worth a try
	}
	if o.tries = min(o.tries+1, maxDoublings); o.tries < maxTries {
		return
	}
	if o.verified <= o.have {
		for n := range o.holders {
			if o.holders[n] != nobody && o.sizes[n] > o.have {
				o.holders[n], o.sizes[n] = nobody, 0
			}
		}
		o.rumoured, o.tries, o.guesses, o.guessed = 0, 0, 0, nobody
		return
	}
	pause := min(localPause<<(o.tries-maxTries), retryMax)
	o.notBefore = max(o.notBefore, p.now+p.between(pause/2, pause))
}

// catchUp is the number of missing entries from which on a pull follows the last without a pause.
const catchUp = 1024
