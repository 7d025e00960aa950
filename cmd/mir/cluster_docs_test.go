package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestClusterPage runs the shell commands of docs/cluster.md from top to bottom, and holds what is published after each line of the block on
// publishing keys to what the line's comment says; of the block on TXT records the end counts.
func TestClusterPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cluster.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 6 {
		t.Fatalf("the page has %d blocks of commands, of which the first runs until it is interrupted: mend this test", len(blocks))
	}
	lines := strings.Split(strings.TrimSpace(blocks[4][1]), "\n")
	key := func(file string, channels ...protocol.Channel) string {
		words := file
		for _, c := range channels {
			words += " " + string(c)
		}
		return words
	}
	shop, old := key("shop.pem", protocol.DNS), key("old.pem", protocol.DNS, protocol.WellKnown)+" until 2026-06-01"
	published := []string{"nothing", key("shop.pem", protocol.DNS, protocol.WellKnown), shop, shop + ", " + old, old, "nothing"}
	if len(lines) != len(published) {
		t.Fatalf("%d lines, and %d are expected", len(lines), len(published))
	}
	// The page stops its cluster in the second block, and goes on with one that runs.
	script := strings.Replace(blocks[1][1], "kill %1\n", "", 1) + blocks[2][1] + blocks[3][1]
	for _, line := range lines {
		script += line + "\ncp d/published.json after.$((n += 1))\n"
	}
	texts := strings.Split(strings.TrimSpace(blocks[5][1]), "\n")
	script += "mir key new --out news.pem\n" + strings.Join(texts[:len(texts)-1], "\n") + "\ngrep -q _mir-verify.news.test d/published.json\n" +
		texts[len(texts)-1] + "\nif grep -q _mir-verify.news.test d/published.json; then exit 1; fi\ngrep -q '\"news.test\"' d/published.json\n"
	dir := t.TempDir()
	shell := exec.CommandContext(t.Context(), "bash", "-eu", "-c", "trap 'kill %1; wait %1' EXIT\nn=0\n"+script)
	shell.Dir, shell.Env, shell.WaitDelay = dir, asUser(t, dir), time.Minute
	if out, err := shell.CombinedOutput(); err != nil || !strings.Contains(string(out), "demo.test: pass") {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, want := range published {
		if got := publishedAfter(t, dir, i+1); got != want {
			t.Errorf("after %s\npublished is %s, want %s", lines[i], got, want)
		}
	}
}

// publishedAfter tells in words what shop.test had after the n-th line.
func publishedAfter(t *testing.T, dir string, n int) string {
	t.Helper()
	folder := t.TempDir()
	data, err := os.ReadFile(filepath.Join(dir, "after."+string(rune('0'+n))))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "published.json"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := cluster.ReadPublished(folder)
	if err != nil {
		t.Fatal(err)
	}
	domain := p.Domains["shop.test"]
	if domain == nil {
		return "nothing"
	}
	var keys []string
	for _, k := range domain.Keys {
		words := "?"
		for _, file := range []string{"shop.pem", "old.pem"} {
			if public, err := readPublicKey(filepath.Join(dir, file)); err == nil && protocol.EncodePublicKey(public) == k.Public {
				words = file
			}
		}
		for _, c := range k.Channels {
			words += " " + string(c)
		}
		if k.Expires != nil {
			words += " until " + k.Expires.Format(time.DateOnly)
		}
		keys = append(keys, words)
	}
	return strings.Join(keys, ", ")
}
