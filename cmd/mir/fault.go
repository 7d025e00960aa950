package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

// fault is an error for a person, or with --json for a program: then it is one object with the members of a node's errors.
type fault struct {
	Message  string        `json:"error"`
	Hint     string        `json:"hint,omitzero"`
	Code     protocol.Code `json:"code,omitzero"`
	Reason   string        `json:"reason,omitzero"`   // of an erasure
	ErasedAt time.Time     `json:"erasedAt,omitzero"` // of an erasure
}

// Error gives what is wrong and, on a line of its own, the hint.
func (f *fault) Error() string {
	text := f.Message
	if f.Code != "" {
		text = (&protocol.Error{Code: f.Code, Message: f.Message}).Error()
	}
	if f.Reason != "" {
		text += "\n     reason: " + f.Reason
	}
	if f.Hint != "" {
		text += "\n     " + f.Hint
	}
	return text
}

// withHint is an error with a hint how to mend it, which may be empty.
func withHint(message, hint string) error { return &fault{Message: message, Hint: hint} }

// refused ends a command for an input that was judged and refused, with exit code 1. Any other error is passed on.
func refused(_ *cobra.Command, err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return &exit{exitRejected, &fault{Message: e.Message, Hint: e.Hint, Code: e.Code}}
	}
	return err
}

// printError tells an error on the error stream. Errors may hold text of other people's, hence printable.
func printError(w io.Writer, err error, asJSON bool) {
	if asJSON {
		// What cannot be told cannot be told: there is no further stream.
		_ = printJSON(w, faultOf(err))
		return
	}
	text := err.Error()
	if f := faultOf(err); f.Hint != "" && !strings.Contains(text, f.Hint) {
		text += "\n     " + f.Hint
	}
	for i, line := range strings.Split(text, "\n") {
		lead := ""
		if i == 0 {
			lead = "mir: "
		}
		fmt.Fprintln(w, lead+printable(line))
	}
}

// faultOf is the fault that the error is, or one of its text, with the hint of what it wraps.
func faultOf(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok && f.Error() == err.Error() {
		return f
	}
	f := &fault{Message: err.Error()}
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		f.Hint = e.Hint
	}
	return f
}
