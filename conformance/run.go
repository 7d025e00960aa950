package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"mirnode/conformance/cases"
)

// The bounds of a run.
const (
	// DefaultParallel is how many cases run side by side: most of a case is waiting for answers.
	DefaultParallel = 8
	// MaxParallel bounds it: each may hold connections and buffers.
	MaxParallel = 64
	// DefaultCaseTimeout bounds one case.
	DefaultCaseTimeout = 100 * time.Second
	// grace is for what was called to notice that its context has ended. Then it is left behind.
	grace = 5 * time.Second
)

// Options says what is run, against what, and how.
type Options struct {
	Cases    []cases.Case // not changed
	Verifier Verifier     // nil: cases of that kind are skipped; so with the other two
	Signer   Signer
	Player   Player
	Offers   []cases.Need // what the target offers: cases with other needs are skipped

	Parallel    int               // 0: DefaultParallel
	CaseTimeout time.Duration     // 0: DefaultCaseTimeout
	Expected    map[string]string // expected failures: the reason by ID
	Progress    func(Event)       // nil: nobody is told. One call at a time; it must not block for long
	Now         func() time.Time  // nil: time.Now
}

// Event tells of a case that begins or has ended.
type Event struct {
	Case    *cases.Case
	Outcome *Outcome // nil: the case begins
	Done    int      // cases that have ended, with this one
	Total   int      // cases of the run
}

// Run runs the cases and returns when all have ended. Those that are to be alone come last, one after the other. When ctx ends, what runs is
// stopped and what has not begun is skipped; the result of the others stands. The error is one of the options.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Parallel < 0 || o.Parallel > MaxParallel {
		return nil, fmt.Errorf("conformance: %d cases side by side: there may be 1 to %d", o.Parallel, MaxParallel)
	}
	if o.CaseTimeout < 0 {
		return nil, errors.New("conformance: a case cannot have less than no time")
	}
	o.Parallel = cmp.Or(o.Parallel, DefaultParallel)
	o.CaseTimeout = cmp.Or(o.CaseTimeout, DefaultCaseTimeout)
	if o.Now == nil {
		o.Now = time.Now
	}
	r := run{Options: o, result: &Result{Started: o.Now(), Outcomes: make([]Outcome, len(o.Cases))}}
	var together, alone []int
	for i := range o.Cases {
		if o.Cases[i].Alone {
			alone = append(alone, i)
		} else {
			together = append(together, i)
		}
	}
	r.all(ctx, together, o.Parallel)
	r.all(ctx, alone, 1)
	r.result.Interrupted = ctx.Err() != nil
	r.result.Took = o.Now().Sub(r.result.Started)
	order := cases.Sections()
	slices.SortStableFunc(r.result.Outcomes, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Case.Section()), slices.Index(order, b.Case.Section())), cmp.Compare(a.Case.ID, b.Case.ID))
	})
	return r.result, nil
}

// run is one run under way.
type run struct {
	Options
	result *Result // Outcomes: each element is written by the goroutine that runs its case, and read after the end

	mu   sync.Mutex // held while Progress is called
	done int        // guarded by mu
}

// all runs the cases with these indexes, so many at a time.
func (r *run) all(ctx context.Context, indexes []int, parallel int) {
	queue := make(chan int)
	var workers sync.WaitGroup
	for range min(parallel, len(indexes)) {
		workers.Go(func() {
			for i := range queue {
				r.one(ctx, i)
			}
		})
	}
	for _, i := range indexes {
		queue <- i
	}
	close(queue)
	workers.Wait()
}

// one runs one case and keeps its outcome.
func (r *run) one(ctx context.Context, i int) {
	c, out := &r.Cases[i], &r.result.Outcomes[i]
	out.Case = c
	if reason := r.reasonToSkip(ctx, c); reason != "" {
		out.Finding.Skipped = reason
	} else {
		r.tell(Event{Case: c})
		out.Finding = r.find(ctx, c)
	}
	out.Status, out.Reason = r.judge(c, &out.Finding)
	r.tell(Event{Case: c, Outcome: out})
}

