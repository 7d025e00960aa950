package scenario

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"mirnode/conformance/cases"
)

// Pauses between the tries of a step that has a "within".
const (
	firstPause = 20 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// play is one case being played. One goroutine plays it; what verbs do in goroutines of their own may use ask, exchanges and the World alone.
type play struct {
	world     *World
	c         *cases.Case
	unique    string // hex digits of this run and this case
	vars      map[string]any
	domainKey map[string]string // the name of the first key that each domain published, by the domain's name
	answer    *answer           // of the last verb that gives one; nil before
	step0     common            // what stands beside the verb that is being run
	each      int               // the node that "each" is at; 0 where there is none
	choice    string
	exchanges exchanges
	cleanups  []func()  // run when the case has ended, the last first
	revokeBy  time.Time // until when its API keys are being revoked; zero before
}

func newPlay(w *World, c *cases.Case) *play {
	return &play{world: w, c: c, unique: w.uniqueOf(c), vars: map[string]any{}, domainKey: map[string]string{}, exchanges: exchanges{started: w.Now(), now: w.Now}}
}

// end undoes what the case left behind.
func (p *play) end() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}

// step plays one step with its repetitions.
func (p *play) step(ctx context.Context, s step) error {
	if s.common.Each == "" {
		return p.within(ctx, s)
	}
	defer func() { p.each = 0 }()
	for n := range p.world.Nodes {
		p.each = n + 1
		if err := p.within(ctx, s); err != nil {
			return fmt.Errorf("node %d: %w", n+1, err)
		}
	}
	return nil
}

// within repeats a step until it succeeds or its time is over. Tries that failed leave no exchange behind but the last.
func (p *play) within(ctx context.Context, s step) error {
	if s.common.Within == "" {
		return p.times(ctx, s)
	}
	limit, err := s.common.limit(p.world)
	if err != nil {
		return err
	}
	started := time.Now() // how long a person waits, whatever the World's clock says
	mark := p.exchanges.mark()
	for tries, pause := 1, firstPause; ; tries, pause = tries+1, min(2*pause, maxPause) {
		p.exchanges.cut(mark)
		err := p.times(ctx, s)
		if err == nil {
			return nil
		}
		if errors.Is(err, errSteps) {
			return err
		}
		if time.Since(started)+pause > limit {
			return fmt.Errorf("not within %v, %d tries: %w", limit, tries, err)
		}
		if !sleep(ctx, pause) {
			return fmt.Errorf("not within the case's time, %d tries: %w", tries, err)
		}
	}
}

// sleep waits, and reports whether the time passed before ctx ended.
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

func (p *play) times(ctx context.Context, s step) error {
	for range max(s.common.Times, 1) {
		if err := p.once(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// errSteps marks faults of the case itself, which no repetition mends.
var errSteps = errors.New("the case is wrong")

// once replaces the templates and runs the verb.
func (p *play) once(ctx context.Context, s step) error {
	v := verbs()[s.verb]
	args := s.args
	if !v.expands {
		var err error
		if args, err = p.expandJSON(s.args); err != nil {
			return fmt.Errorf("%w: %w", errSteps, err)
		}
		if err := v.check(args); err != nil {
			return fmt.Errorf("%w: %w", errSteps, err)
		}
	}
	p.step0 = s.common
	if v.answers {
		p.answer = nil
	}
	if err := v.run(ctx, p, args); err != nil {
		return err
	}
	if !v.answers {
		return nil
	}
	if p.answer == nil {
		return fmt.Errorf("%w: the verb %s gave no answer", errSteps, s.verb)
	}
	if s.common.Expect != nil {
		expanded, err := p.expandExpectation(s.common.Expect)
		switch {
		case errors.Is(err, errEmpty): // the node said nothing where it should have
			return err
		case err != nil:
			return fmt.Errorf("%w: %w", errSteps, err)
		}
		if err := expanded.holds(p.answer); err != nil {
			return err
		}
	}
	return p.save(s.common.Save)
}

// save keeps parts of the last answer under names.
func (p *play) save(wanted map[string]string) error {
	for name, path := range wanted {
		v, err := p.answer.part(path)
		if err != nil {
			return fmt.Errorf("save %q: %w", name, err)
		}
		p.vars[name] = v
	}
	return nil
}

// node gives the node that a verb means: the one that it names, or that "each" is at, or the first.
func (p *play) node(number int) (NodeAddress, error) {
	switch {
	case number == 0 && p.each > 0:
		number = p.each
	case number == 0:
		number = 1
	}
	if number < 1 || number > len(p.world.Nodes) {
		return NodeAddress{}, fmt.Errorf("there is no node %d, but %d in all", number, len(p.world.Nodes))
	}
	return p.world.Nodes[number-1], nil
}

// domain gives the full name of one of the case's domains.
func (p *play) domain(name string) string {
	return name + "-" + p.unique + "." + p.world.Suffix
}

// key gives one of the case's keys. It is the case's own, so that runs against nodes that live on do not meet each other.
func (p *play) key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("mirnode conformance " + p.world.Seed + " " + p.unique + " " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey {
	return key.Public().(ed25519.PublicKey)
}

// noteArgs is a text.
type noteArgs string

// note does nothing: its text is for who reads the case.
func note(context.Context, *play, *noteArgs) error { return nil }

// make keeps what a step made under its name.
func (p *play) make(as string, o *object) error {
	if as == "" {
		return fmt.Errorf("%w: \"as\" names what is made", errSteps)
	}
	p.vars[as] = o
	return nil
}
