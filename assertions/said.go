package assertions

import (
	"strconv"
	"time"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/store"
)

// seenLate is how much later than the home this node may have taken a record in before answers tell: createdAt is the home's word, and one that began its log
// today can write any time into it. Below, answers are equal on all nodes that mirrored in time.
const seenLate = 24 * time.Hour

// noTexts is a payload that has nothing but what each has.
var noTexts protocol.AssertionPayload

// appendSaid writes what the issuer says, signed and unsigned, up to the fingerprint of its key. Most have no signed texts, and nothing of theirs is parsed.
func appendSaid(b []byte, a *store.AssertionState) ([]byte, error) {
	signed := &noTexts
	if a.HasTexts {
		record, err := protocol.ParseAssertion(a.Raw)
		if err != nil {
			return b, err
		}
		signed = &record.Payload
	}
	b = appendTextOrNull(append(b, `,"scope":`...), signed.Scope)
	b = append(b, `,"context":`...)
	unsigned := memberOf(a.Metadata, "context")
	contextSigned := "null"
	switch {
	case signed.Context != "":
		b, contextSigned = strictjson.AppendString(b, signed.Context), "true"
	case unsigned != nil:
		b, contextSigned = append(b, unsigned...), "false"
	default:
		b = append(b, "null"...)
	}
	b = strictjson.AppendTime(append(b, `,"createdAt":`...), a.HomeIngestedAt)
	b = strconv.AppendBool(append(b, `,"revoked":`...), a.Revocation != nil)
	if a.IngestedAt.Sub(a.HomeIngestedAt) > seenLate {
		b = strictjson.AppendTime(append(b, `,"seenAt":`...), a.IngestedAt)
	}
	b = append(append(b, `,"contextSigned":`...), contextSigned...)
	b = append(append(b, `,"signed":{"timestamp":"`...), a.Timestamp...)
	b = append(b, '"')
	if a.HasTexts {
		b = appendSigned(b, signed)
	}
	b = append(b, `},"metadata":`...)
	if a.Metadata == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, a.Metadata...)
	}
	return append(b, `,"keyFingerprint":"`...), nil
}

// appendSigned writes what a payload may have beside what each has.
func appendSigned(b []byte, p *protocol.AssertionPayload) []byte {
	for _, member := range [...]struct{ name, value string }{
		{"scope", p.Scope}, {"context", p.Context}, {"disputes", p.Disputes}, {"supersedes", p.Supersedes}, {"artifactMimeType", p.MimeType},
	} {
		if member.value != "" {
			b = append(append(append(b, `,"`...), member.name...), `":`...)
			b = strictjson.AppendString(b, member.value)
		}
	}
	if p.ByteSize != nil {
		b = strconv.AppendUint(append(b, `,"artifactByteSize":`...), *p.ByteSize, 10)
	}
	return b
}

func appendTextOrNull(b []byte, text string) []byte {
	if text == "" {
		return append(b, "null"...)
	}
	return strictjson.AppendString(b, text)
}

// appendEnding writes what came of an assertion: nothing while it is active.
func appendEnding(b []byte, a *store.AssertionState) []byte {
	if a.Revocation == nil {
		return b
	}
	b = strictjson.AppendTime(append(b, `,"revokedAt":`...), a.Revocation.At)
	b = append(b, `,"revocation":"`...)
	b = append(b, ended(a)...)
	b = append(b, '"')
	if a.SupersededBy != nil {
		b = appendID(append(b, `,"supersededBy":`...), *a.SupersededBy)
	}
	return b
}

// ended names the end of an assertion as answers do.
func ended(a *store.AssertionState) string {
	if a.Revocation.Action == protocol.ActionSupersede {
		return "SUPERSEDED"
	}
	return "REVOKED"
}
