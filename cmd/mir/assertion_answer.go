package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mirnode/protocol"
)

// assertionAnswer is an assertion in a node's answers.
type assertionAnswer struct {
	ID            string       `json:"id"`
	Type          string       `json:"type"`
	Issuer        issuerAnswer `json:"issuer"`
	Scope         string       `json:"scope"`
	Context       string       `json:"context"`
	CreatedAt     string       `json:"createdAt"`
	Revoked       bool         `json:"revoked"`
	ContextSigned *bool        `json:"contextSigned"`
	Signed        struct {
		Timestamp        string  `json:"timestamp"`
		Disputes         string  `json:"disputes"`
		Supersedes       string  `json:"supersedes"`
		ArtifactMimeType string  `json:"artifactMimeType"`
		ArtifactByteSize *uint64 `json:"artifactByteSize"`
	} `json:"signed"`
	Metadata         *metadataPart `json:"metadata"`
	KeyFingerprint   string        `json:"keyFingerprint"`
	Anchor           string        `json:"anchor"`
	KeyRevokedAt     string        `json:"keyRevokedAt"`
	KeyCompromisedAt string        `json:"keyCompromisedAt"`
	RevokedAt        string        `json:"revokedAt"`
	Revocation       string        `json:"revocation"`
	RevocationReason string        `json:"revocationReason"`
	SupersededBy     string        `json:"supersededBy"`

	ArtifactHash string `json:"artifactHash"` // in lists
	Note         string `json:"note"`         // in lists, to the issuer itself
}

// checkIDs refuses an answer with IDs that are none: people copy them from here into command lines.
func checkIDs(list []assertionAnswer) error {
	for i := range list {
		a := &list[i]
		for _, id := range []string{a.ID, cmp.Or(a.Signed.Disputes, a.ID), cmp.Or(a.Signed.Supersedes, a.ID), cmp.Or(a.SupersededBy, a.ID)} {
			if _, err := protocol.ParseAssertionID(id); err != nil {
				return &exit{exitUnreachable, fmt.Errorf("%w: %q is no assertion ID", errWrongAnswer, id)}
			}
		}
	}
	return nil
}

// contextLine is the context, and whether it was signed.
func (a *assertionAnswer) contextLine() []span {
	switch {
	case a.Context == "":
		return nil
	case a.ContextSigned != nil && !*a.ContextSigned:
		return []span{theirs(a.Context), ours(" (not signed; the issuer can edit it)")}
	}
	return []span{theirs(a.Context), ours(" (signed)")}
}

// fileLine is what is said of the file itself, and whether it was signed.
func (a *assertionAnswer) fileLine() []span {
	var signed, beside [][]span
	if a.Signed.ArtifactMimeType != "" {
		signed = append(signed, []span{mediaSpan(a.Signed.ArtifactMimeType)})
	}
	if a.Signed.ArtifactByteSize != nil {
		signed = append(signed, []span{ours("%d bytes", *a.Signed.ArtifactByteSize)})
	}
	if m := a.Metadata; m != nil {
		if m.OriginalFilename != "" {
			beside = append(beside, []span{ours("named "), theirs(m.OriginalFilename)})
		}
		if a.Signed.ArtifactMimeType == "" && m.ArtifactMimeType != "" {
			beside = append(beside, []span{mediaSpan(m.ArtifactMimeType)})
		}
		if a.Signed.ArtifactByteSize == nil && m.ArtifactByteSize != nil {
			beside = append(beside, []span{ours("%d bytes", *m.ArtifactByteSize)})
		}
	}
	var line []span
	if len(signed) > 0 {
		line = append(joined(signed), ours(" (signed)"))
	}
	if len(beside) > 0 {
		if line != nil {
			line = append(line, ours("; "))
		}
		line = append(append(line, joined(beside)...), ours(" (not signed)"))
	}
	return line
}

// mediaSpan is a media type, which is no sentence; anything else is somebody's words.
func mediaSpan(text string) span {
	if (&protocol.AssertionMetadata{ArtifactMimeType: text}).Check() == nil {
		return ours("%s", text)
	}
	return theirs(text)
}

// joined puts commas between the parts of a line.
func joined(parts [][]span) []span {
	var line []span
	for i, part := range parts {
		if i > 0 {
			line = append(line, ours(", "))
		}
		line = append(line, part...)
	}
	return line
}

