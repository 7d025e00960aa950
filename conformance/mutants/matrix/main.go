// Command matrix runs the suite against every mutant and tells which cases catch which: `make mutants`. It takes a quarter of an hour and more.
//
// With -write it puts up to three cases of each mutant into table.json, those first that catch the fewest other mutants, and the table into
// docs/conformance-mutants.md. It runs in the project's folder.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"mirnode/conformance/mutants"
)

const (
	tablePath = "conformance/mutants/table.json"
	pagePath  = "docs/conformance-mutants.md"
	// named is how many cases the table names of a mutant, at most.
	named = 3
	// wholeCluster is how many nodes are run where a mutant is one of a node: as many as some case needs.
	wholeCluster = 3
	// readable is the mode of files that belong to the project.
	readable = 0o644
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

// matrix is what was found: the cases that each mutant failed, which the right program passed.
type matrix struct {
	mu     sync.Mutex
	caught map[string][]string // guarded by mu
}

func run(ctx context.Context) error {
	only := flag.String("only", "", "patterns of cases, separated by commas (default: all)")
	which := flag.String("mutants", "*", "a glob of mutants' names")
	out := flag.String("out", "bin/mutants.json", "where the matrix goes")
	write := flag.Bool("write", false, "write the table and the page anew, for the mutants that were run")
	parallel := flag.Int("parallel", 2, "how many mutants at a time")
	nodes := flag.Int("nodes", wholeCluster, "how many nodes are run where a mutant is one of a node; no fewer than its row says")
	flag.Parse()
	patches, err := mutants.Load()
	if err != nil {
		return err
	}
	rows, err := mutants.Table()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mir-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	suite, err := build(ctx, dir, patches)
	if err != nil {
		return err
	}
	var patterns []string
	if *only != "" {
		patterns = strings.Split(*only, ",")
	}
	m := &matrix{caught: make(map[string][]string)}
	if err := m.fill(ctx, suite, rows, *which, patterns, *nodes, *parallel); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m.caught, "", " ")
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(*out), 0o750), os.WriteFile(*out, append(text, '\n'), readable)); err != nil {
		return err
	}
	if *write {
		return m.write(patches, rows)
	}
	return nil
}

func build(ctx context.Context, dir string, patches []mutants.Patch) (*mutants.Suite, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	suite := &mutants.Suite{Program: filepath.Join(dir, "mir")}
	command := exec.CommandContext(ctx, "go", "build", "-o", suite.Program, "./cmd/mir") //nolint:gosec // into a folder of our own
	if said, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the program: %w\n%s", err, said)
	}
	suite.Mutated, err = mutants.Build(ctx, here, dir, patches)
	return suite, err
}

// fill runs the right program, and then each mutant.
func (m *matrix) fill(ctx context.Context, suite *mutants.Suite, rows []mutants.Row, which string, only []string, least, parallel int) error {
	right := make(map[int]map[string]string) // statuses by nodes
	var failed []error
	turns := make(chan struct{}, parallel)
	var wait sync.WaitGroup
	for _, row := range rows {
		if fits, err := path.Match(which, row.Mutant); err != nil || !fits {
			continue
		}
		nodes := row.Nodes
		if nodes > 0 {
			nodes = max(nodes, least)
		}
		if right[nodes] == nil {
			var err error
			if right[nodes], err = suite.Run(ctx, "", nodes, only); err != nil {
				return err
			}
			for id, status := range right[nodes] {
				if status == "fail" {
					fmt.Printf("without a mutant, with %d nodes: %s fails\n", nodes, id)
				}
			}
		}
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			statuses, err := suite.Run(ctx, row.Mutant, nodes, only)
			m.mu.Lock()
			defer m.mu.Unlock()
			if err != nil {
				failed = append(failed, err)
				return
			}
			caught := []string{}
			for id, status := range statuses {
				if status == "fail" && right[nodes][id] == "pass" {
					caught = append(caught, id)
				}
			}
			slices.Sort(caught)
			m.caught[row.Mutant] = caught
			fmt.Printf("%s: %s\n", row.Mutant, cmp.Or(strings.Join(caught, " "), "CAUGHT BY NO CASE"))
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}

// write puts what was found into the table, and the table into the page.
func (m *matrix) write(patches []mutants.Patch, rows []mutants.Row) error {
	catches := make(map[string]int) // how many mutants a case catches
	for _, ids := range m.caught {
		for _, id := range ids {
			catches[id]++
		}
	}
	for i := range rows {
		ids, ran := m.caught[rows[i].Mutant]
		if !ran || len(ids) == 0 {
			continue
		}
		slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(catches[a], catches[b]), cmp.Compare(a, b)) })
		rows[i].Cases = ids[:min(named, len(ids))]
	}
	text, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(tablePath, append(text, '\n'), readable); err != nil {
		return err
	}
	page, err := os.ReadFile(pagePath)
	if err != nil {
		return err
	}
	above, _, _ := strings.Cut(string(page), "| mutant |")
	return os.WriteFile(pagePath, []byte(above+mutants.Markdown(patches, rows)), readable) //nolint:gosec // a constant path
}
