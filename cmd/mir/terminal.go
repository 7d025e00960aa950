package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

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

// printable makes a text of somebody else's harmless on a terminal and keeps it on one line: control characters, which move the cursor or
// start escape sequences, and the marks that turn the direction of writing are shown as \u and four hex digits, as in JSON, where a string
// stays the same by it. What is no UTF-8 becomes U+FFFD. Everything that was not written by us goes through it before a person sees it.
func printable(text string) string {
	if strings.IndexFunc(text, dangerous) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if dangerous(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// dangerous tells the characters that do something to a terminal instead of being shown: C0 and C1 controls, the line and paragraph separators,
// and the bidirectional controls (Unicode Standard Annex #9). All are below U+10000.
func dangerous(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
