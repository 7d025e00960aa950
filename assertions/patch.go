package assertions

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mirnode/internal/nearest"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// MaxPatchBytes bounds the body of an edit: all its members at their longest, every character escaped.
const MaxPatchBytes = 32 << 10

// Change is what an edit does to one member: nothing, or a new value; the zero value removes the member.
type Change[T any] struct {
	Set   bool
	Value T
}

// Patch is an edit of an assertion's unsigned metadata and note, as JSON merge patches are (RFC 7396): what is not set stays.
type Patch struct {
	DisplayName, OriginalFilename, ArtifactMimeType, Context, Note Change[string]
	ArtifactByteSize                                               Change[*uint64]
	Tags                                                           Change[[]string]
}

// patchMembers are the members of an edit.
var patchMembers = []string{"displayName", "originalFilename", "artifactMimeType", "artifactByteSize", "tags", "context", "note"}

// ParsePatch reads an edit: an object of the members that are to change; null removes one. What the values must be, Edit checks. The error is a *Refusal.
func ParsePatch(body []byte) (Patch, error) {
	var p Patch
	if len(body) > MaxPatchBytes {
		return p, invalid("send less", "the edit has %d bytes, and at most %d are allowed", len(body), MaxPatchBytes)
	}
	root, err := strictjson.Parse(body, strictjson.Limits{Depth: 2, Values: 64})
	if err != nil {
		hint := "send an object of the members that are to change"
		if errors.Is(err, strictjson.ErrDuplicateName) {
			hint = "name each member once"
		}
		return p, invalid(hint, "the edit is no good JSON: %v", err)
	}
	if root.Kind() != strictjson.Object || root.Len() == 0 {
		return p, invalid("send an object of the members that are to change; null removes one", "the edit is %v without members", root.Kind())
	}
	for i := range root.Len() {
		if err := p.take(root.Member(i)); err != nil {
			return Patch{}, err
		}
	}
	return p, nil
}

// take reads one member.
func (p *Patch) take(m *strictjson.Member) error {
	texts := map[string]*Change[string]{
		"displayName": &p.DisplayName, "originalFilename": &p.OriginalFilename, "artifactMimeType": &p.ArtifactMimeType, "context": &p.Context, "note": &p.Note,
	}
	null := m.Value.Kind() == strictjson.Null
	text, isText := texts[m.Name.Text]
	switch {
	case m.Name.Bad || !slices.Contains(patchMembers, m.Name.Text):
		return unknownChange(m.Name.Text)
	case isText && null:
		text.Set = true
	case isText:
		if m.Value.Kind() != strictjson.String || m.Value.Bad() {
			return invalid("", "%s is %v instead of a string of valid UTF-8, or null", m.Name.Text, m.Value.Kind())
		}
		*text = Change[string]{true, m.Value.Text()}
	case m.Name.Text == "tags":
		return p.takeTags(m.Value, null)
	default:
		return p.takeSize(m.Value, null)
	}
	return nil
}

// unknownChange refuses a member by its name, and names the one that was meant.
func unknownChange(name string) error {
	hint := "what may stand here: " + strings.Join(patchMembers, ", ") + "; what was signed cannot change: supersede the assertion instead"
	if near := nearest.Name(name, patchMembers); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return invalid(hint, "unknown member %s", quote(name))
}

func (p *Patch) takeTags(v strictjson.Value, null bool) error {
	if p.Tags.Set = true; null {
		return nil
	}
	if v.Kind() != strictjson.Array {
		return invalid("", "tags is %v instead of an array of strings, or null", v.Kind())
	}
	for i := range v.Len() {
		if tag := v.Element(i); tag.Kind() == strictjson.String && !tag.Bad() {
			p.Tags.Value = append(p.Tags.Value, tag.Text())
			continue
		}
		return invalid("", "tags has %v instead of a string of valid UTF-8", v.Element(i).Kind())
	}
	return nil
}

func (p *Patch) takeSize(v strictjson.Value, null bool) error {
	if p.ArtifactByteSize.Set = true; null {
		return nil
	}
	n, err := strconv.ParseUint(v.Literal(), 10, 64)
	if err != nil || v.Kind() != strictjson.Number {
		return invalid("", "artifactByteSize is no whole number, and not null")
	}
	p.ArtifactByteSize.Value = &n
	return nil
}

// apply makes the metadata that is in force after the edit of what was in force before; nil stands for none.
func (p *Patch) apply(before *protocol.AssertionMetadata) *protocol.AssertionMetadata {
	after := protocol.AssertionMetadata{}
	if before != nil {
		after = *before
	}
	change(&after.DisplayName, p.DisplayName)
	change(&after.OriginalFilename, p.OriginalFilename)
	change(&after.ArtifactMimeType, p.ArtifactMimeType)
	change(&after.Context, p.Context)
	change(&after.ArtifactByteSize, p.ArtifactByteSize)
	change(&after.Tags, p.Tags)
	return &after
}

func change[T any](to *T, c Change[T]) {
	if c.Set {
		*to = c.Value
	}
}
