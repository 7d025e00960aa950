package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/internal/nearest"
)

// editable are the things beside what is signed, as flags call them and as the node does.
var editable = [...]struct{ flag, member string }{
	{"display-name", "displayName"}, {"filename", "originalFilename"}, {"context", "context"}, {"tag", "tags"}, {"note", "note"},
	{"mime-type", "artifactMimeType"}, {"size", "artifactByteSize"}, // these two are cleared only: `mir assertion match` sets them
}

// edit is what `mir assertion edit` changes.
type edit struct {
	m     metadataPart
	clear []string
}

func newAssertionEditCommand(s streams) *cobra.Command {
	var e edit
	cmd := &cobra.Command{
		Use:   "edit ASSERTION-ID [--display-name TEXT] [--context TEXT] [--tag TEXT]... [--note TEXT] [--clear NAME]...",
		Short: "Change what stands beside a signed assertion: display name, unsigned context, tags, note",
		Long: "Changes what stands unsigned beside one of the issuer's assertions; what no flag names stays. --tag takes the place of all tags. What was there\n" +
			"before stays in the home's log. What was signed cannot be edited: mir assertion supersede puts another assertion in its place.\n\n" +
			"--clear takes something away: " + strings.Join(editableNames(), ", ") + ".",
		Example: "  mir assertion edit assertion_5d2c… --display-name \"Press photo\" --tag press --tag 2026\n  mir assertion edit assertion_5d2c… --clear note",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return e.run(cmd, s, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&e.m.DisplayName, "display-name", "", "a friendly label")
	f.StringVar(&e.m.OriginalFilename, "filename", "", "the file's name, which everybody sees")
	f.StringVar(&e.m.Context, "context", "", "what people should know, up to 500 characters; not signed")
	f.StringArrayVar(&e.m.Tags, "tag", nil, "a label to sort by, in the place of all that there are; may be repeated")
	f.StringVar(&e.m.Note, "note", "", "a note for your team; it is not shown to others, and stays on the home node")
	f.StringSliceVar(&e.clear, "clear", nil, "take this away; may be repeated")
	addIssuerFlags(cmd)
	return cmd
}

func editableNames() []string {
	var names []string
	for _, e := range editable {
		names = append(names, e.flag)
	}
	return names
}

// patch is the body of the request: null takes a member away.
func (e *edit) patch(cmd *cobra.Command) (map[string]any, error) {
	values := map[string]any{"displayName": e.m.DisplayName, "originalFilename": e.m.OriginalFilename, "context": e.m.Context, "tags": e.m.Tags, "note": e.m.Note}
	patch := map[string]any{}
	for _, one := range editable {
		f := cmd.Flags().Lookup(one.flag)
		if f == nil || !f.Changed {
			continue
		}
		if f.Value.String() == "" {
			return nil, withHint("--"+one.flag+" is empty", "To take it away: --clear "+one.flag)
		}
		patch[one.member] = values[one.member]
	}
	for _, name := range e.clear {
		at := slices.IndexFunc(editable[:], func(one struct{ flag, member string }) bool { return one.flag == name || one.member == name })
		if at < 0 {
			hint := "It is " + strings.Join(editableNames(), ", ") + "."
			if near := nearest.Name(name, editableNames()); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			return nil, withHint(fmt.Sprintf("--clear %q: there is no such thing beside an assertion", name), hint)
		}
		if _, both := patch[editable[at].member]; both {
			return nil, fmt.Errorf("--%s and --clear %s: give one of the two", editable[at].flag, name)
		}
		patch[editable[at].member] = nil
	}
	if len(patch) == 0 {
		return nil, withHint("say what to change", "usage: "+cmd.UseLine())
	}
	return patch, e.m.check()
}

func (e *edit) run(cmd *cobra.Command, s streams, name string) error {
	id, err := assertionArgument(name)
	if err != nil {
		return err
	}
	patch, err := e.patch(cmd)
	if err != nil {
		return err
	}
	who, err := readIdentity(cmd)
	if err != nil {
		return err
	}
	client, err := who.writer(cmd)
	if err != nil {
		return err
	}
	answer, err := client.order(cmd.Context(), http.MethodPatch, "/assertions/"+id, nil, patch)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printRaw(cmd, answer.body)
	}
	var changed provenAnswer
	if err := decodeAnswer(answer.body, &changed); err != nil {
		return err
	}
	if changed.Assertion.ID != id {
		return &exit{exitUnreachable, fmt.Errorf("%w: it is about %q", errWrongAnswer, changed.Assertion.ID)}
	}
	if signed := changed.Assertion.ContextSigned; e.m.Context != "" && signed != nil && *signed {
		note(cmd, "warning: readers go on seeing the context that was signed. To replace that: mir assertion supersede %s --context …", id)
	}
	return changed.Assertion.print(s.out, client.base.Host)
}
