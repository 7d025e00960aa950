package conformance_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// fake is a target whose answers are functions by ID. Those that are not there pass.
type fake map[string]func(context.Context) cases.Finding

func (f fake) Verify(ctx context.Context, c *cases.Case) cases.Finding {
	if answer := f[c.ID]; answer != nil {
		return answer(ctx)
	}
	return cases.Finding{Passed: true}
}
func (f fake) Play(ctx context.Context, c *cases.Case) cases.Finding { return f.Verify(ctx, c) }
func (f fake) Sign(ctx context.Context, c *cases.Case) cases.Finding { return f.Verify(ctx, c) }

func failing(context.Context) cases.Finding {
	return cases.Finding{Message: "expected this, and that came"}
}

// scenario makes a case for the tests.
func scenario(id string, level cases.Level, needs ...cases.Need) cases.Case {
	return cases.Case{ID: id, Kind: cases.KindScenario, Requirement: cases.Requirement{Level: level}, Needs: needs}
}

func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		level    cases.Level
		needs    []cases.Need
		answer   func(context.Context) cases.Finding
		expected string
		status   conformance.Status
		code     int
		says     string // in the message or the reason to skip
	}{
		"a MUST passes":             {level: cases.Must, status: conformance.Pass},
		"a MUST fails":              {level: cases.Must, answer: failing, status: conformance.Fail, code: 1, says: "that came"},
		"a SHOULD fails":            {level: cases.Should, answer: failing, status: conformance.Fail, code: 4},
		"a MAY chooses":             {level: cases.May, status: conformance.Choice},
		"a MAY does neither":        {level: cases.May, answer: failing, status: conformance.Fail},
		"a failure is expected":     {level: cases.Must, answer: failing, expected: "known", status: conformance.ExpectedFailure},
		"it was expected to fail":   {level: cases.Should, expected: "known", status: conformance.UnexpectedPass, code: 1},
		"a need is not met":         {level: cases.Must, needs: []cases.Need{cases.NeedFaults}, status: conformance.Skip, says: "faults"},
		"two needs are not met":     {level: cases.Must, needs: []cases.Need{cases.NeedFaults, cases.NeedPeer}, status: conformance.Skip, says: "faults, peer"},
		"three nodes are two nodes": {level: cases.Must, needs: []cases.Need{cases.NeedNodes2, cases.NeedNodes3}, status: conformance.Pass},
		"the target skips": {
			level: cases.Must, answer: func(context.Context) cases.Finding { return cases.Finding{Skipped: "no such port"} },
			expected: "known", status: conformance.Skip, says: "no such port",
		},
		"a case panics": {level: cases.Must, answer: func(context.Context) cases.Finding { panic("oh") }, status: conformance.Fail, code: 1, says: "oh"},
	} {
		t.Run(name, func(t *testing.T) {
			target := fake{"keys/it": test.answer}
			o := conformance.Options{
				Cases: []cases.Case{scenario("keys/it", test.level, test.needs...), scenario("log/other", cases.Must)}, Player: target,
				Offers: []cases.Need{cases.NeedNodes3},
			}
			if test.expected != "" {
				o.Expected = map[string]string{"keys/it": test.expected}
			}
			result := mustRun(t, o)
			out := result.Outcomes[0]
			if out.Status != test.status || result.Code() != test.code {
				t.Errorf("status %s and code %d, want %s and %d (%+v)", out.Status, result.Code(), test.status, test.code, out.Finding)
			}
			if !strings.Contains(out.Finding.Message+out.Finding.Skipped, test.says) {
				t.Errorf("it says %q and %q, not %q", out.Finding.Message, out.Finding.Skipped, test.says)
			}
			if out.Reason != test.expected && out.Status != conformance.Skip {
				t.Errorf("the reason is %q", out.Reason)
			}
			if result.Outcomes[1].Status != conformance.Pass {
				t.Error("the other case did not pass")
			}
		})
	}
}

