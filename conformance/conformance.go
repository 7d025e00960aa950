// Package conformance puts the cases of package cases to a target and judges what comes of it.
//
// The target is a black box. What knows how to speak to one is handed in as a [Verifier], a [Signer] and a [Player]: programs, or nodes that
// are spoken to over HTTP. This package chooses the cases ([Choose]), runs them side by side ([Run]), holds each to a time, makes a finding
// of one that panics or does not end, and judges by the level of its requirement:
//
//   - a MUST or SHOULD passes or fails; a failure that a list of expected failures names with its reason ([ParseExpected]) is none, and
//     one on that list that passes is reported, so that the list does not outlive its reasons;
//   - a MAY is a choice, and the report tells which the target made;
//   - a case that needs what the target does not offer is skipped, and says which need it was.
package conformance

import (
	"context"
	"time"

	"mirnode/conformance/cases"
)

// Verifier gives verdicts on claims. It is called by several goroutines at once and holds to its context.
type Verifier interface {
	Verify(ctx context.Context, c *cases.Case) cases.Finding
}

// Signer signs drafts. It is called by several goroutines at once and holds to its context.
type Signer interface {
	Sign(ctx context.Context, c *cases.Case) cases.Finding
}

// Player plays scenarios. It is called by several goroutines at once, but for cases that are to be alone, and holds to its context.
type Player interface {
	Play(ctx context.Context, c *cases.Case) cases.Finding
}

// Status is how a case ended.
type Status string

// The ways in which a case ends.
const (
	Pass            Status = "pass"
	Fail            Status = "fail"
	Skip            Status = "skip"             // the finding says why
	ExpectedFailure Status = "expected-failure" // Outcome.Reason says why
	UnexpectedPass  Status = "unexpected-pass"  // it is on the list of expected failures, and passed
	Choice          Status = "choice"           // a MAY: the finding says what the target chose
)

// Statuses gives all statuses, the ones that matter most first.
func Statuses() []Status {
	return []Status{Fail, UnexpectedPass, ExpectedFailure, Choice, Pass, Skip}
}

// Outcome is what came of one case.
type Outcome struct {
	Case    *cases.Case
	Finding cases.Finding
	Status  Status
	Reason  string // of [ExpectedFailure] and [UnexpectedPass]: what the list of expected failures says of it
}

// Result is what came of a run. It is read-only once [Run] has returned it.
type Result struct {
	Target      string        // what was tested, for people: "a cluster of 3 nodes", "https://node.example"
	Started     time.Time     //
	Took        time.Duration //
	Seed        string        // of keys and vectors
	Suffix      string        // of the domains that the suite published
	Version     string        // of the suite
	Selection   Selection     // which cases were to be run
	Repeat      string        // the command that runs this again, but for the cases: with --only and an ID behind it, it runs that one; "": there is none
	Interrupted bool          // cases that were not run any more are skipped, and say so
	Stopped     string        // why, where Interrupted: in words that go on after "not finished, "
	Broke       string        // how the target broke down by itself, which ended the run: it does not conform, whatever its cases say; "": it did not
	Outcomes    []Outcome     // sorted by section, in the order of [cases.Sections], and by ID
}
