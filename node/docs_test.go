package node_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The examples of docs/api.md run as they stand: each `sh` block is followed by an `http` block with the status that it gets and the members of its answer.
func TestDocumentedRequests(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.publish(t, "demo.test")
	n := w.run(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "claim.json"), append(claim(t, "demo.test", 1).Raw(), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```sh\n(.*?)```\n```http\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if count := strings.Count(string(page), "```sh\n"); len(examples) != count || count == 0 {
		t.Fatalf("%d of %d examples have an answer", len(examples), count)
	}
	script := "set -eu\n"
	for i, example := range examples {
		script += fmt.Sprintf("echo '=== %d'\n%s\necho\n", i, strings.ReplaceAll(example[1], "curl -i", "curl -si"))
	}
	command := exec.CommandContext(t.Context(), "bash", "-c", script)
	command.Dir, command.Env = dir, append(os.Environ(), "NODE="+n.URL(), "OPERATOR="+n.Operator())
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v (the examples need bash and curl)\n%s", err, output)
	}
	answers := regexp.MustCompile(`(?m)^=== \d+$`).Split(string(output), -1)[1:]
	for i, example := range examples {
		compareAnswer(t, example[1], answers[i], example[2])
	}
}

func compareAnswer(t *testing.T, command, got, want string) {
	t.Helper()
	got = strings.TrimSpace(strings.ReplaceAll(got, "\r", ""))
	gotStatus, _, _ := strings.Cut(got, "\n")
	wantStatus, wantBody, _ := strings.Cut(strings.TrimSpace(want), "\n")
	if gotStatus != wantStatus {
		t.Errorf("%s\ngot  %s\nwant %s", command, got, wantStatus)
		return
	}
	if wantBody == "" {
		return
	}
	_, gotBody, _ := strings.Cut(got, "\n\n")
	var gotMembers, wantMembers map[string]any
	if err := json.NewDecoder(strings.NewReader(wantBody)).Decode(&wantMembers); err != nil {
		t.Errorf("%s\nthe page's answer is no JSON: %v", command, err)
	}
	if err := json.NewDecoder(strings.NewReader(gotBody)).Decode(&gotMembers); err != nil {
		t.Errorf("%s\nthe answer is no JSON: %v\n%s", command, err, gotBody)
	}
	for name := range wantMembers {
		if _, ok := gotMembers[name]; !ok {
			t.Errorf("%s\nthe answer has no %q: %s", command, name, gotBody)
		}
	}
	for name := range gotMembers {
		if _, ok := wantMembers[name]; !ok {
			t.Errorf("%s\nthe page does not tell of %q", command, name)
		}
	}
	for _, name := range []string{"error", "hint", "code", "guidance", "result", "status"} {
		if want, ok := wantMembers[name].(string); ok && !fits(want, gotMembers[name]) {
			t.Errorf("%s\n%q is %q, the page says %q", command, name, gotMembers[name], want)
		}
	}
}

// fits tells whether a value is the page's text, in which … stands for anything.
func fits(want string, got any) bool {
	parts := strings.Split(want, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	text, ok := got.(string)
	return ok && regexp.MustCompile("(?s)^"+strings.Join(parts, ".*")+"$").MatchString(text)
}

func TestFits(t *testing.T) {
	for _, test := range []struct {
		want string
		got  any
		fits bool
	}{
		{"a (b)", "a (b)", true}, {"a…", "a\nb", true}, {"…/supersede…", "POST /x/supersede it", true}, {"a…", "b", false}, {"a", "ab", false}, {"a", nil, false}, {"", "", true},
	} {
		if fits(test.want, test.got) != test.fits {
			t.Errorf("%q %v", test.want, test.got)
		}
	}
}
