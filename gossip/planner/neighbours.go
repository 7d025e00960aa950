package planner

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	refreshEvery = 30 * time.Second // how often the neighbours are chosen anew
	fanFor       = 80 * time.Second // who told us nothing for so long is no fan any more
)

// neighbourhood is the set of peers that are told first and preferred as sources: connections to them stay open. Near ones make hints fast; those
// chosen by chance keep the network in one piece, and a liar that answers fast from being all that we hear.
type neighbourhood struct {
	near   []int32 // those with the shortest round trips, as far as they are known
	fans   []int32 // those who told us of late: who is told by whom it tells is never left out
	chance []int32
	at     time.Duration // when they are chosen anew
}

func (n *neighbourhood) has(i int32) bool {
	return slices.Contains(n.near, i) || slices.Contains(n.fans, i) || slices.Contains(n.chance, i)
}

// order gives the neighbours in the order in which they are told: near ones first, among equals by chance.
func (n *neighbourhood) order(random *rand.Rand) []int32 {
	all := make([]int32, 0, len(n.near)+len(n.fans)+len(n.chance))
	for _, some := range [][]int32{n.near, n.fans, n.chance} {
		from := len(all)
		all = append(all, some...)
		random.Shuffle(len(some), func(a, b int) { all[from+a], all[from+b] = all[from+b], all[from+a] })
	}
	return all
}

// refreshNeighbours chooses the neighbours. Those chosen by chance stay while they answer.
func (p *Planner) refreshNeighbours() {
	n := &p.neighbours
	n.at = p.now + refreshEvery
	if len(p.live) <= p.o.Neighbours {
		n.near, n.fans, n.chance = n.near[:0], n.fans[:0], append(n.chance[:0], p.live...)
		return
	}
	n.fans = slices.DeleteFunc(n.fans, func(i int32) bool {
		return !p.isLive(i) || p.peers[i].until > p.now || p.now-p.peers[i].told > fanFor
	})
	n.near = n.near[:0]
	for _, i := range p.live {
		p.maybeNear(i)
	}
	usable := func(i int32) bool {
		return p.isLive(i) && p.peers[i].until <= p.now && !slices.Contains(n.near, i) && !slices.Contains(n.fans, i)
	}
	n.chance = slices.DeleteFunc(n.chance, func(i int32) bool { return !usable(i) })
	n.chance = n.chance[:min(len(n.chance), p.o.Neighbours-len(n.near))]
	for range 8 * p.o.Neighbours {
		if len(n.near)+len(n.chance) >= p.o.Neighbours {
			return
		}
		if i := p.live[p.random.IntN(len(p.live))]; usable(i) && !slices.Contains(n.chance, i) {
			n.chance = append(n.chance, i)
		}
	}
}

// maybeNear takes a peer among the near ones, if it is nearer than the farthest of them.
func (p *Planner) maybeNear(i int32) {
	n := &p.neighbours
	peer := &p.peers[i]
	if len(p.live) <= p.o.Neighbours || peer.roundTrip == 0 || peer.until > p.now || slices.Contains(n.near, i) {
		return
	}
	if len(n.near) < p.o.Neighbours/2 {
		n.near = append(n.near, i)
	} else if worst := p.farthest(n.near); peer.roundTrip < p.peers[n.near[worst]].roundTrip*3/4 {
		n.near[worst] = i
	} else {
		return
	}
	n.fans = slices.DeleteFunc(n.fans, func(fan int32) bool { return fan == i })
	n.chance = slices.DeleteFunc(n.chance, func(c int32) bool { return c == i })
	n.chance = n.chance[:min(len(n.chance), p.o.Neighbours-len(n.near))]
}

// farthest gives the place of the peer with the longest round trip; one that is not known counts as the longest.
func (p *Planner) farthest(some []int32) (place int) {
	for i := range some {
		if p.trip(some[i]) > p.trip(some[place]) {
			place = i
		}
	}
	return place
}

// reach is how long a pull may take from a peer that counts as near: a near neighbour does, also when it is asked for something else already.
func (p *Planner) reach() time.Duration {
	n := &p.neighbours
	if len(n.near) == 0 {
		return p.o.Near
	}
	return max(p.o.Near, (pullTrips+2)*p.trip(n.near[p.farthest(n.near)]))
}

// trip is a peer's round trip, or a guess.
func (p *Planner) trip(i int32) time.Duration {
	if p.peers[i].roundTrip == 0 {
		return unknownTrip
	}
	return p.peers[i].roundTrip
}

// fan notes that a peer told us something over HTTP: it has chosen us as a neighbour. It is told in turn, if it is nearer than the others who did.
func (p *Planner) fan(i int32) {
	n := &p.neighbours
	p.peers[i].told = p.now
	if len(p.live) <= p.o.Neighbours || n.has(i) || p.peers[i].until > p.now {
		return
	}
	if len(n.fans) < p.o.Neighbours/2 {
		n.fans = append(n.fans, i)
	} else if worst := p.farthest(n.fans); p.trip(i) < p.trip(n.fans[worst]) {
		n.fans[worst] = i
	}
}