func (r *run) tell(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Outcome != nil {
		r.done++
	}
	e.Done, e.Total = r.done, len(r.Cases)
	if r.Progress != nil {
		r.Progress(e)
	}
}

// interrupted is why a case was not run, or not to its end.
const interrupted = "the run was interrupted"

func (r *run) reasonToSkip(ctx context.Context, c *cases.Case) string {
	if ctx.Err() != nil {
		return interrupted
	}
	if unmet := Unmet(c, r.Offers); len(unmet) > 0 {
		return "the target does not offer " + strings.Join(unmet, ", ")
	}
	if r.target(c) == nil {
		return fmt.Sprintf("the target takes no cases of the kind %s", c.Kind)
	}
	return ""
}

// Unmet gives the needs of a case, as texts, that a target with these offers does not meet.
func Unmet(c *cases.Case, offers []cases.Need) []string {
	var unmet []string
	for _, need := range c.Needs {
		if slices.Contains(offers, need) || need == cases.NeedNodes2 && slices.Contains(offers, cases.NeedNodes3) {
			continue
		}
		unmet = append(unmet, string(need))
	}
	return unmet
}

// target is what the case is put to, or nil.
func (r *run) target(c *cases.Case) func(context.Context, *cases.Case) cases.Finding {
	switch {
	case c.Kind == cases.KindVerdict && r.Verifier != nil:
		return r.Verifier.Verify
	case c.Kind == cases.KindSigner && r.Signer != nil:
		return r.Signer.Sign
	case c.Kind == cases.KindScenario && r.Player != nil:
		return r.Player.Play
	}
	return nil
}

// find puts the case to the target. What panics, or does not end when its time is over, is a finding like any other.
func (r *run) find(ctx context.Context, c *cases.Case) cases.Finding {
	within, cancel := context.WithTimeout(ctx, r.CaseTimeout)
	defer cancel()
	began := r.Now()
	found := make(chan cases.Finding, 1) // room for one that comes when nobody waits any more
	go func() { found <- guarded(within, r.target(c), c) }()
	finding := cases.Finding{Message: fmt.Sprintf("the case did not end within %v, and could not be stopped", r.CaseTimeout)}
	select {
	case finding = <-found:
	case <-within.Done():
		last := time.NewTimer(grace)
		defer last.Stop()
		select {
		case finding = <-found:
		case <-last.C:
		}
	}
	switch {
	case ctx.Err() != nil && !finding.Passed && finding.Skipped == "":
		finding.Skipped = interrupted
	case within.Err() != nil && !finding.Passed && finding.Skipped == "" && finding.Message == "":
		finding.Message = fmt.Sprintf("the case did not end within %v", r.CaseTimeout)
	}
	finding.Duration = r.Now().Sub(began)
	return finding
}

// guarded calls play, and makes a finding of its panic: one case's fault must not cost the others.
func guarded(ctx context.Context, play func(context.Context, *cases.Case) cases.Finding, c *cases.Case) (finding cases.Finding) {
	defer func() {
		if p := recover(); p != nil {
			finding = cases.Finding{
				Message:   fmt.Sprintf("the suite itself failed: %v", p),
				Exchanges: []cases.Exchange{{What: "stack of the suite", Received: cases.Cut(debug.Stack())}},
			}
		}
	}()
	return play(ctx, c)
}

// judge gives the status of a finding, and the reason of an expected failure.
func (r *run) judge(c *cases.Case, f *cases.Finding) (Status, string) {
	reason, expected := r.Expected[c.ID]
	switch {
	case f.Skipped != "":
		return Skip, ""
	case !f.Passed && expected:
		return ExpectedFailure, reason
	case !f.Passed:
		return Fail, ""
	case expected:
		return UnexpectedPass, reason
	case c.Requirement.Level == cases.May:
		return Choice, ""
	}
	return Pass, ""
}
