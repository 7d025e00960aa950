package vectors

import (
	"context"
	"strings"
	"time"

	"mirnode/conformance/cases"
)

// Verifier gives verdicts on claims: a target of the suite.
type Verifier interface {
	Verify(ctx context.Context, c *cases.Case) cases.Finding
}

// Fresh returns a verifier that makes each live case for the moment at which it is put to v: a claim of six minutes ahead would be of four
// minutes ahead by the end of a run of two. Other cases go through as they are. The clock is read by several goroutines at once.
func Fresh(v Verifier, opts Options, now func() time.Time) Verifier {
	return fresh{target: v, opts: opts, now: now}
}

type fresh struct {
	target Verifier
	opts   Options
	now    func() time.Time
}

// Verify puts the case to the target, a live one made anew.
func (f fresh) Verify(ctx context.Context, c *cases.Case) cases.Finding {
	if c.Verdict == nil || !c.Verdict.Live {
		return f.target.Verify(ctx, c)
	}
	opts := f.opts
	opts.Now = f.now()
	made, err := remade(c, opts)
	if err != nil {
		return cases.Finding{Message: "the suite could not make the live case anew: " + err.Error()}
	}
	return f.target.Verify(ctx, made)
}

// remade makes one case for other options. One that no generator makes is returned as it is.
func remade(c *cases.Case, opts Options) (*cases.Case, error) {
	m, err := newMaker(opts)
	if err != nil {
		return nil, err
	}
	section, name, _ := strings.Cut(c.ID, "/")
	vectors := m.vectors(section)
	for i := range vectors {
		if vectors[i].name == name {
			made := m.made(section, &vectors[i])
			made.Needs = c.Needs // which a run may have added to
			return &made, made.Check()
		}
	}
	return c, nil
}
