package issuers

import (
	"container/heap"
	"time"
)

// laneKind tells apart look-ups that must not take each other's part of a target's budget.
type laneKind uint8

const (
	// laneNames has names below a target whose token was not seen yet: what anybody can claim by the thousand.
	laneNames laneKind = iota
	// laneExact has the registered domain itself, not seen yet: whoever claims names below it does not delay it.
	laneExact
	// laneSeen has domains that published their issuer's token at some time: nobody gets there who cannot write the target's DNS.
	laneSeen
)

// lane is what waits for one of a target's budgets. Its homes take turns.
type lane struct {
	target string
	kind   laneKind
	lines  map[string]*line // by home
	until  time.Time        // there is no budget before
}

// line is what waits of one home in a lane, first come first served.
type line struct {
	lane  *lane
	home  *lineHome
	due   queue
	since time.Time // it waits since then: the first came, or one of it was served
	until time.Time // there is no budget for the home and the target together before
}

// before tells that a line goes before another: it has waited longer, or as long and came first.
func (l *line) before(other *line) bool {
	return l.since.Before(other.since) || l.since.Equal(other.since) && l.due[0].number < other.due[0].number
}

// opens is from when there may be budget.
func (l *line) opens() time.Time {
	if l.lane.until.After(l.until) {
		return l.lane.until
	}
	return l.until
}

// lineHome has all lines of a home.
type lineHome struct {
	name  string
	lines map[*line]struct{}
	since time.Time // as a line's
	until time.Time // there is nothing to do before; zero: to be found out
}

// first gives the line that has waited longest of those that may have budget; where there is none, from when there may be one.
func (h *lineHome) first(now time.Time) (first *line, opens time.Time) {
	for l := range h.lines {
		switch at := l.opens(); {
		case at.After(now):
			if opens.IsZero() || at.Before(opens) {
				opens = at
			}
		case first == nil || l.before(first):
			first = l
		}
	}
	return first, opens
}

// lines have all sights that are due and wait for budget. Two turns are taken: that of homes, so that one which names many targets delays no other;
// and that of homes at a target. In both, who has waited longest goes first, and then waits anew: so nobody waits for more than one look-up of each
// of the others.
type lines struct {
	homes map[string]*lineHome
	lanes map[laneKey]*lane
}

type laneKey struct {
	target string
	kind   laneKind
}

func newLines() lines {
	return lines{homes: make(map[string]*lineHome), lanes: make(map[laneKey]*lane)}
}

// enter puts a sight that is due, and in no queue, into its line.
func (t *lines) enter(s *sight) {
	target, kind := targetOf(s.domain), laneNames
	switch {
	case s.once:
		kind = laneSeen
	case target == s.domain:
		kind = laneExact
	}
	key := laneKey{target: target, kind: kind}
	of := t.lanes[key]
	if of == nil {
		of = &lane{target: target, kind: kind, lines: make(map[string]*line)}
		t.lanes[key] = of
	}
	home := t.homes[s.home]
	if home == nil {
		home = &lineHome{name: s.home, lines: make(map[*line]struct{}), since: s.due}
		t.homes[s.home] = home
	}
	l := of.lines[s.home]
	if l == nil {
		l = &line{lane: of, home: home, since: s.due}
		of.lines[s.home], home.lines[l] = l, struct{}{}
		home.until = time.Time{}
	}
	s.line = l
	heap.Push(&l.due, s)
}

// leave takes a sight out of its line.
func (t *lines) leave(s *sight) {
	l := s.line
	heap.Remove(&l.due, s.place)
	s.line = nil
	if len(l.due) > 0 {
		return
	}
	if delete(l.home.lines, l); len(l.home.lines) == 0 {
		delete(t.homes, l.home.name)
	}
	if delete(l.lane.lines, l.home.name); len(l.lane.lines) == 0 {
		delete(t.lanes, laneKey{target: l.lane.target, kind: l.lane.kind})
	}
}

// turn gives the home that has waited longest of those that may have something to do; where there is none, from when there may be one (zero: never).
func (t *lines) turn(now time.Time) (first *lineHome, opens time.Time) {
	for _, h := range t.homes {
		switch {
		case h.until.After(now):
			if opens.IsZero() || h.until.Before(opens) {
				opens = h.until
			}
		case first == nil || h.since.Before(first.since) || h.since.Equal(first.since) && h.name < first.name:
			first = h
		}
	}
	return first, opens
}

// serve takes the next sight for which there is budget out of the lines; where there is none, it tells from when there may be one (zero: nothing waits).
func (t *lines) serve(b *budgets, now time.Time) (s *sight, done func(), opens time.Time) {
	if len(t.homes) == 0 {
		return nil, nil, time.Time{}
	}
	if wait := b.forAll(now); wait > 0 {
		return nil, nil, now.Add(wait)
	}
	for {
		home, opens := t.turn(now)
		if home == nil {
			return nil, nil, opens
		}
		if wait := b.forHome(home.name, now); wait > 0 {
			home.until = now.Add(wait)
			continue
		}
		l, opens := home.first(now)
		if l == nil {
			home.until = opens
			continue
		}
		if wait := b.forLane(l.lane, now); wait > 0 {
			l.lane.until = now.Add(wait)
			continue
		}
		if l = l.lane.turn(b, now); l == nil {
			continue // this line has to wait too: that was noted
		}
		s = l.due[0]
		l.since, l.home.since = now, now
		t.leave(s)
		return s, b.take(l, now), time.Time{}
	}
}

// turn gives the line that has waited longest of those for which there is budget, and notes which have to wait.
func (l *lane) turn(b *budgets, now time.Time) (first *line) {
	for _, c := range l.lines {
		if c.until.After(now) || first != nil && !c.before(first) {
			continue
		}
		if wait := b.forPair(c, now); wait > 0 {
			c.until = now.Add(wait)
			continue
		}
		if b.forHome(c.home.name, now) == 0 {
			first = c
		}
	}
	return first
}
