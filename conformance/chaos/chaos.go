// Package chaos puts a federation through what networks and machines do, and then asks whether it kept its word.
//
// Everything that happens is drawn from a seed before it begins (Plan): nodes are killed, stopped and frozen, the network between them is cut
// in each of the ways in which networks are, a node comes back with a wrong clock, peers lie, and all the while claims are submitted, good ones and
// ones that must be refused, to nodes that may not be there. The same seed gives the same plan: the same events in the same order at the same
// offsets, and the same submissions to the same nodes. What is not replayed is what the operating system decides, such as how long a process takes to
// start, and the time of day in the claims.
//
// When the time is up everything is healed, and a Run's findings say of each promise whether it held (Cases lists them): what was acknowledged is served by every node
// byte for byte, receipts prove against the final logs, no log forked or went back, all hold the same, nobody honest is accused, and nothing that was forged, invented
// or dated into the future was taken.
//
// The package is a black box to the federation: it speaks HTTP to the nodes, and asks for faults through the interface Faults.
package chaos

import (
	"context"
	"time"
)

// Faults does things to nodes, which are numbered from 1, and to the links between them. Each call returns when what it does is done. A Run makes one call at a time.
type Faults interface {
	// Kill ends the node's process at once, as kill -9 does. It fails if the node does not run.
	Kill(ctx context.Context, node int) error
	// Start starts a node that was killed or stopped, with its data, at its old addresses, its clock ahead by offset (behind, if negative), and returns when it answers.
	Start(ctx context.Context, node int, offset time.Duration) error
	// Stop ends the node in order.
	Stop(ctx context.Context, node int) error
	// Pause freezes the node's process: it holds its connections, and does nothing.
	Pause(ctx context.Context, node int) error
	// Resume lets a paused node go on.
	Resume(ctx context.Context, node int) error
	// Partition cuts each link whose two nodes stand together in no group, and heals each other one. Nodes may stand in several groups; nodes in none make one more
	// together. With reset, connections over a cut link break at once; without, they hang.
	Partition(ctx context.Context, groups [][]int, reset bool) error
	// Heal makes all links whole.
	Heal(ctx context.Context) error
}
