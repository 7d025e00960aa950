package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mirnode/cluster"
	"mirnode/conformance"
	"mirnode/conformance/cases"
	conformancenames "mirnode/conformance/names"
	"mirnode/conformance/peer"
	"mirnode/conformance/scenario"
	"mirnode/node"
)

// clusterKeysKept is how long the nodes of a cluster under test keep keys that they may keep for less.
const clusterKeysKept = time.Second

// clusterTarget is a cluster that the suite starts, with the suite's own names in the place of the internet.
type clusterTarget struct {
	run *conformanceRun
	s   streams
}

func newClusterTarget(r *conformanceRun, s streams) (*clusterTarget, error) {
	if r.cluster < 1 || r.cluster > cluster.MaxNodes {
		return nil, withHint(fmt.Sprintf("--cluster %d is not possible", r.cluster), fmt.Sprintf("A cluster has 1 to %d nodes.", cluster.MaxNodes))
	}
	return &clusterTarget{run: r, s: s}, nil
}

func (t *clusterTarget) findsKeys() {}

func (t *clusterTarget) name() string { return "a cluster of " + plural(t.run.cluster, "node") }

func (t *clusterTarget) kinds() []cases.Kind {
	return []cases.Kind{cases.KindVerdict, cases.KindScenario}
}

func (t *clusterTarget) offers() []cases.Need {
	offers := []cases.Need{cases.NeedNames, cases.NeedOperator, cases.NeedIssuer}
	if t.run.cluster >= 2 {
		offers = append(offers, cases.NeedNodes2, cases.NeedPeer)
	}
	if t.run.cluster >= 3 {
		offers = append(offers, cases.NeedNodes3)
	}
	if clientAddresses().IsValid() {
		offers = append(offers, cases.NeedAddresses)
		if t.run.cluster >= 2 {
			offers = append(offers, cases.NeedFaults)
		}
	}
	return offers
}

// clientPrefix is what the suite's clients come from. It is apart from 127.0.0.0/16, where the cluster's own nodes and links are.
var clientPrefix = netip.MustParsePrefix("127.64.0.0/10")

// clientAddresses are addresses of this machine from which requests can be made; the zero Prefix where there is one alone, as on a Mac.
func clientAddresses() netip.Prefix {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", netip.AddrPortFrom(clientPrefix.Addr().Next(), 0).String())
	if err != nil {
		return netip.Prefix{}
	}
	_ = listener.Close() // it has shown what it was for
	return clientPrefix
}

func (t *clusterTarget) open(ctx context.Context, chosen []cases.Case, o *conformance.Options, abort func(error)) (func() error, error) {
	fmt.Fprintf(t.s.err, "Starting %s …\n", plural(t.run.cluster, "node"))
	up, err := startTestCluster(ctx, t.run, t.s, peer.Plans(chosen, t.run.suffix))
	if err != nil {
		return nil, err
	}
	go func() {
		if <-up.cluster.Done(); up.cluster.Err() != nil {
			abort(up.cluster.Err())
		}
	}()
	world := up.world()
	o.Player, o.Verifier = world, world.NodeVerifier()
	return func() error { world.Close(); return up.Close() }, nil
}

// testCluster is a cluster whose nodes see the suite's names as the internet.
type testCluster struct {
	run     *conformanceRun
	dir     string
	names   *conformancenames.Names
	peers   *peer.Peers
	cluster *cluster.Cluster
	faults  *clusterFaults
}

// startTestCluster starts the names, the suite's peers and the nodes, in this order, and returns when every node answers.
func startTestCluster(ctx context.Context, r *conformanceRun, s streams, plans []peer.Plan) (up *testCluster, err error) {
	up = &testCluster{run: r}
	defer func() {
		if err != nil {
			err = errors.Join(&exit{exitRejected, err}, up.Close())
		}
	}()
	if up.dir, err = os.MkdirTemp("", "mir-conformance-"); err != nil {
		return up, err
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelError}))
	if up.names, err = conformancenames.Start(conformancenames.Options{Suffix: r.suffix, Logger: log}); err != nil {
		return up, err
	}
	if up.peers, err = peer.Start(up.names, plans, peer.Options{Seed: r.seed, Logger: log}); err != nil {
		return up, err
	}
	trusted, flags := filepath.Join(up.dir, "trusted.pem"), up.nodeFlags(plans)
	all := make([]int, r.cluster)
	for i := range all {
		all[i] = i
	}
	up.cluster, err = cluster.Start(ctx, cluster.Options{
		Dir: filepath.Join(up.dir, "cluster"), Nodes: r.cluster, Program: r.program, Logger: log, Flags: func(i int) []string { return flags[i] }, Idle: all,
	})
	if err != nil {
		return up, err
	}
	up.faults = &clusterFaults{cluster: up.cluster, flags: flags}
	if err := up.joinNames(trusted); err != nil {
		return up, err
	}
	return up, up.startNodes(ctx)
}