func mustRun(t *testing.T, o conformance.Options) *conformance.Result {
	t.Helper()
	result, err := conformance.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestKindsGoToTheirTargets(t *testing.T) {
	all := []cases.Case{{ID: "keys/a", Kind: cases.KindVerdict}, {ID: "keys/b", Kind: cases.KindSigner}, {ID: "keys/c", Kind: cases.KindScenario}}
	for name, o := range map[string]conformance.Options{"keys/a": {Verifier: fake{}}, "keys/b": {Signer: fake{}}, "keys/c": {Player: fake{}}} {
		o.Cases = all
		for _, out := range mustRun(t, o).Outcomes {
			if want := out.Case.ID == name; (out.Status == conformance.Pass) != want {
				t.Errorf("with the target of %s, %s ends as %s", name, out.Case.ID, out.Status)
			}
		}
	}
}

func TestCasesThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{}) // lets the deaf one go when the test ends
		defer close(over)
		target := fake{
			"keys/obeys":    func(ctx context.Context) cases.Finding { <-ctx.Done(); return cases.Finding{} },
			"keys/explains": func(ctx context.Context) cases.Finding { <-ctx.Done(); return cases.Finding{Message: "no answer came"} },
			"keys/deaf":     func(context.Context) cases.Finding { <-over; return cases.Finding{Passed: true} },
		}
		result := mustRun(t, conformance.Options{
			Cases:  []cases.Case{scenario("keys/deaf", cases.Must), scenario("keys/explains", cases.Must), scenario("keys/obeys", cases.Must)},
			Player: target, CaseTimeout: 10 * time.Second,
		})
		for i, says := range []string{"could not be stopped", "no answer came", "did not end within 10s"} {
			if out := result.Outcomes[i]; out.Status != conformance.Fail || !strings.Contains(out.Finding.Message, says) {
				t.Errorf("%s: %s, %q", out.Case.ID, out.Status, out.Finding.Message)
			}
		}
		if result.Took < 10*time.Second || result.Took > 20*time.Second {
			t.Errorf("the run took %v", result.Took)
		}
	})
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := fake{
		"keys/a": func(context.Context) cases.Finding { return cases.Finding{Message: "it failed before"} },
		"keys/b": func(ctx context.Context) cases.Finding {
			cancel()
			<-ctx.Done()
			return cases.Finding{Message: "no answer"}
		},
	}
	result, err := conformance.Run(ctx, conformance.Options{
		Cases:  []cases.Case{scenario("keys/a", cases.Must), scenario("keys/b", cases.Must), scenario("keys/c", cases.Must)},
		Player: target, Parallel: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []conformance.Status{conformance.Fail, conformance.Skip, conformance.Skip}
	for i, out := range result.Outcomes {
		if out.Status != want[i] {
			t.Errorf("%s ends as %s, want %s", out.Case.ID, out.Status, want[i])
		}
	}
	if !result.Interrupted {
		t.Error("the result does not say that it was interrupted")
	}
}

func TestParallelAndAlone(t *testing.T) {
	var running, most, beside atomic.Int32
	var all []cases.Case
	target := fake{}
	barrier := make(chan struct{})
	var arrived atomic.Int32
	for i := range 8 {
		c := scenario(fmt.Sprintf("keys/c%d", i), cases.Must)
		c.Alone = i%4 == 0
		target[c.ID] = func(context.Context) cases.Finding {
			now := running.Add(1)
			defer running.Add(-1)
			most.Store(max(most.Load(), now))
			if c.Alone && now > 1 {
				beside.Add(1)
			}
			if !c.Alone { // three at once, or the test hangs
				if arrived.Add(1)%3 == 0 {
					barrier <- struct{}{}
					barrier <- struct{}{}
				} else {
					<-barrier
				}
			}
			return cases.Finding{Passed: true}
		}
		all = append(all, c)
	}
	result := mustRun(t, conformance.Options{Cases: all, Player: target, Parallel: 3})
	if got := result.Counts().Pass; got != 8 || most.Load() != 3 || beside.Load() != 0 {
		t.Errorf("%d passed, %d at once, %d beside one that is to be alone", got, most.Load(), beside.Load())
	}
}

func TestProgress(t *testing.T) {
	var mu sync.Mutex
	began, ended := map[string]bool{}, map[string]bool{}
	last := 0
	mustRun(t, conformance.Options{
		Cases:  []cases.Case{scenario("keys/a", cases.Must), scenario("keys/b", cases.Must, cases.NeedPeer), scenario("keys/c", cases.May)},
		Player: fake{}, Parallel: 2,
		Progress: func(e conformance.Event) {
			if !mu.TryLock() {
				t.Error("two events at a time")
				return
			}
			defer mu.Unlock()
			if e.Outcome == nil {
				began[e.Case.ID] = true
				return
			}
			ended[e.Case.ID] = true
			if last++; e.Done != last || e.Total != 3 {
				t.Errorf("event %d says %d of %d", last, e.Done, e.Total)
			}
		},
	})
	if len(began) != 2 || len(ended) != 3 {
		t.Errorf("%d began and %d ended", len(began), len(ended))
	}
}

func TestCounts(t *testing.T) {
	target := fake{"log/b": failing, "keys/c": failing}
	result := mustRun(t, conformance.Options{
		Cases: []cases.Case{
			scenario("log/a", cases.Must), scenario("log/b", cases.Should), scenario("keys/c", cases.Must),
			scenario("keys/d", cases.May), scenario("keys/e", cases.Must, cases.NeedPeer),
		},
		Player: target,
	})
	sections := result.CountsBySection()
	if len(sections) != 2 || sections[0].Section != "keys" || sections[0].Counts != (conformance.Counts{Fail: 1, Choice: 1, Skip: 1}) ||
		sections[1].Counts != (conformance.Counts{Pass: 1, Fail: 1}) {
		t.Errorf("by section: %+v", sections)
	}
	levels := result.CountsByLevel()
	if len(levels) != 3 || levels[0].Counts != (conformance.Counts{Pass: 1, Fail: 1, Skip: 1}) || levels[1].Fail != 1 || levels[2].Choice != 1 {
		t.Errorf("by level: %+v", levels)
	}
	if all := result.Counts(); all.Total() != 5 || all.Ran() != 4 {
		t.Errorf("all: %+v", all)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for name, o := range map[string]conformance.Options{
		"too many at once": {Parallel: conformance.MaxParallel + 1},
		"negative":         {Parallel: -1},
		"negative time":    {CaseTimeout: -1},
	} {
		if _, err := conformance.Run(t.Context(), o); err == nil {
			t.Errorf("%s: it ran", name)
		}
	}
}
