package main

import (
	"context"
	"fmt"
	"os"

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
}

// newProgramTarget finds the program, so that one that is not there is told before the run.
func newProgramTarget(r *conformanceRun) (*programTarget, error) {
	t := &programTarget{kind: cases.KindVerdict}
	var err error
	switch {
	case r.verifier != "":
		t.what, t.line = "verifier", r.verifier
		t.verifier, err = conformanceprogram.NewVerifier(r.verifier, conformanceprogram.Options{})
	case r.signer != "":
		t.what, t.line, t.kind = "signer", r.signer, cases.KindSigner
		t.signer, err = conformanceprogram.NewSigner(r.signer, conformanceprogram.Options{})
	case r.canonical != "":
		t.what, t.line = "canonical", r.canonical
		t.verifier, err = conformanceprogram.NewCanonicaliser(r.canonical, conformanceprogram.Options{})
	default:
		return nil, withHint("an empty command line", "Name the program that is tested, with its arguments.")
	}
	if err != nil {
		return nil, &exit{exitUnreachable, withHint(fmt.Sprintf("--%s: %v", t.what, err), "Write the program and its arguments as in a shell, in one pair of quotation marks.")}
	}
	return t, nil
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

func (t *programTarget) open(_ context.Context, _ []cases.Case, o *conformance.Options, _ func(error)) (func() error, error) {
	if t.signer != nil {
		o.Signer = t.signer
	} else {
		o.Verifier = t.verifier
	}
	return func() error { return nil }, nil
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

// draftVectors reads the vectors of --vectors.
func (r *conformanceRun) draftVectors() ([]cases.Case, error) {
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
	return read, nil
}
