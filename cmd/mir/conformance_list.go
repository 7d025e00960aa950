package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/report"
	"mirnode/conformance/vectors"
	"mirnode/internal/nearest"
)

// chosenCases are the cases that two flags choose.
type chosenCases struct{ only, skip []string }

func (c *chosenCases) addTo(cmd *cobra.Command) {
	const what = ": a section (keys), an ID (keys/rotation), a glob (\"*/version-*\"), level=MUST, kind=verdict or need=faults; may be repeated"
	cmd.Flags().StringSliceVar(&c.only, "only", nil, "run these cases alone"+what)
	cmd.Flags().StringSliceVar(&c.skip, "skip", nil, "leave these cases out"+what)
}

// choose gives the chosen cases of all. That there are none is misuse.
func (c *chosenCases) choose(all []cases.Case) ([]cases.Case, error) {
	for _, patterns := range [][]string{c.only, c.skip} {
		for i := range patterns { // a list in one argument is written with blanks behind its commas
			patterns[i] = strings.TrimSpace(patterns[i])
		}
		if patterns != nil && len(patterns) == 0 || slices.Contains(patterns, "") { // nil: the flag was not given
			return nil, withHint("an empty pattern chooses nothing", "Give --only and --skip a section, an ID, a glob, level=MUST, kind=verdict or need=faults, or leave them out.")
		}
	}
	chosen, err := conformance.Choose(all, c.only, c.skip)
	if wrong, ok := errors.AsType[*conformance.PatternError](err); ok {
		hint := "`mir conformance list` shows all cases; the sections are " + strings.Join(cases.Sections(), ", ") + "."
		if wrong.Near != "" {
			hint = fmt.Sprintf("did you mean %q?", wrong.Near)
		}
		return nil, withHint(wrong.Error(), hint)
	}
	if err == nil && len(chosen) == 0 {
		return nil, withHint("no case is left", "--skip leaves out all that --only chooses.")
	}
	return chosen, err
}

func newConformanceListCommand(s streams) *cobra.Command {
	var which chosenCases
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the cases: their levels, IDs and titles",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := cases.Embedded()
			if err != nil {
				return err
			}
			chosen, err := which.choose(all)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(s.out, summaries(chosen))
			}
			listCases(s.out, chosen)
			return nil
		},
	}
	which.addTo(cmd)
	return cmd
}

// caseSummary is a case in the list.
type caseSummary struct {
	ID      string       `json:"id"`
	Level   cases.Level  `json:"level"`
	Kind    cases.Kind   `json:"kind"`
	Refused bool         `json:"refused"`
	Needs   []cases.Need `json:"needs"`
	Title   string       `json:"title"`
}

func summaries(all []cases.Case) []caseSummary {
	list := make([]caseSummary, len(all))
	for i := range all {
		c := &all[i]
		list[i] = caseSummary{ID: c.ID, Level: c.Requirement.Level, Kind: c.Kind, Refused: c.Refused, Needs: c.Needs, Title: c.Title}
	}
	return list
}

func listCases(out io.Writer, all []cases.Case) {
	p, width, refusals := newPaint(out), 0, 0
	for i := range all {
		width = max(width, len(all[i].ID))
	}
	for i := range all {
		c := &all[i]
		if c.Refused {
			refusals++
		}
		fmt.Fprintf(out, "%-6s  %-*s  %s\n", c.Requirement.Level, width, c.ID, p.dim(c.Title))
	}
	fmt.Fprintf(out, "\n%s, %d of which send what must be refused. mir conformance show ID tells more of one.\n", plural(len(all), "case"), refusals)
}

func newConformanceShowCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Print a case: its requirement, why it matters, and what is sent (with --json: its file)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := cases.Embedded()
			if err != nil {
				return err
			}
			at := slices.IndexFunc(all, func(c cases.Case) bool { return c.ID == args[0] })
			if at < 0 {
				return unknownCase(args[0], all)
			}
			if wantsJSON(cmd) {
				file, err := fs.ReadFile(cases.Files(), args[0]+".json")
				if err != nil {
					return err
				}
				return writeData(s.out, file)
			}
			return showCase(s.out, &all[at])
		},
	}
}

