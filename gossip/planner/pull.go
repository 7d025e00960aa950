package planner

import (
	"cmp"
	"slices"
	"time"
)

const (
	pullTrips  = 3                      // round trips of a pull: the checkpoint, the entries, the bodies
	maxGuesses = 3                      // near neighbours asked for one growth on the chance that they have it
	localPause = time.Second            // after Local, and after an answer that brought nothing
	retryMax   = time.Minute            // the longest pause between rounds of looks for something that a checkpoint proves to exist
	shareOf    = 4                      // of the free places for pulls, this part is one peer's, or one site's, and as many are kept for quick peers
	perEntry   = 500 * time.Microsecond // what a pull may take longer for each entry and still be quick
	stallCost  = time.Second            // what a pull from a peer is thought to take longer for each that failed
	maxLooks   = 512                    // waiting logs that are looked at for one that can be pulled now
)

// consider has a log pulled, if there is something to pull: at once when a near source is known, else after a short wait for one.
func (p *Planner) consider(i int32) {
	o := &p.origins[i]
	if o.own || o.frozen || o.pulling || o.queued || o.owner == nobody || o.want() <= o.have {
		return
	}
	at := max(p.now, o.notBefore)
	if o.doubted() {
		at = max(at, o.lookAt)
	}
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
	return p.trip(i)*trips + time.Duration(peer.stalls)*stallCost
}

// startPulls gives the pulls that are due, as far as the limits allow. One log of a peer is pulled at a time. Where places are scarce, that peer's
// turn comes first whose logs were not pulled for the longest time; else who waits keeps its place in the queue.
func (p *Planner) startPulls() {
	if p.trouble >= troubled {
		return // they would only hang, and hold their origins up when the network is back
	}
	if p.pulls < p.o.MaxPulls && p.pulls+len(p.ready) > p.o.MaxPulls {
		slices.SortStableFunc(p.ready, func(a, b int32) int { return cmp.Compare(p.served(a), p.served(b)) })
	}
	waiting, looks := p.ready[:0], 0
	for n, i := range p.ready {
		if p.pulls >= p.o.MaxPulls || looks >= maxLooks {
			waiting = append(waiting, p.ready[n:]...)
			break
		}
		o := &p.origins[i]
		if o.own || o.frozen || o.pulling || o.owner == nobody || o.want() <= o.have {
			o.queued = false
			continue
		}
		if p.peers[o.owner].mine > 0 {
			waiting = append(waiting, i)
			continue
		}
		looks++
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

// served is when the last pull of a log of the same peer began.
func (p *Planner) served(i int32) time.Duration {
	if owner := p.origins[i].owner; owner != nobody {
		return p.peers[owner].served
	}
	return 0
}

// hasPlace tells whether there is a place for one more pull from a peer. The fewer are free, the fewer may one peer have, and one site with all
// its names; and some are kept for peers that were quick of late, so that those who hold their places for long do not get all of them.
func (p *Planner) hasPlace(i int32) bool {
	peer := &p.peers[i]
	free := p.o.MaxPulls - p.pulls
	if !peer.quick {
		free -= p.o.MaxPulls / shareOf
	}
	share := min(p.o.MaxPullsPerPeer, max(1, free/shareOf))
	return free > 0 && peer.pulls < share && (peer.site == "" || p.sites[peer.site] < share)
}

// pull starts one.
func (p *Planner) pull(o *origin, source int32) {
	to := o.want()
	if held := o.holds(source); held > o.have {
		to = held
	}
	o.pulling, o.source, o.from, o.began = true, source, o.have, p.now
	peer, owner := &p.peers[source], &p.peers[o.owner]
	o.puller = o.owner
	owner.mine++
	owner.served = p.now
	peer.pulls++
	p.pulls++
	if o.site = peer.site; o.site != "" {
		p.sites[o.site]++
	}
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
			if p.peers[i].until <= p.now && p.peers[i].pullAfter <= p.now && p.cost(i) <= p.reach() && p.hasPlace(i) && i != o.guessed {
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
		case max(peer.until, peer.pullAfter) > p.now:
			later = min(later, max(peer.until, peer.pullAfter))
		case !p.hasPlace(i):
			full = true
		default:
			if cost := p.cost(i); best == nobody || cost < bestCost {
				best, bestCost = i, cost
			}
		}
	}
	try(o.owner)
	if best != nobody && o.doubted() {
		return best, later // its own node has what there is, and the names in hints prove nothing
	}
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
	p.released(o)
	from := o.from
	grew := r.Size > from
	o.have = max(o.have, r.Size)
	source, admitted := p.peerIndex[id]
	if admitted {
		p.peers[source].pulls = max(0, p.peers[source].pulls-1)
		if p.peers[source].roundTrip == 0 && r.Outcome == Pulled && began != 0 {
			p.measure(source, (p.now-began)/pullTrips)
		}
		p.judge(o, source, r, grew)
		if r.Outcome == Pulled {
			p.peers[source].quick = p.now-began <= p.o.QuickPull+time.Duration(min(r.Size-min(r.Size, from), 1<<20))*perEntry
		}
	}
	p.again(o, grew, r)
	p.consider(i)
}

// released gives back the places of a pull that ended.
func (p *Planner) released(o *origin) {
	if o.puller != nobody {
		p.peers[o.puller].mine = max(0, p.peers[o.puller].mine-1)
	}
	if o.site != "" {
		if p.sites[o.site]--; p.sites[o.site] <= 0 {
			delete(p.sites, o.site)
		}
	}
	o.pulling, o.source, o.puller, o.site = false, nobody, nobody, ""
	p.pulls--
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
			peer.lies, peer.pullAfter = 0, 0
			peer.stalls /= 2
			o.hold(source, r.Size)
		}
	case Unreachable:
		p.failed(source) // what it said of the log stands: others may have it
		p.stall(source)
	case Slow:
		p.backOff(source)
		p.stall(source)
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

// behind is called when a node holds less than it was thought to. If it showed so itself, it lied; and if it is the log's own node, everybody who
// showed more did, unless a signed checkpoint stands behind it. Of what hints said, nobody knows who said it: they alone are doubted.
func (p *Planner) behind(o *origin, source int32, size uint64) {
	rumour := false // that proved false
	blame := func(n int) {
		if o.hearsay(n) {
			rumour = true
		} else {
			p.caughtLying(o.holders[n])
		}
	}
	for n, holder := range o.holders {
		if holder == source && o.sizes[n] > size {
			blame(n)
		}
	}
	o.drop(source)
	o.hold(source, size)
	if source == o.owner && o.verified <= size {
		if o.rumoured > size {
			o.rumoured, rumour = 0, true
		}
		for n, holder := range o.holders {
			if holder != nobody && o.sizes[n] > size {
				blame(n)
				o.holders[n], o.sizes[n] = nobody, 0
			}
		}
	}
	if rumour {
		p.doubt(o)
	}
}

// again decides when the log may be pulled again: after progress soon, so that what grows meanwhile comes in one go; after failures elsewhere at once, and
// when several nodes failed, later. What only hints spoke of is given up then.
func (p *Planner) again(o *origin, grew bool, r PullResult) {
	switch {
	case grew:
		o.tries, o.guesses, o.guessed, o.doubts = 0, 0, nobody, 0
		o.notBefore = p.now
		if r.Outcome == Pulled && o.want() < o.have+catchUp {
			o.notBefore += p.o.PullPause
		}
		if o.rumoured != 0 && o.rumoured <= o.have {
			o.rumoured = 0
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
