package gossip

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
)

// work is a kind of action.
type work int

const (
	polling work = iota
	pulling
	telling
)

// Bounds of each kind's actions under way, and of one action's time.
const (
	pollsAtOnce = 16
	pullsAtOnce = 32
	tellsAtOnce = 32
	pollTimeout = 30 * time.Second
	pullTimeout = 5 * time.Minute // up to 16,384 entries with their bodies and look-ups
	tellTimeout = 5 * time.Second
	// maxTellAnswer bounds the answer to a hint, which nobody reads.
	maxTellAnswer = 4 << 10
)

func newSlots() map[work]chan struct{} {
	return map[work]chan struct{}{
		polling: make(chan struct{}, pollsAtOnce), pulling: make(chan struct{}, pullsAtOnce), telling: make(chan struct{}, tellsAtOnce),
	}
}

// start carries an action out. Each answers the planner once, whatever happens. The planner bounds the actions that wait: one poll and one
// tell a peer, and its own bound of pulls.
func (f *Federation) start(ctx context.Context, action planner.Action) {
	switch a := action.(type) {
	case planner.Poll:
		f.run(ctx, polling, pollTimeout, func(ctx context.Context) func(*driver) { return f.poll(ctx, a) })
	case planner.Pull:
		f.run(ctx, pulling, pullTimeout, func(ctx context.Context) func(*driver) { return f.pull(ctx, a) })
	case planner.Tell:
		f.run(ctx, telling, tellTimeout, func(ctx context.Context) func(*driver) { return f.tell(ctx, a) })
	case planner.Broadcast:
		if f.channel != nil {
			f.channel.send(a.Hints)
		}
	}
}

// run does work when there is a slot for it, and has the planner's goroutine take its outcome in.
func (f *Federation) run(ctx context.Context, kind work, timeout time.Duration, do func(context.Context) func(*driver)) {
	f.workers.Go(func() {
		select {
		case f.slots[kind] <- struct{}{}:
		case <-ctx.Done():
			return // so does the planner's goroutine
		}
		bounded, cancel := context.WithTimeout(ctx, timeout)
		outcome := do(bounded)
		cancel()
		<-f.slots[kind]
		f.do(ctx, outcome)
	})
}

func (f *Federation) poll(ctx context.Context, a planner.Poll) func(*driver) {
	p, ok := f.book.Peer(string(a.Peer))
	if !ok {
		return func(d *driver) { d.planner.PollFailed(d.now(), a.Peer) }
	}
	heads, next, err := f.mirror.Heads(ctx, p, a.Since)
	if err != nil {
		f.log.Debug("a poll failed", "peer", p.Domain, "error", err)
		return func(d *driver) { d.planner.PollFailed(d.now(), a.Peer) }
	}
	return func(d *driver) { d.planner.HeadsAnswered(d.now(), a.Peer, heads, next) }
}

func (f *Federation) pull(ctx context.Context, a planner.Pull) func(*driver) {
	p, admitted := f.book.Peer(string(a.Peer))
	origin, known := f.book.OriginByHash(a.Origin)
	if !admitted || !known {
		held, _ := f.o.Store.Head(origin.String())
		result := planner.PullResult{Size: held.Settled, Outcome: planner.Unreachable}
		return func(d *driver) { d.planner.PullEnded(d.now(), a.Peer, a.Origin, result) }
	}
	result, err := f.mirror.Pull(ctx, p, origin, a.To)
	if err != nil {
		f.log.Debug("a pull failed", "peer", p.Domain, "origin", origin.String(), "error", err)
	}
	return func(d *driver) { d.planner.PullEnded(d.now(), a.Peer, a.Origin, result) }
}

// hintsBody is the body of POST /hint.
type hintsBody struct {
	From  string     `json:"from"`
	Hints []hintBody `json:"hints"`
}

type hintBody struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
}

func (f *Federation) tell(ctx context.Context, a planner.Tell) func(*driver) {
	err := f.post(ctx, a)
	if err != nil {
		f.log.Debug("a hint was not taken", "peer", string(a.Peer), "error", err)
	}
	return func(d *driver) { d.planner.TellEnded(d.now(), a.Peer, err == nil) }
}

func (f *Federation) post(ctx context.Context, a planner.Tell) error {
	p, ok := f.book.Peer(string(a.Peer))
	if !ok {
		return peers.ErrUnknown
	}
	body := hintsBody{From: f.o.Origin.Domain, Hints: make([]hintBody, len(a.Hints))}
	for i, h := range a.Hints {
		body.Hints[i] = hintBody{hex.EncodeToString(h.Origin[:]), h.Size, hex.EncodeToString(h.Root[:])}
	}
	document, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = f.client.Post(ctx, p, "/hint", "application/json", document, maxTellAnswer)
	return err
}
