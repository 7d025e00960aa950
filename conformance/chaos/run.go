package chaos

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"mirnode/conformance/logread"
)

// DefaultSettle is how long the federation has, once all is healed, to be in step again: a node asks a peer that it did not reach less and less
// often, so that it may take as long again as the longest cut lasted.
const DefaultSettle = 60 * time.Second

// Patience with one call of Faults: a node that starts reads its data first.
const faultPatience = 30 * time.Second

// Node is a node under test.
type Node struct {
	URL    string // of its public listener, without a slash behind it
	Domain string // "": it has none, and so no log
}

// Lying is a peer that lies. A Run calls it from one goroutine at a time.
type Lying interface {
	// Lie has it tell a lie, which goes on until the next one. It returns the IDs of claims that it invented for it.
	Lie(ctx context.Context, lie string) (claimIDs []string, err error)
	// Honest ends all lies that can be ended.
	Honest() error
	// Heard counts what nodes have asked it for of its log: a lie that nobody hears shows nothing.
	Heard() int
}

// Options say what a run is done to.
type Options struct {
	Plan   *Plan
	Nodes  []Node // as many as the plan is for; the first is number 1. All of them run, their clocks are right, and nothing else happens to them
	Faults Faults
	Liars  map[string]Lying // by the names in the plan
	Suffix string           // the domains that issue the claims lie below it
	// Publish puts a domain with one key into force, in every channel, before it returns.
	Publish func(domain string, key ed25519.PublicKey) error
	Client  logread.Doer     // of requests to nodes; its connections must not outlive a broken one
	Settle  time.Duration    // 0: DefaultSettle
	Now     func() time.Time // nil: time.Now
	// Tell says what happens, as it happens: at is the time since the run began. One call at a time. nil: nobody is told.
	Tell func(at time.Duration, what string)
}

