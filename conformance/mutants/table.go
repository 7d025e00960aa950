package mutants

import (
	_ "embed" // the table
	"fmt"
	"slices"
	"strings"

	"mirnode/internal/strictjson"
)

//go:embed table.json
var tableFile []byte

// Row says how a mutant is caught.
type Row struct {
	Mutant string `json:"mutant"`
	// Nodes is the size of the cluster that the suite is run against; 0: the mutant is run as a verifier, a process a case.
	Nodes int `json:"nodes"`
	// Cases are the IDs of cases that the mutant fails. There may be more.
	Cases []string `json:"cases"`
}

// Table reads table.json: a row for each patch, in the same order.
func Table() ([]Row, error) {
	var rows []Row
	if err := strictjson.Unmarshal(tableFile, &rows); err != nil {
		return nil, fmt.Errorf("table.json: %w", err)
	}
	return rows, nil
}

// Markdown writes the table for the documentation.
func Markdown(patches []Patch, rows []Row) string {
	var b strings.Builder
	b.WriteString("| mutant | what it skips | caught by |\n|---|---|---|\n")
	for _, p := range patches {
		at := slices.IndexFunc(rows, func(r Row) bool { return r.Mutant == p.Name })
		if at < 0 {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", p.Name, p.Skips, strings.Join(rows[at].Cases, "`, `"))
	}
	return b.String()
}
