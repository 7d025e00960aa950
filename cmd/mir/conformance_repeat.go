package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/vectors"
)

// notRepeated are the flags that say nothing of how a case ends: which cases, and what is told of them. The seed is that of the run, which may have been drawn.
var notRepeated = []string{"only", "skip", "seed", "expected-failures", "format", "out", "badge", "json", "verbose", "parallel", "timeout", "wait", "target-name"}

// repeatedFlags are the flags of this run that a run of one of its cases needs, as for a shell.
func repeatedFlags(cmd *cobra.Command) string {
	var line strings.Builder
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(notRepeated, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			line.WriteString(" --" + f.Name)
			if f.Value.Type() != "bool" {
				line.WriteString(" " + shellWord(value))
			} else if value != "true" {
				line.WriteString("=" + value)
			}
		}
	})
	return line.String()
}

// again is the command that runs a case of this run once more, with --only and its ID behind it. Where the target goes by another name there is none: its
// command line may hold secrets.
func (r *conformanceRun) again() string {
	if r.targetName != "" {
		return ""
	}
	line := "mir conformance" + r.flags
	if r.seed != vectors.DefaultSeed {
		line += " --seed " + shellWord(r.seed)
	}
	return line
}

// shellWord writes a word as a POSIX shell reads it.
func shellWord(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=@,+%", c)
	}
	if word != "" && !strings.ContainsFunc(word, func(c rune) bool { return !plain(c) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// partlyTaking is a target that takes not all cases of its kinds.
type partlyTaking interface {
	takes(c *cases.Case) bool
}

// takenBy tells whether the case is one for this kind of target.
func takenBy(target conformanceTarget, c *cases.Case) bool {
	partly, ok := target.(partlyTaking)
	return slices.Contains(target.kinds(), c.Kind) && (!ok || partly.takes(c))
}

// selection says which of the cases for this kind of target are run.
func (r *conformanceRun) selection(p *conformancePlan) conformance.Selection {
	return conformance.Selection{Only: r.only, Skip: r.skip, Chosen: len(p.chosen), All: p.forTarget}
}
