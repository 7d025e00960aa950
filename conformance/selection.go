package conformance

import "mirnode/conformance/cases"

// Selection says which of the cases that there are for this kind of target a run was to take.
type Selection struct {
	Only, Skip []string // the patterns that chose, as [Choose] takes them
	Chosen     int      // cases that they chose
	All        int      // cases that there are for this kind of target; 0: nobody has counted them
}

// Extent is how much of what there is was tested: the cases that were run, and the cases that there are for this kind of target. Where they differ, what a
// result says is said of a part.
func (r *Result) Extent() (ran, all int) {
	counts := r.Counts()
	return counts.Ran(), max(r.Selection.All, counts.Total())
}

// NotReached tells of an outcome whether its case was not run for the one reason that the run had ended, and for none of its own.
func (r *Result) NotReached(o *Outcome) bool {
	return r.Interrupted && o.Status == Skip && o.Finding.Skipped == r.Stopped
}

// Tally counts what makes demands, the cases of one level: a listed failure is one.
type Tally struct {
	Ran    int
	Failed int // with those that are listed
	Listed int // of the failed ones: those that a list of expected failures names
	Passed int // with those that the list names
	Though int // of the passed ones: those that the list names
}

// Tally counts the cases of a level.
func (r *Result) Tally(level cases.Level) Tally {
	counts := r.count(func(c *cases.Case) bool { return c.Requirement.Level == level })
	return Tally{
		Ran: counts.Ran(), Failed: counts.Fail + counts.ExpectedFailure, Listed: counts.ExpectedFailure,
		Passed: counts.Pass + counts.UnexpectedPass, Though: counts.UnexpectedPass,
	}
}

// Conforms tells whether the target held to every MUST and SHOULD that was tested, something was, and the run came to its end. That a failure is listed
// changes the exit code ([Result.Code]), and not this.
func (r *Result) Conforms() bool {
	must, should := r.Tally(cases.Must), r.Tally(cases.Should)
	return r.Broke == "" && !r.Interrupted && must.Failed+should.Failed == 0 && must.Ran+should.Ran > 0
}
