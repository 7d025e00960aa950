package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// Verdict is the run in one line, for people: whether the target conforms, and on what that rests. A failure that is listed as expected is one nevertheless: the list
// is for exit codes. What is said of a part of the cases says so.
func Verdict(r *conformance.Result) string {
	must, should := r.Tally(cases.Must), r.Tally(cases.Should)
	fails := failing(must, should)
	switch {
	case r.Broke != "":
		why, _, _ := strings.Cut(r.Broke, "\n") // the rest is the end of its log
		return fmt.Sprintf("does not conform: %s; until then, %s", why, soFar(r, fails)) + notes(r)
	case r.Interrupted:
		return fmt.Sprintf("not finished, %s; so far, %s", cmp.Or(r.Stopped, "the run was interrupted"), soFar(r, fails)) + notes(r)
	case must.Ran+should.Ran == 0:
		return "nothing was tested that a target must or should do" + notes(r)
	case must.Failed > 0:
		return "does not conform: " + fails + partOf(r, "; %s were run") + notes(r)
	case should.Failed > 0:
		return "conforms" + partOf(r, " in what was run, %s,") + " but for " + countFailed(should, "SHOULD", "") + ": every MUST that was tested holds" + notes(r)
	case partial(r):
		return "conforms in what was run: " + partOf(r, "%s") + notes(r)
	}
	return fmt.Sprintf("conforms: %d of %d passed", must.Passed+should.Passed, must.Ran+should.Ran) + notes(r)
}

// partial tells whether cases that there are for this kind of target were not run, chosen or not.
func partial(r *conformance.Result) bool {
	ran, all := r.Extent()
	return ran < all
}

// partOf says how much was run, where that is not all.
func partOf(r *conformance.Result, format string) string {
	if !partial(r) {
		return ""
	}
	ran, all := r.Extent()
	return fmt.Sprintf(format, fmt.Sprintf("%d of %s", ran, count(all, "case")))
}

// soFar is what can be said of a run that did not come to its end: never that the target conforms.
func soFar(r *conformance.Result, fails string) string {
	ran, all := r.Extent()
	return fmt.Sprintf("in %d of %s, %s", ran, count(all, "case"), cmp.Or(fails, "nothing failed"))
}

// failing says what failed; "": nothing that a target must or should do.
func failing(must, should conformance.Tally) string {
	var said []string
	if must.Failed > 0 {
		said = append(said, countFailed(must, "MUST", " fail"))
	}
	if should.Failed > 0 {
		said = append(said, countFailed(should, "SHOULD", " fail"))
	}
	return strings.Join(said, "; ")
}

// countFailed counts the failures of a level, and those that are listed.
func countFailed(t conformance.Tally, level, verb string) string {
	said := fmt.Sprintf("%d of %d %s%s", t.Failed, t.Ran, level, verb)
	switch {
	case t.Listed == 0:
		return said
	case t.Listed < t.Failed:
		return fmt.Sprintf("%s, %d of them listed as known", said, t.Listed)
	case t.Failed == 1:
		return said + ", listed as known"
	}
	return said + ", all of them listed as known"
}

// notes are what a verdict must not leave unsaid: what was not run, and what the list of expected failures has too much.
func notes(r *conformance.Result) string {
	var said strings.Builder
	unreached := 0
	for i := range r.Outcomes {
		if r.NotReached(&r.Outcomes[i]) {
			unreached++
		}
	}
	counts := r.Counts()
	for _, more := range []struct {
		n    int
		what string
	}{{unreached, "not run"}, {counts.Skip - unreached, "skipped"}, {counts.UnexpectedPass, "passed though listed: take " + pick(counts.UnexpectedPass, "it", "them") + " off the list of expected failures"}} {
		if more.n > 0 {
			fmt.Fprintf(&said, "; %d %s", more.n, more.what)
		}
	}
	return said.String()
}

// extent says in the head of a report how many of the cases were chosen, and by what.
func extent(r *conformance.Result) string {
	s := &r.Selection
	if s.All == 0 {
		return ""
	}
	if s.Chosen >= s.All {
		return fmt.Sprintf("all %s for this kind of target", count(s.All, "case"))
	}
	said := fmt.Sprintf("a selection: %d of %s for this kind of target", s.Chosen, count(s.All, "case"))
	var by []string
	for _, pattern := range s.Only {
		by = append(by, "--only "+visibleLine(pattern))
	}
	for _, pattern := range s.Skip {
		by = append(by, "--skip "+visibleLine(pattern))
	}
	if len(by) > 0 {
		said += " (" + strings.Join(by, " ") + ")"
	}
	return said
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

// skips groups by reason, the most frequent first, the cases that were skipped; or, with reached false, those to which the run did not come.
func skips(r *conformance.Result, reached bool) []skipped {
	var list []skipped
	for _, o := range withStatus(r, conformance.Skip) {
		if r.NotReached(o) == reached {
			continue
		}
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
