package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"mirnode/conformance/logread"
	"mirnode/protocol"
)

// Bounds of "submissions".
const (
	maxSubmissions = 2000
	maxSubmitters  = 16
)

// submissionsArgs are the members of "submissions".
type submissionsArgs struct {
	As     string `json:"as"`
	Count  int    `json:"count"`
	Node   int    `json:"node,omitzero"`
	Domain string `json:"domain,omitzero"` // "": d1, with its first key or alpha
	AtOnce int    `json:"atOnce,omitzero"` // 0 is 4
	// Watch reads checkpoints all the while, each of which must follow from the one before.
	Watch bool `json:"watch,omitzero"`
	// KillAfter kills the node when so many were acknowledged, in the midst of the others; 0: never.
	KillAfter int `json:"killAfter,omitzero"`
}

// submitted is a claim that a node acknowledged.
type submitted struct {
	claim   *object
	index   int64
	receipt string
}

// submissions makes claims and submits them, several at a time. What was acknowledged is kept under a name: see "acknowledged". Its answer has acknowledged (a
// number), failed (a number) and checkpoints (how many different ones were seen).
func submissions(ctx context.Context, p *play, args *submissionsArgs) error {
	if args.Count < 1 || args.Count > maxSubmissions || args.AtOnce > maxSubmitters {
		return fmt.Errorf("%w: up to %d claims, %d at once", errSteps, maxSubmissions, maxSubmitters)
	}
	if args.KillAfter > 0 && p.world.Faults == nil {
		return fmt.Errorf("%w: the case lacks \"faults\" under needs", errSteps)
	}
	node, err := p.node(args.Node)
	if err != nil {
		return err
	}
	claims := make([]*object, args.Count)
	for i := range claims {
		if err := makeClaim(ctx, p, &claimArgs{As: args.As, Domain: args.Domain, Set: map[string]any{"metadata": map[string]any{"n": i}}}); err != nil {
			return err
		}
		claims[i], _ = p.vars[args.As].(*object)
	}
	w := &submitter{p: p, node: node, claims: claims}
	watched := make(chan watchResult, 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	if args.Watch {
		log, err := p.openLog(ctx, logArgs{Node: args.Node})
		if err != nil {
			return err
		}
		first := watchResult{}
		first.look(ctx, log) // before the first claim, so that there is something to follow from
		go func() { watched <- watch(watching, ctx, log, first) }()
	} else {
		watched <- watchResult{}
	}
	err = w.submitAll(ctx, args)
	stop()
	seen := <-watched
	if err = errors.Join(err, seen.err); err != nil {
		return err
	}
	p.vars[args.As] = w.done
	p.answer, err = jsonAnswer(map[string]any{"acknowledged": len(w.done), "failed": args.Count - len(w.done), "checkpoints": seen.different, "why": w.why})
	return err
}

// submitter submits claims to a node.
type submitter struct {
	p      *play
	node   NodeAddress
	claims []*object
	next   atomic.Int64

	mu   sync.Mutex
	done []submitted // guarded by mu
	why  string      // the last failure; guarded by mu
}

func (w *submitter) submitAll(ctx context.Context, args *submissionsArgs) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	enough := make(chan struct{})
	var all sync.WaitGroup
	workers := args.AtOnce
	if workers == 0 {
		workers = 4
	}
	for range workers {
		all.Go(func() {
			for i := w.next.Add(1) - 1; i < int64(len(w.claims)) && ctx.Err() == nil; i = w.next.Add(1) - 1 {
				if w.submit(ctx, w.claims[i]) == args.KillAfter && args.KillAfter > 0 {
					close(enough)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	var err error
	select {
	case <-ended:
	case <-enough:
		number := max(1, args.Node)
		err = w.p.breaking(w.p.world.Faults.Kill(ctx, number), number, "down")
		cancel() // nothing more can be acknowledged
	}
	<-ended
	return err
}

// submit submits one claim, and tells how many are acknowledged by now; 0 if this one is not.
func (w *submitter) submit(ctx context.Context, claim *object) int {
	header := http.Header{"Content-Type": {"application/json"}}
	a, err := w.p.ask(ctx, sending{method: http.MethodPost, url: w.node.URL + "/claims", header: header, body: []byte(claim.text)})
	var index int64
	if err == nil && a.status != http.StatusCreated {
		err = errors.New("no 201" + a.tail())
	}
	if err == nil {
		index, err = a.number("index")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.why = clip(err.Error())
		return 0
	}
	w.done = append(w.done, submitted{claim: claim, index: index, receipt: a.text("receipt")})
	return len(w.done)
}

// watchResult is what came of watching a log's heads.
type watchResult struct {
	before    logread.Checkpoint
	different int
	err       error
}

// look reads the log's head, and wants it to follow from the one before.
func (seen *watchResult) look(ctx context.Context, log *logread.Log) {
	c, err := log.Checkpoint(ctx)
	if err == nil && seen.different > 0 {
		err = log.CheckConsistent(ctx, seen.before, c)
	}
	switch {
	case ctx.Err() != nil: // nobody waits for it any more
	case err != nil:
		seen.err = fmt.Errorf("the checkpoint after %d entries: %w", seen.before.Size, err)
	case c.Size != seen.before.Size || seen.different == 0:
		seen.different++
		seen.before = c
	}
}

// watchPause is the time between two looks at a log's head: short beside what a node takes for a hundred claims.
const watchPause = 5 * time.Millisecond

// watch looks at a log's head again and again until watching ends, and then once more.
func watch(watching, ctx context.Context, log *logread.Log, seen watchResult) watchResult {
	for watching.Err() == nil && seen.err == nil {
		seen.look(watching, log)
		sleep(watching, watchPause)
	}
	if seen.err == nil {
		seen.look(ctx, log)
	}
	return seen
}

// acknowledgedArgs are the members of "acknowledged".
type acknowledgedArgs struct {
	Of   string `json:"of"`            // the name that submissions had
	Node int    `json:"node,omitzero"` // where they are looked for
	// By is the number of the node that acknowledged them, whose log has them at their index; 0: nobody looks there.
	By int `json:"by,omitzero"`
}

// acknowledged wants all claims that were acknowledged to be served by a node, byte for byte, and to stand in the log where their receipts say.
func acknowledged(ctx context.Context, p *play, args *acknowledgedArgs) error {
	list, ok := p.vars[args.Of].([]submitted)
	if !ok {
		return fmt.Errorf("%w: %q are no submissions", errSteps, args.Of)
	}
	node, err := p.node(args.Node)
	if err != nil {
		return err
	}
	for _, s := range list {
		a, err := p.get(ctx, node.URL+"/claims/"+s.claim.parts["id"])
		if err != nil {
			return err
		}
		page, err := a.object()
		if claim, _ := page.Lookup("claim"); err != nil || a.status != http.StatusOK || claim.Literal() != s.claim.text {
			return fmt.Errorf("%s was acknowledged, and is not served as it came%s", s.claim.parts["id"], a.tail())
		}
	}
	if args.By == 0 {
		return nil
	}
	return p.receiptsHold(ctx, list, logArgs{Node: args.Node, Of: text(strconv.Itoa(args.By))})
}

// receiptsHold wants receipts to be of a log that is a beginning of what the log is now.
func (p *play) receiptsHold(ctx context.Context, list []submitted, where logArgs) error {
	log, err := p.openLog(ctx, where)
	if err != nil {
		return err
	}
	now, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		r, err := logread.ParseReceipt([]byte(s.receipt))
		if err != nil {
			return err
		}
		e, c, err := r.Verify(log.Key())
		if err != nil {
			return err
		}
		claim, err := protocol.ParseClaim([]byte(s.claim.text))
		if err != nil {
			return fmt.Errorf("%w: %w", errSteps, err)
		}
		if e.Record != claim.RecordHash() || r.Index != s.index {
			return fmt.Errorf("%s: the receipt is about another record, or another place", s.claim.parts["id"])
		}
		if err := log.CheckConsistent(ctx, c, now); err != nil {
			return err
		}
		if err := log.CheckIncluded(ctx, now, r.Index, r.Line); err != nil {
			return err
		}
	}
	return nil
}
