package conformance

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"mirnode/conformance/cases"
)

// Counts says how many cases ended in which way.
type Counts struct {
	Pass, Fail, Skip, ExpectedFailure, UnexpectedPass, Choice int
}

// add counts one more.
func (c *Counts) add(s Status) {
	switch s {
	case Pass:
		c.Pass++
	case Fail:
		c.Fail++
	case Skip:
		c.Skip++
	case ExpectedFailure:
		c.ExpectedFailure++
	case UnexpectedPass:
		c.UnexpectedPass++
	case Choice:
		c.Choice++
	}
}

// Total counts all cases.
func (c Counts) Total() int { return c.Ran() + c.Skip }

// Ran counts the cases that were run.
func (c Counts) Ran() int { return c.Pass + c.Fail + c.ExpectedFailure + c.UnexpectedPass + c.Choice }

// Counts counts all outcomes.
func (r *Result) Counts() Counts {
	return r.count(func(*cases.Case) bool { return true })
}

// LevelCounts are the counts of one level.
type LevelCounts struct {
	Level cases.Level
	Counts
}

// CountsByLevel counts each level, the strictest first, also those without a case.
func (r *Result) CountsByLevel() []LevelCounts {
	var by []LevelCounts
	for _, level := range cases.Levels() {
		by = append(by, LevelCounts{level, r.count(func(c *cases.Case) bool { return c.Requirement.Level == level })})
	}
	return by
}

// SectionCounts are the counts of one section.
type SectionCounts struct {
	Section string
	Counts
}

// CountsBySection counts each section that has a case, in the order of [cases.Sections]; others, such as chaos, come after them, by name.
func (r *Result) CountsBySection() []SectionCounts {
	counts := map[string]*Counts{}
	for i := range r.Outcomes {
		section := r.Outcomes[i].Case.Section()
		if counts[section] == nil {
			counts[section] = new(Counts)
		}
		counts[section].add(r.Outcomes[i].Status)
	}
	var by []SectionCounts
	for _, section := range slices.SortedFunc(maps.Keys(counts), compareSections) {
		by = append(by, SectionCounts{section, *counts[section]})
	}
	return by
}

// compareSections orders sections as [cases.Sections] does, and others after them.
func compareSections(a, b string) int {
	order := cases.Sections()
	rank := func(section string) int {
		if at := slices.Index(order, section); at >= 0 {
			return at
		}
		return len(order)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

func (r *Result) count(which func(*cases.Case) bool) Counts {
	var counts Counts
	for i := range r.Outcomes {
		if which(r.Outcomes[i].Case) {
			counts.add(r.Outcomes[i].Status)
		}
	}
	return counts
}

// The verdicts of a run, as exit codes of a program.
const (
	CodeConforms   = 0 // no MUST and no SHOULD failed
	CodeMustFailed = 1 // a MUST failed, a failure that was expected did not come, or the target broke down
	CodeUnfinished = 3 // the run did not come to its end, or nothing was tested
	CodeShouldOnly = 4 // SHOULDs failed, and no MUST
)

// Code is the verdict on the run. An expected failure is none.
func (r *Result) Code() int {
	switch {
	case r.Broke != "":
		return CodeMustFailed
	case r.Interrupted || r.Counts().Ran() == 0:
		return CodeUnfinished
	}
	code := CodeConforms
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		switch {
		case o.Status == UnexpectedPass, o.Status == Fail && o.Case.Requirement.Level == cases.Must:
			return CodeMustFailed
		case o.Status == Fail && o.Case.Requirement.Level == cases.Should:
			code = CodeShouldOnly
		}
	}
	return code
}
