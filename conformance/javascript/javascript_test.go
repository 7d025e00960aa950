// Package javascript_test tries the suite on a verifier in another language: the right one, and one that falls into three of the traps.
package javascript_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// traps are those that verifier.mjs falls into when it is told to, and the cases that show it.
var traps = map[string][]string{
	"duplicates": {
		"claim-schema/duplicate-deep", "claim-schema/duplicate-in-metadata", "claim-schema/duplicate-in-metadata-by-escape", "claim-schema/duplicate-sig",
		"claim-schema/duplicate-subject", "claim-schema/duplicate-type-by-escape", "claim-schema/duplicate-version",
	},
	"spellings": {
		"signature/sig-carriage-return", "signature/sig-line-break", "signature/sig-padded", "signature/sig-padded-once", "signature/sig-space-before",
		"signature/sig-space-behind", "signature/sig-standard-alphabet", "signature/sig-trailing-bits",
	},
	// Node.js's library takes keys as they come: under some anybody can sign, and under the others nobody can, but they are named all the same.
	"small-order": {
		"signature/key-bad-beside-good", "signature/key-identity", "signature/key-identity-negative", "signature/key-identity-non-canonical",
		"signature/key-not-on-curve", "signature/key-order-eight", "signature/key-order-eight-other", "signature/key-order-four",
		"signature/key-order-four-negative", "signature/key-order-four-non-canonical", "signature/key-order-two", "signature/key-order-two-negative",
		"signature/key-second-spelling",
	},
}

// TestTheSuiteTellsThemApart puts all verdicts to the right verifier, which passes them, and to the wrong one, which fails just what it must.
func TestTheSuiteTellsThemApart(t *testing.T) {
	program := build(t)
	t.Run("right", func(t *testing.T) {
		if failed := run(t, program, serve(t)); len(failed) > 0 {
			t.Errorf("the right verifier fails %q", failed)
		}
	})
	t.Run("wrong", func(t *testing.T) {
		failed := run(t, program, serve(t, "--loose="+strings.Join(slices.Sorted(maps.Keys(traps)), ",")))
		wrong := slices.Concat(slices.Collect(maps.Values(traps))...)
		for _, id := range failed {
			if !slices.Contains(wrong, id) {
				t.Errorf("the wrong verifier fails %s, which none of its traps explains", id)
			}
		}
		for _, id := range wrong {
			if !slices.Contains(failed, id) {
				t.Errorf("the wrong verifier must fail %s", id)
			}
		}
	})
	t.Run("a process a case", func(t *testing.T) { // as the documentation has it
		only := []string{"--only", "time/expect-*", "--only", "time/max-age-*", "--only", "time/no-expired-keys*"} // which need options
		if failed := run(t, program, "node verifier.mjs {options} {keys}", only...); len(failed) > 0 {
			t.Errorf("the right verifier fails %q", failed)
		}
	})
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "mir")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "mirnode/cmd/mir").CombinedOutput(); err != nil {
		t.Fatalf("building the suite: %v\n%s", err, said)
	}
	return program
}

// serve starts the verifier as a server, which ends with the test, and gives the command that asks it: hundreds of starts of Node.js would take a minute.
func serve(t *testing.T, options ...string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	server := exec.CommandContext(context.Background(), "node", append([]string{"serve.mjs", socket}, options...)...)
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	server.Stderr = &told
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // that ends it
		if err := server.Wait(); err != nil {
			t.Errorf("the verifier's server: %v\n%s", err, told.Bytes())
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the verifier's server does not listen: %q, %v\n%s", line, err, told.Bytes())
	}
	return "curl -s --unix-socket " + socket + " --data-binary @- http://localhost{keys}"
}

// run gives the cases that a verifier fails. All others it must have passed, but for those that are not for programs.
func run(t *testing.T, program, verifier string, options ...string) (failed []string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, append([]string{"conformance", "--verifier", verifier, "--format", "json"}, options...)...)
	var out, told bytes.Buffer
	command.Stdout, command.Stderr = &out, &told
	ended := command.Run() // the exit code tells of failures, which the report has
	var report struct {
		Outcomes []struct {
			Status, Message, Skipped string
			Case                     struct{ ID string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || len(report.Outcomes) == 0 {
		t.Fatalf("the report has %d outcomes (%v, %v)\n%s", len(report.Outcomes), err, ended, told.Bytes())
	}
	passed := 0
	for _, o := range report.Outcomes {
		switch o.Status {
		case "pass":
			passed++
		case "fail":
			t.Logf("%s: %s", o.Case.ID, o.Message)
			failed = append(failed, o.Case.ID)
		case "skip":
			t.Logf("%s is skipped: %s", o.Case.ID, o.Skipped)
		}
	}
	if passed == 0 {
		t.Fatal("no case was passed")
	}
	return failed
}