// Run does what the plan says, heals everything, and checks. When ctx ends, everything is healed all the same, and the error is the context's. Other errors say
// that the run could not begin: what goes wrong later is a finding.
func Run(ctx context.Context, o Options) (*Report, error) {
	if len(o.Nodes) != o.Plan.Settings.Nodes {
		return nil, fmt.Errorf("chaos: the plan is for %d nodes, and there are %d", o.Plan.Settings.Nodes, len(o.Nodes))
	}
	for _, liar := range o.Plan.Settings.Liars {
		if o.Liars[liar.Name] == nil {
			return nil, fmt.Errorf("chaos: the plan has a liar %s, and nobody plays it", liar.Name)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Settle == 0 {
		o.Settle = DefaultSettle
	}
	r := &run{Options: o, nodes: make([]node, len(o.Nodes))}
	if err := r.begin(ctx); err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	r.through(ctx)
	r.mend()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.check(ctx), ctx.Err()
}

// run is a run under way.
type run struct {
	Options
	issuers []issuer
	began   time.Time

	telling sync.Mutex // held while Tell is called

	mu       sync.Mutex
	nodes    []node     // guarded by mu
	counts   Counts     // guarded by mu
	acks     []ack      // guarded by mu: good claims that a node promised to keep
	bad      []badClaim // guarded by mu: what must never be served
	wrong    []wrong    // guarded by mu: what went against a promise on the way
	happened []string   // guarded by mu: the events as they happened
}

// node is what the run knows of a node.
type node struct {
	key          *logread.Key // of its log; nil: it has none
	down, paused bool
	clocks       []clock // the offsets that its clock has had, in order; before the first it was right
	heads        []seen  // of its log, in the order in which they were seen
}

// clock says that a node's clock has an offset from a time on.
type clock struct {
	from   time.Duration
	offset time.Duration
}

// seen is a head that a node showed.
type seen struct {
	at   time.Duration
	size int64
	root logread.Hash
}

// wrong is something that a promise rules out.
type wrong struct {
	promise string
	what    string
	sent    []byte
	got     []byte
	at      time.Duration
}

// begin publishes the domains and learns the logs' keys.
func (r *run) begin(ctx context.Context) error {
	for i := range Domains {
		is := newIssuer(r.Plan.Settings.Seed, i, r.Suffix)
		if err := r.Publish(is.domain, is.public()); err != nil {
			return err
		}
		r.issuers = append(r.issuers, is)
	}
	for i := range r.Nodes {
		key, err := r.logKey(ctx, i)
		if err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
		r.nodes[i].key = key
	}
	r.began = r.Now()
	return nil
}

// at is the time since the run began.
func (r *run) at() time.Duration { return r.Now().Sub(r.began) }

func (r *run) tell(format string, args ...any) { r.tellAt(r.at(), format, args...) }

// late is from when on it is told that an event came later than planned, because the one before took its time.
const late = time.Second

// tellAt tells what happens at a time of the plan, so that two runs of one plan read alike.
func (r *run) tellAt(at time.Duration, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if behind := r.at() - at; behind >= late {
		what += fmt.Sprintf(" (%.1fs late)", behind.Seconds())
	}
	r.mu.Lock()
	r.happened = append(r.happened, fmt.Sprintf("%8.1fs  %s", at.Seconds(), what))
	r.mu.Unlock()
	if r.Tell != nil {
		r.telling.Lock()
		defer r.telling.Unlock()
		r.Tell(at, what)
	}
}

func (r *run) goesWrong(w wrong) {
	w.at = r.at()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, w)
}

// through goes through the plan: the events one after the other, the submissions each by itself, and the watch over the logs.
func (r *run) through(ctx context.Context) {
	var events, others sync.WaitGroup
	watching, stop := context.WithCancel(ctx)
	events.Go(func() { r.events(ctx) })
	events.Go(func() { r.submit(ctx, &others) })
	for i := range r.Nodes {
		others.Go(func() { r.watch(watching, i) })
	}
	events.Wait()
	r.sleepUntil(ctx, r.Plan.Settings.Duration)
	stop()
	others.Wait()
}

// sleepUntil waits until so long after the beginning, and reports whether it came to that.
func (r *run) sleepUntil(ctx context.Context, at time.Duration) bool {
	return sleep(ctx, at-r.at())
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// events does the plan's events, in order. One that takes longer than until the next holds that one up.
func (r *run) events(ctx context.Context) {
	for _, e := range r.Plan.Events {
		if !r.sleepUntil(ctx, e.At) {
			return
		}
		r.tellAt(e.At, "%v", e)
		if err := r.do(ctx, e); err != nil && ctx.Err() == nil {
			r.tell("… that failed: %v", err)
			r.goesWrong(wrong{promise: recovered, what: fmt.Sprintf("%v at %v failed: %v", e, e.At, err)})
		}
		r.mu.Lock()
		r.counts.Events++
		r.mu.Unlock()
	}
}

// do does one event.
func (r *run) do(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(ctx, faultPatience)
	defer cancel()
	switch e.Do {
	case Kill, Stop:
		call := r.Faults.Kill
		if e.Do == Stop {
			call = r.Faults.Stop
		}
		r.change(e.Node, func(n *node) { n.down = true })
		return call(ctx, e.Node)
	case Start:
		return r.start(ctx, e.Node, e.Offset)
	case Pause:
		r.change(e.Node, func(n *node) { n.paused = true })
		return r.Faults.Pause(ctx, e.Node)
	case Resume:
		err := r.Faults.Resume(ctx, e.Node)
		if err == nil {
			r.change(e.Node, func(n *node) { n.paused = false })
		}
		return err
	case Partition:
		return r.Faults.Partition(ctx, e.Groups, e.Reset)
	case Heal:
		return r.Faults.Heal(ctx)
	case Lie:
		return r.lie(ctx, e)
	}
	return fmt.Errorf("chaos cannot %q", e.Do)
}

func (r *run) start(ctx context.Context, number int, offset time.Duration) error {
	r.change(number, func(n *node) { n.clocks = append(n.clocks, clock{r.at(), offset}) })
	err := r.Faults.Start(ctx, number, offset)
	if err == nil {
		r.change(number, func(n *node) { n.down = false })
	}
	return err
}

func (r *run) change(number int, change func(*node)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.nodes[number-1])
}

func (r *run) lie(ctx context.Context, e Event) error {
	ids, err := r.Liars[e.Peer].Lie(ctx, e.Lie)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.bad = append(r.bad, badClaim{promise: invented, id: id, what: fmt.Sprintf("%s, which %s invented (%s)", id, e.Peer, e.Lie)})
	}
	return err
}

// mend makes everything whole, also where an event failed or the run was interrupted. It has a time of its own.
func (r *run) mend() {
	ctx, cancel := context.WithTimeout(context.Background(), faultPatience*time.Duration(1+len(r.Nodes)))
	defer cancel()
	r.tell("everything is healed")
	failed := []error{r.Faults.Heal(ctx)}
	for i := range r.Nodes {
		n := r.known(i)
		if n.paused {
			failed = append(failed, r.do(ctx, Event{Do: Resume, Node: i + 1}))
		}
		if !n.down && n.offset() != 0 {
			failed = append(failed, r.do(ctx, Event{Do: Stop, Node: i + 1}))
			n.down = true
		}
		if n.down {
			failed = append(failed, r.start(ctx, i+1, 0))
		}
	}
	for _, liar := range r.Liars {
		failed = append(failed, liar.Honest())
	}
	if err := errors.Join(failed...); err != nil {
		r.goesWrong(wrong{promise: recovered, what: fmt.Sprintf("not everything could be healed: %v", err)})
	}
}

// known gives what is known of the i-th node, from 0, at this moment.
func (r *run) known(i int) node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes[i]
}

// offset is how far the node's clock is ahead now.
func (n *node) offset() time.Duration {
	if len(n.clocks) == 0 {
		return 0
	}
	return n.clocks[len(n.clocks)-1].offset
}

// skew gives the least and the greatest offset that the node's clock had between two times.
func (n *node) skew(from, to time.Duration) (least, most time.Duration) {
	for _, c := range n.clocks {
		switch {
		case c.from <= from:
			least, most = c.offset, c.offset
		case c.from <= to:
			least, most = min(least, c.offset), max(most, c.offset)
		}
	}
	return least, most
}
