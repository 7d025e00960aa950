package cluster

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// ErrNoPartitions says that this machine has no addresses by which the nodes could be told apart, as a Mac has not.
var ErrNoPartitions = errors.New("on this machine links cannot be cut or slowed down: its loopback interface has no addresses 127.0.1.1 and up (Linux has them)")

// Start starts the i-th node (from 0), which does not run, and returns when it answers. It comes back with its data and at its old addresses.
func (c *Cluster) Start(ctx context.Context, i int) error {
	m, err := c.member(i)
	if err != nil {
		return err
	}
	m.starting.Lock()
	defer m.starting.Unlock()
	ctx, cancel := context.WithTimeout(ctx, startTimeout+time.Duration(len(c.members))*time.Second)
	defer cancel()
	return c.startMember(ctx, m)
}

// SetFlags gives the i-th node (from 0) flags of `mir node` that win over its file of settings, from its next start on. They take the place of
// those that it had.
func (c *Cluster) SetFlags(i int, flags ...string) error {
	m, err := c.member(i)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m.flags = flags
	return nil
}

// Kill ends the i-th node (from 0) as kill -9 does, and returns when it is gone.
func (c *Cluster) Kill(i int) error {
	m, p, err := c.running(i)
	if err != nil {
		return err
	}
	p.kill()
	_, err = c.settle(m, p, Killed, nil)
	return err
}

// Stop ends the i-th node (from 0) in order, and returns when it is gone.
func (c *Cluster) Stop(i int) error {
	m, _, err := c.running(i)
	if err != nil {
		return err
	}
	return c.stopMember(m)
}

// Pause stops the i-th node (from 0) where it is (SIGSTOP): it holds its connections, and does nothing.
func (c *Cluster) Pause(i int) error { return c.signal(i, syscall.SIGSTOP, Paused) }

// Resume lets the i-th node (from 0) go on after Pause.
func (c *Cluster) Resume(i int) error { return c.signal(i, syscall.SIGCONT, Running) }

// Partition cuts all links between nodes (from 0) of different groups, and heals those within one. Nodes that are in no group make one more
// together. It takes the place of what was cut before; delays stay. How says what becomes of the connections over those links. DNS, the well-known
// documents and the nodes' own listeners stay within reach: what is cut is the way from node to node.
func (c *Cluster) Partition(groups [][]int, how Break) error {
	return c.relink(func() error { return c.links.partition(groups, how) })
}

// Cut cuts the link between two nodes (from 0), and no other.
func (c *Cluster) Cut(a, b int, how Break) error {
	return c.relink(func() error {
		pair, err := c.links.pair(a, b)
		if err == nil {
			pair.change(func(now *condition) { now.cut, now.how = true, how })
		}
		return err
	})
}

// Heal makes every link whole and quick again.
func (c *Cluster) Heal() error {
	c.links.each(func(_, _ int, pair *link) { pair.change(func(now *condition) { now.cut, now.delay = false, 0 }) })
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.save()
}

// HealLink makes the link between two nodes (from 0) whole and quick again.
func (c *Cluster) HealLink(a, b int) error {
	return c.relink(func() error {
		pair, err := c.links.pair(a, b)
		if err == nil {
			pair.change(func(now *condition) { now.cut, now.delay = false, 0 })
		}
		return err
	})
}

// Delay slows every link down: all that passes takes so much longer, each way. Zero ends that; ten seconds are the most.
func (c *Cluster) Delay(delay time.Duration) error {
	return c.relink(func() error {
		if err := checkDelay(delay); err != nil {
			return err
		}
		c.links.each(func(_, _ int, pair *link) { pair.change(func(now *condition) { now.delay = delay }) })
		return nil
	})
}

// DelayLink is Delay for the link between two nodes (from 0).
func (c *Cluster) DelayLink(a, b int, delay time.Duration) error {
	return c.relink(func() error {
		if err := checkDelay(delay); err != nil {
			return err
		}
		pair, err := c.links.pair(a, b)
		if err == nil {
			pair.change(func(now *condition) { now.delay = delay })
		}
		return err
	})
}

func checkDelay(delay time.Duration) error {
	if delay < 0 || delay > maxDelay {
		return fmt.Errorf("a delay of %v: from 0 to %v are possible", delay, maxDelay)
	}
	return nil
}

// relink changes links, breaks what stands over those that are cut with Reset, and takes it down.
func (c *Cluster) relink(change func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Partitions {
		if len(c.members) == 1 {
			return errors.New("there are no links in a cluster of one node")
		}
		return ErrNoPartitions
	}
	if err := change(); err != nil {
		return err
	}
	for _, m := range c.members {
		m.edge.breakCut()
	}
	return c.save()
}
