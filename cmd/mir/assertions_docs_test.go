package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAssertionsPage runs docs/assertions.md from top to bottom: its shell commands in one shell, its programs under the names that the page gives them.
func TestAssertionsPage(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "assertions.md"))
	if err != nil {
		t.Fatal(err)
	}
	page, dir := string(data), t.TempDir()
	for kind, file := range map[string]string{"js": "say.mjs", "python": "look.py"} {
		blocks := regexp.MustCompile("(?s)`"+regexp.QuoteMeta(file)+"`[^\n]*:\n\n```"+kind+"\n(.*?)```").FindAllStringSubmatch(page, -1)
		if len(blocks) != 1 || strings.Count(page, "```"+kind+"\n") != 1 {
			t.Fatalf("the page has %d programs called %s: mend this test", len(blocks), file)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(blocks[0][1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		script.WriteString(block[1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a look-up that never succeeds is asked for again and again
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-eu", "-c", "trap 'kill %1; wait %1' EXIT\n"+script.String())
	shell.Dir = dir
	shell.Env = asUser(t, dir)
	shell.Cancel = func() error { return shell.Process.Signal(os.Interrupt) }
	shell.WaitDelay = time.Minute
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := string(out)
	for _, want := range []string{
		"API key  in desk.key", "not verified", "news.test: verified", "ISSUED_BY  photo.jpg", "No assertions found", "NOT_ISSUED_BY  fake.mp4", `"context":"Impersonates our CFO"`,
		"“Example News” says that this file is NOT from it", "Fabricated; the police know", ": revoked ", "No longer said", "ACCEPT", "proved", "ACCEPT  proof.json",
		`"type":"ROLE_SCOPE"`, `"meta":{"hashesRequested":1,"hashesQueried":1}`, "assertion_", "METHOD by Example News (verified) since", "MIR records who made each assertion",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is not printed, or not in its place:\n%s", want, out)
		}
		rest = after
	}
}
