package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mirnode/cluster"
)

// clusterFaults breaks a cluster's nodes, which it numbers from 1, for the suite. Safe for concurrent use, as the cluster is.
type clusterFaults struct {
	cluster *cluster.Cluster
	flags   []([]string) // of each node, beside its clock
}

// Kill ends a node as kill -9 does.
func (f *clusterFaults) Kill(_ context.Context, node int) error { return f.cluster.Kill(node - 1) }

// Stop ends a node in order.
func (f *clusterFaults) Stop(_ context.Context, node int) error { return f.cluster.Stop(node - 1) }

// Pause freezes a node.
func (f *clusterFaults) Pause(_ context.Context, node int) error { return f.cluster.Pause(node - 1) }

// Resume lets a paused node go on.
func (f *clusterFaults) Resume(_ context.Context, node int) error { return f.cluster.Resume(node - 1) }

// Start starts a node that does not run, its clock off by the offset, and returns when it answers.
func (f *clusterFaults) Start(ctx context.Context, node int, clockOffset time.Duration) error {
	if node < 1 || node > len(f.flags) {
		return fmt.Errorf("there is no node %d", node)
	}
	flags := slices.Clone(f.flags[node-1])
	if clockOffset != 0 {
		flags = append(flags, "--clock-offset="+clockOffset.String())
	}
	if err := f.cluster.SetFlags(node-1, flags...); err != nil {
		return err
	}
	return f.cluster.Start(ctx, node-1)
}

// Running says whether the node's process is there.
func (f *clusterFaults) Running(node int) bool {
	nodes := f.cluster.State().Nodes
	if node < 1 || node > len(nodes) {
		return false
	}
	status := nodes[node-1].Status
	return status == cluster.Running || status == cluster.Paused || status == cluster.Starting
}

// Heal makes all links whole.
func (f *clusterFaults) Heal(context.Context) error { return f.cluster.Heal() }

// partition cuts the links between nodes that together tells to be apart, numbered from 0, and heals the others.
func (f *clusterFaults) partition(together func(a, b int) bool, how cluster.Break) error {
	var failed error
	n := len(f.cluster.State().Nodes)
	for a := range n {
		for b := a + 1; b < n; b++ {
			if together(a, b) {
				failed = errors.Join(failed, f.cluster.HealLink(a, b))
			} else {
				failed = errors.Join(failed, f.cluster.Cut(a, b, how))
			}
		}
	}
	return failed
}

// Partition cuts each link whose two nodes stand together in no group, and heals each other one. Nodes that are in no group are one more.
func (f *clusterFaults) Partition(_ context.Context, groups [][]int, reset bool) error {
	how, grouped := cluster.Silent, slices.Concat(groups...)
	if reset {
		how = cluster.Reset
	}
	return f.partition(func(a, b int) bool {
		return inOneGroup(groups, a+1, b+1) || !slices.Contains(grouped, a+1) && !slices.Contains(grouped, b+1)
	}, how)
}

func inOneGroup(groups [][]int, a, b int) bool {
	return slices.ContainsFunc(groups, func(g []int) bool { return slices.Contains(g, a) && slices.Contains(g, b) })
}
