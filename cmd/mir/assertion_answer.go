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
func (a *assertionAnswer) contextLine() string {
	switch {
	case a.Context == "":
		return ""
	case a.ContextSigned != nil && !*a.ContextSigned:
		return fmt.Sprintf("“%s” (not signed; the issuer can edit it)", a.Context)
	}
	return fmt.Sprintf("“%s” (signed)", a.Context)
}

// fileLine is what is said of the file itself, and whether it was signed.
func (a *assertionAnswer) fileLine() string {
	var signed, beside []string
	if a.Signed.ArtifactMimeType != "" {
		signed = append(signed, a.Signed.ArtifactMimeType)
	}
	if a.Signed.ArtifactByteSize != nil {
		signed = append(signed, fmt.Sprintf("%d bytes", *a.Signed.ArtifactByteSize))
	}
	if m := a.Metadata; m != nil {
		if m.OriginalFilename != "" {
			beside = append(beside, "named "+m.OriginalFilename)
		}
		if a.Signed.ArtifactMimeType == "" && m.ArtifactMimeType != "" {
			beside = append(beside, m.ArtifactMimeType)
		}
		if a.Signed.ArtifactByteSize == nil && m.ArtifactByteSize != nil {
			beside = append(beside, fmt.Sprintf("%d bytes", *m.ArtifactByteSize))
		}
	}
	var words []string
	if len(signed) > 0 {
		words = append(words, strings.Join(signed, ", ")+" (signed)")
	}
	if len(beside) > 0 {
		words = append(words, strings.Join(beside, ", ")+" (not signed)")
	}
	return strings.Join(words, "; ")
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

// endLine says how the assertion ended; "" for an active one.
func (a *assertionAnswer) endLine() string {
	if !a.Revoked {
		return ""
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
	if a.RevocationReason != "" {
		words += ": “" + a.RevocationReason + "”"
	}
	return words
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
	return a.printTo(out, newPaint(out), node)
}

func (a *assertionAnswer) printTo(out io.Writer, p paint, node string) error {
	kind := p.bold(printable(a.Type))
	switch {
	case a.Revoked:
		kind = p.dim(printable(a.Type))
	case a.Type == string(protocol.NotIssuedBy) || a.Type == string(protocol.Dispute):
		kind = p.red(printable(a.Type))
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, "%s  %s %s\n", kind, p.bold(printable(a.Issuer.called())), meaning(protocol.AssertionType(a.Type)))
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %-9s %s\n", label, printable(value))
		}
	}
	line("ended", a.endLine())
	line("since", shortTime(a.CreatedAt))
	line("issuer", a.Issuer.badge(node))
	line("", a.Issuer.Detail)
	line("key", a.keyLine())
	line("scope", a.Scope)
	line("context", a.contextLine())
	line("disputes", a.Signed.Disputes)
	line("replaces", a.Signed.Supersedes)
	if m := a.Metadata; m != nil && m.DisplayName != m.OriginalFilename {
		line("title", m.DisplayName)
	}
	line("file", a.fileLine())
	if a.Metadata != nil {
		line("tags", strings.Join(a.Metadata.Tags, ", "))
	}
	line("note", a.Note)
	line("id", a.ID)
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