// keyLine says who vouches for the key that signed.
func (a *assertionAnswer) keyLine() string {
	words := fmt.Sprintf("vouched for by the issuer's home, %s", orDash(a.Issuer.Home))
	if v := a.Issuer.Verification; a.Anchor == "domain" && v != nil {
		words = fmt.Sprintf("published by the issuer's own domain, %s", v.Domain)
	} else if a.Anchor == "domain" {
		words = "published by the issuer's own domain"
	}
	if a.KeyRevokedAt != "" {
		words += "; revoked " + shortTime(a.KeyRevokedAt)
	}
	if a.KeyCompromisedAt != "" {
		words += "; NOT TRUSTED by its owner since " + shortTime(a.KeyCompromisedAt)
	}
	return words
}

// endLine says how the assertion ended; nothing for an active one.
func (a *assertionAnswer) endLine() []span {
	if !a.Revoked {
		return nil
	}
	words := strings.ToLower(orDash(a.Revocation))
	if words == "-" {
		words = "revoked"
	}
	if a.RevokedAt != "" {
		words += " " + shortTime(a.RevokedAt)
	}
	if a.SupersededBy != "" {
		words += " by " + a.SupersededBy
	}
	if a.RevocationReason == "" {
		return []span{ours("%s", words)}
	}
	return []span{ours("%s: ", words), theirs(a.RevocationReason)}
}

// warnLine warns of an active assertion that was made when its key was in wrong hands, by what its owner says.
func (a *assertionAnswer) warnLine() string {
	since, err := time.Parse(time.RFC3339Nano, a.KeyCompromisedAt)
	if a.KeyCompromisedAt == "" || a.Revoked {
		return ""
	}
	if made, wrong := time.Parse(time.RFC3339Nano, a.CreatedAt); err == nil && wrong == nil && made.Before(since) {
		return ""
	}
	return "made when its key was in wrong hands, by what the owner of the key says: somebody else may have said this"
}

// shortTime writes a time of a node's answer for a person, to the second.
func shortTime(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// print tells a person of the assertion. node is the host of the node that says it.
func (a *assertionAnswer) print(out io.Writer, node string) error {
	return a.printTo(out, newPage(out), node)
}

func (a *assertionAnswer) printTo(out io.Writer, pg page, node string) error {
	painted := pg.bold
	switch {
	case a.Revoked:
		painted = pg.dim
	case a.Type == string(protocol.NotIssuedBy) || a.Type == string(protocol.Dispute):
		painted = pg.red
	}
	b := new(strings.Builder)
	name := a.Issuer.called()
	name.painted = pg.bold
	pg.headline(b, span{text: a.Type, painted: painted}, name, ours(" %s", meaning(protocol.AssertionType(a.Type))))
	fact := func(label, value string) {
		if value != "" {
			pg.fact(b, label, ours("%s", value))
		}
	}
	said := func(label string, spans ...span) {
		if len(spans) > 0 && spans[0].text != "" {
			pg.fact(b, label, spans...)
		}
	}
	if warning := a.warnLine(); warning != "" {
		pg.fact(b, "WARNING", span{text: warning, painted: pg.red})
	}
	said("ended", a.endLine()...)
	fact("since", shortTime(a.CreatedAt))
	fact("issuer", a.Issuer.badge(node))
	fact("seen", a.Issuer.Detail)
	fact("key", a.keyLine())
	said("scope", theirs(a.Scope))
	said("context", a.contextLine()...)
	fact("disputes", a.Signed.Disputes)
	fact("replaces", a.Signed.Supersedes)
	if m := a.Metadata; m != nil && m.DisplayName != m.OriginalFilename {
		said("title", theirs(m.DisplayName))
	}
	said("file", a.fileLine()...)
	if a.Metadata != nil {
		var tags [][]span
		for _, tag := range a.Metadata.Tags {
			tags = append(tags, []span{theirs(tag)})
		}
		said("tags", joined(tags)...)
	}
	said("note", theirs(a.Note))
	fact("id", a.ID)
	_, err := io.WriteString(out, b.String())
	return err
}

// rank orders what a person should read first: what contradicts, then what else is active, then what was revoked.
func (a *assertionAnswer) rank(conflicts bool) int {
	switch {
	case a.Revoked:
		return 4
	case conflicts && a.Type == string(protocol.Dispute):
		return 0
	case conflicts && a.Type == string(protocol.NotIssuedBy):
		return 1
	case conflicts && a.Type == string(protocol.IssuedBy):
		return 2
	}
	return 3
}

// sortForReading brings assertions into the order of rank; within one it stays the node's, newest first.
func sortForReading(list []assertionAnswer, conflicts bool) {
	slices.SortStableFunc(list, func(a, b assertionAnswer) int { return cmp.Compare(a.rank(conflicts), b.rank(conflicts)) })
}
