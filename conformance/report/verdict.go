package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// Verdict is the run in one line, for people: whether the target conforms, and on what that rests.
func Verdict(r *conformance.Result) string {
	t := tally(r)
	var said string
	switch {
	case t.mustFailed > 0:
		said = fmt.Sprintf("does not conform: %d of %d MUST failed", t.mustFailed, t.mustRan)
		if t.shouldFailed > 0 {
			said += fmt.Sprintf(", and %d of %d SHOULD", t.shouldFailed, t.shouldRan)
		}
	case t.unexpected > 0:
		said = fmt.Sprintf("%s passed that the file of expected failures lists: take %s off it", count(t.unexpected, "case"), pick(t.unexpected, "it", "them"))
	case t.shouldFailed > 0:
		said = fmt.Sprintf("conforms but for %d of %d SHOULD: every MUST that was tested holds", t.shouldFailed, t.shouldRan)
	case t.mustRan+t.shouldRan == 0:
		said = "nothing was tested that a target must or should do"
	default:
		said = fmt.Sprintf("conforms: %d of %d passed", t.passed, t.passed+t.expected)
	}
	for _, more := range []struct {
		n    int
		what string
	}{{t.expected, "failed as expected"}, {r.Counts().Skip, "skipped"}} {
		if more.n > 0 {
			said += fmt.Sprintf("; %d %s", more.n, more.what)
		}
	}
	switch {
	case r.Broke != "":
		return fmt.Sprintf("does not conform: %s; until then: %s", r.Broke, said)
	case r.Interrupted:
		return fmt.Sprintf("not finished, %s; so far: %s", cmp.Or(r.Stopped, "the run was interrupted"), said)
	}
	return said
}

// demands counts what makes demands: MUST and SHOULD.
type demands struct {
	passed, expected, unexpected, skipped int
	mustRan, mustFailed                   int
	shouldRan, shouldFailed               int
}

func tally(r *conformance.Result) demands {
	var t demands
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if o.Case.Requirement.Level == cases.May {
			continue
		}
		failed := 0
		switch o.Status {
		case conformance.Skip:
			t.skipped++
			continue
		case conformance.Fail:
			failed = 1
		case conformance.ExpectedFailure:
			t.expected++
		case conformance.UnexpectedPass:
			t.unexpected++
		case conformance.Pass:
			t.passed++
		}
		if o.Case.Requirement.Level == cases.Must {
			t.mustRan, t.mustFailed = t.mustRan+1, t.mustFailed+failed
		} else {
			t.shouldRan, t.shouldFailed = t.shouldRan+1, t.shouldFailed+failed
		}
	}
	return t
}

// section is the outcomes of one section.
type section struct {
	Name     string
	Counts   conformance.Counts
	Outcomes []*conformance.Outcome // by level, failures first
}

// sections groups the outcomes by section: those of the suite in its order, others (faults) after them.
func sections(r *conformance.Result) []section {
	by := make(map[string][]*conformance.Outcome)
	var others []string
	for i := range r.Outcomes {
		name := r.Outcomes[i].Case.Section()
		if by[name] == nil && !slices.Contains(cases.Sections(), name) {
			others = append(others, name)
		}
		by[name] = append(by[name], &r.Outcomes[i])
	}
	var list []section
	for _, name := range append(cases.Sections(), others...) {
		outcomes := by[name]
		if len(outcomes) == 0 {
			continue
		}
		slices.SortStableFunc(outcomes, byLevelAndStatus)
		list = append(list, section{name, countOf(outcomes), outcomes})
	}
	return list
}

func byLevelAndStatus(a, b *conformance.Outcome) int {
	return cmp.Or(cmp.Compare(levelRank(a), levelRank(b)), cmp.Compare(statusRank(a), statusRank(b)), strings.Compare(a.Case.ID, b.Case.ID))
}

func levelRank(o *conformance.Outcome) int {
	return slices.Index(cases.Levels(), o.Case.Requirement.Level)
}

func statusRank(o *conformance.Outcome) int { return slices.Index(conformance.Statuses(), o.Status) }

func countOf(outcomes []*conformance.Outcome) conformance.Counts {
	some := conformance.Result{Outcomes: make([]conformance.Outcome, len(outcomes))}
	for i, o := range outcomes {
		some.Outcomes[i] = *o
	}
	return some.Counts()
}

// withStatus gives the outcomes of a status: by level, and then as the run has them.
func withStatus(r *conformance.Result, status conformance.Status) []*conformance.Outcome {
	var list []*conformance.Outcome
	for i := range r.Outcomes {
		if r.Outcomes[i].Status == status {
			list = append(list, &r.Outcomes[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *conformance.Outcome) int { return cmp.Compare(levelRank(a), levelRank(b)) })
	return list
}

// skipped is why some cases were not run, and which.
type skipped struct {
	Reason string
	IDs    []string
}

// skips groups the cases that were not run by reason, the most frequent first.
func skips(r *conformance.Result) []skipped {
	var list []skipped
	for _, o := range withStatus(r, conformance.Skip) {
		i := slices.IndexFunc(list, func(s skipped) bool { return s.Reason == o.Finding.Skipped })
		if i < 0 {
			i, list = len(list), append(list, skipped{Reason: o.Finding.Skipped})
		}
		list[i].IDs = append(list[i].IDs, o.Case.ID)
	}
	slices.SortStableFunc(list, func(a, b skipped) int { return cmp.Compare(len(b.IDs), len(a.IDs)) })
	return list
}

func count(n int, noun string) string { return fmt.Sprintf("%d %s", n, pick(n, noun, noun+"s")) }

func pick(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
