// Package bench measures how fast the product is, each figure beside a limit that is measured in the same run, since a figure alone
// says as much about the machine as about the program. `mir bench` runs it; docs/performance.md keeps its results.
//
// A benchmark yields measurements: a value, the limit it is compared with, the ratio of the two, and the target that the project set
// itself. Work for the two sides alternates, and medians are reported, so that a noisy neighbour hits both.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Options say what is measured and on how much.
type Options struct {
	// Names are the benchmarks to run, of Names(); empty: all.
	Names []string
	// Held is how many claims the store holds already when the large cases are measured.
	Held int
	// Batch is how many further claims an ingestion benchmark adds: at least one merge of the indexes should fall into it.
	Batch int
	// Requests is how many requests one turn of an HTTP benchmark sends.
	Requests int
	// Spread is how many claims are followed from one node to all others.
	Spread int
	// Nodes are the sizes of the federations that they are followed in.
	Nodes []int
	// Missed is how many claims arrive while a node is down.
	Missed int
	// Assertions are made for the look-ups of assertions, by so many Issuers.
	Assertions, Issuers int
	// Turn is how long one side's turn of the verification benchmark is.
	Turn time.Duration
	// Dir is where the data is built; it needs about 3 KiB for each claim and each assertion held. Empty: the system's temporary folder.
	Dir string
	// Progress takes a line now and then while data is built.
	Progress io.Writer
	// Program is run as the nodes of a cluster. Empty: the program that is running.
	Program string
	// Kill runs AppendForever in a process of its own and kills it with SIGKILL once it is ready. Nil leaves that case out.
	Kill func(ctx context.Context, dir string, from, enough int) error
}

// DefaultOptions are those of docs/performance.md.
func DefaultOptions() Options {
	return Options{
		Held: 1_000_000, Batch: 300_000, Requests: 60_000, Spread: 1_000, Nodes: []int{3, 10}, Missed: 100_000, Assertions: 1_000_000, Issuers: 1_000,
		Turn: 300 * time.Millisecond,
	}
}

// Measurement is one figure.
type Measurement struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Limit  string  `json:"limit,omitempty"`      // what Value is compared with
	Bound  float64 `json:"limitValue,omitempty"` // the limit's own figure, in the same unit
	Ratio  float64 `json:"ratio,omitempty"`      // Value / Bound
	Target string  `json:"target,omitempty"`     // in words
	Met    bool    `json:"met"`                  // whether the target is met; true where there is none
}

// benchmarks are all there are, in the order in which they run.
var benchmarks = []struct {
	name string
	run  func(context.Context, *workshop) ([]Measurement, error)
}{
	{"verify", benchVerify},
	{"submit", benchSubmitEmpty},
	{"ingest", benchIngest},
	{"submit-held", benchSubmitHeld},
	{"lookup", benchLookup},
	{"start", benchStart},
	{"assertions", benchAssertions},
	{"spread", benchSpread},
	{"catchup", benchCatchUp},
}

// Names lists the benchmarks.
func Names() []string {
	var names []string
	for _, b := range benchmarks {
		names = append(names, b.name)
	}
	return names
}

// Run measures, and returns what it measured. It stops at the first failure. The data it builds is removed before it returns.
func Run(ctx context.Context, o Options) (_ []Measurement, err error) {
	for _, name := range o.Names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no benchmark %q: choose of %s", name, strings.Join(Names(), ", "))
		}
	}
	dir, err := os.MkdirTemp(o.Dir, "mir-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w := &workshop{Options: o, dir: dir, corpus: newCorpus()}
	var all []Measurement
	for _, b := range benchmarks {
		if len(o.Names) > 0 && !slices.Contains(o.Names, b.name) {
			continue
		}
		w.say("%s …", b.name)
		measured, err := b.run(ctx, w)
		if err != nil {
			return all, fmt.Errorf("benchmark %s: %w", b.name, err)
		}
		all = append(all, measured...)
	}
	return all, nil
}

// workshop is what the benchmarks of one run share. One goroutine uses it.
type workshop struct {
	Options
	dir    string
	corpus *corpus
	held   string // folder of the store that holds Options.Held claims, once a benchmark has built it

	emptyRate float64 // POST /claims on an empty store, once measured
}

func (w *workshop) say(format string, args ...any) {
	if w.Progress != nil {
		fmt.Fprintf(w.Progress, format+"\n", args...)
	}
}

// Print writes the measurements as a table for people.
func Print(out io.Writer, all []Measurement) error {
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tFIGURE\tLIMIT IN THE SAME RUN\tRATIO\tTARGET\t")
	for _, m := range all {
		limit, ratio, met := "", "", ""
		if m.Limit != "" {
			limit = fmt.Sprintf("%s %s", m.Limit, figure(m.Bound, m.Unit))
			ratio = fmt.Sprintf("%.2f", m.Ratio)
		}
		if m.Target != "" {
			met = "met"
			if !m.Met {
				met = "NOT MET"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, figure(m.Value, m.Unit), limit, ratio, m.Target, met)
	}
	return t.Flush()
}

// figure prints a value as its unit wants it.
func figure(value float64, unit string) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f %s", value, unit)
	default:
		return fmt.Sprintf("%.2f %s", value, unit)
	}
}

// against completes a measurement that is compared with a limit.
func against(m Measurement, limit string, bound float64, target string, met func(m Measurement) bool) Measurement {
	m.Limit, m.Bound, m.Ratio, m.Target = limit, bound, m.Value/bound, target
	m.Met = met(m)
	return m
}

// median returns the middle value. It panics on none.
func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
