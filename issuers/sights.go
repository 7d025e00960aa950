package issuers

import (
	"container/heap"
	"time"
)

// Bounds of what is remembered of issuers' domains, some 500 bytes each. Only what was seen is kept over a restart.
const (
	// MaxSeen bounds the issuers whose token was seen. It is below what a space of the store's state holds.
	MaxSeen = 50_000
	// MaxSeenOfHome bounds those of one other home.
	MaxSeenOfHome = 10_000
	// MaxWaiting bounds the issuers whose token was not seen, or not yet.
	MaxWaiting = 10_000
	// MaxWaitingOfHome bounds those of one other home.
	MaxWaitingOfHome = 1_000
)

// sight is what this node saw of an issuer's domain. Directory.mu guards it.
type sight struct {
	id, home, domain, nonce string

	since, seen time.Time // the token was first, and last, seen; zero: it was not, or is there no more
	asked       time.Time // the domain was last asked for the token
	silent      bool      // it did not answer then
	failures    int       // times it was asked in a row without the token
	misses      int       // answers without the token since it was seen; silence does not count
	once        bool      // the token was there at some time, if not now
	anchors     []string  // fingerprints of the issuer's keys that the domain publishes
	sequence    uint64    // of the record whose keys were looked for last

	due     time.Time // when to look next
	number  uint64    // in the order in which sights came into the queue
	line    *line     // where it waits for budget; nil: it does not
	place   int       // in the line, or else in the queue; -1 while it is being looked at, or gone
	counted *tally    // that it is counted in; nil: none
}

func (s *sight) isSeen() bool { return !s.since.IsZero() }

// found notes that the token was there.
func (s *sight) found(at time.Time) {
	if s.since.IsZero() {
		s.since = at
	}
	s.seen, s.asked, s.silent, s.failures, s.misses, s.once = at, at, false, 0, 0, true
}

// tally has the sights of one of the two states, by home.
type tally struct {
	most, ofHome int
	all          int
	homes        map[string]map[*sight]struct{}
}

func newTally(most, ofHome int) *tally {
	return &tally{most: most, ofHome: ofHome, homes: make(map[string]map[*sight]struct{})}
}

func (t *tally) add(s *sight) {
	of := t.homes[s.home]
	if of == nil {
		of = make(map[*sight]struct{})
		t.homes[s.home] = of
	}
	of[s] = struct{}{}
	t.all++
}

func (t *tally) remove(s *sight) {
	of := t.homes[s.home]
	if delete(of, s); len(of) == 0 {
		delete(t.homes, s.home)
	}
	t.all--
}

// Samples that are looked at where room is made: a log can bring thousands of issuers a second, so that each may cost only so much. Maps are walked in
// a random order.
const (
	sampledHomes  = 64
	sampledSights = 8
)

// crowded gives the home of which one has to go before one more of the given home fits; "" if it fits.
func (t *tally) crowded(home, own string) string {
	if home != own && len(t.homes[home]) >= t.ofHome {
		return home
	}
	if t.all < t.most {
		return ""
	}
	biggest, looked := home, 0
	for other, of := range t.homes {
		if len(of) > len(t.homes[biggest]) {
			biggest = other
		}
		if looked++; looked == sampledHomes {
			break
		}
	}
	return biggest
}

// worst gives one of the home's sights that is missed little: of some, that which failed most often, or was seen longest ago.
func (t *tally) worst(home string) *sight {
	var worst *sight
	looked := 0
	for s := range t.homes[home] {
		if worst == nil || s.failures > worst.failures || s.failures == worst.failures && s.seen.Before(worst.seen) {
			worst = s
		}
		if looked++; looked == sampledSights {
			break
		}
	}
	return worst
}

// sights are all of them, and the order in which they are looked at next.
type sights struct {
	own           string // the node's own domain
	seen          map[string]*sight
	queue         queue // what is not due yet, or just became so
	numbered      uint64
	lines                         // what is due
	shown, hidden *tally          // those whose token was seen, and the others
	dirty         map[string]bool // issuers whose state on disk is not what stands here; at most as many as there were
}

func newSights(own string) sights {
	return sights{
		own: own, seen: make(map[string]*sight), dirty: make(map[string]bool),
		shown: newTally(MaxSeen, MaxSeenOfHome), hidden: newTally(MaxWaiting, MaxWaitingOfHome), lines: newLines(),
	}
}

// add takes a new sight in, in the place of an earlier one of the same issuer.
func (t *sights) add(s *sight) {
	if earlier := t.seen[s.id]; earlier != nil {
		t.drop(earlier)
	}
	t.seen[s.id] = s
	t.push(s)
	t.recount(s)
}

// recount makes the sight count where it belongs, and room for it there.
func (t *sights) recount(s *sight) {
	in := t.hidden
	if s.isSeen() {
		in = t.shown
	}
	if s.counted == in {
		return
	}
	t.uncount(s)
	if home := in.crowded(s.home, t.own); home != "" {
		t.drop(in.worst(home))
	}
	in.add(s)
	s.counted = in
}

func (t *sights) uncount(s *sight) {
	if s.counted != nil {
		s.counted.remove(s)
		s.counted = nil
	}
}

// drop forgets a sight.
func (t *sights) drop(s *sight) {
	switch {
	case s.line != nil:
		t.leave(s)
	case s.place >= 0:
		t.unqueue(s)
	}
	if s.isSeen() {
		t.dirty[s.id] = true
	}
	t.uncount(s)
	delete(t.seen, s.id)
}

func (t *sights) push(s *sight) {
	t.numbered++
	s.number = t.numbered
	heap.Push(&t.queue, s)
}

// unqueue takes a sight out of the queue, to a line; requeue puts one back that was looked at.
func (t *sights) unqueue(s *sight) { heap.Remove(&t.queue, s.place) }

func (t *sights) requeue(s *sight) {
	if s.place < 0 {
		t.push(s)
	}
}

// moved puts a sight whose due time, or more, changed to its new place.
func (t *sights) moved(s *sight) {
	switch {
	case s.line != nil:
		t.leave(s)
		t.push(s)
	case s.place >= 0:
		heap.Fix(&t.queue, s.place)
	}
}

// queue is a heap by due time; of equal ones, the first come is first.
type queue []*sight

func (q queue) Len() int { return len(q) }

// Less is heap.Interface's.
func (q queue) Less(i, j int) bool {
	return q[i].due.Before(q[j].due) || q[i].due.Equal(q[j].due) && q[i].number < q[j].number
}
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is heap.Interface's.
func (q *queue) Push(x any) {
	s := x.(*sight)
	s.place = len(*q)
	*q = append(*q, s)
}

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	old := *q
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	s.place = -1
	return s
}
