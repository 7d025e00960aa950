package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

func nodeDomain(i int) string { return fmt.Sprintf("node%d.test", i+1) }

// newNode lays out the folder of the i-th node.
func newNode(dir string, i int) Node {
	name := fmt.Sprintf("node%d", i+1)
	home := filepath.Join(dir, name)
	return Node{Name: name, Domain: nodeDomain(i), DataDir: filepath.Join(home, "data"),
		ConfigFile: filepath.Join(home, "node.yaml"), LogFile: filepath.Join(home, "node.log")}
}

// readyFile is where the node tells its addresses once it answers.
func (n Node) readyFile() string { return filepath.Join(filepath.Dir(n.ConfigFile), "ready.json") }

// configuration is the node's file of settings. Found keys are kept for a moment only, and a key that is not among them is
// asked for at once, so that scripts see what they publish; nothing is limited per client, since all clients come from one address.
const configuration = `# Made by mir cluster, and written anew each time it starts.
domain: %s
network: development
data_dir: %s
listen: 127.0.0.1:0
operator_listen: 127.0.0.1:0
ready_file: %s
shutdown_timeout: 5s

discovery:
  resolvers: [%s]
  allow_ranges: [%s]
  extra_ca_file: %s
  well_known_port: %d
  min_ttl: %[8]s
  max_ttl: %[8]s
  default_ttl: %[8]s
  negative_ttl: %[8]s
  failure_ttl: 100ms
  refetch_age: 10ms
  refetch_every: 10ms
  refetch_burst: 1000

limits:
  read_per_second: 0
  submit_per_second: 0
  verify_per_second: 0
  lookup_per_second: 0
  domain_per_second: 0
  connections_per_client: 0
`

// startNode writes the node's settings and starts it.
func (c *Cluster) startNode(n Node, program string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(n.ConfigFile), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(n.readyFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	settings := fmt.Sprintf(configuration, n.Domain, quoted(n.DataDir), quoted(n.readyFile()),
		quoted("udp://"+c.state.DNS), quoted(loopback.String()), quoted(c.state.CAFile), c.state.WellKnownPort, keyTTL)
	if err := renameio.WriteFile(n.ConfigFile, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	return startProcess(n.Name, program, []string{"node", "--config", n.ConfigFile, "--stop-with-stdin"}, n.LogFile)
}

// quoted writes a string as JSON does, which YAML reads as the same string.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always encode
	}
	return string(text)
}

// readyNote is what the node's ready file holds.
type readyNote struct {
	URL      string `json:"url"`
	Operator string `json:"operator"`
	PID      int    `json:"pid"`
}

func (n Node) readReady() (note readyNote, err error) {
	data, err := os.ReadFile(n.readyFile())
	if err != nil {
		return note, err
	}
	if err := json.Unmarshal(data, &note); err != nil {
		return note, fmt.Errorf("%s: %w", n.readyFile(), err)
	}
	return note, nil
}

// awaitReady waits until the node answers, and takes its addresses down. The ready file appears in one step.
func (n *Node) awaitReady(ctx context.Context, p *process) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		ready, err := n.readReady()
		if !errors.Is(err, fs.ErrNotExist) {
			n.URL, n.Operator = ready.URL, ready.Operator
			return err
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("%s ended before it was ready (%w); the end of its log:\n%s", p.name, errorOr(p.err, "exit 0"), p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (%w); the end of its log:\n%s", p.name, ctx.Err(), p.logTail())
		}
	}
}
