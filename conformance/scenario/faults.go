package scenario

import (
	"context"
	"time"
)

// Faults do to the nodes under test what happens to machines and networks. Nodes are numbered from 1, as in cases; a number that no node has is
// an error, and so is a fault that cannot be done now, such as the start of a node that runs. The methods may be called from several goroutines;
// a case that uses them runs alone. Whoever breaks something mends it: the runner calls Heal, Resume and Start for what a case left behind. The interface Faults of
// package chaos is the same.
type Faults interface {
	// Kill ends a node at once, as a power cut does (SIGKILL). It returns when the node is gone.
	Kill(ctx context.Context, node int) error
	// Stop ends a node as its operator does (SIGTERM), and returns when it is gone.
	Stop(ctx context.Context, node int) error
	// Start starts a node that was killed or stopped, with its data and at its addresses, and returns when it answers (GET /healthz). Its clock
	// is off by clockOffset, which may be negative; 0: it is right. An implementation that cannot move clocks says so for any other offset.
	Start(ctx context.Context, node int, clockOffset time.Duration) error
	// Pause freezes a node (SIGSTOP): it holds its connections and answers nothing.
	Pause(ctx context.Context, node int) error
	// Resume lets a paused node go on.
	Resume(ctx context.Context, node int) error
	// Partition cuts each link whose two nodes stand together in no group, and heals each other one. With reset, connections over a cut link break at
	// once; without, they hang. Clients still reach all nodes.
	Partition(ctx context.Context, groups [][]int, reset bool) error
	// Heal restores all links.
	Heal(ctx context.Context) error
}
