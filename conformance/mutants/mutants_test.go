package mutants_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"mirnode/conformance/mutants"
)

// fail is the status of a case that the target failed.
const fail = "fail"

// atOnce is how many mutants run at a time on each processor: most of a run is waiting for what does not come.
const atOnce = 5

// root is the folder of the project.
func root(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(here, "..", "..")
}

func load(t *testing.T) ([]mutants.Patch, []mutants.Row) {
	t.Helper()
	patches, err := mutants.Load()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := mutants.Table()
	if err != nil {
		t.Fatal(err)
	}
	return patches, rows
}

func TestTheTableHasEachMutant(t *testing.T) {
	patches, rows := load(t)
	if len(patches) < 32 {
		t.Errorf("there are %d mutants, and at least 32 must be", len(patches))
	}
	names := make([]string, len(patches))
	for i, p := range patches {
		names[i] = p.Name
	}
	inTable := make([]string, len(rows))
	for i, r := range rows {
		inTable[i] = r.Mutant
		if len(r.Cases) == 0 {
			t.Errorf("%s is caught by no case", r.Mutant)
		}
	}
	if !slices.Equal(names, inTable) {
		t.Errorf("the patches are %q\nthe table has %q", names, inTable)
	}
}

func TestThePageHasTheTable(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "conformance-mutants.md"))
	if err != nil {
		t.Fatal(err)
	}
	patches, rows := load(t)
	if table := mutants.Markdown(patches, rows); !strings.Contains(string(page), table) {
		t.Errorf("docs/conformance-mutants.md must have this table:\n%s", table)
	}
}

// TestEachMutantIsCaught runs each mutant against the cases that the table names: it must fail all of these. The same program without a mutant must pass them.
func TestEachMutantIsCaught(t *testing.T) {
	patches, rows := load(t)
	suite := build(t, patches)
	// Not with t.Parallel, whose bound is the number of processors.
	results := make([]result, len(rows))
	turns := make(chan struct{}, atOnce*runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for _, i := range largestFirst(rows) {
		row := rows[i]
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			results[i].statuses, results[i].err = suite.Run(t.Context(), row.Mutant, row.Nodes, row.Cases)
		})
	}
	t.Run("none", func(t *testing.T) {
		for nodes, ids := range casesByNodes(rows) {
			statuses, err := suite.Run(t.Context(), "", nodes, ids)
			if err != nil {
				t.Error(err)
			}
			for _, id := range ids {
				if statuses[id] != "pass" {
					t.Errorf("%s: without a mutant, with %d nodes: %q", id, nodes, statuses[id])
				}
			}
		}
	})
	wait.Wait()
	for i, row := range rows {
		t.Run(row.Mutant, func(t *testing.T) {
			if results[i].err != nil {
				t.Fatal(results[i].err)
			}
			for _, id := range row.Cases {
				if results[i].statuses[id] != fail {
					t.Errorf("%s must fail %s, and the outcome is %q", row.Mutant, id, results[i].statuses[id])
				}
			}
		})
	}
}

// largestFirst gives the rows' numbers, those of the largest clusters first: they take longest.
func largestFirst(rows []mutants.Row) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return rows[b].Nodes - rows[a].Nodes })
	return order
}

// result is what came of a mutant.
type result struct {
	statuses map[string]string
	err      error
}

// casesByNodes gives the cases of the table, each once, by the size of the cluster that they are for.
func casesByNodes(rows []mutants.Row) map[int][]string {
	all := make(map[int][]string)
	for _, r := range rows {
		all[r.Nodes] = append(all[r.Nodes], r.Cases...)
	}
	for nodes, ids := range all {
		slices.Sort(ids)
		all[nodes] = slices.Compact(ids)
	}
	return all
}

// build makes both programs, side by side: most of that is waiting for the linker.
func build(t *testing.T, patches []mutants.Patch) *mutants.Suite {
	t.Helper()
	dir := t.TempDir()
	suite := &mutants.Suite{Program: filepath.Join(dir, "mir")}
	var plain error
	var said []byte
	var wait sync.WaitGroup
	wait.Go(func() {
		command := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "build", "-o", suite.Program, "./cmd/mir")
		command.Dir = root(t)
		said, plain = command.CombinedOutput()
	})
	var err error
	if suite.Mutated, err = mutants.Build(t.Context(), root(t), dir, patches); err != nil {
		t.Error(err)
	}
	if wait.Wait(); plain != nil {
		t.Errorf("%v\n%s", plain, said)
	}
	if t.Failed() {
		t.FailNow()
	}
	return suite
}
