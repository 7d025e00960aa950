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
	// DefaultTimeout bounds a run. All cases take some minutes at a target that answers.
	DefaultTimeout = 30 * time.Minute
	// MaxSilent is after how many cases in a row without any answer of the target a run ends: it is gone, and each further case would wait for it in vain.
	MaxSilent = 20
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
	Timeout     time.Duration     // of the whole run; 0: DefaultTimeout
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

// Run runs the cases and returns when all have ended. Those that are to be alone come last, one after the other. When ctx ends, the time is over, or the
// target has given no answer for [MaxSilent] cases, what runs is stopped and what has not begun is skipped; the result of the others stands. Where ctx was
// ended for a cause of its own, that is how the target broke down. The error is one of the options.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Parallel < 0 || o.Parallel > MaxParallel {
		return nil, fmt.Errorf("conformance: %d cases side by side: there may be 1 to %d", o.Parallel, MaxParallel)
	}
	if o.CaseTimeout < 0 || o.Timeout < 0 {
		return nil, errors.New("conformance: neither a case nor a run can have less than no time")
	}
	o.Parallel = cmp.Or(o.Parallel, DefaultParallel)
	o.CaseTimeout = cmp.Or(o.CaseTimeout, DefaultCaseTimeout)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	if o.Now == nil {
		o.Now = time.Now
	}
	outer := ctx
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// A deadline of ctx would be one of each case: a case that would wait beyond it gave up at once, and failed for what the run has no time for.
	over := time.AfterFunc(o.Timeout, func() { stop(fmt.Errorf("its time of %v was over", o.Timeout)) })
	defer over.Stop()
	r := run{Options: o, stop: stop, result: &Result{Started: o.Now(), Outcomes: make([]Outcome, len(o.Cases))}}
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
	if r.result.Interrupted = ctx.Err() != nil; r.result.Interrupted {
		r.result.Stopped = whyEnded(ctx)
	}
	if cause := context.Cause(outer); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		r.result.Broke = cause.Error()
	}
	r.result.Took = o.Now().Sub(r.result.Started)
	slices.SortStableFunc(r.result.Outcomes, func(a, b Outcome) int {
		return cmp.Or(compareSections(a.Case.Section(), b.Case.Section()), cmp.Compare(a.Case.ID, b.Case.ID))
	})
	return r.result, nil
}

// run is one run under way.
type run struct {
	Options
	result *Result // Outcomes: each element is written by the goroutine that runs its case, and read after the end
	stop   context.CancelCauseFunc

	mu     sync.Mutex // held while Progress is called
	done   int        // guarded by mu
	silent int        // guarded by mu: cases without an answer, since the last that had one
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
		r.listen(&out.Finding)
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

// listen counts the cases in a row in which the target gave no answer, and ends the run when there are too many. Failures of the suite itself, in which
// the target was not even asked, say nothing of it.
func (r *run) listen(f *cases.Finding) {
	if f.Skipped != "" {
		return
	}
	unanswered := 0
	for i := range f.Exchanges {
		if f.Exchanges[i].Unanswered {
			unanswered++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case f.Passed || unanswered < len(f.Exchanges):
		r.silent = 0
	case unanswered > 0:
		r.silent++
	}
	if r.silent >= MaxSilent {
		r.stop(fmt.Errorf("the target gave no answer in %d cases in a row", r.silent))
	}
}

// whyEnded says why the run ended early, which is also why a case was not run, or not to its end.
func whyEnded(ctx context.Context) string {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		line, _, _ := strings.Cut(cause.Error(), "\n") // the rest stands in Broke, once
		return line
	}
	return "the run was interrupted"
}

func (r *run) reasonToSkip(ctx context.Context, c *cases.Case) string {
	if ctx.Err() != nil {
		return whyEnded(ctx)
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
		finding.Skipped = whyEnded(ctx)
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
