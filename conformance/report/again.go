package report

import (
	"bytes"
	"encoding/json"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// repeatBytes bounds a command that runs a case again, as it is shown: longer ones are cut, and then said to be.
const repeatBytes = 2 << 10

// repeat is the command that runs a case again, in one line to copy; "": there is none.
func repeat(r *conformance.Result, c *cases.Case) string {
	if r.Repeat == "" {
		return ""
	}
	return visibleLine(shown(r.Repeat, repeatBytes, 1)) + " --only " + visibleLine(c.ID)
}

// keys are the keys that a verdict's domain had when the case ran, on one line: the file in which a program saw them is gone. "": the case is no verdict.
func keys(c *cases.Case) string {
	if c.Verdict == nil {
		return ""
	}
	var line bytes.Buffer
	if err := json.Compact(&line, c.Verdict.Keys); err != nil {
		return string(c.Verdict.Keys)
	}
	return line.String()
}

// after says how long after the beginning of its case an exchange came, with what parts it from the rest; "": at once.
func after(at time.Duration, behind string) string {
	if at = at.Round(time.Millisecond); at > 0 {
		return at.String() + behind
	}
	return ""
}
