package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"mirnode/gossip/peers"
	"mirnode/store"
)

// Fresh says which node was asked for what a domain logged a moment ago.
type Fresh struct {
	Node    string // domain of the node; empty: none is known
	Reached bool   // its log was pulled up to the head that it had when it was asked
	Detail  string // for people: why not, or how far
}

// Fresh pulls the log of a domain's home node up to its present head, within FreshTimeout, so that the look-up that follows sees it. The home
// node is the admitted peer of that very domain, or one that the domain's SRV records name. Callers that ask at the same time about one node
// share a pull, which began after they asked. The error is the context's.
func (m *Mirror) Fresh(ctx context.Context, domain string) (Fresh, error) {
	bounded, cancel := context.WithTimeout(ctx, m.limits.FreshTimeout)
	defer cancel()
	domain = strings.ToLower(domain)
	if domain == m.own.Origin.Domain {
		return Fresh{Node: domain, Reached: true, Detail: "this node is the domain's own"}, nil
	}
	home, ok := m.homeNode(bounded, domain)
	if !ok {
		return Fresh{Detail: "no admitted peer is the domain's node"}, ctx.Err()
	}
	err := m.fresh.join(bounded, home.Domain, func() error {
		// The flight's own time: it serves callers who came later than the first.
		flight, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.limits.FreshTimeout)
		defer cancel()
		return m.pullToHead(flight, home)
	})
	f := Fresh{Node: home.Domain, Reached: err == nil}
	switch {
	case err == nil:
		f.Detail = fmt.Sprintf("its log was read up to entry %d", m.settled(home.Origin.String()))
	case ctx.Err() != nil:
		return f, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		f.Detail = fmt.Sprintf("its log was not read to its end within %v", m.limits.FreshTimeout)
	default:
		f.Detail = explain(err)
	}
	return f, nil
}

// homeNode finds the admitted peer that is a domain's home.
func (m *Mirror) homeNode(ctx context.Context, domain string) (peers.Peer, bool) {
	if p, ok := m.book.Peer(domain); ok {
		return p, true
	}
	if m.home == nil {
		return peers.Peer{}, false
	}
	hosts, err := m.home.HomeNodes(ctx, domain)
	if err != nil {
		m.log.Debug("no home node was found", "domain", domain, "error", err)
	}
	for _, host := range hosts {
		if p, ok := m.book.Peer(strings.ToLower(strings.TrimSuffix(host, "."))); ok {
			return p, true
		}
	}
	return peers.Peer{}, false
}

// pullToHead pulls a peer's own log until all that it held at the start is settled.
func (m *Mirror) pullToHead(ctx context.Context, p peers.Peer) error {
	key, ok := m.book.OriginKey(p.Origin.String())
	if !ok {
		return ErrNotAdmitted
	}
	c, err := m.remote(p, p.Origin, key).checkpoint(ctx)
	if err != nil {
		return err
	}
	for {
		before := m.settled(p.Origin.String())
		if before >= c.Size {
			return nil
		}
		result, err := m.Pull(ctx, p, p.Origin, c.Size)
		if err != nil {
			return err
		}
		if result.Size <= before {
			return ErrBehind
		}
	}
}

// explain makes an error fit for a reader who is no operator.
func explain(err error) string {
	_, forked := errors.AsType[*ForkError](err)
	switch {
	case forked || errors.Is(err, store.ErrFrozen):
		return "its log is frozen, because it signed two histories"
	case isLie(err):
		return "what it answered did not prove itself"
	case ours(err), errors.Is(err, ErrBudget):
		return "this node could not read it now"
	}
	return "it did not answer as it should"
}

// freshFlights lets callers share pulls. The zero value is ready.
type freshFlights struct {
	mu    sync.Mutex
	nodes map[string]*freshNode // owned by mu; only those with a flight
}

// freshNode has at most one flight under way, and at most one that waits for it and takes in everybody who came meanwhile.
type freshNode struct{ flying, waiting *freshFlight }

type freshFlight struct {
	done chan struct{} // closed when err is set
	err  error
}

// join waits for a flight that began after the call, and starts it if need be.
func (f *freshFlights) join(ctx context.Context, node string, fly func() error) error {
	f.mu.Lock()
	if f.nodes == nil {
		f.nodes = make(map[string]*freshNode)
	}
	n := f.nodes[node]
	var mine *freshFlight
	switch {
	case n == nil:
		mine = &freshFlight{done: make(chan struct{})}
		n = &freshNode{flying: mine}
		f.nodes[node] = n
		go f.fly(node, n, fly)
	case n.waiting != nil:
		mine = n.waiting
	default:
		mine = &freshFlight{done: make(chan struct{})}
		n.waiting = mine
	}
	f.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly runs the flight of a node and those that were asked for meanwhile.
func (f *freshFlights) fly(node string, n *freshNode, fly func() error) {
	for {
		err := fly()
		f.mu.Lock()
		n.flying.err = err
		close(n.flying.done)
		if n.waiting == nil {
			delete(f.nodes, node)
			f.mu.Unlock()
			return
		}
		n.flying, n.waiting = n.waiting, nil
		f.mu.Unlock()
	}
}