// joinNames lets the nodes see the cluster's own names through the suite's servers, and trust both authorities.
func (up *testCluster) joinNames(trusted string) error {
	state := up.cluster.State()
	dns, err := netip.ParseAddrPort(state.DNS)
	if err != nil {
		return err
	}
	https, err := netip.ParseAddrPort(state.WellKnownAddress)
	if err != nil {
		return err
	}
	up.names.SetUpstream(dns, https)
	own, err := os.ReadFile(state.CAFile)
	if err != nil {
		return err
	}
	return os.WriteFile(trusted, slices.Concat(own, up.names.CAPEM()), 0o600) //nolint:gosec // in a folder that this program has made
}

// startNodes starts all nodes, and returns when each takes claims.
func (up *testCluster) startNodes(ctx context.Context) error {
	started := make(chan error, up.run.cluster) // room for each, so that none waits for its reader
	for i := range up.run.cluster {
		go func() { started <- up.cluster.Start(ctx, i) }()
	}
	var failed error
	for range up.run.cluster {
		failed = errors.Join(failed, <-started)
	}
	if failed != nil {
		return failed
	}
	for _, n := range up.cluster.State().Nodes {
		if err := awaitReady(ctx, n.URL); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	return nil
}

// Bounds of waiting for a node to take claims, which it does when a peer has told it where its own log ends.
const (
	readyTimeout = 30 * time.Second
	readyEvery   = 20 * time.Millisecond
)

func awaitReady(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client := probeClient()
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		status, err := probe(ctx, client, at+"/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it takes no claims: %w", context.Cause(ctx))
		}
	}
}

// nodeFlags are the flags of each node, which win over those that a cluster's nodes have: the suite's names instead of the cluster's, keys that are kept
// as long as their domains say, and the limits that nodes have by themselves.
func (up *testCluster) nodeFlags(plans []peer.Plan) [][]string {
	flags := make([][]string, up.run.cluster)
	for i := range flags {
		flags[i] = append([]string{
			"--resolver=udp://" + up.names.DNS().String(),
			fmt.Sprintf("--well-known-port=%d", up.names.HTTPS().Port()),
			"--ca-file=" + filepath.Join(up.dir, "trusted.pem"),
			"--allow-range=" + up.names.HTTPS().Addr().String() + "/32", // where all servers are, and nothing else: cases listen at other addresses of this machine
			"--discovery-min-ttl=" + clusterKeysKept.String(), "--discovery-max-ttl=1h", "--discovery-default-ttl=1h", "--discovery-negative-ttl=1s", "--discovery-failure-ttl=100ms",
			"--discovery-refetch-age=1ms", "--discovery-refetch-every=1s", "--discovery-refetch-burst=60", // a budget that a case can use up, and no other does
		}, nodeLimits()...)
		var peers []string
		for j := range flags {
			if j != i {
				peers = append(peers, fmt.Sprintf("node%d.test", j+1))
			}
		}
		for _, plan := range plans {
			if !plan.Stranger {
				peers = append(peers, plan.Domain)
			}
		}
		if len(flags) > 1 {
			flags[i] = append(flags[i], "--peers-domains="+strings.Join(peers, ","))
		}
	}
	return flags
}

// world is the cluster as scenarios see it.
func (up *testCluster) world() *scenario.World {
	w := &scenario.World{Names: up.names, Suffix: up.run.suffix, Seed: up.run.seed, Addresses: clientAddresses(), KeysKept: clusterKeysKept}
	for _, n := range up.cluster.State().Nodes {
		w.Nodes = append(w.Nodes, scenario.NodeAddress{URL: n.URL, Operator: n.Operator, Domain: n.Domain})
	}
	if len(w.Nodes) > 1 {
		w.Peers = up.peers
		if w.Addresses.IsValid() {
			w.Faults = up.faults
		}
	}
	return w
}

// Close stops the nodes and the servers, and removes the folder.
func (up *testCluster) Close() error {
	var failed error
	if up.cluster != nil {
		failed = up.cluster.Close()
	}
	if up.names != nil {
		failed = errors.Join(failed, up.names.Close())
	}
	if up.dir != "" {
		failed = errors.Join(failed, os.RemoveAll(up.dir))
	}
	return failed
}

// nodeLimits are the flags that give a node the limits that it has by itself, which a cluster's nodes lift.
func nodeLimits() []string {
	var flags []string
	defaults := node.Default()
	for _, setting := range defaults.Settings() {
		if strings.HasPrefix(setting.Key, "limits.") {
			flags = append(flags, "--"+setting.Flag()+"="+setting.Value())
		}
	}
	return flags
}
