// Package cluster runs a federation on one machine: nodes as processes of their own, and in the place of the internet a DNS server and an
// HTTPS server on loopback. It needs no rights, no fixed ports and nothing installed, and leaves nothing behind.
//
// # The folder
//
// Everything lies in one folder (0700, files 0600):
//
//	cluster.json    how to reach every part; there while the cluster is up (State)
//	published.json  what the DNS and HTTPS servers say; changed by any process while the cluster is up (Published)
//	ca.pem          the certificate of the authority that vouches for the HTTPS server; its key is in memory alone
//	cluster.lock    held by the cluster's process: one cluster a folder
//	published.lock  held while published.json is replaced
//	node1/          a node's data, configuration and log
//
// A folder outlives its cluster, and can be started again: its claims and its published names are still there.
//
// # API
//
// Start brings a cluster up, Cluster.Announce tells other processes of it, Cluster.Close takes it down. ReadState is how they learn where
// everything is, and UpdatePublished changes what is published. StartNames is the DNS and HTTPS half alone.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	startTimeout    = 30 * time.Second // for all nodes to be ready
	takeOverTimeout = 15 * time.Second // for the nodes of a cluster that died to notice it
	maxNodes        = 64               // each is a process with a store: more than a laptop should carry
)

// Options say what to start.
type Options struct {
	Dir     string // the cluster's folder; made if it is not there
	Nodes   int    // 0: 1
	Demo    string // a domain that exists from the start, without keys; "": none
	Program string // the program that is run as `PROGRAM node …`; "": the one that is running
	Logger  *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Cluster is a cluster that is up. Its methods may be called from several goroutines.
type Cluster struct {
	state     State
	names     *Names
	processes []*process
	unlock    func()

	closing sync.Once
	closed  error // the result of Close; set once
	done    chan struct{}
	ended   sync.Once
	failed  error // why a node ended; written before done is closed
}

// Start brings a cluster up, and returns when every node answers. It refuses a folder on which another one runs, and takes over the
// folder of one that died; ErrFolder says that the folder cannot be a cluster's at all. A node that does not come up is an error that shows the end of its log.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	unlock, err := openFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{unlock: unlock, done: make(chan struct{})}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (o *Options) complete() error {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return fmt.Errorf("%d nodes: a cluster has 1 to %d", o.Nodes, maxNodes)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var err error
	if o.Program == "" {
		if o.Program, err = os.Executable(); err != nil {
			return err
		}
	}
	o.Dir, err = filepath.Abs(o.Dir)
	return err
}

func (c *Cluster) start(ctx context.Context, o Options) error {
	if err := removeStale(ctx, o.Dir); err != nil {
		return err
	}
	var err error
	if c.names, err = StartNames(o.Dir, o.Now, o.Logger); err != nil {
		return err
	}
	c.state = State{
		Version: stateVersion, PID: os.Getpid(), StartedAt: o.Now().UTC().Truncate(time.Second), Dir: o.Dir,
		DNS: c.names.DNS().String(), WellKnownAddress: c.names.WellKnown().String(), WellKnownPort: int(c.names.WellKnown().Port()),
		CAFile: c.names.CAFile(), PublishedFile: publishedPath(o.Dir),
	}
	for i := range o.Nodes {
		c.state.Domains = append(c.state.Domains, nodeDomain(i))
	}
	if o.Demo != "" {
		c.state.Domains = append(c.state.Domains, o.Demo)
	}
	err = UpdatePublished(o.Dir, func(p *Published) error {
		for _, name := range c.state.Domains {
			p.Domain(name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.startNodes(ctx, o)
}

// Announce writes cluster.json. Call it when all that others may count on is there.
func (c *Cluster) Announce() error { return c.state.write() }

// startNodes starts all nodes at once, and waits for each.
func (c *Cluster) startNodes(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for i := range o.Nodes {
		node := newNode(o.Dir, i)
		p, err := c.startNode(node, o.Program)
		if err != nil {
			return err
		}
		node.PID = p.command.Process.Pid
		c.processes = append(c.processes, p)
		c.state.Nodes = append(c.state.Nodes, node)
	}
	for i, p := range c.processes {
		if err := c.state.Nodes[i].awaitReady(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range c.processes {
		go c.watch(p)
	}
	return nil
}

// watch ends with the node, and tells Done if nobody wanted that.
func (c *Cluster) watch(p *process) {
	<-p.exited
	c.end(fmt.Errorf("%s ended by itself (%w); the end of its log:\n%s", p.name, errorOr(p.err, "exit 0"), p.logTail()))
}

func (c *Cluster) end(why error) {
	c.ended.Do(func() {
		c.failed = why
		close(c.done)
	})
}

// State tells where everything is.
func (c *Cluster) State() State { return c.state }

// Done is closed when the cluster has ended: Close was called, or a node died.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// Err tells which node died, and shows the end of its log. Call it after Done is closed; nil means that Close was called.
func (c *Cluster) Err() error {
	<-c.done
	return c.failed
}

// Close stops the nodes, then the DNS and HTTPS servers, and removes cluster.json; the rest of the folder stays. It takes a few seconds
// at most, and reports what did not stop well. Later calls return the same.
func (c *Cluster) Close() error {
	c.closing.Do(func() {
		c.end(nil)
		c.closed = c.close()
	})
	return c.closed
}

func (c *Cluster) close() error {
	defer c.unlock()
	var failed error
	if c.state.Dir != "" {
		if err := os.Remove(statePath(c.state.Dir)); !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	}
	stopped := make([]error, len(c.processes))
	var all sync.WaitGroup
	for i, p := range c.processes {
		all.Go(func() { stopped[i] = p.stop() })
	}
	all.Wait()
	failed = errors.Join(failed, errors.Join(stopped...))
	if c.names != nil {
		failed = errors.Join(failed, c.names.Close())
	}
	return failed
}

// removeStale clears the way after a cluster that died. Nobody holds the folder's lock, so its cluster.json is nobody's; its nodes stop by
// themselves, which may take them some moments yet.
func removeStale(ctx context.Context, dir string) error {
	if err := os.Remove(statePath(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, takeOverTimeout)
	defer cancel()
	for i := range maxNodes {
		awaitGone(ctx, newNode(dir, i))
	}
	return nil
}

// awaitGone waits until the process that the node's ready file names is gone. Its ID may have gone to a stranger, so the wait is bounded, and
// its end is no error: a node that really is there still holds its store's lock, and the new one's log says so.
func awaitGone(ctx context.Context, n Node) {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		ready, err := n.readReady()
		if err != nil || !alive(ready.PID) || ctx.Err() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
