package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/google/renameio/v2"

	"mirnode/internal/pemfile"
	"mirnode/protocol"
)

// member is one node of a cluster: where it listens, and the process that runs it, if one does.
type member struct {
	index                    int
	listen, operator, gossip netip.AddrPort // its own listeners; those of the folder's last run, where they are free
	edge                     *edge

	starting sync.Mutex // held by who starts it

	process *process // nil: none runs; guarded by Cluster.mu
	flags   []string // guarded by Cluster.mu
}

// nodeService is the name of the SRV record that leads to a domain's node.
const nodeService = "_mir-node._tcp"

// gossipKeyBytes is the length of a key of the gossip: AES-256.
const gossipKeyBytes = 32

func gossipKeyPath(dir string) string { return filepath.Join(dir, "gossip.key") }

// layOut chooses the nodes' ports, opens their edges, and publishes their keys and where they are.
func (c *Cluster) layOut(p *ports) error {
	if err := makeGossipKey(gossipKeyPath(c.state.Dir)); err != nil {
		return err
	}
	for i := range c.options.Nodes {
		m, n, err := c.newMember(i, p)
		if err != nil {
			return err
		}
		c.members = append(c.members, m)
		c.state.Nodes = append(c.state.Nodes, n)
	}
	if err := p.save(c.state.Dir); err != nil {
		return err
	}
	return UpdatePublished(c.state.Dir, func(p *Published) error {
		for _, name := range c.state.Domains {
			p.Domain(name)
		}
		for _, n := range c.state.Nodes {
			if err := n.publish(p.Domain(n.Domain)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *Cluster) newMember(i int, p *ports) (*member, Node, error) {
	n, m := newNode(c.state.Dir, i), &member{index: i}
	if c.options.Flags != nil {
		m.flags = c.options.Flags(i)
	}
	source := localhost
	if c.state.Partitions {
		source = sourceOf(i)
		n.Source = source.String()
	}
	var failed [3]error
	m.listen, failed[0] = p.choose(n.Name+" api", localhost)
	m.operator, failed[1] = p.choose(n.Name+" operator", localhost)
	if c.options.Nodes > 1 {
		m.gossip, failed[2] = p.choose(n.Name+" gossip", source)
	}
	if err := errors.Join(failed[:]...); err != nil {
		return nil, n, err
	}
	err := os.MkdirAll(filepath.Dir(n.KeyFile), 0o700)
	if err == nil {
		err = makeNodeKey(n.KeyFile)
	}
	if err == nil {
		m.edge, err = startEdge(i, c.links, backend{api: m.listen, gossip: m.gossip}, c.names.authority, c.options.Logger)
	}
	if err != nil {
		return nil, n, err
	}
	n.URL, n.Operator, n.PublicURL = "http://"+m.listen.String(), "http://"+m.operator.String(), m.edge.url
	if at := m.edge.gossip(); at.IsValid() {
		n.Gossip = at.String()
	}
	return m, n, nil
}

// makeNodeKey makes a node's key, unless there is one. It is made before the node starts, so that it can be published by then.
func makeNodeKey(path string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := pemfile.WriteKey(path, key); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func makeGossipKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, gossipKeyBytes)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600)
}

// publish puts the node's key, in both channels, and its address into what its domain publishes. A key that stands there already stays as it
// is: an earlier cluster's user may have withdrawn it from one channel.
func (n Node) publish(d *Domain) error {
	key, err := pemfile.ReadPublicKey(n.KeyFile)
	if err != nil {
		return err
	}
	public := protocol.EncodePublicKey(key)
	if !slices.ContainsFunc(d.Keys, func(k Key) bool { return k.Public == public }) {
		d.SetKey(Key{Public: public, Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown}})
	}
	d.Records = slices.DeleteFunc(d.Records, func(record string) bool { return strings.HasPrefix(record, nodeService+" ") })
	port := n.PublicURL[strings.LastIndex(n.PublicURL, ":")+1:]
	d.Records = append(d.Records, fmt.Sprintf("%s SRV 0 0 %s %s.", nodeService, port, n.Domain))
	return nil
}

// launch writes the node's settings and starts its process.
func (c *Cluster) launch(m *member) (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.state.Nodes[m.index]
	switch {
	case c.closed:
		return nil, errors.New("the cluster is stopping")
	case m.process != nil:
		return nil, fmt.Errorf("%s runs already", n.Name)
	}
	if err := os.Remove(n.readyFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	settings, err := m.settings(n, c.state)
	if err != nil {
		return nil, err
	}
	if err := renameio.WriteFile(n.ConfigFile, settings, 0o600); err != nil {
		return nil, err
	}
	p, err := startProcess(n.Name, c.options.Program, append([]string{"node", "--config", n.ConfigFile, "--stop-with-stdin"}, m.flags...), n.LogFile)
	if err != nil {
		return nil, err
	}
	m.process = p
	c.state.Nodes[m.index].Status, c.state.Nodes[m.index].PID = Starting, p.command.Process.Pid
	return p, nil
}

// settle takes down what became of the process p of a node, if it is still the node's, and tells whether it is.
func (c *Cluster) settle(m *member, p *process, status Status, ready *readyNote) (current bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.process != p {
		return false, nil
	}
	n := &c.state.Nodes[m.index]
	n.Status = status
	if ready != nil {
		n.URL, n.Operator = ready.URL, ready.Operator
	}
	if status == Stopped || status == Killed {
		m.process, n.PID = nil, 0
	}
	return true, c.save()
}

// running gives the node's process, or an error if it has none.
func (c *Cluster) running(i int) (*member, *process, error) {
	m, err := c.member(i)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.process == nil {
		return nil, nil, fmt.Errorf("%s does not run (it is %s)", nodeName(i), c.state.Nodes[i].Status)
	}
	return m, m.process, nil
}

func (c *Cluster) member(i int) (*member, error) {
	if i < 0 || i >= len(c.members) {
		return nil, fmt.Errorf("there is no node%d: the cluster has node1 to node%d", i+1, len(c.members))
	}
	return c.members[i], nil
}

// watch ends with the process, and ends the cluster if nobody wanted that.
func (c *Cluster) watch(m *member, p *process) {
	<-p.exited
	if p.expected.Load() {
		return
	}
	_, err := c.settle(m, p, Killed, nil)
	c.end(errors.Join(fmt.Errorf("%s ended by itself (%w); the end of its log:\n%s", p.name, errorOr(p.err, "exit 0"), p.logTail()), err))
}

// stopMember stops the node, if it runs.
func (c *Cluster) stopMember(m *member) error {
	c.mu.Lock()
	p := m.process
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	stopped := p.stop()
	_, err := c.settle(m, p, Stopped, nil)
	return errors.Join(stopped, err)
}

// signal sends the node a signal, and takes down how it is then.
func (c *Cluster) signal(i int, signal syscall.Signal, status Status) error {
	m, p, err := c.running(i)
	if err != nil {
		return err
	}
	if err := p.command.Process.Signal(signal); err != nil {
		return fmt.Errorf("%s: %w", nodeName(i), err)
	}
	_, err = c.settle(m, p, status, nil)
	return err
}

// start is Start, for a caller that holds m.starting.
func (c *Cluster) startMember(ctx context.Context, m *member) error {
	p, err := c.launch(m)
	if err != nil {
		return err
	}
	n := newNode(c.options.Dir, m.index)
	ready, err := n.awaitReady(ctx, p)
	if err != nil {
		p.kill()
		_, saved := c.settle(m, p, Stopped, nil)
		return errors.Join(err, saved)
	}
	current, err := c.settle(m, p, Running, &ready)
	if err != nil {
		return err
	}
	if !current {
		return fmt.Errorf("%s was stopped as soon as it was ready", n.Name)
	}
	go c.watch(m, p)
	return nil
}
