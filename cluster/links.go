package cluster

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxDelay bounds what a link can be slowed down by, one way.
const maxDelay = 10 * time.Second

// Break says what becomes of the connections over a link that is cut.
type Break int

const (
	// Silent leaves them hanging, as a network does that went away: nothing passes, nobody is told, and what was under way passes after the heal.
	Silent Break = iota
	// Reset breaks them at once, and each new one too, as a firewall does that refuses.
	Reset
)

// Link is a link between two nodes that is not as it should be.
type Link struct {
	Between [2]string `json:"between"` // the nodes' names
	Cut     bool      `json:"cut"`
	DelayMs float64   `json:"delayMs"` // one way
}

// condition is what a link is like at one moment. It is not changed once it is made.
type condition struct {
	cut     bool
	how     Break
	delay   time.Duration // one way
	changed chan struct{} // closed when another condition took the place of this one
}

// link is the way between two nodes, in both directions. Safe for concurrent use; looking at it costs one atomic load.
type link struct {
	mu  sync.Mutex // held by who replaces now
	now atomic.Pointer[condition]
}

func newLink() *link {
	l := new(link)
	l.now.Store(&condition{changed: make(chan struct{})})
	return l
}

func (l *link) change(to func(*condition)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.now.Load()
	after := &condition{cut: before.cut, how: before.how, delay: before.delay, changed: make(chan struct{})}
	to(after)
	l.now.Store(after)
	close(before.changed)
}

// pass waits while the link is cut, and returns what it is like then; nil means that done was closed, or that the cut resets connections.
func (l *link) pass(done <-chan struct{}) *condition {
	for {
		now := l.now.Load()
		switch {
		case !now.cut:
			return now
		case now.how == Reset:
			return nil
		}
		select {
		case <-now.changed:
		case <-done:
			return nil
		}
	}
}

// links are the links between n nodes.
type links struct {
	n       int
	pairs   []*link // n × n; [a*n+b] and [b*n+a] are the same one
	outside *link   // of everybody who is no node; always whole
}

func newLinks(n int) *links {
	l := &links{n: n, pairs: make([]*link, n*n), outside: newLink()}
	for a := range n {
		for b := range a + 1 {
			pair := newLink()
			l.pairs[a*n+b], l.pairs[b*n+a] = pair, pair
		}
	}
	return l
}

// between gives the link of the nodes a and b; a below zero is somebody who is no node.
func (l *links) between(a, b int) *link {
	if a < 0 {
		return l.outside
	}
	return l.pairs[a*l.n+b]
}

// each visits every pair once.
func (l *links) each(visit func(a, b int, pair *link)) {
	for b := range l.n {
		for a := range b {
			visit(a, b, l.pairs[a*l.n+b])
		}
	}
}

// partition cuts every link between nodes of different groups, and heals those within one. Nodes that stand in no group make one more together.
func (l *links) partition(groups [][]int, how Break) error {
	rest := len(groups)
	of := slices.Repeat([]int{rest}, l.n)
	for g, group := range groups {
		if len(group) == 0 {
			return errors.New("a group without nodes")
		}
		for _, node := range group {
			if node < 0 || node >= l.n {
				return fmt.Errorf("there is no node%d", node+1)
			}
			if of[node] != rest {
				return fmt.Errorf("node%d stands twice", node+1)
			}
			of[node] = g
		}
	}
	l.each(func(a, b int, pair *link) {
		pair.change(func(c *condition) { c.cut, c.how = of[a] != of[b], how })
	})
	return nil
}

// pair gives the link between two different nodes.
func (l *links) pair(a, b int) (*link, error) {
	if min(a, b) < 0 || max(a, b) >= l.n || a == b {
		return nil, fmt.Errorf("there is no link between node%d and node%d", a+1, b+1)
	}
	return l.between(a, b), nil
}

// faulty lists the links that are cut or slowed down.
func (l *links) faulty() []Link {
	var list []Link
	l.each(func(a, b int, pair *link) {
		if now := pair.now.Load(); now.cut || now.delay > 0 {
			list = append(list, Link{Between: [2]string{nodeName(a), nodeName(b)}, Cut: now.cut, DelayMs: milliseconds(now.delay)})
		}
	})
	return list
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sourceOf is the address that the i-th node talks to the others from: 127.0.1.1 and up. Linux has the whole of 127.0.0.0/8 on its loopback
// interface, so no rights are needed; a Mac has 127.0.0.1 alone.
func sourceOf(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}) }

// callerAt tells which of n nodes talks from the address, or -1.
func callerAt(address netip.Addr, n int) int {
	address = address.Unmap()
	if !address.Is4() {
		return -1
	}
	bytes := address.As4()
	if i := int(bytes[3]) - 1; bytes[0] == 127 && bytes[1] == 0 && bytes[2] == 1 && i >= 0 && i < n {
		return i
	}
	return -1
}
