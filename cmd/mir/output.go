package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mirnode/internal/strictjson"
)

// printJSON writes a value as one line of JSON.
func printJSON(w io.Writer, v any) error {
	line, err := strictjson.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// errInterrupted ends a command that was stopped before it was done: nothing is known of the rest.
var errInterrupted = &exit{exitUnreachable, errors.New("interrupted")}

// note tells a person one line beside the data, on the error stream.
func note(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintln(cmd.ErrOrStderr(), printable(fmt.Sprintf(format, args...)))
}

// writeData writes bytes as they are; on a terminal they are made harmless first.
func writeData(out io.Writer, data []byte) error {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		lines := strings.Split(string(data), "\n")
		for i, line := range lines {
			lines[i] = printable(line)
		}
		data = []byte(strings.Join(lines, "\n"))
	}
	_, err := out.Write(data)
	return err
}
