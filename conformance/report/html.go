package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// Bounds of the page, so that a browser on a phone opens it, whatever the target sent. Sizes are of each side of an exchange, as it is shown.
const (
	pageExchanges   = 4 << 20  // bytes of exchanges in all; failures come first, and what is over is left out and said
	failedBytes     = 16 << 10 // of a case that failed
	otherBytes      = 1 << 10  // of any other case
	failedExchanges = 40       // the last ones
	otherExchanges  = 4
	messageBytes    = 8 << 10
	opened          = 10 // failures that stand open: more of them are read as a list first
)

//go:embed page.html
var pageText string

// page is what the template shows. All strings are visible; the template escapes them.
type page struct {
	Target, Verdict, Class string // Class: "good", "some", "bad" or "none", for the colour
	Facts                  []string
	Levels                 []level
	Failed                 []card // and what passed against expectation
	Expected, Choices      []card
	Skips                  []skipped
	Sections               []pageSection
	Omitted                int // exchanges that are not shown at all
	Shape                  string
}

type level struct {
	Level string
	conformance.Counts
}

type pageSection struct {
	Name   string
	Counts conformance.Counts
	Bad    int
	Levels []pageLevel
}

type pageLevel struct {
	Level string
	Cards []card
}

// card is one case.
type card struct {
	ID, Anchor, Title, Level, Status, Class string
	Words, Source, Why                      string
	Found, Reason, Choice, Skipped, Took    string
	Expect                                  string // of a verdict or a signer: what was expected
	Shown                                   bool   // it stands in full further up: a link suffices
	Open                                    bool
	Exchanges                               []exchange
	Before                                  int // exchanges before the ones that are shown
}

type exchange struct{ At, What, Sent, Received string }

func writeHTML(w io.Writer, r *conformance.Result) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newPage(r)); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

func newPage(r *conformance.Result) *page {
	p := &pager{left: pageExchanges, shown: make(map[*conformance.Outcome]bool)}
	view := &page{Target: visibleLine(r.Target), Verdict: visibleLine(Verdict(r)), Class: class(r), Facts: facts(r), Shape: Shape}
	for _, l := range r.CountsByLevel() {
		view.Levels = append(view.Levels, level{string(l.Level), l.Counts})
	}
	view.Failed = append(p.cards(withStatus(r, conformance.Fail)), p.cards(withStatus(r, conformance.UnexpectedPass))...)
	for i := range view.Failed[:min(len(view.Failed), opened)] {
		view.Failed[i].Open = true
	}
	view.Expected = p.cards(withStatus(r, conformance.ExpectedFailure))
	view.Choices = p.cards(withStatus(r, conformance.Choice))
	for _, s := range skips(r) {
		view.Skips = append(view.Skips, skipped{visibleLine(s.Reason), s.IDs})
	}
	for _, s := range sections(r) {
		view.Sections = append(view.Sections, p.section(s))
	}
	view.Omitted = p.omitted
	return view
}

// class is the colour of the verdict.
func class(r *conformance.Result) string {
	switch _, colour := badge(r); colour {
	case red:
		return "bad"
	case grey:
		return "none"
	}
	if r.Code() != conformance.CodeConforms {
		return "some"
	}
	return "good"
}

// pager makes cards while there is room for their exchanges.
type pager struct {
	left    int // bytes
	omitted int // exchanges for which there was no room
	shown   map[*conformance.Outcome]bool
}

func (p *pager) section(s section) pageSection {
	view := pageSection{Name: visibleLine(s.Name), Counts: s.Counts, Bad: s.Counts.Fail + s.Counts.UnexpectedPass}
	for _, o := range s.Outcomes {
		name := string(o.Case.Requirement.Level)
		if n := len(view.Levels); n == 0 || view.Levels[n-1].Level != name {
			view.Levels = append(view.Levels, pageLevel{Level: name})
		}
		last := &view.Levels[len(view.Levels)-1]
		last.Cards = append(last.Cards, p.cards([]*conformance.Outcome{o})...)
	}
	return view
}

func (p *pager) cards(outcomes []*conformance.Outcome) []card {
	var list []card
	for _, o := range outcomes {
		c := newCard(o)
		if c.Shown = p.shown[o]; !c.Shown {
			c.Exchanges, c.Before = p.exchanges(o)
			p.shown[o] = true
		}
		list = append(list, c)
	}
	return list
}

// statusWords are the statuses as the page says them, and their colours.
var statusWords = map[conformance.Status][2]string{
	conformance.Fail:            {"failed", "bad"},
	conformance.UnexpectedPass:  {"passed unexpectedly", "bad"},
	conformance.ExpectedFailure: {"failed as expected", "some"},
	conformance.Choice:          {"choice", "none"},
	conformance.Pass:            {"passed", "good"},
	conformance.Skip:            {"skipped", "none"},
}

func newCard(o *conformance.Outcome) card {
	c, f, word := o.Case, &o.Finding, statusWords[o.Status]
	short := func(text string) string { return shown(text, messageBytes, messageBytes) }
	return card{
		ID: visibleLine(c.ID), Anchor: anchor(c.ID), Title: short(c.Title), Level: string(c.Requirement.Level), Status: word[0], Class: word[1],
		Words: short(c.Requirement.Words), Source: visibleLine(c.Requirement.Section), Why: short(c.Why),
		Found: short(f.Message), Reason: short(o.Reason), Choice: short(f.Choice), Skipped: short(f.Skipped), Took: f.Duration.Round(time.Millisecond).String(), Expect: expectation(c),
	}
}

// anchor names a case within the page: an ID in letters that every link takes.
func anchor(id string) string {
	return "case-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '.'
	}, id)
}

// expectation says what was expected of a verifier or a signer; scenarios have it in their messages.
func expectation(c *cases.Case) string {
	switch {
	case c.Verdict != nil && len(c.Verdict.Expect.Codes) > 0:
		return fmt.Sprintf("%s, %s", c.Verdict.Expect.Result, strings.Join(c.Verdict.Expect.Codes, " or "))
	case c.Verdict != nil:
		return c.Verdict.Expect.Result
	case c.Signer != nil:
		return c.Signer.Expect.Result
	}
	return ""
}

// exchanges shows the last ones of a case, and tells how many there were before.
func (p *pager) exchanges(o *conformance.Outcome) (list []exchange, before int) {
	most, size := otherExchanges, otherBytes
	if o.Status == conformance.Fail || o.Status == conformance.UnexpectedPass || o.Status == conformance.ExpectedFailure {
		most, size = failedExchanges, failedBytes
	}
	all := o.Finding.Exchanges
	if before = len(all) - most; before > 0 {
		all = all[before:]
	}
	for i := range all {
		e := &all[i]
		if len(e.What)+len(e.Sent)+len(e.Received) > p.left {
			p.omitted++
			continue
		}
		x := exchange{At: e.At.Round(time.Millisecond).String(), What: visibleLine(shown(e.What, size, 1))}
		x.Sent, x.Received = shown(string(e.Sent), size, size), shown(string(e.Received), size, size)
		cost := len(x.What) + len(x.Sent) + len(x.Received)
		p.left -= cost
		list = append(list, x)
	}
	return list, max(before, 0)
}
