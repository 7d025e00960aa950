package protocol

import (
	"slices"

	"mirnode/internal/strictjson"
)

// Bounds of an assertion's metadata, in characters where nothing else is said.
const (
	MaxDisplayName  = 200
	MaxFilename     = 255
	MaxTags         = 10 // tags
	MaxTag          = 50
	maxMetadataText = 8 << 10 // bytes of a document; more than all members can have
)

// AssertionMetadata is what an issuer says beside what it signs: public, replicated, and editable by its home. Readers are shown
// it as unsigned. Texts are "" where nothing was said; they have no control characters and none
// that turn text, but Context may have line breaks and tabs.
type AssertionMetadata struct {
	DisplayName      string   // up to MaxDisplayName characters
	OriginalFilename string   // up to MaxFilename characters
	ArtifactMimeType string   // type/subtype, up to 127 characters each
	ArtifactByteSize *uint64  // up to MaxArtifactBytes; nil for none
	Context          string   // up to MaxContext characters
	Tags             []string // up to MaxTags, each of 1 to MaxTag characters
}

var metadataShape = shape{
	what:     "an assertion's metadata",
	optional: []string{"displayName", "originalFilename", "artifactMimeType", "artifactByteSize", "context", "tags"},
	bytes:    maxMetadataText, values: 20, // six members, ten tags, the object
}

// ParseAssertionMetadata reads metadata in any spelling: a JSON object of members of that set alone. A text that is empty counts
// as absent. The error is an [*Error] with [InvalidSchema].
func ParseAssertionMetadata(data []byte) (*AssertionMetadata, error) {
	r, err := readStatement(data, &metadataShape)
	if err != nil {
		return nil, err
	}
	m := r.metadataMembers()
	return m, r.err()
}

// IsZero reports whether the metadata say nothing.
func (m *AssertionMetadata) IsZero() bool {
	return m.DisplayName == "" && m.OriginalFilename == "" && m.ArtifactMimeType == "" && m.ArtifactByteSize == nil && m.Context == "" &&
		len(m.Tags) == 0
}

// Check holds the metadata to their bounds. The error is an [*Error] with [InvalidSchema], nil for metadata that are good.
func (m *AssertionMetadata) Check() error {
	if refusal := m.fault(); refusal != nil {
		return refusal
	}
	return nil
}

func (m *AssertionMetadata) fault() *Error {
	switch {
	case m.DisplayName != "" && !validLine(m.DisplayName, MaxDisplayName):
		return tooLong("displayName", MaxDisplayName)
	case m.OriginalFilename != "" && !validLine(m.OriginalFilename, MaxFilename):
		return tooLong("originalFilename", MaxFilename)
	case m.Context != "" && !validText(m.Context, MaxContext):
		return tooLong("context", MaxContext)
	case m.ArtifactMimeType != "" && !validMediaType(m.ArtifactMimeType):
		return refuse(InvalidSchema, unsigned("a media type is like image/jpeg, without parameters"), "artifactMimeType is no media type")
	case m.ArtifactByteSize != nil && *m.ArtifactByteSize > MaxArtifactBytes:
		return refuse(InvalidSchema, unsigned("send the number of bytes, or leave it out"), "artifactByteSize is no integer from 0 to %d", MaxArtifactBytes)
	case len(m.Tags) > MaxTags:
		return refuse(InvalidSchema, unsigned("send fewer"), "there are %d tags; at most %d are allowed", len(m.Tags), MaxTags)
	case slices.ContainsFunc(m.Tags, func(tag string) bool { return !validLine(tag, MaxTag) }):
		return refuse(InvalidSchema, unsigned("shorten it, or leave it out"), "a tag is not 1 to %d characters without control characters and ones that turn text around", MaxTag)
	}
	return nil
}

func tooLong(name string, most int) *Error {
	return refuse(InvalidSchema, unsigned("shorten it, and leave out control characters, bidirectional ones too"), "%s is not up to %d characters without control characters and ones that turn text around", name, most)
}

// unsigned is a hint about metadata: whoever mends them need not sign again.
func unsigned(hint string) string {
	return hint + "; metadata are not signed, so the signature stays good"
}

// Canonical returns the metadata's one form: {} where they say nothing.
func (m *AssertionMetadata) Canonical() []byte { return encode(m, "") }

func (m *AssertionMetadata) write(w *memberWriter) {
	w.optionalNumber("artifactByteSize", m.ArtifactByteSize)
	w.optionalText("artifactMimeType", m.ArtifactMimeType)
	w.optionalText("context", m.Context)
	w.optionalText("displayName", m.DisplayName)
	w.optionalText("originalFilename", m.OriginalFilename)
	if len(m.Tags) > 0 {
		w.texts("tags", m.Tags)
	}
}

// metadata reads metadata within a record.
func (r *memberReader) metadata(v strictjson.Value) *AssertionMetadata {
	inner := r.inside(v, &metadataShape)
	if inner == nil {
		return nil
	}
	return inner.metadataMembers()
}

func (r *memberReader) metadataMembers() *AssertionMetadata {
	m := &AssertionMetadata{
		DisplayName: r.optionalText("displayName"), OriginalFilename: r.optionalText("originalFilename"),
		ArtifactMimeType: r.optionalText("artifactMimeType"), ArtifactByteSize: r.size("artifactByteSize"),
		Context: r.optionalText("context"), Tags: r.tags("tags"),
	}
	if refusal := m.fault(); refusal != nil {
		r.keep(refusal)
	}
	return m
}

func (r *memberReader) tags(name string) []string {
	list, ok := r.root.Lookup(name)
	if !ok {
		return nil
	}
	if list.Kind() != strictjson.Array || list.Len() > MaxTags {
		r.fail("", "%s is no list of at most %d strings", name, MaxTags)
		return nil
	}
	tags := make([]string, list.Len())
	for i := range tags {
		v := list.Element(i)
		if v.Kind() != strictjson.String || v.Bad() {
			r.fail("", "%s holds %v instead of a string of valid UTF-8", name, v.Kind())
		}
		tags[i] = v.Text()
	}
	return tags
}
