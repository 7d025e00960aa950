package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mirnode/bench"
)

// TestMain lets the start benchmark run this test program as the process that it kills.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "append-forever" {
		from, _ := strconv.Atoi(os.Args[3])
		enough, _ := strconv.Atoi(os.Args[4])
		fmt.Fprintln(os.Stderr, bench.AppendForever(context.Background(), os.Args[2], from, enough, func() { fmt.Println("ready") }))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestEveryBenchmark runs all of them on little data. The benchmarks check the answers that they count, so a figure stands for true work.
func TestEveryBenchmark(t *testing.T) {
	killed := false
	program := filepath.Join(t.TempDir(), "mir")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "mirnode/cmd/mir").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	options := bench.Options{
		Held: 2_000, Batch: 2_000, Requests: 500, Spread: 20, Nodes: []int{3}, Missed: 500, Assertions: 700, Issuers: 30, Turn: time.Millisecond, Dir: t.TempDir(), Program: program,
		Kill: func(ctx context.Context, dir string, from, enough int) error {
			killed = true
			child := exec.CommandContext(ctx, os.Args[0], "append-forever", dir, strconv.Itoa(from), strconv.Itoa(enough))
			output, err := child.StdoutPipe()
			if err != nil {
				return err
			}
			if err := child.Start(); err != nil {
				return err
			}
			if _, err := fmt.Fscanln(output, new(string)); err != nil {
				return err
			}
			err = child.Process.Kill()
			_ = child.Wait()
			return err
		},
	}
	measured, err := bench.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if !killed {
		t.Error("the start benchmark killed nothing")
	}
	for _, m := range measured {
		if m.Value <= 0 || m.Limit != "" && (m.Bound <= 0 || m.Ratio != m.Value/m.Bound) {
			t.Errorf("%+v is no measurement", m)
		}
	}
	var table strings.Builder
	if err := bench.Print(&table, measured); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"verify a claim", "ingest in batches", "POST /claims", "GET /claims/{id}", "GET /claims?subject=", "kill -9", "assertions made", "GET /assertions?hash=, any", "POST /assertions/lookup of 100"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table has no line for %q:\n%s", want, &table)
		}
	}
}

func TestUnknownName(t *testing.T) {
	_, err := bench.Run(t.Context(), bench.Options{Names: []string{"verifi"}})
	if err == nil || !strings.Contains(err.Error(), "verify") {
		t.Errorf("got %v, want an error that lists the benchmarks", err)
	}
}
