// Command mir is the one program of mirnode: it runs a node, starts a cluster on one machine, and makes, signs, verifies, submits
// and looks up claims.
//
// Exit codes, the same for every command: 0 accepted (or done), 1 rejected (or not found), 2 misuse, 3 not reachable.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes of the program.
const (
	exitRejected    = 1
	exitMisuse      = 2
	exitUnreachable = 3
)

// streams are the standard streams that a command works on.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exit is an error that says which code the program ends with. Where err is nil the command has told the user already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run executes one command line and returns the program's exit code.
func run(ctx context.Context, args []string, s streams) int {
	root := newRootCommand(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{code: exitMisuse, err: err} // cobra's own errors: unknown commands and flags
	}
	if e.err != nil {
		fmt.Fprintln(s.err, "mir:", e.err)
	}
	return e.code
}

// newRootCommand builds the whole command tree.
func newRootCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "mir",
		Short:         "MIR node and tools: signed claims, anchored in DNS",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.PersistentFlags().Bool("json", false, "print results as JSON")
	root.AddCommand(
		newClaimCommand(s),
		newClusterCommand(s),
		newDomainCommand(s),
		newKeyCommand(s),
		newSubjectCommand(s),
		newHashCommand(s),
		newNodeCommand(s),
		newBenchCommand(s),
	)
	return root
}

// wantsJSON reports whether the user asked for JSON output.
func wantsJSON(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("json")
	return err == nil && on
}
