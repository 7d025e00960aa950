package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// How often a run says how far it is.
const (
	caseLineEvery = 100 * time.Millisecond // the counting line of a terminal
	caseNoteEvery = 10 * time.Second       // a line of its own elsewhere
)

// caseProgress tells on the error stream what a run does. On a terminal one line counts; elsewhere there is a line now and then. Failures are told when
// they happen, and with verbose everything is.
type caseProgress struct {
	out               io.Writer
	paint             paint
	terminal, verbose bool
	began, shown      time.Time

	running         []string // IDs, in the order of their beginning
	done, total     int
	failed, skipped int
	untold          bool // that failures have no line of their own any more was told
}

func newCaseProgress(out io.Writer, verbose bool) *caseProgress {
	file, ok := out.(*os.File)
	now := time.Now()
	return &caseProgress{out: out, paint: newPaint(out), terminal: ok && term.IsTerminal(int(file.Fd())), verbose: verbose, began: now, shown: now}
}

// event takes one event of the run. The engine calls it from one goroutine at a time.
func (p *caseProgress) event(e conformance.Event) {
	p.done, p.total = e.Done, e.Total
	if e.Outcome == nil {
		p.running = append(p.running, e.Case.ID)
	} else {
		if at := slices.Index(p.running, e.Case.ID); at >= 0 {
			p.running = slices.Delete(p.running, at, at+1)
		}
		p.ended(e.Outcome)
	}
	p.count()
}

func (p *caseProgress) ended(o *conformance.Outcome) {
	var mark string
	switch o.Status {
	case conformance.Fail:
		p.failed++
		if mark = p.paint.red("FAIL"); o.Case.Requirement.Level == cases.Should {
			mark = p.paint.yellow("FAIL")
		}
	case conformance.UnexpectedPass:
		p.failed++
		mark = p.paint.red("pass, unexpected")
	case conformance.Skip:
		p.skipped++
		mark = p.paint.dim("skip")
	case conformance.ExpectedFailure:
		mark = p.paint.dim("fail, expected")
	case conformance.Choice:
		mark = p.paint.green("choice")
	default:
		mark = p.paint.green("pass")
	}
	if !p.verbose && o.Status != conformance.Fail && o.Status != conformance.UnexpectedPass {
		return
	}
	if p.failed > maxFailuresTold && !p.verbose {
		if !p.untold {
			p.untold = true
			p.clear()
			fmt.Fprintln(p.out, "Further failures stand in the report; -v tells of them here.")
		}
		return
	}
	p.clear()
	fmt.Fprintf(p.out, "%s %s %s", mark, o.Case.Requirement.Level, o.Case.ID)
	if p.verbose && o.Status != conformance.Skip {
		fmt.Fprintf(p.out, " %s", p.paint.dim(o.Finding.Duration.Round(time.Millisecond).String()))
	}
	if why := o.Finding.Skipped + o.Finding.Message + o.Finding.Choice; why != "" {
		fmt.Fprintf(p.out, ": %s", printable(caseText(why)))
	}
	fmt.Fprintln(p.out)
}

// maxFailuresTold bounds the failures that have a line: more hide what the run says of itself.
const maxFailuresTold = 10

// maxProgressText bounds what a line tells of a finding, in runes: the report has the rest.
const maxProgressText = 200

func caseText(text string) string {
	if runes := []rune(text); len(runes) > maxProgressText {
		return string(runes[:maxProgressText]) + "…"
	}
	return text
}

// clear takes the counting line away.
func (p *caseProgress) clear() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// count tells how far the run is, if it is time.
func (p *caseProgress) count() {
	every := caseNoteEvery
	if p.terminal {
		every = caseLineEvery
	}
	now := time.Now()
	if now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	line := p.line()
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(p.out, line)
	}
}

// maxCasesShown is how many of the running cases a line names.
const maxCasesShown = 2

func (p *caseProgress) line() string {
	line := fmt.Sprintf("%d of %d, %d failed", p.done, p.total, p.failed)
	if p.skipped > 0 {
		line += fmt.Sprintf(", %d skipped", p.skipped)
	}
	line += fmt.Sprintf(", %v", time.Since(p.began).Round(time.Second))
	if len(p.running) > 0 {
		line += ": " + strings.Join(p.running[:min(maxCasesShown, len(p.running))], ", ")
		if more := len(p.running) - maxCasesShown; more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
	}
	return line
}

// end leaves the error stream as it was for what is told next.
func (p *caseProgress) end() { p.clear() }
