package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

// TestReadme runs the README's commands as a newcomer would, in the order of the page, against a cluster in a folder of the test's own.
// The commands that need the source (go run, make) and those that run until they are interrupted are run elsewhere: CI and the scripts.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	var script strings.Builder
	for _, block := range blocks {
		if command := block[1]; strings.Contains(command, "cluster env") || strings.Contains(command, "cluster kill") || strings.Contains(command, "issuer new") || strings.Contains(command, "curl") {
			script.WriteString(command)
		}
	}
	for _, part := range []string{"cluster env", "claim submit", "receipt verify", "cluster kill", "log verify", "issuer verify-domain", "curl -d"} {
		if !strings.Contains(script.String(), part) {
			t.Fatalf("the README has no command with %q any more: mend this test", part)
		}
	}

	dir := t.TempDir()
	folder, err := program.folder()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "mir")
	running := exec.CommandContext(t.Context(), program, "cluster", "--dir", filepath.Join(dir, "demo"))
	running.Stdout, running.Stderr = os.Stderr, os.Stderr
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = running.Process.Signal(os.Interrupt)
		if err := running.Wait(); err != nil {
			t.Errorf("the cluster did not end well: %v", err)
		}
	}()
	if out, err := exec.CommandContext(t.Context(), program, "cluster", "status", "--dir", filepath.Join(dir, "demo"), "--wait", "60s").CombinedOutput(); err != nil {
		t.Fatalf("the cluster does not start: %v\n%s", err, out)
	}

	commands := strings.NewReplacer("bin/mir", program, "/tmp/mir-demo", filepath.Join(dir, "demo")).Replace(script.String())
	shell := exec.CommandContext(t.Context(), "sh", "-eu", "-c", commands)
	shell.Dir = dir
	shell.Env = asUser(t, dir)
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"pass", "ACCEPT", "claim_", "in step with 2 peers", "node3: killed", "node1–node2 cut", "Impersonates our CFO", "issuer    verified: owns the domain news.test", `"duplicate":true`, `"claims":[{`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands printed no %q:\n%s", want, out)
		}
	}
	checkFetched(t, program, filepath.Join(dir, "demo"))
	checkIgnored(t, dir)
}

// checkFetched waits until node3 has both claims of the page's domain, the one that it missed too.
func checkFetched(t *testing.T, program, folder string) {
	t.Helper()
	state, err := cluster.ReadState(folder)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		list := exec.CommandContext(ctx, program, "claim", "list", "--domain", "shop.test", "--node", state.Nodes[2].URL, "--json")
		list.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=")
		out, err := list.Output()
		if ctx.Err() != nil {
			t.Fatalf("node3 has not fetched what it missed: %v\n%s", err, out)
		}
		if err == nil && strings.Count(string(out), `"claimId"`) == 2 {
			return
		}
	}
}

// checkIgnored finds out whether git ignores what the commands left, for they are run in the repository.
func checkIgnored(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	patterns := strings.Fields(regexp.MustCompile("(?m)^#.*$").ReplaceAllString(string(text), ""))
	for _, entry := range left {
		name := entry.Name()
		ignored := slices.ContainsFunc(patterns, func(pattern string) bool {
			matches, err := filepath.Match(strings.Trim(pattern, "/"), name)
			return err == nil && matches
		})
		if home := name == ".config" || name == "Library"; !ignored && !home && name != "demo" { // the cluster's folder and the home folder lie elsewhere
			t.Errorf("the commands leave %s in the repository, and .gitignore does not name it", name)
		}
	}
}
