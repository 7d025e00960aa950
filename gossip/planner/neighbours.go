package planner

import (
	"math/rand/v2"
	"slices"
	"time"
)

const refreshEvery = 30 * time.Second // how often the neighbours are chosen anew

// neighbourhood is the set of peers that are told first and preferred as sources: connections to them stay open. Near ones make hints fast; those
// chosen by chance keep the network in one piece, and a liar that answers fast from being all that we hear.
type neighbourhood struct {
	near, chance []int32
	at           time.Duration // when they are chosen anew
}

func (n *neighbourhood) has(i int32) bool {
	return slices.Contains(n.near, i) || slices.Contains(n.chance, i)
}

// order gives the neighbours in the order in which they are told: mixed by chance.
func (n *neighbourhood) order(random *rand.Rand) []int32 {
	all := append(append(make([]int32, 0, len(n.near)+len(n.chance)), n.near...), n.chance...)
	random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	return all
}

// refreshNeighbours chooses the neighbours. Those chosen by chance stay while they answer.
func (p *Planner) refreshNeighbours() {
	n := &p.neighbours
	n.at = p.now + refreshEvery
	if len(p.live) <= p.o.Neighbours {
		n.near, n.chance = n.near[:0], append(n.chance[:0], p.live...)
		return
	}
	n.near = n.near[:0]
	for _, i := range p.live {
		p.maybeNear(i)
	}
	usable := func(i int32) bool { return p.isLive(i) && p.peers[i].until <= p.now && !slices.Contains(n.near, i) }
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
	if len(p.live) <= p.o.Neighbours || peer.roundTrip == 0 || peer.until > p.now || n.has(i) {
		return
	}
	if len(n.near) < p.o.Neighbours/2 {
		n.near = append(n.near, i)
		if over := len(n.near) + len(n.chance) - p.o.Neighbours; over > 0 && len(n.chance) > 0 {
			n.chance = n.chance[:max(0, len(n.chance)-over)]
		}
		return
	}
	worst := slices.MaxFunc(n.near, func(a, b int32) int { return int(p.peers[a].roundTrip - p.peers[b].roundTrip) })
	if peer.roundTrip < p.peers[worst].roundTrip*3/4 {
		n.near[slices.Index(n.near, worst)] = i
	}
}
