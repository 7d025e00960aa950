package cluster_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

// standIn is a program that a cluster runs in the place of a node: it says that it is ready, and does as it was told.
func standIn(t *testing.T, afterwards string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.sh")
	script := `#!/bin/sh
test "$1 $2 $4" = "node --config --stop-with-stdin" || exit 9
env | grep -q ^MIR_ && exit 8
ready=$(sed -n 's/^ready_file: "\(.*\)"/\1/p' "$3")
echo starting
printf '{"url":"http://127.0.0.1:1","operator":"http://127.0.0.1:2","pid":%d}' $$ > "$ready.new" && mv "$ready.new" "$ready"
` + afterwards + "\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

const untilStdinEnds = "cat > /dev/null; echo stopped"

func start(t *testing.T, dir, program string, nodes int) (*cluster.Cluster, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return cluster.Start(ctx, cluster.Options{Dir: dir, Nodes: nodes, Demo: "demo.test", Program: program})
}

func TestStartAnnounceClose(t *testing.T) {
	t.Setenv("MIR_LISTEN", "127.0.0.1:80") // is the user's, and must not reach a node
	dir := filepath.Join(t.TempDir(), "d")
	c, err := start(t, dir, standIn(t, untilStdinEnds), 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.ReadState(dir); !errors.Is(err, cluster.ErrNotRunning) {
		t.Errorf("announced before its time: %v", err)
	}
	if err := c.Announce(); err != nil {
		t.Fatal(err)
	}
	state, err := cluster.ReadState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Nodes) != 3 || state.Nodes[2].Domain != "node3.test" || state.Nodes[2].URL != "http://127.0.0.1:1" || state.Nodes[0].PID == state.Nodes[1].PID {
		t.Errorf("nodes %+v", state.Nodes)
	}
	if strings.Join(state.Domains, " ") != "node1.test node2.test node3.test demo.test" || state.PID != os.Getpid() || state.Dir != dir {
		t.Errorf("state %+v", state)
	}
	if v := state.Environment(); v[0] != [2]string{"MIR_NODE", "http://127.0.0.1:1"} || v[1] != [2]string{"MIR_OPERATOR", "http://127.0.0.1:2"} || len(v) != 6 {
		t.Errorf("environment %v", v)
	}
	if settings, err := state.Discovery(); err != nil || len(settings.ExtraCAs) != 1 {
		t.Errorf("discovery: %v", err)
	}
	for _, file := range []string{"cluster.json", "published.json", "ca.pem", "cluster.lock", "node1/node.yaml", "node1/node.log"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	if _, err := start(t, dir, standIn(t, untilStdinEnds), 1); err == nil || !strings.Contains(err.Error(), "another cluster (process") {
		t.Errorf("a second cluster on the folder: %v", err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := c.Err(); err != nil {
		t.Errorf("closed, and reports %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cluster.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("cluster.json is left: %v", err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "node1", "node.log"))
	if err != nil || string(log) != "starting\nstopped\n" {
		t.Errorf("the node's log: %q %v", log, err)
	}
}

func TestStartTakesOverAfterADeath(t *testing.T) {
	dir := t.TempDir()
	c, err := start(t, dir, standIn(t, untilStdinEnds), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Announce(), c.Close()); err != nil {
		t.Fatal(err)
	}
	stale := `{"version":1,"pid":999999999,"nodes":[{"pid":999999999}]}`
	if err := os.WriteFile(filepath.Join(dir, "cluster.json"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.ReadState(dir); !errors.Is(err, cluster.ErrNotRunning) {
		t.Errorf("a stale cluster.json is believed: %v", err)
	}
	if c, err = start(t, dir, standIn(t, untilStdinEnds), 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestANodeThatDoesNotComeUp(t *testing.T) {
	for name, program := range map[string]string{
		"ends at once": "echo no such setting; exit 3",
		"ends well":    "echo no such setting; exit 0",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "node.sh")
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"+program+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if _, err := start(t, dir, path, 2); err == nil || !strings.Contains(err.Error(), "ended before it was ready") || !strings.Contains(err.Error(), "no such setting") {
				t.Errorf("%v", err)
			}
			if c, err := start(t, dir, standIn(t, untilStdinEnds), 1); err != nil {
				t.Errorf("the folder cannot be used afterwards: %v", err)
			} else if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("never says that it is ready", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "node.sh")
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho thinking; cat > /dev/null\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := cluster.Start(ctx, cluster.Options{Dir: t.TempDir(), Program: path})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "thinking") {
			t.Errorf("%v", err)
		}
	})
}

func TestANodeThatDies(t *testing.T) {
	c, err := start(t, t.TempDir(), standIn(t, "read line; echo out of luck; exit 4"), 1)
	if err == nil {
		err = c.Announce()
	}
	if err != nil {
		t.Fatal(err)
	}
	pid := c.State().Nodes[0].PID
	node, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "node1 ended by itself (signal: killed)") || !strings.Contains(err.Error(), "starting") {
		t.Errorf("%v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close tells it once more: %v", err)
	}
}

func TestStartRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]cluster.Options{
		"a folder of other things": {Dir: full},
		"a file for a folder":      {Dir: filepath.Join(full, "letter.txt")},
		"too many nodes":           {Dir: t.TempDir(), Nodes: 65},
		"fewer nodes than none":    {Dir: t.TempDir(), Nodes: -1},
		"no program":               {Dir: t.TempDir(), Program: filepath.Join(full, "missing")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cluster.Start(t.Context(), o)
			if err == nil {
				t.Error("was started")
			}
			if ofFolder := strings.Contains(name, "folder"); errors.Is(err, cluster.ErrFolder) != ofFolder {
				t.Errorf("%v", err)
			}
		})
	}
}
