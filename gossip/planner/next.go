package planner

import "time"

// idleWake is how far in the future Next asks to be called when nothing is planned.
const idleWake = time.Minute

// Next gives what is to be done now, and the time at which it wants to be called again if nothing happens before. The slice is valid until the next
// call of Next. Every Poll, Pull and Tell must be answered by its event, or its peer and origin stay busy.
func (p *Planner) Next(now time.Time) (actions []Action, wake time.Time) {
	p.at(now)
	p.actions = p.actions[:0]
	p.ring()
	if p.now >= p.neighbours.at && len(p.live) > 0 {
		p.refreshNeighbours()
	}
	p.startPolls()
	p.startPulls()
	p.startTells()
	return p.actions, p.time(p.wake())
}

// ring takes up the timers that are due.
func (p *Planner) ring() {
	for len(p.timers) > 0 && p.timers[0].at <= p.now {
		t := p.timers.pop()
		switch t.kind {
		case pullDue:
			if o := &p.origins[t.index]; o.due == t.at {
				o.due = 0
				if !o.queued && !o.pulling {
					o.queued = true
					p.ready = append(p.ready, t.index)
				}
			}
		case spreadDue:
			if o := &p.origins[t.index]; o.spreadAt == t.at {
				p.spread(t.index, 1)
			}
		case tellDue:
			if peer := &p.peers[t.index]; peer.tellAt == t.at && !peer.gone {
				p.queueTell(t.index)
			}
		case retryDue:
			if peer := &p.peers[t.index]; peer.until == t.at && !peer.gone {
				p.pollSoon(t.index)
			}
		}
	}
}

// wake is the instant of the next thing that is planned.
func (p *Planner) wake() time.Duration {
	next := p.now + idleWake
	if len(p.timers) > 0 {
		next = min(next, p.timers[0].at)
	}
	if len(p.polling.slots) > 0 {
		next = min(next, p.polling.at)
	}
	if len(p.polling.urgent) > 0 || len(p.tellReady) > 0 {
		next = p.now
	}
	return max(next, p.now)
}
