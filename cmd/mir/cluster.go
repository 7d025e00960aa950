package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mirnode/cluster"
)

// demoDomain is the domain whose claim the walk follows. The top level .test is nobody's (RFC 2606).
const demoDomain = "demo.test"

func newClusterCommand(s streams) *cobra.Command {
	var run clusterRun
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Run a federation on this machine, and walk one claim through it",
		Long: "Runs some nodes, each a process with a domain and data of its own, and in the place of the internet a DNS server, an HTTPS server and the\n" +
			"links between the nodes, all on loopback and on free ports. Walks one claim through it in plain words, and stays up until interrupted.\n" +
			"Its folder's cluster.json tells other programs where everything is; the commands below play what goes wrong.\n\n" +
			"Exit code 0: it ran, and was stopped. 1: a step of the walk failed, a node ended by itself, or another cluster runs on the folder.\n" +
			"2: the folder cannot be a cluster's.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if run.nodes < 1 || run.nodes > cluster.MaxNodes {
				return fmt.Errorf("--nodes %d: a cluster has 1 to %d", run.nodes, cluster.MaxNodes)
			}
			run.json = wantsJSON(cmd)
			return runCluster(cmd.Context(), s, run)
		},
	}
	cmd.Flags().IntVar(&run.nodes, "nodes", 3, fmt.Sprintf("how many nodes, up to %d", cluster.MaxNodes))
	cmd.Flags().StringVar(&run.dir, "dir", "", "keep everything in this folder, which may be that of an earlier cluster (default: a temporary one, removed at the end)")
	cmd.Flags().BoolVar(&run.once, "once", false, "end after the walk, with exit code 1 if a step failed")
	cmd.AddCommand(newClusterPublishCommand(s), newClusterUnpublishCommand(s), newClusterEnvCommand(s), newClusterStatusCommand(s), newClusterNamesCommand(s))
	cmd.AddCommand(newClusterControlCommands(s)...)
	return cmd
}

// clusterRun is what the user asked of `mir cluster`.
type clusterRun struct {
	dir        string // "": a temporary one
	temporary  bool   // the folder goes when the cluster ends
	nodes      int
	once, json bool
}

// runCluster brings a cluster up, walks, waits for the end, and takes it down. To be interrupted is a good end, unless --once had a walk to finish.
func runCluster(ctx context.Context, s streams, run clusterRun) (err error) {
	ctx, stop := withoutLeftovers(ctx)
	defer stop()
	if run.dir == "" {
		if run.dir, err = os.MkdirTemp("", "mir-cluster-"); err != nil {
			return &exit{exitMisuse, err}
		}
		run.temporary = true
		defer func() { err = worse(err, os.RemoveAll(run.dir)) }()
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := cluster.Start(ctx, cluster.Options{Dir: run.dir, Nodes: run.nodes, Demo: demoDomain, Logger: log})
	if err != nil {
		code := exitRejected
		if errors.Is(err, cluster.ErrFolder) {
			code = exitMisuse
		}
		return interruptedOr(ctx, run, &exit{code, err})
	}
	defer func() { err = worse(err, c.Close()) }()

	w, err := newWalk(s.out, c.State(), run)
	if err != nil {
		return &exit{exitRejected, err}
	}
	defer func() { err = worse(err, w.Close()) }()
	if err := errors.Join(c.SetWalking(true), c.Announce()); err != nil {
		return &exit{exitRejected, err}
	}
	if err := w.walk(ctx); err != nil {
		return interruptedOr(ctx, run, &exit{exitRejected, err})
	}
	if run.once {
		return nil
	}
	if err := c.SetWalking(false); err != nil {
		return &exit{exitRejected, err}
	}
	w.stayUp()
	select {
	case <-ctx.Done():
		w.say("\nStopped.")
		return nil
	case <-c.Done():
		return &exit{exitRejected, c.Err()}
	}
}

// withoutLeftovers makes two more ends good ones, which would otherwise leave the temporary folder behind: the terminal is closed (unless nohup
// says that this does not matter), and the reader of our output goes away, which from now on is an error of a write that nobody needs.
func withoutLeftovers(ctx context.Context) (context.Context, func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	stop := func() {}
	if !signal.Ignored(syscall.SIGHUP) {
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	return ctx, func() {
		stop()
		signal.Stop(broken)
	}
}

// interruptedOr is the error, or none if the user interrupted a cluster that was to stay up: what failed then failed of that.
func interruptedOr(ctx context.Context, run clusterRun, err error) error {
	if ctx.Err() != nil && !run.once {
		return nil
	}
	return err
}

// worse joins the fault of a clean-up to what happened before.
func worse(before, cleanup error) error {
	switch {
	case cleanup == nil:
		return before
	case before == nil:
		return &exit{exitRejected, cleanup}
	}
	return &exit{exitRejected, errors.Join(before, cleanup)}
}

func newClusterEnvCommand(s streams) *cobra.Command {
	var at clusterAddress
	cmd := &cobra.Command{
		Use:   "env",
		Short: `Print the settings that make all other commands work against a cluster: eval "$(mir cluster env --dir DIR)"`,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state, err := at.running(cmd.Context())
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				variables := map[string]string{}
				for _, v := range state.Environment() {
					variables[v[0]] = v[1]
				}
				return printJSON(s.out, variables)
			}
			for _, v := range state.Environment() {
				fmt.Fprintf(s.out, "export %s=%s\n", v[0], shellQuote(v[1]))
			}
			return nil
		},
	}
	at.addTo(cmd)
	return cmd
}

func addClusterDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "the cluster's folder (required)")
	if err := cmd.MarkFlagRequired("dir"); err != nil {
		panic(err) // the flag was added on the line before
	}
}

// clusterAddress names a cluster that is up, or will be soon.
type clusterAddress struct {
	dir  string
	wait time.Duration
}

func (a *clusterAddress) addTo(cmd *cobra.Command) {
	addClusterDirFlag(cmd, &a.dir)
	cmd.Flags().DurationVar(&a.wait, "wait", 0, "wait for the cluster to come up and to end its walk, for up to this long, such as 30s")
}

// clusterPoll is how often --wait looks for cluster.json.
const clusterPoll = 50 * time.Millisecond

// running reads cluster.json of a cluster that is up; none is exit code 3. One whose walk lasts longer than the wait is up as well.
func (a *clusterAddress) running(ctx context.Context) (*cluster.State, error) {
	ctx, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	tick := time.NewTicker(clusterPoll)
	defer tick.Stop()
	for {
		state, err := cluster.ReadState(a.dir)
		switch {
		case err == nil && !state.Walking:
			return state, nil
		case errors.Is(err, syscall.ENOTDIR):
			return nil, fmt.Errorf("--dir %s is no folder", a.dir)
		case err != nil && !errors.Is(err, cluster.ErrNotRunning):
			return nil, &exit{exitRejected, err}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				return state, nil
			}
			return nil, &exit{exitUnreachable, fmt.Errorf("%w (start one with: mir cluster --dir %s)", err, shellQuote(a.dir))}
		}
	}
}

// shellQuote makes one word of s for a POSIX shell.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:,=@+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ownName is how the user calls this program: what can be pasted to call it again.
func ownName() string {
	program, err := os.Executable()
	if err != nil || !strings.Contains(filepath.ToSlash(program), "/go-build") {
		return shellQuote(os.Args[0])
	}
	return "go run ./cmd/mir" // its own executable is a temporary one
}
