package program

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"mirnode/conformance/cases"
)

// Canonicaliser puts the claims of cases of the kind verdict to a program that writes canonical forms. It may be used by several goroutines
// at once.
type Canonicaliser struct{ command *command }

// NewCanonicaliser returns a canonicaliser for a command line. The error says what is wrong with it.
func NewCanonicaliser(line string, o Options) (*Canonicaliser, error) {
	c, err := newCommand(line, "", o)
	if err != nil {
		return nil, err
	}
	return &Canonicaliser{c}, nil
}

// Verify runs the program on the case's claim and compares the bytes that it prints with the canonical form of the protocol's text. A claim
// that has none for its content must be refused. Cases that say nothing about canonical forms are skipped.
func (k *Canonicaliser) Verify(ctx context.Context, c *cases.Case) cases.Finding {
	in := c.Verdict
	if in == nil {
		return cases.Finding{Skipped: "the case holds no claim"}
	}
	none := in.Canonical == ""
	if !HasCanonical(c) {
		return cases.Finding{Skipped: "the case says nothing about a canonical form"}
	}
	r := k.command.run(ctx, k.command.filled("", "", nil), in.Bytes())
	f := judgeCanonical(c, &r, none)
	f.Exchanges = []cases.Exchange{r.exchange}
	return f
}

// Try puts a case to the program whose claim has a canonical form. The error says that the program refuses it or breaks down: then what it
// refuses says nothing. What it prints is not looked at.
func (k *Canonicaliser) Try(ctx context.Context, c *cases.Case) error {
	r := k.command.run(ctx, k.command.filled("", "", nil), c.Verdict.Bytes())
	return r.refusal("a sound claim")
}

// HasCanonical tells whether a case says what the canonical form is, or that there is none: whether it is one for a [Canonicaliser].
func HasCanonical(c *cases.Case) bool {
	return c.Verdict != nil && (c.Verdict.Canonical != "" || slices.Contains(c.Verdict.Expect.Codes, noCanonicalForm))
}

// noCanonicalForm is the code for what cannot be written in canonical form.
const noCanonicalForm = "CANONICALIZATION_ERROR"

func judgeCanonical(c *cases.Case, r *ran, none bool) cases.Finding {
	same := string(r.output) == c.Verdict.Canonical || string(bytes.TrimSuffix(r.output, []byte("\n"))) == c.Verdict.Canonical
	switch {
	case r.broken() != "":
		return cases.Finding{Message: fmt.Sprintf("%s; %s", r.broken(), r.printed())}
	case c.Requirement.Level == cases.May && r.exit != 0:
		return cases.Finding{Passed: true, Choice: "refuses it"}
	case none && r.exit == 0:
		return cases.Finding{Message: "the claim has no canonical form, and must be refused; " + r.printed()}
	case !none && r.exit != 0:
		return cases.Finding{Message: "the claim has a canonical form, and was refused: " + r.printed()}
	case !none && !same:
		return cases.Finding{Message: difference(c.Verdict.Canonical, bytes.TrimSuffix(r.output, []byte("\n"))) + "; " + r.printed()}
	case c.Requirement.Level == cases.May:
		return cases.Finding{Passed: true, Choice: "writes it in canonical form"}
	}
	return cases.Finding{Passed: true}
}

// difference says where a canonical form and what a program printed part, at a byte counted from 0.
func difference(want string, got []byte) string {
	const around, most = 20, 60 // what is shown before the difference, and of each side in all, in bytes
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	shown := func(text string) string {
		if at == len(text) {
			return "ends"
		}
		return "has " + clip(text[max(0, at-around):], most)
	}
	return fmt.Sprintf("it differs from the canonical form at byte %d, where that %s and it %s; the canonical form is %s", at, shown(want), shown(string(got)), clip(want, 200))
}
