package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// Suite runs the conformance suite against mutants. It may be used from several goroutines.
type Suite struct {
	Program string // the suite: the plain program
	Mutated string // what [Build] made
}

// Run runs the chosen cases (none: all) against a mutant ("": the mutated program as it is without one): as a cluster of so many nodes, or, for 0, as
// a verifier. It gives the status of each case. The errors are those of a run that did not come to its end.
func (s *Suite) Run(ctx context.Context, mutant string, nodes int, only []string) (statuses map[string]string, err error) {
	args := []string{"conformance", "--format", "json"}
	if nodes > 0 {
		args = append(args, "--cluster", strconv.Itoa(nodes), "--program", s.Mutated)
	} else {
		args = append(args, "--verifier", s.Mutated+" claim verify --json --keys {keys} {options}")
	}
	for _, pattern := range only {
		args = append(args, "--only", pattern)
	}
	command := exec.CommandContext(ctx, s.Program, args...) //nolint:gosec // the project's own program
	command.Env = append(os.Environ(), Variable+"="+mutant)
	var out, told bytes.Buffer
	command.Stdout, command.Stderr = &out, &told
	failed := command.Run()
	var ended *exec.ExitError
	if failed != nil && !errors.As(failed, &ended) {
		return nil, failed
	}
	var report struct {
		Interrupted bool
		Outcomes    []struct {
			Status string
			Case   struct{ ID string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || report.Interrupted {
		return nil, fmt.Errorf("the suite gave no whole report of %q: %w\n%s", mutant, errors.Join(failed, err), told.Bytes())
	}
	statuses = make(map[string]string, len(report.Outcomes))
	for _, o := range report.Outcomes {
		statuses[o.Case.ID] = o.Status
	}
	return statuses, nil
}
