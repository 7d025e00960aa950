// Command mir is the one program of mirnode: it runs a node, starts a cluster on one machine, and makes, signs, verifies, submits
// and looks up claims.
//
// Exit codes, the same for every command: 0 accepted (or done), 1 rejected (or not found), 2 misuse, 3 not reachable.
// mir conformance has one more: 4, only SHOULDs failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
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
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run executes one command line and returns the program's exit code.
func run(ctx context.Context, args []string, s streams) int {
	root := newRootCommand(s)
	root.SetArgs(args)
	var unknown error
	refuseHelp(root, &unknown)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = unknown
	}
	if err == nil {
		return 0
	}
	var e *exit
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		e = errInterrupted
	default:
		e = &exit{code: exitMisuse, err: err} // cobra's own errors: unknown commands and flags
	}
	if e.err != nil {
		printError(s.err, e.err, wantsJSON(root) || slices.Contains(args, "--json")) // what is wrong may stand before --json
	}
	return e.code
}

// newRootCommand builds the whole command tree.
func newRootCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "mir",
		Short: "MIR node and tools: signed claims, anchored in DNS",
		Long: "MIR node and tools: signed claims, anchored in DNS.\n\n" +
			"Exit codes: 0 accepted or done, 1 rejected or not found, 2 misuse, 3 not reachable; mir conformance has 4 too: only SHOULDs failed.\n" +
			"The node that is asked: that of --node, else of MIR_NODE, else " + defaultNode + ". A command that acts for an issuer asks its home: that of --node,\n" +
			"else of the identity (issuer.json), else of MIR_NODE.\n" +
			"Data goes to standard output, talk and errors to standard error. With --json the results are JSON, and an error is one line of JSON on\n" +
			"standard error, {\"error\":…,\"hint\":…}, with \"code\" if it is a verdict of the protocol; the exit codes are the same.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Annotations:   map[string]string{groupAnnotation: "yes"},
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version, err := cmd.Flags().GetBool(flagVersion); err != nil || version {
				return errors.Join(err, printVersion(cmd))
			}
			return cmd.Help()
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.PersistentFlags().Bool("json", false, "print results and errors as JSON")
	root.Flags().Bool(flagVersion, false, "print the version of the program")
	root.AddCommand(
		newClaimCommand(s),
		newClusterCommand(s),
		newConformanceCommand(s),
		newDomainCommand(s),
		newKeyCommand(s),
		newSubjectCommand(s),
		newHashCommand(s),
		newReceiptCommand(s),
		newLogCommand(s),
		newNodeCommand(s),
		newHealthCommand(s),
		newAssertCommand(s),
		newAssertionCommand(s),
		newLookupCommand(s),
		newAdminCommand(s),
		newIssuerCommand(s),
		newBenchCommand(s),
		newVersionCommand(),
	)
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	inOurWords(root)
	return root
}

// wantsJSON reports whether the user asked for JSON output.
func wantsJSON(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("json")
	return err == nil && on
}