// unknownCase is the error for an ID that no case has.
func unknownCase(id string, all []cases.Case) error {
	var known []string
	for i := range all {
		known = append(known, all[i].ID)
	}
	hint := "`mir conformance list` shows all cases."
	if near := nearest.Name(id, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return withHint(fmt.Sprintf("there is no case %q", id), hint)
}

func showCase(out io.Writer, c *cases.Case) error {
	p := newPaint(out)
	fmt.Fprintf(out, "%s  %s\n\n", p.bold(c.ID), c.Title)
	fmt.Fprintf(out, "%s  “%s”\n        %s\n", c.Requirement.Level, c.Requirement.Words, p.dim(c.Requirement.Section))
	fmt.Fprintf(out, "why     %s\n", c.Why)
	if len(c.Needs) > 0 {
		var needs []string
		for _, n := range c.Needs {
			needs = append(needs, string(n))
		}
		fmt.Fprintf(out, "needs   %s\n", strings.Join(needs, ", "))
	}
	switch {
	case c.Verdict != nil:
		v := c.Verdict
		fmt.Fprintf(out, "expect  %s\n", strings.TrimSpace(v.Expect.Result+" "+strings.Join(v.Expect.Codes, " or ")))
		var keys bytes.Buffer
		if err := json.Indent(&keys, v.Keys, "", "  "); err != nil {
			return err
		}
		showText(out, "keys", keys.String())
		showText(out, "claim", string(v.Bytes()))
		if v.Canonical != "" {
			showText(out, "canonical", v.Canonical)
		}
	case c.Signer != nil:
		fmt.Fprintf(out, "expect  %s\n", c.Signer.Expect.Result)
		showText(out, "draft", c.Signer.Draft)
		if c.Signer.Expect.Canonical != "" {
			showText(out, "canonical", c.Signer.Expect.Canonical)
		}
	default:
		fmt.Fprintln(out, "\nsteps")
		for i, step := range c.Steps {
			var line bytes.Buffer
			if err := json.Compact(&line, step); err != nil {
				return err
			}
			fmt.Fprintf(out, "%5d   %s\n", i+1, printable(line.String()))
		}
	}
	return nil
}

// showText shows a text as the reports do, on lines of its own that can be copied: line breaks as such, and what cannot be seen as escapes.
func showText(out io.Writer, label, text string) {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, report.Visible(line)) // by line, so that a carriage return before the line break is seen
	}
	if text == "" {
		label += " (nothing at all)"
	}
	if last := len(lines) - 1; last > 0 && lines[last] == "" {
		lines, label = lines[:last], label+" (a line break at its end)"
	}
	fmt.Fprintf(out, "\n%s\n%s\n", newPaint(out).bold(label), strings.Join(lines, "\n"))
}

func newConformanceExportCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "export DIR",
		Short: "Write the case files, and the test vectors in the public draft's layout, into a folder",
		Long: "Writes all case files to DIR/cases, as they are built into the program, and the claims of the verdicts to DIR/vectors in the layout of the\n" +
			"public draft's test vectors, for harnesses in other languages. DIR must be empty or not be there.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := args[0]
			if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
				return withHint(fmt.Sprintf("%q is not empty", dir), "Name a new folder: what lies in this one would be mixed with the suite's files.")
			}
			if err := os.CopyFS(filepath.Join(dir, "cases"), cases.Files()); err != nil {
				return &exit{exitMisuse, errors.New(printable(err.Error()))}
			}
			all, err := cases.Embedded()
			if err != nil {
				return err
			}
			written, err := vectors.WriteLayout(filepath.Join(dir, "vectors"), all)
			if err != nil {
				return &exit{exitMisuse, errors.New(printable(err.Error()))}
			}
			shown := printable(dir)
			fmt.Fprintf(s.out, "%s in %s, %s in %s\n", plural(len(all), "case"), filepath.Join(shown, "cases"), plural(written, "vector"), filepath.Join(shown, "vectors"))
			return nil
		},
	}
}
