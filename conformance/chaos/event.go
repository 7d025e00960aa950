package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Action is what an event does.
type Action string

// The actions: those of Faults, and a peer's lie.
const (
	Kill      Action = "kill"
	Start     Action = "start"
	Stop      Action = "stop"
	Pause     Action = "pause"
	Resume    Action = "resume"
	Partition Action = "partition"
	Heal      Action = "heal"
	Lie       Action = "lie"
)

// Event is one thing that happens.
type Event struct {
	At     time.Duration `json:"at"` // since the run began, in nanoseconds
	Do     Action        `json:"do"`
	Fault  int           `json:"fault"`            // the number, from 1, of the fault that it begins or ends
	Node   int           `json:"node,omitempty"`   // from 1; 0 where it is about no node
	Offset time.Duration `json:"offset,omitempty"` // Start: how far the node's clock is ahead, in nanoseconds
	Groups [][]int       `json:"groups,omitempty"` // Partition
	Reset  bool          `json:"reset,omitempty"`  // Partition: connections break instead of hanging
	Peer   string        `json:"peer,omitempty"`   // Lie: who
	Lie    string        `json:"lie,omitempty"`    // Lie: which
}

// String says it for a person, without the time.
func (e Event) String() string {
	switch e.Do {
	case Partition:
		how := "silent"
		if e.Reset {
			how = "resets"
		}
		groups := make([]string, len(e.Groups))
		for i, group := range e.Groups {
			groups[i] = strings.Trim(strings.ReplaceAll(fmt.Sprint(group), " ", ","), "[]")
		}
		return fmt.Sprintf("partition %s (%s)", strings.Join(groups, " / "), how)
	case Heal:
		return "heal"
	case Lie:
		return fmt.Sprintf("%s lies: %s", e.Peer, e.Lie)
	case Start:
		if e.Offset != 0 {
			return fmt.Sprintf("start node %d with its clock at %+v", e.Node, e.Offset)
		}
	}
	return fmt.Sprintf("%s node %d", e.Do, e.Node)
}

// faultKind is a fault of a node: what begins it and what ends it.
type faultKind struct {
	begin, end []Action
	skewed     bool // it begins with a start with a wrong clock
}

// faultKinds are the faults of nodes. Each ends with the node running and its clock right.
var faultKinds = []faultKind{
	{begin: []Action{Kill}, end: []Action{Start}},
	{begin: []Action{Kill, Start, Kill}, end: []Action{Start}}, // it dies again as soon as it is back
	{begin: []Action{Stop}, end: []Action{Start}},
	{begin: []Action{Pause}, end: []Action{Resume}},
	{begin: []Action{Stop, Start}, end: []Action{Stop, Start}, skewed: true},
	{begin: []Action{Kill, Start}, end: []Action{Kill, Start}, skewed: true},
}

// clockOffsets are how wrong a clock may be: within the protocol's tolerance of 5 minutes, and beyond it.
var clockOffsets = []time.Duration{
	-30 * time.Minute, -10 * time.Minute, -2 * time.Minute, slightlyAhead, 10 * time.Minute, 30 * time.Minute, 2 * time.Hour,
}

// slightlyAhead is well within the tolerance.
const slightlyAhead = 2 * time.Minute

// shapes are the ways in which a network falls apart, for nodes in a random order.
var shapes = []func(order []int) [][]int{
	func(order []int) [][]int { return [][]int{order[:1], order[1:]} },                               // one alone
	func(order []int) [][]int { half := len(order) / 2; return [][]int{order[:half], order[half:]} }, // halves
	func(order []int) [][]int { // everybody alone
		var groups [][]int
		for _, node := range order {
			groups = append(groups, []int{node})
		}
		return groups
	},
	func(order []int) [][]int { // a bridge: the first reaches both sides, which do not reach each other
		if len(order) < 3 {
			return [][]int{order[:1], order[1:]}
		}
		middle := 1 + len(order)/2
		return [][]int{order[:middle], append(slices.Clone(order[middle:]), order[0])}
	},
}
