package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

func newAssertionMatchCommand(s streams) *cobra.Command {
	var overwrite bool
	var a assertFlags
	cmd := &cobra.Command{
		Use:   "match FILE...",
		Short: "Find your assertions about local files, and fill in what they lack: name, size, type",
		Long: "Hashes the files here, finds the issuer's own active assertions about them, and adds the file's name, its size, its type and a display name to their metadata where\n" +
			"they have none. What was signed is never changed.\n\n" +
			"Exit code 0: each file has one. 1: there is a file without.",
		Example: "  mir assertion match press/*.jpg\n  mir assertion match --dry-run photo.jpg",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := readIdentity(cmd)
			if err != nil {
				return err
			}
			client, err := id.writer(cmd)
			if err != nil {
				return err
			}
			m := &matching{speaker: speaker{cmd: cmd, s: s, flags: &a, id: id, client: client}, overwrite: overwrite}
			return m.files(args)
		},
	}
	addIssuerFlags(cmd)
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "also replace names, sizes and types that stand there")
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "change nothing: print what would be")
	cmd.Flags().BoolVar(&a.withoutName, "no-filename", false, "keep the files' names to yourself")
	return cmd
}

// matching brings local files and the issuer's own assertions together.
type matching struct {
	speaker
	overwrite bool
}

// matched is what became of one file and one assertion about it.
type matched struct {
	File        string       `json:"file"`
	Hash        string       `json:"artifactHash"`
	AssertionID string       `json:"assertionId,omitzero"` // "": the issuer says nothing about the file
	Type        string       `json:"type,omitzero"`
	Changed     bool         `json:"changed"`
	Set         metadataPart `json:"set,omitzero"` // what was set, or would be
}

func (m *matching) files(names []string) error {
	unmatched := false
	for len(names) > 0 {
		n := min(len(names), lookupBatch)
		var list []*artifact
		var questions []question
		for _, name := range names[:n] {
			a, err := readArtifact(m.cmd, name)
			if err != nil {
				return err
			}
			list = append(list, a)
			questions = append(questions, question{name: name, hash: a.hash})
		}
		answers, err := askAbout(m.cmd, m.client, questions)
		if err != nil {
			return err
		}
		for i, body := range answers {
			var answer lookupAnswer
			if err := decodeAnswer(body, &answer); err != nil {
				return err
			}
			found, err := m.file(list[i], answer.Assertions)
			if err != nil {
				return err
			}
			unmatched = unmatched || !found
		}
		names = names[n:]
	}
	if unmatched {
		return &exit{code: exitRejected}
	}
	return nil
}

// file matches one file, and reports whether the issuer says anything about it.
func (m *matching) file(a *artifact, said []assertionAnswer) (bool, error) {
	found := false
	for i := range said {
		own := &said[i]
		if own.Issuer.ID != m.id.IssuerID || own.Revoked {
			continue
		}
		id, err := assertionArgument(own.ID)
		if err != nil {
			return false, &exit{exitUnreachable, fmt.Errorf("%w: %w", errWrongAnswer, err)}
		}
		found = true
		result := matched{File: a.path, Hash: a.hash, AssertionID: id, Type: own.Type, Set: m.lacking(a, own)}
		result.Changed = !result.Set.isZero() && !m.flags.dryRun
		if result.Changed {
			if _, err := m.client.order(m.cmd.Context(), http.MethodPatch, "/assertions/"+id, nil, result.Set); err != nil {
				return false, err
			}
		}
		if err := m.print(result); err != nil {
			return false, err
		}
	}
	if !found {
		return false, m.print(matched{File: a.path, Hash: a.hash})
	}
	return true, nil
}

func (m *metadataPart) isZero() bool {
	return m.DisplayName == "" && m.OriginalFilename == "" && m.ArtifactMimeType == "" && m.ArtifactByteSize == nil
}

// lacking is what the assertion does not say of its file, signed or beside.
func (m *matching) lacking(a *artifact, own *assertionAnswer) metadataPart {
	var has, set metadataPart
	if own.Metadata != nil && !m.overwrite {
		has = *own.Metadata
	}
	name, label := a.name(protocol.MaxFilename), a.name(protocol.MaxDisplayName)
	if has.OriginalFilename == "" && !m.flags.withoutName {
		set.OriginalFilename = name
	}
	if has.DisplayName == "" && !m.flags.withoutName {
		set.DisplayName = label
	}
	if has.ArtifactMimeType == "" && own.Signed.ArtifactMimeType == "" {
		set.ArtifactMimeType = a.mime
	}
	if has.ArtifactByteSize == nil && own.Signed.ArtifactByteSize == nil {
		set.ArtifactByteSize = &a.size
	}
	if now := own.Metadata; now != nil { // what stands there already is no change
		if set.OriginalFilename == now.OriginalFilename {
			set.OriginalFilename = ""
		}
		if set.DisplayName == now.DisplayName {
			set.DisplayName = ""
		}
		if set.ArtifactMimeType == now.ArtifactMimeType {
			set.ArtifactMimeType = ""
		}
		if size := now.ArtifactByteSize; size != nil && *size == a.size {
			set.ArtifactByteSize = nil
		}
	}
	return set
}

func (m *matching) print(r matched) error {
	if wantsJSON(m.cmd) {
		return printJSON(m.s.out, r)
	}
	var err error
	switch {
	case r.AssertionID == "":
		_, err = fmt.Fprintf(m.s.out, "%s: you say nothing about it\n", printable(r.File))
	case r.Set.isZero():
		_, err = fmt.Fprintf(m.s.out, "%s: %s %s lacks nothing\n", printable(r.File), printable(r.Type), r.AssertionID)
	default:
		done := "filled in"
		if m.flags.dryRun {
			done = "would be filled in"
		}
		_, err = fmt.Fprintf(m.s.out, "%s: %s %s %s: %s\n", printable(r.File), printable(r.Type), r.AssertionID, done, printable(r.Set.words()))
	}
	return err
}

// words lists what is set.
func (m *metadataPart) words() string {
	words := ""
	add := func(what string) {
		if words != "" {
			words += ", "
		}
		words += what
	}
	if m.OriginalFilename != "" {
		add("name " + m.OriginalFilename)
	}
	if m.DisplayName != "" && m.DisplayName != m.OriginalFilename {
		add("display name " + m.DisplayName)
	}
	if m.ArtifactMimeType != "" {
		add("type " + m.ArtifactMimeType)
	}
	if m.ArtifactByteSize != nil {
		add(fmt.Sprintf("%d bytes", *m.ArtifactByteSize))
	}
	return words
}
