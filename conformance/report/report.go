// Package report says what came of a run of the suite: to a person on a terminal (text), to programs (json), to CI systems (junit), as one page
// that can be sent around and opened anywhere (html), and as a badge.
//
// Much of what a report shows comes from the target, which may be hostile. So whatever a target sent is bounded, and every character that does something instead of
// being shown (control characters, terminal escapes, marks that turn the direction of writing, bytes that are no UTF-8) is written as an escape, in every format. The page has no script,
// loads nothing, and forbids both to the browser.
package report

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"mirnode/conformance"
	"mirnode/internal/nearest"
)

// Format is a form of report.
type Format string

// The formats.
const (
	Text  Format = "text"
	JSON  Format = "json"
	JUnit Format = "junit"
	HTML  Format = "html"
)

// Formats gives all formats.
func Formats() []Format { return []Format{Text, JSON, JUnit, HTML} }

// ParseFormat reads the name of a format. The error names the one that was most likely meant.
func ParseFormat(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if string(f) == name {
			return f, nil
		}
		names = append(names, string(f))
	}
	err := fmt.Errorf("%q is no format of a report: there are %s", name, strings.Join(names, ", "))
	if near := nearest.Name(name, names); near != "" {
		err = fmt.Errorf("%w; was %s meant?", err, near)
	}
	return "", err
}

// Write writes the report of a result. The result is only read. An error is the writer's, or that of a format that there is none.
func Write(w io.Writer, format Format, r *conformance.Result) error {
	switch format {
	case Text:
		return writeText(w, r)
	case JSON:
		return writeJSON(w, r)
	case JUnit:
		return writeJUnit(w, r)
	case HTML:
		return writeHTML(w, r)
	}
	return errors.New("no such format: " + string(format))
}
