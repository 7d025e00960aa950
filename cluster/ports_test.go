package cluster_test

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

// run starts a cluster on the folder, tells where it is, and stops it. What it warns of goes to log.
func run(t *testing.T, dir string, nodes int, log *bytes.Buffer) cluster.State {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: dir, Nodes: nodes, Program: standIn(t, untilStdinEnds), Now: time.Now, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	state := c.State()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return state
}

// listens is what a node's settings say of its own listeners.
func listens(t *testing.T, dir, node string) string {
	t.Helper()
	settings, err := os.ReadFile(filepath.Join(dir, node, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(settings)) {
		if strings.Contains(line, "listen:") || strings.HasPrefix(line, "lookup_url:") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

// A folder keeps its ports over restarts, with other numbers of nodes too; what another program has taken is chosen anew, and told.
func TestPortsOutliveTheCluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	var log bytes.Buffer
	first := run(t, dir, 3, &log)
	node1, node3 := listens(t, dir, "node1"), listens(t, dir, "node3")
	if info, err := os.Stat(filepath.Join(dir, "ports.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ports.json: %v %v", info, err)
	}

	second := run(t, dir, 2, &log)
	third := run(t, dir, 3, &log)
	for _, state := range []cluster.State{second, third} {
		if state.DNS != first.DNS || state.WellKnownAddress != first.WellKnownAddress {
			t.Errorf("names at %s and %s, were at %s and %s", state.DNS, state.WellKnownAddress, first.DNS, first.WellKnownAddress)
		}
	}
	if a, b := listens(t, dir, "node1"), listens(t, dir, "node3"); a != node1 || b != node3 || log.Len() > 0 {
		t.Errorf("listeners\n%s\n%s\nwere\n%s\n%s\nlog %s", a, b, node1, node3, &log)
	}

	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", first.DNS)
	if err != nil {
		t.Fatal(err)
	}
	fourth := run(t, dir, 3, &log)
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if fourth.DNS == first.DNS || fourth.WellKnownAddress != first.WellKnownAddress || listens(t, dir, "node1") != node1 {
		t.Errorf("%+v", fourth)
	}
	if !strings.Contains(log.String(), "in use by another program") || !strings.Contains(log.String(), "for=dns") {
		t.Errorf("nothing was told of it: %s", &log)
	}
	if fifth := run(t, dir, 3, new(bytes.Buffer)); fifth.DNS != fourth.DNS {
		t.Error("the new port is not remembered")
	}
}

// A file of ports that is broken costs the ports, and no start.
func TestPortsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"null", "[", `{"dns":0}`, `{"dns":70000}`} {
		dir := filepath.Join(t.TempDir(), "d")
		var log bytes.Buffer
		run(t, dir, 1, &log)
		if err := os.WriteFile(filepath.Join(dir, "ports.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, dir, 1, &log)
		if broken := text == "[" || strings.Contains(text, "70000"); strings.Contains(log.String(), "cannot be read") != broken {
			t.Errorf("%s: %s", text, &log)
		}
	}
}
