package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// Bounds of what the text shows of one failure: enough to see it, and all failures still fit a scrollback. The other formats have more.
const (
	textExchanges = 4     // the last ones, since the last is where it went wrong
	textBytes     = 1_200 // of each side of an exchange
	textLines     = 24
	textIDs       = 12 // of the cases that were skipped for one reason
)

// textWidth is where words are wrapped.
const textWidth = 100

// writeText writes the report for a person: failures first, the verdict last, where the eye is when it has scrolled by.
func writeText(w io.Writer, r *conformance.Result) error {
	t := &textReport{w: bufio.NewWriter(w), r: r}
	t.line("MIR conformance: %s", visibleLine(r.Target))
	t.line("%s", strings.Join(facts(r), " · "))
	t.failures("Failed", conformance.Fail)
	t.brief("Passed, though listed as expected failures", conformance.UnexpectedPass, func(o *conformance.Outcome) string { return "listed: " + o.Reason })
	t.failures("Failed, and listed as known", conformance.ExpectedFailure)
	t.brief("Choices of the target (MAY)", conformance.Choice, func(o *conformance.Outcome) string { return o.Finding.Choice })
	t.skipped("Not run", skips(r, false))
	t.skipped("Skipped", skips(r, true))
	t.table()
	t.line("")
	t.line("Verdict: %s", visibleLine(Verdict(r)))
	return t.w.Flush()
}

// facts are what a reader must know to run it again.
func facts(r *conformance.Result) []string {
	var list []string
	if selected := extent(r); selected != "" {
		list = append(list, selected)
	}
	list = append(list, "tested "+r.Started.UTC().Format("2006-01-02 15:04:05 UTC"), "took "+r.Took.Round(100*time.Millisecond).String())
	for _, f := range []struct{ name, value string }{{"seed", r.Seed}, {"domains below", r.Suffix}, {"suite", r.Version}} {
		if f.value != "" {
			list = append(list, f.name+" "+visibleLine(f.value))
		}
	}
	return list
}

// textReport is one text while it is written. The writer keeps the first error.
type textReport struct {
	w *bufio.Writer
	r *conformance.Result
}

func (t *textReport) line(format string, args ...any) {
	fmt.Fprintf(t.w, format+"\n", args...)
}

// labelled writes a text that may be long: wrapped, and below each other behind the label.
func (t *textReport) labelled(label, text string) {
	const indent = 8
	for _, line := range wrap(visibleLine(clip(text, 4*textBytes)), textWidth-indent-len(label)) {
		t.line("%*s%s%s", indent, "", label, line)
		label = strings.Repeat(" ", len(label))
	}
}

// failures writes the outcomes of a status with all that a person needs to see why, and to see it again.
func (t *textReport) failures(title string, status conformance.Status) {
	failed := withStatus(t.r, status)
	if len(failed) == 0 {
		return
	}
	t.line("\n%s (%d)", title, len(failed))
	for _, o := range failed {
		c := o.Case
		t.line("\n  %-6s  %s", c.Requirement.Level, visibleLine(c.ID))
		t.labelled("", c.Title)
		t.labelled("known: ", o.Reason)
		t.labelled("rule:  ", fmt.Sprintf("%q (%s)", c.Requirement.Words, c.Requirement.Section))
		t.labelled("found: ", shown(o.Finding.Message, textBytes, textLines))
		t.labelled("why:   ", c.Why)
		t.labelled("keys:  ", shown(keys(c), textBytes, 1))
		t.exchanges(o.Finding.Exchanges)
		if again := repeat(t.r, c); again != "" {
			t.line("        repeat: %s", again) // not wrapped: it is to be copied
		}
	}
}

func (t *textReport) exchanges(all []cases.Exchange) {
	if more := len(all) - textExchanges; more > 0 {
		t.line("        (%s before these: see --format html or json)", count(more, "exchange"))
		all = all[more:]
	}
	for i := range all {
		e := &all[i]
		t.line("        %s%s", after(e.At, "  "), visibleLine(shown(e.What, textBytes, 1)))
		t.bytes("> ", e.Sent)
		t.bytes("< ", e.Received)
	}
}

// bytes writes one side of an exchange, each line behind the mark.
func (t *textReport) bytes(mark string, b []byte) {
	if len(b) == 0 {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(shown(string(b), textBytes, textLines), "\n"), "\n") {
		t.line("        %s", strings.TrimRight(mark+line, " "))
	}
}

// brief lists the outcomes of a status, each with what is said about it.
func (t *textReport) brief(title string, status conformance.Status, about func(*conformance.Outcome) string) {
	list := withStatus(t.r, status)
	if len(list) == 0 {
		return
	}
	t.line("\n%s (%d)\n", title, len(list))
	for _, o := range list {
		t.line("  %-6s  %s", o.Case.Requirement.Level, visibleLine(o.Case.ID))
		t.labelled("", o.Case.Title)
		if said := about(o); said != "" {
			t.labelled("→ ", said)
		}
	}
}

func (t *textReport) skipped(title string, list []skipped) {
	if len(list) == 0 {
		return
	}
	all := 0
	for _, s := range list {
		all += len(s.IDs)
	}
	t.line("\n%s (%d)", title, all)
	for _, s := range list {
		t.line("\n  %s: %s", count(len(s.IDs), "case"), visibleLine(s.Reason))
		ids := s.IDs
		more := ""
		if len(ids) > textIDs {
			more = fmt.Sprintf(" and %d more", len(ids)-textIDs)
			ids = ids[:textIDs]
		}
		t.labelled("", strings.Join(ids, ", ")+more)
	}
}

// table counts by section and by level.
func (t *textReport) table() {
	row := func(name string, c conformance.Counts) {
		t.line("  %-14s %7s %7s %9s %8s %8s", name, number(c.Pass), number(c.Fail+c.UnexpectedPass), number(c.ExpectedFailure), number(c.Choice), number(c.Skip))
	}
	t.line("\n  %-14s %7s %7s %9s %8s %8s", "", "passed", "failed", "known", "choices", "not run")
	for _, s := range sections(t.r) {
		row(visibleLine(s.Name), s.Counts)
	}
	t.line("")
	for _, l := range t.r.CountsByLevel() {
		row(string(l.Level), l.Counts)
	}
}

// number leaves zeros out: what is there stands out.
func number(n int) string {
	if n == 0 {
		return "·"
	}
	return fmt.Sprint(n)
}

// wrap breaks a text of one line at spaces. A word that is longer than the width stays whole.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
