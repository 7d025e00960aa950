package conformance

import (
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

// CountsBySection counts each section that has a case, in the order of [cases.Sections].
func (r *Result) CountsBySection() []SectionCounts {
	var by []SectionCounts
	for _, section := range cases.Sections() {
		counts := r.count(func(c *cases.Case) bool { return c.Section() == section })
		if counts.Total() > 0 {
			by = append(by, SectionCounts{section, counts})
		}
	}
	return by
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
	CodeMustFailed = 1 // a MUST failed, or a failure that was expected did not come
	CodeShouldOnly = 4 // SHOULDs failed, and no MUST
)

// Code is the verdict on the run. An expected failure is none.
func (r *Result) Code() int {
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
