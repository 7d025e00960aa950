// Package javascript_test tries the suite on a verifier in another language: the right one, and one that falls into three of the traps.
package javascript_test

import (
	"bufio"
	"bytes"
	"context"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/program"
	"mirnode/conformance/vectors"
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
	t.Run("right", func(t *testing.T) {
		if failed := run(t, serve(t), all); len(failed) > 0 {
			t.Errorf("the right verifier fails %q", failed)
		}
	})
	t.Run("wrong", func(t *testing.T) {
		failed := run(t, serve(t, "--loose="+strings.Join(slices.Sorted(maps.Keys(traps)), ",")), all)
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
		policies := func(c *cases.Case) bool { return c.Verdict.Options != nil }
		if failed := run(t, "node verifier.mjs {options} {keys}", policies); len(failed) > 0 {
			t.Errorf("the right verifier fails %q", failed)
		}
	})
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

// all chooses all verdicts.
func all(*cases.Case) bool { return true }

// atOnce is how many cases are put to a verifier at once.
const atOnce = 4

// run puts the chosen verdicts to a verifier, as the suite does, and gives those that it fails, sorted. All others it has passed, but for those that are not
// for programs.
func run(t *testing.T, command string, chosen func(*cases.Case) bool) []string {
	t.Helper()
	embedded, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	target, err := program.NewVerifier(command, program.Options{Timeout: time.Minute}) // the machine may be busy
	if err != nil {
		t.Fatal(err)
	}
	verifier := vectors.Fresh(target, vectors.Options{}, time.Now)
	findings := make([]cases.Finding, len(embedded))
	var wait sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		wait.Go(func() {
			for i := range next {
				findings[i] = verifier.Verify(t.Context(), &embedded[i])
			}
		})
	}
	for i := range embedded {
		if c := &embedded[i]; c.Kind == cases.KindVerdict && chosen(c) {
			next <- i
		} else {
			findings[i].Skipped = "it was not chosen"
		}
	}
	close(next)
	wait.Wait()
	passed, failed := 0, []string(nil)
	for i, f := range findings {
		switch {
		case f.Passed:
			passed++
		case f.Skipped == "":
			t.Logf("%s: %s", embedded[i].ID, f.Message)
			failed = append(failed, embedded[i].ID)
		}
	}
	if passed == 0 {
		t.Fatal("no case was passed")
	}
	return failed
}
