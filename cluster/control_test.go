package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mirnode/cluster"
	"mirnode/node"
	"mirnode/protocol"
)

// up is a cluster of stand-ins that is announced.
func up(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	if o.Program == "" {
		o.Program = standIn(t, untilStdinEnds)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	c, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := c.Announce(); err != nil {
		t.Fatal(err)
	}
	return c
}

// told is what cluster.json says.
func told(t *testing.T, c *cluster.Cluster) *cluster.State {
	t.Helper()
	state, err := cluster.ReadState(c.State().Dir)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestNodesComeAndGo(t *testing.T) {
	c := up(t, cluster.Options{Nodes: 3, Idle: []int{2}})
	before := told(t, c)
	if n := before.Nodes[2]; n.Status != cluster.Idle || n.PID != 0 || n.PublicURL == "" {
		t.Errorf("a node that waits: %+v", n)
	}
	for _, step := range []struct {
		do     string
		node   int
		act    func() error
		status cluster.Status
	}{
		{"start the idle one", 2, func() error { return c.Start(t.Context(), 2) }, cluster.Running},
		{"kill", 1, func() error { return c.Kill(1) }, cluster.Killed},
		{"start it again", 1, func() error { return c.Start(t.Context(), 1) }, cluster.Running},
		{"pause", 1, func() error { return c.Pause(1) }, cluster.Paused},
		{"resume", 1, func() error { return c.Resume(1) }, cluster.Running},
		{"pause it once more", 1, func() error { return c.Pause(1) }, cluster.Paused},
		{"stop it as it is", 1, func() error { return c.Stop(1) }, cluster.Stopped},
		{"pause another, for Close to meet", 0, func() error { return c.Pause(0) }, cluster.Paused},
	} {
		if err := step.act(); err != nil {
			t.Fatalf("%s: %v", step.do, err)
		}
		n := told(t, c).Nodes[step.node]
		if gone := step.status == cluster.Killed || step.status == cluster.Stopped; n.Status != step.status || (n.PID == 0) != gone {
			t.Errorf("%s: %+v", step.do, n)
		}
		if n.PublicURL != before.Nodes[step.node].PublicURL || n.Gossip != before.Nodes[step.node].Gossip {
			t.Errorf("%s: moved from %+v to %+v", step.do, before.Nodes[step.node], n)
		}
	}
	for do, err := range map[string]error{
		"kill what does not run": c.Kill(1), "start what runs": c.Start(t.Context(), 2), "no such node": c.Stop(3), "below zero": c.Pause(-1),
	} {
		if err == nil {
			t.Errorf("%s: no error", do)
		}
	}
	select {
	case <-c.Done():
		t.Errorf("the cluster ended: %v", c.Err())
	default:
	}
}

func TestStartThatFailsLeavesTheClusterUp(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	c := up(t, cluster.Options{Nodes: 2, Program: standIn(t, "test -e "+broken+" && exit 5; "+untilStdinEnds)})
	if err := errors.Join(c.Kill(0), os.WriteFile(broken, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Start(gone, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := told(t, c).Nodes[0]; n.Status != cluster.Stopped && n.Status != cluster.Running {
		t.Errorf("%+v", n)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context(), 0); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestFlagsReachTheNode(t *testing.T) {
	c := up(t, cluster.Options{Nodes: 2, Program: standIn(t, `shift 4; echo "flags: $*"; `+untilStdinEnds),
		Flags: func(i int) []string { return [][]string{{"--peers-quorum", "1"}, nil}[i] }})
	if err := errors.Join(c.Stop(0), c.SetFlags(0, "--peers-admission=open"), c.Start(t.Context(), 0), c.Stop(0)); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(c.State().Nodes[0].LogFile)
	if err != nil || !strings.Contains(string(log), "flags: --peers-quorum 1\n") || !strings.Contains(string(log), "flags: --peers-admission=open\n") {
		t.Errorf("%s %v", log, err)
	}
}

// TestSettingsAreANodes holds the file that is written for a node to what a node accepts, and what is published to what its peers look for.
func TestSettingsAreANodes(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		c := up(t, cluster.Options{Nodes: nodes})
		state := c.State()
		n := state.Nodes[0]
		config, err := node.Load(node.Sources{File: n.ConfigFile})
		if err == nil {
			err = config.Check()
		}
		if err != nil {
			t.Fatal(err)
		}
		if config.Domain != "node1.test" || config.PublicURL != n.PublicURL || config.LookupURL != "http://"+config.Listen || len(config.Peers.Domains) != nodes-1 || config.Gossip.Advertise != n.Gossip ||
			config.Peers.OutgoingAddress != n.Source || (n.Source != "") != (nodes > 1) {
			t.Errorf("%+v of %+v", config, n)
		}
		for _, file := range []string{n.KeyFile, filepath.Join(state.Dir, "gossip.key"), state.Control} {
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", file, info.Mode(), err)
			}
		}
		published, err := cluster.ReadPublished(state.Dir)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(n.PublicURL, "https://"))
		d := published.Domains["node1.test"]
		if len(d.Keys) != 1 || len(d.Keys[0].Channels) != 2 || len(d.Records) != 1 || d.Records[0] != "_mir-node._tcp SRV 0 0 "+port+" node1.test." {
			t.Errorf("%+v", d)
		}
	}
}

func TestAClusterThatComesBackKeepsKeysAndMovesItsAddresses(t *testing.T) {
	dir := t.TempDir()
	var first *cluster.Domain
	for range 2 {
		c, err := start(t, dir, standIn(t, untilStdinEnds), 2)
		if err != nil {
			t.Fatal(err)
		}
		published, err := cluster.ReadPublished(dir)
		if err := errors.Join(err, c.Close()); err != nil {
			t.Fatal(err)
		}
		d := published.Domains["node2.test"]
		if first == nil {
			first = d
			publish(t, dir, "node2.test", func(d *cluster.Domain) {
				if err := d.RemoveKeys("", []protocol.Channel{protocol.DNS}); err != nil {
					t.Fatal(err)
				}
			})
			continue
		}
		if len(d.Keys) != 1 || d.Keys[0].Public != first.Keys[0].Public || len(d.Keys[0].Channels) != 1 {
			t.Errorf("keys %+v, were %+v in one channel", d.Keys, first.Keys)
		}
		if len(d.Records) != 1 || d.Records[0] == first.Records[0] {
			t.Errorf("records %q, were %q", d.Records, first.Records)
		}
	}
}

func TestLinks(t *testing.T) {
	c := up(t, cluster.Options{Nodes: 4})
	cut := func() string {
		var words []string
		for _, l := range told(t, c).Links {
			word := l.Between[0] + "-" + l.Between[1]
			if !l.Cut {
				word += fmt.Sprintf(" %gms", l.DelayMs)
			}
			words = append(words, word)
		}
		return strings.ReplaceAll(strings.Join(words, ", "), "node", "")
	}
	for _, step := range []struct {
		order cluster.Order
		want  string
	}{
		{cluster.Order{Do: "partition", Groups: [][]string{{"node1", "2"}, {"node3.test"}}}, "1-3, 2-3, 1-4, 2-4, 3-4"},
		{cluster.Order{Do: "partition", Groups: [][]string{{"node4"}}, Reset: true}, "1-4, 2-4, 3-4"},
		{cluster.Order{Do: "heal", Nodes: []string{"4", "1"}}, "2-4, 3-4"},
		{cluster.Order{Do: "heal"}, ""},
		{cluster.Order{Do: "cut", Nodes: []string{"node1", "node2"}}, "1-2"},
		{cluster.Order{Do: "delay", Nodes: []string{"node4", "node2"}, DelayMs: 20}, "1-2, 2-4 20ms"},
		{cluster.Order{Do: "delay", DelayMs: 5}, "1-2, 1-3 5ms, 2-3 5ms, 1-4 5ms, 2-4 5ms, 3-4 5ms"},
		{cluster.Order{Do: "delay"}, "1-2"},
		{cluster.Order{Do: "heal"}, ""},
	} {
		state, err := cluster.Send(t.Context(), c.State().Dir, step.order)
		if err != nil {
			t.Fatalf("%+v: %v", step.order, err)
		}
		if got := cut(); got != step.want || len(state.Links) != len(told(t, c).Links) {
			t.Errorf("%+v: %q, want %q", step.order, got, step.want)
		}
	}
}

func TestOrders(t *testing.T) {
	c := up(t, cluster.Options{Nodes: 2, Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 30))})
	dir := c.State().Dir
	state, err := cluster.Send(t.Context(), dir, cluster.Order{Do: "kill", Nodes: []string{"node1", "node2"}})
	if err != nil || state.Nodes[0].Status != cluster.Killed || state.Nodes[1].Status != cluster.Killed {
		t.Fatalf("%+v %v", state, err)
	}
	for want, o := range map[string]cluster.Order{
		"is no order":           {Do: "dance"},
		"which node":            {Do: "kill"},
		"does not run":          {Do: "pause", Nodes: []string{"node1"}},
		`no node "node9"`:       {Do: "start", Nodes: []string{"node9"}},
		`no node "elsewhere"`:   {Do: "partition", Groups: [][]string{{"elsewhere"}}},
		"stands twice":          {Do: "partition", Groups: [][]string{{"node1"}, {"node1"}}},
		"a group without nodes": {Do: "partition", Groups: [][]string{{}}},
		"between two nodes":     {Do: "cut", Nodes: []string{"node1"}},
		"a delay of 10":         {Do: "delay", DelayMs: 1e12},
	} {
		if _, err := cluster.Send(t.Context(), dir, o); !errors.Is(err, cluster.ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	// Somebody who speaks nonsense, or nothing.
	connection, err := net.Dial("unix", state.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte("{]")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 512)
	if n, err := connection.Read(answer); err != nil || !strings.Contains(string(answer[:n]), `"error"`) {
		t.Errorf("%s %v", answer[:n], err)
	}
	silent, err := net.Dial("unix", state.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(state.Control); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := cluster.Send(t.Context(), dir, cluster.Order{Do: "heal"}); !errors.Is(err, cluster.ErrNotRunning) {
		t.Errorf("%v", err)
	}
}

func TestOneNodeHasNoLinks(t *testing.T) {
	c := up(t, cluster.Options{Nodes: 1})
	if err := c.Partition([][]int{{0}}, cluster.Silent); err == nil || errors.Is(err, cluster.ErrNoPartitions) {
		t.Errorf("%v", err)
	}
}
