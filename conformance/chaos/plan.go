package chaos

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Bounds of a plan.
const (
	MaxNodes    = 64 // as many as a cluster on one machine has
	MinDuration = 5 * time.Second
	MaxDuration = time.Hour // the heads and claims that a run remembers grow with it: about 36,000 claims of 600 bytes, and their receipts of 2 KB
	maxLiars    = 8
)

// grain is what offsets are rounded to, so that a plan reads well and is the same when it is written and read again.
const grain = 100 * time.Millisecond

// settling is the part of the duration, at its end, in which no fault begins or lasts: nodes work with each other undisturbed while claims still come.
const settling = 10 // one in ten

// Settings say for what a plan is drawn.
type Settings struct {
	Seed     string
	Nodes    int           // 1 to MaxNodes
	Duration time.Duration // MinDuration to MaxDuration
	Liars    []Liar        // the peers that lie; at most 8
}

// Liar is a peer and the lies that it can tell, by name.
type Liar struct {
	Name string
	Lies []string
}

// Plan is all that a run does, in order of the offsets from its start. It is a pure function of its settings, and not changed once it is drawn.
type Plan struct {
	Settings    Settings
	Events      []Event
	Submissions []Submission
}

// Draw draws the plan of a seed. It fails if a setting is out of bounds.
func Draw(s Settings) (*Plan, error) {
	switch {
	case s.Nodes < 1 || s.Nodes > MaxNodes:
		return nil, fmt.Errorf("chaos is for 1 to %d nodes, not %d", MaxNodes, s.Nodes)
	case s.Duration < MinDuration || s.Duration > MaxDuration:
		return nil, fmt.Errorf("chaos lasts from %v to %v, not %v", MinDuration, MaxDuration, s.Duration)
	case len(s.Liars) > maxLiars:
		return nil, fmt.Errorf("at most %d peers lie", maxLiars)
	case slices.ContainsFunc(s.Liars, func(l Liar) bool { return l.Name == "" || len(l.Lies) == 0 }):
		return nil, errors.New("a liar has a name and a lie")
	}
	d := &drawing{Settings: s, random: random(s.Seed, "faults"), busy: make(map[int]time.Duration), end: s.Duration - s.Duration/settling}
	d.far = 1 + random(s.Seed, "clocks").IntN(s.Nodes)
	d.faults()
	d.lies(random(s.Seed, "lies"))
	slices.SortStableFunc(d.events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return &Plan{Settings: s, Events: d.events, Submissions: submissions(s, random(s.Seed, "claims"))}, nil
}

// random gives the stream of numbers of a seed for one purpose: what is drawn for one does not move what is drawn for another.
func random(seed, purpose string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256([]byte("mirnode conformance chaos\n" + purpose + "\n" + seed)))) //nolint:gosec // it must be the same for the same seed
}

// drawing is a plan's faults while they are drawn.
type drawing struct {
	Settings
	random *rand.Rand
	events []Event
	end    time.Duration         // of the last fault
	busy   map[int]time.Duration // until when a fault of the node lasts
	cut    time.Duration         // until when the network is cut
	number int                   // of the last fault
	far    int                   // the one node whose clock may be far ahead
}

// pace is the mean time between the beginnings of two faults.
const pace = 1500 * time.Millisecond

// faults draws faults one after the other until the time is used up. A fault that has no place when its turn comes is left out.
func (d *drawing) faults() {
	for at := d.between(500*time.Millisecond, pace); ; at += d.between(pace/2, pace*3/2) {
		left := d.end - at
		if left < shortest {
			return
		}
		until := at + d.between(shortest, min(longest, left))
		if kind := d.random.IntN(len(faultKinds) + 2); kind < len(faultKinds) {
			d.nodeFault(faultKinds[kind], at, until)
		} else {
			d.partition(at, until)
		}
	}
}

// How long a fault lasts.
const (
	shortest = 500 * time.Millisecond
	longest  = 8 * time.Second // past the time that a node waits for a peer's answer
)

// between draws a time from low to high, both included, on the grain.
func (d *drawing) between(low, high time.Duration) time.Duration {
	steps := max(int64((high-low)/grain), 0)
	return low.Truncate(grain) + time.Duration(d.random.Int64N(steps+1))*grain
}

// breather is how long a node is left alone after a fault, so that it does something in between.
const breather = time.Second

// nodeFault gives one node a fault, unless that would leave no node without one: somebody is always there to submit to.
func (d *drawing) nodeFault(kind faultKind, at, until time.Duration) {
	node := 1 + d.random.IntN(d.Nodes)
	offset := clockOffsets[d.random.IntN(len(clockOffsets))]
	free := 0
	for other := 1; other <= d.Nodes; other++ {
		if other != node && d.busy[other] <= at {
			free++
		}
	}
	if d.busy[node] > at || (d.Nodes > 1 && free == 0) {
		return
	}
	d.busy[node] = until + breather
	d.number++
	for _, do := range kind.begin {
		event := Event{At: at, Do: do, Node: node}
		if do == Start && kind.skewed {
			event.Offset = d.offset(node, offset)
		}
		d.add(event)
	}
	for _, do := range kind.end {
		d.add(Event{At: until, Do: do, Node: node})
	}
}

// offset bounds how wrong the node's clock may be. What a node logs while its clock is far ahead, its peers take only when that time has come; so it is one
// node alone, and the others show what becomes of theirs.
func (d *drawing) offset(node int, drawn time.Duration) time.Duration {
	if node != d.far {
		return min(drawn, slightlyAhead)
	}
	return drawn
}

func (d *drawing) add(e Event) {
	e.Fault = d.number
	d.events = append(d.events, e)
}

// partition cuts the network in one of the ways that there are for so many nodes.
func (d *drawing) partition(at, until time.Duration) {
	if d.Nodes < 2 || d.cut > at {
		return
	}
	order := d.random.Perm(d.Nodes)
	for i := range order {
		order[i]++
	}
	shape := shapes[d.random.IntN(len(shapes))]
	reset := d.random.IntN(2) == 0
	groups := shape(order)
	for _, group := range groups {
		slices.Sort(group)
	}
	d.cut = until + breather
	d.number++
	d.add(Event{At: at, Do: Partition, Groups: groups, Reset: reset})
	d.add(Event{At: until, Do: Heal})
}

// lies has each liar tell each of its lies once, at a time of its own in the first two thirds, so that there is time to be believed. A lie is not ended: it has been told.
func (d *drawing) lies(random *rand.Rand) {
	for _, liar := range d.Liars {
		for _, lie := range liar.Lies {
			at := time.Duration(random.Int64N(int64(d.Duration*2/3/grain))) * grain
			d.number++
			d.add(Event{At: at, Do: Lie, Peer: liar.Name, Lie: lie})
		}
	}
}
