package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

func silent(context.Context) cases.Finding {
	return cases.Finding{Message: "no answer", Exchanges: []cases.Exchange{{What: "GET /", Unanswered: true}}}
}

func answered(context.Context) cases.Finding {
	return cases.Finding{Message: "wrong answer", Exchanges: []cases.Exchange{{What: "GET /", Unanswered: true}, {What: "GET /"}}}
}

// series makes so many cases, each of which is answered like this.
func series(n int, answer func(i int) func(context.Context) cases.Finding) ([]cases.Case, fake) {
	var all []cases.Case
	target := fake{}
	for i := range n {
		c := scenario(fmt.Sprintf("keys/c%03d", i), cases.Must)
		target[c.ID] = answer(i)
		all = append(all, c)
	}
	return all, target
}

// TestSilentTarget stops where a target is gone, and only there.
func TestSilentTarget(t *testing.T) {
	const more = 10
	for name, test := range map[string]struct {
		answer func(i int) func(context.Context) cases.Finding
		failed int
		code   int
	}{
		"gone": {func(int) func(context.Context) cases.Finding { return silent }, conformance.MaxSilent, conformance.CodeUnfinished},
		"an answer now and then": {func(i int) func(context.Context) cases.Finding {
			return map[bool]func(context.Context) cases.Finding{true: silent}[i%conformance.MaxSilent != 7]
		}, 0, conformance.CodeMustFailed},
		"an answer that is wrong":  {func(int) func(context.Context) cases.Finding { return answered }, conformance.MaxSilent + more, conformance.CodeMustFailed},
		"the suite's own failures": {func(int) func(context.Context) cases.Finding { return failing }, conformance.MaxSilent + more, conformance.CodeMustFailed},
	} {
		all, target := series(conformance.MaxSilent+more, test.answer)
		result := mustRun(t, conformance.Options{Cases: all, Player: target, Parallel: 1})
		counts := result.Counts()
		if test.failed > 0 && counts.Fail != test.failed || counts.Total() != len(all) || result.Code() != test.code {
			t.Errorf("%s: %+v and code %d", name, counts, result.Code())
		}
		stopped := test.code == conformance.CodeUnfinished
		if result.Interrupted != stopped || strings.Contains(result.Stopped, fmt.Sprintf("no answer in %d cases in a row", conformance.MaxSilent)) != stopped {
			t.Errorf("%s: stopped for %q", name, result.Stopped)
		}
		if last := result.Outcomes[len(all)-1]; stopped && last.Finding.Skipped != result.Stopped {
			t.Errorf("%s: the last one says %q", name, last.Finding.Skipped)
		}
	}
}

// TestTimeIsOver ends a run whose target takes for ever, and keeps what it found before.
func TestTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, target := series(100, func(i int) func(context.Context) cases.Finding {
			return func(ctx context.Context) cases.Finding {
				if at, _ := ctx.Deadline(); time.Until(at) != conformance.DefaultCaseTimeout {
					t.Errorf("case %d has %v, not the time of a case", i, time.Until(at))
				}
				select {
				case <-time.After(40 * time.Second):
					return failing(ctx)
				case <-ctx.Done():
					return cases.Finding{Message: "no answer"}
				}
			}
		})
		result := mustRun(t, conformance.Options{Cases: all, Player: target, Parallel: 1, Timeout: 90 * time.Second})
		if counts := result.Counts(); counts.Fail != 2 || counts.Skip != 98 {
			t.Errorf("%+v", counts)
		}
		if result.Took > 100*time.Second || result.Stopped != "its time of 1m30s was over" || result.Outcomes[2].Finding.Skipped != result.Stopped || result.Code() != conformance.CodeUnfinished {
			t.Errorf("it took %v and stopped for %q, code %d", result.Took, result.Stopped, result.Code())
		}
	})
}

// TestCodes holds the exit codes of runs that say nothing, or not all.
func TestCodes(t *testing.T) {
	outcome := func(s conformance.Status) conformance.Outcome {
		c := scenario("keys/a", cases.Must)
		return conformance.Outcome{Case: &c, Status: s}
	}
	for name, test := range map[string]struct {
		result conformance.Result
		code   int
	}{
		"nothing was chosen":     {conformance.Result{}, conformance.CodeUnfinished},
		"all were skipped":       {conformance.Result{Outcomes: []conformance.Outcome{outcome(conformance.Skip)}}, conformance.CodeUnfinished},
		"one was not":            {conformance.Result{Outcomes: []conformance.Outcome{outcome(conformance.Skip), outcome(conformance.Pass)}}, conformance.CodeConforms},
		"interrupted":            {conformance.Result{Interrupted: true, Outcomes: []conformance.Outcome{outcome(conformance.Pass)}}, conformance.CodeUnfinished},
		"interrupted and failed": {conformance.Result{Interrupted: true, Outcomes: []conformance.Outcome{outcome(conformance.Fail)}}, conformance.CodeUnfinished},
		"broke down":             {conformance.Result{Interrupted: true, Broke: "node 2 died", Outcomes: []conformance.Outcome{outcome(conformance.Skip)}}, conformance.CodeMustFailed},
	} {
		if got := test.result.Code(); got != test.code {
			t.Errorf("%s: code %d, want %d", name, got, test.code)
		}
	}
}

// TestTargetBreaksDown says so where it was the target that ended the run.
func TestTargetBreaksDown(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("node 2 ended by itself\nthe end of its log"))
	result, err := conformance.Run(ctx, conformance.Options{Cases: []cases.Case{scenario("keys/a", cases.Must)}, Player: fake{}})
	if err != nil || !result.Interrupted || result.Broke != "node 2 ended by itself\nthe end of its log" || result.Outcomes[0].Finding.Skipped != "node 2 ended by itself" || result.Code() != conformance.CodeMustFailed {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestSectionsOfOthers counts and sorts sections that the suite does not have, such as chaos, after its own.
func TestSectionsOfOthers(t *testing.T) {
	result := mustRun(t, conformance.Options{Player: fake{}, Cases: []cases.Case{scenario("chaos/b", cases.Must), scenario("hostile/a", cases.Must), scenario("keys/a", cases.Must)}})
	var ids, sections []string
	for _, o := range result.Outcomes {
		ids = append(ids, o.Case.ID)
	}
	for _, s := range result.CountsBySection() {
		sections = append(sections, fmt.Sprint(s.Section, s.Pass))
	}
	if got := fmt.Sprint(ids, sections); got != "[keys/a hostile/a chaos/b] [keys1 hostile1 chaos1]" {
		t.Error(got)
	}
}
