package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// commandGroup is a command that only holds others, such as `mir claim`; without one of them it is misuse.
func commandGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:                        use,
		Short:                      short,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			names := make([]string, 0, len(commands))
			for _, c := range commands {
				names = append(names, c.Name())
			}
			problem := "name what to do"
			if len(args) > 0 {
				problem = fmt.Sprintf("unknown command %q", args[0])
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					problem += fmt.Sprintf(" (did you mean %q?)", near[0])
				}
			}
			return fmt.Errorf("%s: %s: %s", cmd.CommandPath(), problem, strings.Join(names, ", "))
		},
	}
	group.AddCommand(commands...)
	return group
}

// printJSON writes a value as one line of JSON.
func printJSON(w io.Writer, v any) error {
	line, err := strictjson.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// refusal is the JSON form of a refusal, the same as that of a node's errors.
type refusal struct {
	Error string        `json:"error"`
	Hint  string        `json:"hint,omitzero"`
	Code  protocol.Code `json:"code,omitzero"`
}

// refused ends a command for an input that was judged and refused: exit code 1, the reason and the hint for people, or as JSON. Any
// other error is passed on.
func refused(cmd *cobra.Command, err error) error {
	var e *protocol.Error
	if !errors.As(err, &e) {
		return err
	}
	if wantsJSON(cmd) {
		if err := printJSON(cmd.OutOrStdout(), refusal{e.Message, e.Hint, e.Code}); err != nil {
			return err
		}
		return &exit{code: exitRejected}
	}
	return &exit{exitRejected, withHint(e.Error(), e.Hint)}
}

// withHint is an error for people, with the hint on a line of its own.
func withHint(message, hint string) error {
	if hint == "" {
		return errors.New(message)
	}
	return fmt.Errorf("%s\n     %s", message, hint)
}

// errInterrupted ends a command that was stopped before it was done: nothing is known of the rest.
var errInterrupted = &exit{exitUnreachable, errors.New("interrupted")}

// note tells a person something beside the data, on the error stream.
func note(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}
