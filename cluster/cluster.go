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
//	control.sock    where the cluster's process takes orders while it is up (Send)
//	gossip.key      the key of the nodes' gossip
//	ports.json      where everything listened at last, and will again
//	node1/          a node's data, key, configuration and log
//
// Nodes reach each other through edges, which stand in the cluster's process for the network between them: see edge. Users speak to the nodes'
// own listeners.
//
// A folder outlives its cluster, and can be started again: its claims and its published names are still there, and its ports are the same where
// they are free.
//
// # API
//
// Start brings a cluster up, Cluster.Announce tells other processes of it, Cluster.Close takes it down. ReadState is how they learn where
// everything is, and UpdatePublished changes what is published. Cluster.Kill, Start, Pause, Partition and their like play what goes wrong; Send
// lets another process do so. StartNames is the DNS and HTTPS half alone.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	startTimeout    = 30 * time.Second // for a node to be ready, and a second more for each that starts beside it
	takeOverTimeout = 15 * time.Second // for the nodes of a cluster that died to notice it
)

// MaxNodes is how many nodes a cluster can have. Each is a process with a store: more than a laptop should carry.
const MaxNodes = 64

// Options say what to start.
type Options struct {
	Dir     string // the cluster's folder; made if it is not there
	Nodes   int    // 0: 1
	Demo    string // a domain that exists from the start, without keys; "": none
	Program string // the program that is run as `PROGRAM node …`; "": the one that is running
	Logger  *slog.Logger
	Now     func() time.Time // nil: time.Now
	// Flags gives the i-th node (from 0) flags of `mir node` that win over its file of settings; nil: none.
	Flags func(i int) []string
	// Idle lists nodes (from 0) that are laid out and published, and not started until Cluster.Start is called.
	Idle []int
}

// Cluster is a cluster that is up. Its methods may be called from several goroutines.
type Cluster struct {
	options Options
	names   *Names
	links   *links
	members []*member
	orders  *orderServer
	unlock  func()

	mu        sync.Mutex
	state     State // guarded by mu
	announced bool  // cluster.json is written; guarded by mu
	closed    bool  // Close was called: nothing is started any more; guarded by mu

	closing  sync.Once
	closeErr error // the result of Close; set once
	done     chan struct{}
	ended    sync.Once
	failed   error // why a node ended; written before done is closed
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
	c := &Cluster{options: o, unlock: unlock, done: make(chan struct{})}
	if err := c.begin(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (o *Options) complete() error {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Nodes < 1 || o.Nodes > MaxNodes {
		return fmt.Errorf("%d nodes: a cluster has 1 to %d", o.Nodes, MaxNodes)
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

func (c *Cluster) begin(ctx context.Context) error {
	o := c.options
	if err := removeStale(ctx, o.Dir); err != nil {
		return err
	}
	p := openPorts(o.Dir, o.Logger)
	dnsAt, err := p.choose("dns", localhost)
	if err != nil {
		return err
	}
	httpsAt, err := p.choose("https", localhost)
	if err != nil {
		return err
	}
	c.names, err = OpenNames(NamesOptions{Dir: o.Dir, DNSPort: dnsAt.Port(), HTTPSPort: httpsAt.Port(), Now: o.Now, Logger: o.Logger})
	if err != nil {
		return err
	}
	c.links = newLinks(o.Nodes)
	c.state = State{
		Version: stateVersion, PID: os.Getpid(), StartedAt: o.Now().UTC().Truncate(time.Second), Dir: o.Dir,
		DNS: c.names.DNS().String(), WellKnownAddress: c.names.WellKnown().String(), WellKnownPort: int(c.names.WellKnown().Port()),
		CAFile: c.names.CAFile(), PublishedFile: publishedPath(o.Dir), Partitions: o.Nodes > 1 && manyAddresses(),
	}
	for i := range o.Nodes {
		c.state.Domains = append(c.state.Domains, nodeDomain(i))
	}
	if o.Demo != "" {
		c.state.Domains = append(c.state.Domains, o.Demo)
	}
	if err := c.layOut(p); err != nil {
		return err
	}
	if c.orders, err = c.startOrders(); err != nil {
		return err
	}
	return c.startAll(ctx)
}

// startAll starts all nodes at once that are not to be idle, and waits for each.
func (c *Cluster) startAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout+time.Duration(len(c.members))*time.Second)
	defer cancel()
	failed := make([]error, len(c.members))
	var all sync.WaitGroup
	for i := range c.members {
		if slices.Contains(c.options.Idle, i) {
			continue
		}
		all.Go(func() {
			if failed[i] = c.Start(ctx, i); failed[i] != nil {
				cancel() // the others need not be waited for
			}
		})
	}
	all.Wait()
	// A node that ended says more than the others, which were given up because of it.
	for _, err := range failed {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(failed...)
}

// Announce writes cluster.json, and from then on keeps it as things are. Call it when all that others may count on is there, or after SetWalking.
func (c *Cluster) Announce() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.announced = true
	return c.save()
}

// SetWalking says whether the walk is under way (State.Walking).
func (c *Cluster) SetWalking(walking bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Walking = walking
	return c.save()
}

// save writes cluster.json, if it was announced. Its caller holds mu.
func (c *Cluster) save() error {
	if !c.announced || c.closed {
		return nil
	}
	s := c.snapshot()
	return s.write()
}

// State tells where everything is, at this moment.
func (c *Cluster) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot()
}

// snapshot is a copy of the state. Its caller holds mu.
func (c *Cluster) snapshot() State {
	s := c.state
	s.Domains, s.Nodes, s.Links = slices.Clone(s.Domains), slices.Clone(s.Nodes), c.links.faulty()
	return s
}

func (c *Cluster) end(why error) {
	c.ended.Do(func() {
		c.failed = why
		close(c.done)
	})
}

// Done is closed when the cluster has ended: Close was called, or a node died that nobody had told to.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// Err tells which node died, and shows the end of its log. Call it after Done is closed; nil means that Close was called.
func (c *Cluster) Err() error {
	<-c.done
	return c.failed
}

// Close stops the nodes, then all that stands for the internet, and removes cluster.json; the rest of the folder stays. It takes a few seconds
// at most, and reports what did not stop well. Later calls return the same.
func (c *Cluster) Close() error {
	c.closing.Do(func() {
		c.end(nil)
		c.closeErr = c.close()
	})
	return c.closeErr
}

func (c *Cluster) close() error {
	defer c.unlock()
	c.mu.Lock()
	c.closed = true
	dir := c.state.Dir
	c.mu.Unlock()
	var failed error
	if dir != "" {
		if err := os.Remove(statePath(dir)); !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	}
	if c.orders != nil {
		failed = errors.Join(failed, c.orders.Close())
	}
	if c.links != nil {
		failed = errors.Join(failed, c.Heal()) // what hangs over a cut would hold a node up that stops
	}
	stopped := make([]error, len(c.members))
	var all sync.WaitGroup
	for i, m := range c.members {
		all.Go(func() { stopped[i] = errors.Join(c.stopMember(m), m.edge.Close()) })
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
	for i := range MaxNodes {
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
