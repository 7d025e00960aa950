package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
	"strings"

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
	opened          = 5 // failures that stand open: more of them are read as a list first
)

//go:embed page.html
var pageText string

// page is what the template shows. All strings are visible; the template escapes them.
type page struct {
	Target, Verdict, Class string // Class: "good", "some", "bad" or "none", for the colour
	Facts                  []string
	Levels                 []level
	Rules                  []rule // that failed
	Failed                 []card // and what passed against expectation
	Expected, Choices      []card
	Skips, NotRun          []skipped
	Sections               []pageSection
	Omitted                int // exchanges that are not shown at all
	Shape                  string
}

// rule is a rule that failed, in the overview: what is wrong is read there at once, however many cases say so.
type rule struct {
	Level, Words, Source string
	Cards                []card
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
	Found, Reason, Choice, Skipped          string
	Expect                                  string // of a verdict or a signer: what was expected, where the finding does not say it
	Keys, Repeat                            string
	Shown                                   bool // it stands in full further up: a link suffices
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
	p := &pager{result: r, left: pageExchanges, shown: make(map[*conformance.Outcome]bool)}
	view := &page{Target: visibleLine(r.Target), Verdict: visibleLine(Verdict(r)), Class: class(r), Facts: facts(r), Shape: Shape}
	for _, l := range r.CountsByLevel() {
		view.Levels = append(view.Levels, level{string(l.Level), l.Counts})
	}
	if failed := withStatus(r, conformance.Fail); len(failed) > 1 {
		view.Rules = rules(failed)
	}
	view.Failed = append(p.cards(withStatus(r, conformance.Fail)), p.cards(withStatus(r, conformance.UnexpectedPass))...)
	for i := range view.Failed[:min(len(view.Failed), opened)] {
		view.Failed[i].Open = true
	}
	view.Expected = p.cards(withStatus(r, conformance.ExpectedFailure))
	view.Choices = p.cards(withStatus(r, conformance.Choice))
	view.Skips, view.NotRun = skips(r, true), skips(r, false)
	for _, list := range [][]skipped{view.Skips, view.NotRun} {
		for i := range list {
			list[i].Reason = visibleLine(list[i].Reason)
		}
	}
	for _, s := range sections(r) {
		view.Sections = append(view.Sections, p.section(s))
	}
	view.Omitted = p.omitted
	return view
}

// class is the colour of the verdict.
func class(r *conformance.Result) string {
	_, colour := badge(r)
	return map[string]string{red: "bad", grey: "none", amber: "some", green: "good"}[colour]
}

// rules groups failures by the rule that they break, in their order.
func rules(failed []*conformance.Outcome) []rule {
	var list []rule
	at := make(map[cases.Requirement]int)
	for _, o := range failed {
		i, known := at[o.Case.Requirement]
		if !known {
			is := &o.Case.Requirement
			i = len(list)
			at[*is] = i
			list = append(list, rule{Level: string(is.Level), Words: shown(is.Words, messageBytes, messageBytes), Source: visibleLine(is.Section)})
		}
		list[i].Cards = append(list[i].Cards, card{ID: visibleLine(o.Case.ID), Anchor: anchor(o.Case.ID)})
	}
	return list
}

// pager makes cards while there is room for their exchanges.
type pager struct {
	result  *conformance.Result
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
			if inDetail(o.Status) {
				c.Keys, c.Repeat = shown(keys(o.Case), messageBytes, 1), repeat(p.result, o.Case)
			}
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
	conformance.ExpectedFailure: {"failed, known", "some"},
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
		Found: short(f.Message), Reason: short(o.Reason), Choice: short(f.Choice), Skipped: short(f.Skipped), Expect: expectation(c, f),
	}
}

// anchor names a case within the page: an ID in letters that every link takes. It stands within what is folded, so that browsers open it for a link.
func anchor(id string) string {
	return "case-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '.'
	}, id)
}

// expectation says what was expected of a verifier or a signer, where the finding does not; scenarios have it in their messages.
func expectation(c *cases.Case, f *cases.Finding) string {
	var result string
	var codes []string
	switch {
	case c.Verdict != nil:
		result, codes = c.Verdict.Expect.Result, c.Verdict.Expect.Codes
	case c.Signer != nil:
		result = c.Signer.Expect.Result
	}
	said := result
	if len(codes) > 0 {
		said += ", " + strings.Join(codes, " or ")
	}
	for _, word := range append([]string{result}, codes...) {
		if !strings.Contains(f.Message, word) {
			return said
		}
	}
	return ""
}

// inDetail tells whether outcomes of a status are shown with all that there is.
func inDetail(s conformance.Status) bool {
	return s == conformance.Fail || s == conformance.UnexpectedPass || s == conformance.ExpectedFailure
}

// exchanges shows the last ones of a case, and tells how many there were before.
func (p *pager) exchanges(o *conformance.Outcome) (list []exchange, before int) {
	most, size := otherExchanges, otherBytes
	if inDetail(o.Status) {
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
		x := exchange{At: after(e.At, ""), What: visibleLine(shown(e.What, size, 1))}
		x.Sent, x.Received = shown(string(e.Sent), size, size), shown(string(e.Received), size, size)
		cost := len(x.What) + len(x.Sent) + len(x.Received)
		p.left -= cost
		list = append(list, x)
	}
	return list, max(before, 0)
}
