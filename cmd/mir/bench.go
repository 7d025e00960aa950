package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/bench"
	"mirnode/internal/nearest"
)

// newBenchCommand builds `mir bench`.
func newBenchCommand(s streams) *cobra.Command {
	options := bench.DefaultOptions()
	options.Progress, options.Kill = s.err, killAppender
	cmd := &cobra.Command{
		Use:   "bench [NAME]...",
		Short: "Measure the speeds that the project promises, each beside a limit from the same run",
		Long: "Measures verification, ingestion, submission, look-ups and start-up on this machine, with data that it builds and removes again.\n" +
			"Benchmarks: " + strings.Join(bench.Names(), ", ") + ". Without a name: all, which takes some minutes and 3 GB of disk.",
		Args: benchNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			options.Names = args
			measured, err := bench.Run(cmd.Context(), options)
			if err != nil {
				err = &exit{exitRejected, err}
			}
			switch {
			case len(measured) == 0: // nothing to show
			case wantsJSON(cmd):
				encoder := json.NewEncoder(s.out)
				encoder.SetIndent("", "  ")
				err = errors.Join(err, encoder.Encode(measured))
			default:
				err = errors.Join(err, bench.Print(s.out, measured))
			}
			return err
		},
	}
	cmd.Flags().IntVar(&options.Held, "held", options.Held, "claims that the store holds in the large cases")
	cmd.Flags().IntVar(&options.Batch, "batch", options.Batch, "claims that the ingestion cases add")
	cmd.Flags().IntVar(&options.Requests, "requests", options.Requests, "requests of one turn of an HTTP case")
	cmd.Flags().IntVar(&options.Spread, "spread", options.Spread, "claims that are followed from one node to all others")
	cmd.Flags().IntVar(&options.Missed, "missed", options.Missed, "claims that arrive while a node is down")
	cmd.Flags().IntVar(&options.Assertions, "assertions", options.Assertions, "assertions that are made for their look-ups")
	cmd.Flags().IntVar(&options.Issuers, "issuers", options.Issuers, "issuers that make them")
	cmd.Flags().StringVar(&options.Dir, "dir", "", "where the data is built (default: the system's temporary folder)")
	cmd.AddCommand(newAppenderCommand(s), newSimulateCommand(s))
	return cmd
}

// benchNames refuses the names of no benchmarks.
func benchNames(_ *cobra.Command, args []string) error {
	for _, name := range args {
		if slices.Contains(bench.Names(), name) {
			continue
		}
		hint := "There are " + strings.Join(bench.Names(), ", ") + "."
		if near := nearest.Name(name, bench.Names()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return withHint(fmt.Sprintf("there is no benchmark %q", name), hint)
	}
	return nil
}

// newAppenderCommand builds the hidden command that the start benchmark kills.
func newAppenderCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:    "append-forever DIR FROM ENOUGH",
		Hidden: true,
		Args:   cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := strconv.Atoi(args[1])
			if err != nil {
				return err
			}
			enough, err := strconv.Atoi(args[2])
			if err != nil {
				return err
			}
			return bench.AppendForever(cmd.Context(), args[0], from, enough, func() { fmt.Fprintln(s.out, "ready") })
		},
	}
}

// killAppender runs bench.AppendForever in a process of its own and kills it with SIGKILL once it says that it is ready.
func killAppender(ctx context.Context, dir string, from, enough int) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	//nolint:gosec // our own executable: its path is the system's answer, and the arguments are this program's
	child := exec.CommandContext(ctx, program, "bench", "append-forever", dir, strconv.Itoa(from), strconv.Itoa(enough))
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	line, readErr := bufio.NewReader(output).ReadString('\n')
	killErr := child.Process.Kill()
	_ = child.Wait() // it was killed: its exit says nothing
	if line != "ready\n" {
		return fmt.Errorf("the appending process said %q: %w", line, errors.Join(readErr, killErr))
	}
	return killErr
}
