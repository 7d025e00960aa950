package planner

import (
	"slices"
	"time"
)

// HeadsPage is the number of heads from which on an answer to a poll counts as a full page, and more is asked for at once.
const HeadsPage = 256

const (
	soonWithin = 200 * time.Millisecond // the first poll after a start or a heal comes within
	soonStep   = 250 * time.Millisecond // and the others of the first round follow so fast
	rotateMost = 24                     // polls, after which at the latest one polled peer gives way to another, chosen by chance
	maxUrgent  = 64                     // peers that wait to be polled out of turn
	troubled   = 3                      // failures in a row, over all peers, from which on we take ourselves for cut off
	probeEvery = time.Second            // hints from backed-off peers, or while cut off, cause at most one poll in this time
)

// pollPlan says who is polled next, and when. Few peers are polled regularly, so that their cursors stay fresh and an answer is short; one of them is
// exchanged from time to time, so that no liar is polled for good.
type pollPlan struct {
	at      time.Duration
	slots   []int32 // the peers that are polled in turn
	turn    int
	count   int // polls since the last exchange
	quick   int // polls that are still to follow each other fast
	urgent  []int32
	probeAt time.Duration
}

// planPolls fits the polled peers to those admitted. When there are new ones, polls come soon.
func (p *Planner) planPolls(fresh bool) {
	plan := &p.polling
	plan.slots = slices.DeleteFunc(plan.slots, func(i int32) bool { return p.peers[i].gone || !p.isLive(i) })
	for len(plan.slots) < min(p.o.PollPeers, len(p.live)) {
		if i := p.live[p.random.IntN(len(p.live))]; !slices.Contains(plan.slots, i) {
			plan.slots = append(plan.slots, i)
		}
	}
	if fresh {
		plan.soon(p)
	}
}

// isLive tells whether a place belongs to an admitted peer.
func (p *Planner) isLive(i int32) bool {
	at, known := p.peerIndex[p.peers[i].id]
	return known && at == i
}

// soon has the next round of polls follow at once.
func (plan *pollPlan) soon(p *Planner) {
	if soon := p.now + p.between(0, soonWithin); plan.at == 0 || plan.at > soon {
		plan.at = soon
	}
	plan.quick = len(plan.slots)
}

// pollSoon has a peer polled out of turn, and whether it is backed off or not.
func (p *Planner) pollSoon(i int32) {
	if peer := &p.peers[i]; !peer.urgent && !peer.polling && len(p.polling.urgent) < maxUrgent {
		peer.urgent = true
		p.polling.urgent = append(p.polling.urgent, i)
	}
}

// signOfLife is called when hints come in from a peer that is backed off, or from anybody while we take ourselves for cut off (nobody): one poll, of
// that peer or of any, tells whether it can be reached again.
func (p *Planner) signOfLife(i int32) {
	plan := &p.polling
	if p.now < plan.probeAt || len(p.live) == 0 {
		return
	}
	plan.probeAt = p.now + probeEvery
	for n := 0; n < 8 && (i == nobody || p.peers[i].polling); n++ {
		i = p.live[p.random.IntN(len(p.live))] // one that is being polled may hang in what was cut
	}
	p.pollSoon(i)
}

// healed is called at the first success after many failures: it was our own link that was cut, so what the others' failures taught
// us is void, and what we told meanwhile was not heard.
func (p *Planner) healed() {
	for _, i := range p.live {
		if peer := &p.peers[i]; peer.until > p.now {
			peer.until = p.now + p.between(0, soonWithin)
			if peer.silent {
				peer.pullAfter = peer.until
			}
		}
	}
	p.polling.soon(p)
	for i := range p.origins {
		if o := &p.origins[i]; o.own && o.announced > 0 {
			p.spread(int32(i), p.o.Fanout)
		}
	}
}

// startPolls gives the polls that are due.
func (p *Planner) startPolls() {
	plan := &p.polling
	for _, i := range plan.urgent {
		p.peers[i].urgent = false
		if !p.peers[i].gone {
			p.poll(i)
		}
	}
	plan.urgent = plan.urgent[:0]
	if len(plan.slots) == 0 || p.now < plan.at {
		return
	}
	step := p.o.PollEvery / time.Duration(len(plan.slots))
	if plan.quick > 0 {
		plan.quick--
		step = min(step, soonStep)
	}
	plan.at = p.now + p.between(step*4/5, step*6/5)
	plan.turn = (plan.turn + 1) % len(plan.slots)
	if i := p.pollTarget(); i != nobody {
		p.poll(i)
	}
}

// pollTarget gives the peer whose turn it is. A peer that is backed off gives its place to another, if one is to be had.
func (p *Planner) pollTarget() int32 {
	plan := &p.polling
	slot := &plan.slots[plan.turn]
	if plan.count++; plan.count >= min(rotateMost, max(len(plan.slots), len(p.live)/32)) { // a new peer's first answer is long in a large network
		plan.count = 0
		p.exchange(slot)
	}
	if p.peers[*slot].until > p.now {
		p.exchange(slot)
	}
	if p.peers[*slot].until > p.now {
		return nobody
	}
	return *slot
}

// exchange replaces a polled peer by one that is not polled and not backed off, if a few draws find one.
func (p *Planner) exchange(slot *int32) {
	for range 8 {
		i := p.live[p.random.IntN(len(p.live))]
		if p.peers[i].until <= p.now && !slices.Contains(p.polling.slots, i) {
			*slot = i
			return
		}
	}
}

// poll asks a peer for its heads, unless it is being asked.
func (p *Planner) poll(i int32) {
	peer := &p.peers[i]
	if peer.polling {
		return
	}
	peer.polling, peer.asked = true, p.now
	p.actions = append(p.actions, Poll{Peer: peer.id, Since: peer.since})
}
