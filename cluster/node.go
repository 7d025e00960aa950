package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"text/template"
	"time"
)

func nodeName(i int) string { return fmt.Sprintf("node%d", i+1) }

func nodeDomain(i int) string { return nodeName(i) + ".test" }

// newNode lays out the folder of the i-th node.
func newNode(dir string, i int) Node {
	name := nodeName(i)
	home := filepath.Join(dir, name)
	return Node{Name: name, Domain: nodeDomain(i), Status: Idle, DataDir: filepath.Join(home, "data"), KeyFile: filepath.Join(home, "node-key.pem"),
		ConfigFile: filepath.Join(home, "node.yaml"), LogFile: filepath.Join(home, "node.log")}
}

// readyFile is where the node tells its addresses once it answers.
func (n Node) readyFile() string { return filepath.Join(filepath.Dir(n.ConfigFile), "ready.json") }

// configuration is the node's file of settings. Found keys are kept for a moment only, and a key that is not among them is
// asked for at once, so that scripts see what they publish; nothing is limited per client, since all clients come from one machine. Links to
// look-ups lead to the node's own listener, which a browser reaches as it is.
var configuration = template.Must(template.New("node.yaml").Funcs(template.FuncMap{"quote": quoted}).Parse(
	`# Made by mir cluster, and written anew each time the node starts.
domain: {{.Node.Domain}}
network: development
data_dir: {{quote .Node.DataDir}}
node_key: {{quote .Node.KeyFile}}
listen: {{.Listen}}
public_url: {{.Node.PublicURL}}
lookup_url: http://{{.Listen}}
operator_listen: {{.Operator}}
ready_file: {{quote .ReadyFile}}
shutdown_timeout: 5s
{{if .Peers}}
peers:
  domains: [{{range $i, $peer := .Peers}}{{if $i}}, {{end}}{{$peer}}{{end}}]
  poll_every: {{.PollEvery}}
{{- if .Node.Source}}
  outgoing_address: {{.Node.Source}}
{{- end}}

gossip:
  listen: {{.GossipListen}}
  advertise: {{.Node.Gossip}}
  keys: {{quote .GossipKeys}}
{{end}}
discovery:
  resolvers: [{{quote .Resolver}}]
  allow_ranges: [{{quote .Loopback}}]
  extra_ca_file: {{quote .CAFile}}
  well_known_port: {{.WellKnownPort}}
  min_ttl: {{.KeyTTL}}
  max_ttl: {{.KeyTTL}}
  default_ttl: {{.KeyTTL}}
  negative_ttl: {{.KeyTTL}}
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
  peer_per_second: 0
  connections_per_client: 0
`))

// pollEvery is how often a node of n asks each of its peers what is new, should hints not arrive. All of them together make some n polls a second.
func pollEvery(n int) time.Duration { return max(time.Second, time.Duration(n)*200*time.Millisecond) }

// settings writes the file's content.
func (m *member) settings(n Node, s State) ([]byte, error) {
	values := map[string]any{
		"Node": n, "ReadyFile": n.readyFile(), "Listen": m.listen, "Operator": m.operator, "GossipListen": m.gossip, "GossipKeys": gossipKeyPath(s.Dir),
		"Peers":     slices.DeleteFunc(slices.Clone(s.Domains[:len(s.Nodes)]), func(domain string) bool { return domain == n.Domain }),
		"PollEvery": pollEvery(len(s.Nodes)), "Resolver": "udp://" + s.DNS, "Loopback": loopback.String(), "CAFile": s.CAFile,
		"WellKnownPort": s.WellKnownPort, "KeyTTL": keyTTL,
	}
	var out bytes.Buffer
	err := configuration.Execute(&out, values)
	return out.Bytes(), err
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

// awaitReady waits until the node answers, and tells its addresses. The ready file appears in one step.
func (n Node) awaitReady(ctx context.Context, p *process) (readyNote, error) {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		ready, err := n.readReady()
		if !errors.Is(err, fs.ErrNotExist) {
			return ready, err
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return ready, fmt.Errorf("%s ended before it was ready (%w); the end of its log:\n%s", p.name, errorOr(p.err, "exit 0"), p.logTail())
		case <-ctx.Done():
			return ready, fmt.Errorf("%s is not ready (%w); the end of its log:\n%s", p.name, ctx.Err(), p.logTail())
		}
	}
}
