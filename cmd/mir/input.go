package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mirnode/protocol"
)

// stdinName stands for standard input where a file is named.
const stdinName = "-"

// errTooLarge is what the readers here return for an input over its bound.
var errTooLarge = errors.New("too large")

// readFile reads a file of at most max bytes.
func readFile(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // a file that was only read
	data, err := readBounded(f, max)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// readInput reads the named file, or standard input for "-", of at most max bytes.
func readInput(cmd *cobra.Command, name string, max int64) ([]byte, error) {
	if name != stdinName {
		return readFile(name, max)
	}
	data, err := readBounded(standardInput(cmd), max)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return data, nil
}

// standardInput is the standard input. At a terminal its end is explained. Where it may keep us waiting, reading ends with an interrupt too.
func standardInput(cmd *cobra.Command) io.Reader {
	in := cmd.InOrStdin()
	f, ok := in.(*os.File)
	if !ok {
		return in
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return in
	}
	if term.IsTerminal(int(f.Fd())) {
		note(cmd, "Reading standard input; end it with Ctrl-D.")
	}
	return interruptible(cmd.Context(), in)
}

// interruptible reads in until ctx ends, then the error is errInterrupted. A read under way is left behind, since it cannot be ended.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	out, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(errInterrupted) })
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	return out
}

func readBounded(r io.Reader, max int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, max)
	}
	return data, nil
}

// onlyArg returns the single argument of a command that takes one input, or "-".
func onlyArg(args []string) string {
	if len(args) == 0 {
		return stdinName
	}
	return args[0]
}

// openInput opens the named file, or standard input for "-", as a stream.
func openInput(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == stdinName {
		return io.NopCloser(standardInput(cmd)), nil
	}
	return os.Open(name)
}

// domainFlag reads the domain of a flag, in lower case; a malformed one is misuse.
func domainFlag(flag, value string) (string, error) {
	domain, err := protocol.ParseDomain(value)
	var refusal *protocol.Error
	if errors.As(err, &refusal) {
		return "", withHint(fmt.Sprintf("--%s %q: %s", flag, value, refusal.Message), refusal.Hint)
	}
	return domain, err
}
