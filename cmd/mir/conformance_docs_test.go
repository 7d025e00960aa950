package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/scenario"
)

// TestConformancePage runs the shell commands of docs/conformance.md in one shell, from top to bottom, and checks the case that it shows.
func TestConformancePage(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	page, dir := string(data), t.TempDir()
	known := regexp.MustCompile("(?s)```text known.txt\n(.*?)```").FindStringSubmatch(page)
	shown := regexp.MustCompile("(?s)```json scenario\n(.*?)```").FindStringSubmatch(page)
	if known == nil || shown == nil {
		t.Fatal("the page shows no list of expected failures, or no case: mend this test")
	}
	if err := os.WriteFile(filepath.Join(dir, "known.txt"), []byte(known[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	var example cases.Case
	if err := json.Unmarshal([]byte(shown[1]), &example); err != nil {
		t.Fatal(err)
	}
	if err := scenario.Check(&example); err != nil {
		t.Errorf("the page's case cannot be played: %v", err)
	}

	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		script.WriteString(block[1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a node that never comes up is waited for again and again
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", script.String())
	shell.Dir, shell.Env, shell.WaitDelay = dir, asUser(t, dir), time.Minute
	out, err := shell.CombinedOutput()
	if err != nil {
		report, _ := os.ReadFile(filepath.Join(dir, "report.txt"))
		t.Fatalf("%v\n%s\n%s", err, out, report)
	}
	for _, file := range []string{"report.json", "report.txt", "report.html", "badge.svg", "report.xml", "publish/zone.txt", "exported/vectors/keys.json", "exported/cases/canonical/array-order-changed.json"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.txt"))
	if err != nil || !strings.Contains(string(report), "nobody publishes its key") {
		t.Errorf("the report names no reason for the expected failure: %v\n%s", err, report)
	}
}
