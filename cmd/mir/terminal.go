package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// paint colours text for a terminal; the zero value leaves it as it is.
type paint struct{ on bool }

// envNoColour is set by people who want no colours (no-color.org).
const envNoColour = "NO_COLOR" //nolint:misspell // that is its name

// newPaint colours only what a person sees on a terminal, and nothing where that is not wanted or the terminal is dumb.
func newPaint(out io.Writer) paint {
	file, ok := out.(*os.File)
	return paint{on: ok && os.Getenv(envNoColour) == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))}
}

func (p paint) code(code, text string) string {
	if !p.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) bold(text string) string   { return p.code("1", text) }
func (p paint) dim(text string) string    { return p.code("2", text) }
func (p paint) red(text string) string    { return p.code("31", text) }
func (p paint) green(text string) string  { return p.code("32", text) }
func (p paint) yellow(text string) string { return p.code("33", text) }
