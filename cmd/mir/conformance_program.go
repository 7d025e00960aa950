package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	conformanceprogram "mirnode/conformance/program"
	"mirnode/conformance/vectors"
)

// programTarget is a program that is run once for each case.
type programTarget struct {
	what     string // "verifier"
	line     string
	kind     cases.Kind
	verifier conformance.Verifier // nil: it is a signer
	signer   conformance.Signer
	sound    string                                   // the ID of a case that every such program takes; "": a verdict must be printed, and no crash does that
	try      func(context.Context, *cases.Case) error // puts it to the program
	remade   func([]cases.Case) ([]cases.Case, error)
}

// newProgramTarget finds the program, so that one that is not there is told before the run.
func newProgramTarget(r *conformanceRun) (*programTarget, error) {
	t := &programTarget{kind: cases.KindVerdict, remade: r.remade}
	var err error
	switch {
	case r.verifier != "":
		t.what, t.line = "verifier", r.verifier
		t.verifier, err = conformanceprogram.NewVerifier(r.verifier, conformanceprogram.Options{})
	case r.signer != "":
		t.what, t.line, t.kind = "signer", r.signer, cases.KindSigner
		var signer *conformanceprogram.Signer
		signer, err = conformanceprogram.NewSigner(r.signer, conformanceprogram.Options{})
		t.signer, t.sound, t.try = signer, "signer/ordinary", signer.Try
	case r.canonical != "":
		t.what, t.line = "canonical", r.canonical
		var canonicaliser *conformanceprogram.Canonicaliser
		canonicaliser, err = conformanceprogram.NewCanonicaliser(r.canonical, conformanceprogram.Options{})
		t.verifier, t.sound, t.try = canonicaliser, "claim-schema/ordinary", canonicaliser.Try
	default:
		return nil, withHint("an empty command line", "Name the program that is tested, with its arguments.")
	}
	if err == nil {
		return t, nil
	}
	err, missing := withHint(fmt.Sprintf("--%s: %v", t.what, err), "Write the program and its arguments as in a shell, in one pair of quotation marks."), isMissing(err)
	if missing {
		return nil, &exit{exitUnreachable, err}
	}
	return nil, err
}

// isMissing tells whether it is the program that is not there, and not the command line that is wrong.
func isMissing(err error) bool {
	_, missing := errors.AsType[*exec.Error](err)
	return missing
}

func (t *programTarget) name() string {
	return fmt.Sprintf("the %s “%s”", programNouns[t.what], t.line)
}

// programNouns say in words what a program is tested as, by flag.
var programNouns = map[string]string{"verifier": "verifier", "signer": "signer", "canonical": "writer of canonical bytes"}

func (t *programTarget) kinds() []cases.Kind { return []cases.Kind{t.kind} }

// takes tells whether the case says something about what is tested: a verdict need not tell of a canonical form.
func (t *programTarget) takes(c *cases.Case) bool {
	return t.what != "canonical" || conformanceprogram.HasCanonical(c)
}

func (t *programTarget) offers() []cases.Need { return nil }

// open tries the program first: one that does not work at all would pass all cases that want a refusal.
func (t *programTarget) open(ctx context.Context, _ []cases.Case, o *conformance.Options, _ func(error)) (func() error, error) {
	if _, known := o.Expected[t.sound]; t.sound != "" && !known {
		if err := t.trySound(ctx); err != nil {
			return nil, err
		}
	}
	if t.signer != nil {
		o.Signer = t.signer
	} else {
		o.Verifier = t.verifier
	}
	return func() error { return nil }, nil
}

// trySound puts the sound case to the program.
func (t *programTarget) trySound(ctx context.Context) error {
	all, err := cases.Embedded()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(c cases.Case) bool { return c.ID == t.sound })
	if at < 0 {
		return fmt.Errorf("there is no case %s", t.sound)
	}
	sound, err := t.remade(all[at : at+1])
	if err != nil {
		return err
	}
	err = t.try(ctx, &sound[0])
	switch {
	case err != nil && ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return &exit{exitUnreachable, withHint(fmt.Sprintf("the %s does not work at all: %s", programNouns[t.what], printable(err.Error())),
			fmt.Sprintf("`mir conformance show %s` shows what it must take. Where that is known, list the case in --expected-failures.", t.sound))}
	}
	return nil
}

// hide takes the command line out of a result, which may hold secrets, and puts a name in its place.
func (t *programTarget) hide(result *conformance.Result, name string) {
	for i := range result.Outcomes {
		exchanges := result.Outcomes[i].Finding.Exchanges
		for j := range exchanges {
			exchanges[j].What = name
		}
	}
}

// draftVectors reads the vectors of --vectors, and tells how many there are.
func (r *conformanceRun) draftVectors(out io.Writer) ([]cases.Case, error) {
	if r.vectors == "" {
		return nil, nil
	}
	folder, err := os.OpenRoot(r.vectors) // a stranger's vectors must not lead to other files
	if err != nil {
		return nil, withHint("--vectors: "+printable(err.Error()), "Name the folder that holds keys.json and a folder for each vector.")
	}
	defer folder.Close() //nolint:errcheck // it is only read
	read, err := vectors.ReadLayout(folder.FS())
	if err != nil {
		return nil, withHint(fmt.Sprintf("--vectors %q: %s", r.vectors, printable(err.Error())), "Name the folder that holds keys.json and a folder for each vector.")
	}
	folders := map[string]bool{} // of which a vector's source tells
	for i := range read {
		folders[read[i].Requirement.Section] = true
	}
	fmt.Fprintf(out, "%s from %s in %s; --only '*/draft-*' runs them alone.\n", plural(len(read), "case"), plural(len(folders), "vector"), printable(r.vectors))
	return read, nil
}
