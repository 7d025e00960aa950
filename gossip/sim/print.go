package sim

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Print writes reports for a person: what was reached when, and what it took.
func Print(out io.Writer, reports []Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, cell func(r *Report) string) {
		fmt.Fprint(w, name)
		for i := range reports {
			fmt.Fprint(w, "\t", cell(&reports[i]))
		}
		fmt.Fprintln(w)
	}
	times := func(s Spread) string {
		if s.Count == 0 {
			return "none"
		}
		return fmt.Sprintf("%s / %s / %s", seconds(s.P50), seconds(s.P99), seconds(s.Max))
	}
	row("records/s over the whole network", func(r *Report) string { return fmt.Sprintf("%g", r.Rate) })
	row("nodes, seed", func(r *Report) string { return fmt.Sprintf("%d, %d", r.Nodes, r.Seed) })
	row("records measured (not everywhere at the end)", func(r *Report) string { return fmt.Sprintf("%d (%d)", r.Records, r.Incomplete) })
	row("a record reaches a node, p50 / p99 / max", func(r *Report) string { return times(r.One) })
	row("a record reaches the last node, p50 / p99 / max", func(r *Report) string { return times(r.All) })
	row("a node that was away catches up, p50 / p99 / max", func(r *Report) string { return times(r.CatchUp) })
	if len(reports) > 0 {
		for i, cost := range reports[0].Costs {
			row("per record and node: "+cost.Kind, func(r *Report) string { return r.Costs[i].String() })
		}
	}
	row("per record and node: total", func(r *Report) string { return r.Total.String() })
	row("pulls per record and node (for nothing)", func(r *Report) string { return fmt.Sprintf("%.2f (%.2f)", r.Pulls, r.IdlePulls) })
	row("uplinks: busiest second of any, mean", func(r *Report) string {
		return fmt.Sprintf("%.1f %%, %.2f %%", 100*r.PeakUplink, 100*r.MeanUplink)
	})
	row("events, digest of them", func(r *Report) string { return fmt.Sprintf("%d, %s", r.Events, r.Digest) })
	row("simulated in", func(r *Report) string {
		return fmt.Sprintf("%s in %s", r.Simulated.Round(time.Second), r.Wall.Round(time.Second))
	})
	return w.Flush()
}

// String gives messages and bytes.
func (c Cost) String() string { return fmt.Sprintf("%.1f messages, %.0f bytes", c.Messages, c.Bytes) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
