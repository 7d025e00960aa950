package api

import (
	"encoding/hex"
	"errors"
	"fmt"

	"mirnode/assertions"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

const (
	// maxHashes is the number of files in one request to POST /assertions/lookup.
	maxHashes = assertions.MaxBatch
	// maxLookupBody bounds such a request, in bytes: many times what it needs, so that who sends too many hashes is told so.
	maxLookupBody = 128 << 10
	// maxAssertionBody bounds a request that signs something, in bytes: a payload of 8 KiB as a string with each byte escaped, and all metadata so too, fit.
	maxAssertionBody = 96 << 10
	// maxTags bounds the tags of a request before they are looked at.
	maxTags = 10
)

var (
	// lookupLimits let one hash too many be seen, and not many more: each value costs fifty times its bytes while it is read.
	lookupLimits = strictjson.Limits{Depth: 3, Values: maxHashes + 8}
	// assertionLimits are those of a request that signs something: two payloads with fewer than 16 members each, the metadata and its tags.
	assertionLimits = strictjson.Limits{Depth: 4, Values: 96}
)

const (
	lookupHint     = `send {"hashes":["<64 hex digits>",…]}, at most 100`
	submissionHint = `send {"payload":{…},"signature":"…"}; /docs has an example`
	revocationHint = `send {"payload":{"version":1,"action":"REVOKE",…},"signature":"…"}; /docs has an example`
	supersedeHint  = `send {"revocation":{"payload":…,"signature":…},"payload":{…},"signature":"…"}; /docs has an example`
	patchHint      = `send the members that are to change, as in {"displayName":"…"}; null removes one`
)

// parseArtifact reads a file's hash, in either case.
func parseArtifact[T string | []byte](s T) (artifact [32]byte, ok bool) {
	if len(s) != hashDigits {
		return artifact, false
	}
	for i := range artifact {
		high, low := hexDigit(s[2*i]), hexDigit(s[2*i+1])
		if high|low > 15 {
			return artifact, false
		}
		artifact[i] = high<<4 | low
	}
	return artifact, true
}

// hexDigit is a digit's value, or 255.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// decodeLookup reads the body of POST /assertions/lookup: the hashes as they were sent, twice where they stand twice.
func decodeLookup(document []byte) ([][32]byte, error) {
	var hashes [][32]byte
	err := readShape(document, lookupLimits, lookupHint, shape{{name: "hashes", required: true, take: takeHashes(&hashes)}})
	if errors.Is(err, strictjson.ErrTooMany) {
		return nil, tooManyHashes()
	}
	return hashes, err
}

func takeHashes(to *[][32]byte) func(strictjson.Value, string) error {
	return func(v strictjson.Value, where string) error {
		if err := needs(v, strictjson.Array, where); err != nil {
			return err
		}
		switch n := v.Len(); {
		case n == 0:
			return badRequest(lookupHint, "hashes is empty")
		case n > maxHashes:
			return tooManyHashes()
		}
		*to = make([][32]byte, v.Len())
		for i := range *to {
			var ok bool
			if (*to)[i], ok = parseArtifact(v.Element(i).Text()); !ok {
				return badRequest("a hash is the SHA-256 of a file's bytes, 64 hex digits", "hashes[%d] is not a SHA-256 in hex", i)
			}
		}
		return nil
	}
}

func tooManyHashes() error {
	return badRequest(fmt.Sprintf("send at most %d hashes at a time, and the rest with further requests", maxHashes), "there are more than %d hashes", maxHashes)
}

// signedShape is what was signed, and how.
func signedShape(s *assertions.Signed) shape {
	return shape{
		{name: "payload", required: true, take: takePayload(s)},
		{name: "signature", required: true, take: takeText(&s.Signature)},
		{name: "keyFingerprint", take: takeText(&s.KeyFingerprint)},
		{name: "algorithm", take: takeText(&s.Algorithm)},
	}
}

// takePayload takes a payload as it was spelled: what was signed is bytes.
func takePayload(s *assertions.Signed) func(strictjson.Value, string) error {
	return func(v strictjson.Value, where string) error {
		switch {
		case v.Kind() == strictjson.Object:
			s.Payload = []byte(v.Literal())
			return nil
		case v.Kind() != strictjson.String:
			return badRequest("send the payload as an object, or the text that was signed as a string", "%s is %s, must be an object or a string", where, v.Kind())
		}
		s.Payload, s.PayloadIsText = []byte(v.Text()), true
		return needs(v, strictjson.String, where)
	}
}

// metadataShape is what stands beside what was signed.
func metadataShape(m *protocol.AssertionMetadata, note *string) shape {
	return shape{
		{name: "displayName", take: takeText(&m.DisplayName)},
		{name: "originalFilename", take: takeText(&m.OriginalFilename)},
		{name: "artifactMimeType", take: takeText(&m.ArtifactMimeType)},
		{name: "artifactByteSize", take: takeSize(&m.ArtifactByteSize)},
		{name: "note", take: takeText(note)},
		{name: "tags", take: takeTexts(&m.Tags, maxTags)},
		{name: "context", take: takeText(&m.Context)},
	}
}

// decodeSubmission reads the body of POST /assertions.
func decodeSubmission(document []byte) (s assertions.Submission, err error) {
	var signed assertions.Signed
	err = readShape(document, assertionLimits, submissionHint, append(signedShape(&signed), metadataShape(&s.Metadata, &s.Note)...))
	return submissionOf(s, signed), err
}

func submissionOf(s assertions.Submission, signed assertions.Signed) assertions.Submission {
	s.Payload, s.PayloadIsText = signed.Payload, signed.PayloadIsText
	s.Signature, s.KeyFingerprint, s.Algorithm = signed.Signature, signed.KeyFingerprint, signed.Algorithm
	return s
}

// decodeRevocation reads the body of POST /assertions/{id}/revoke.
func decodeRevocation(document []byte) (s assertions.Signed, err error) {
	err = readShape(document, assertionLimits, revocationHint, signedShape(&s))
	return s, err
}

// decodeSupersession reads the body of POST /assertions/{id}/supersede.
func decodeSupersession(document []byte) (revocation assertions.Signed, successor assertions.Submission, err error) {
	var signed assertions.Signed
	whole := append(signedShape(&signed), metadataShape(&successor.Metadata, &successor.Note)...)
	whole = append(whole, slot{name: "revocation", required: true, take: func(v strictjson.Value, where string) error {
		if err := needs(v, strictjson.Object, where); err != nil {
			return err
		}
		return signedShape(&revocation).read(v, where, supersedeHint)
	}})
	err = readShape(document, assertionLimits, supersedeHint, whole)
	return revocation, submissionOf(successor, signed), err
}

// assertionPath is the path of an assertion.
func assertionPath(id [32]byte) string { return "/assertions/assertion_" + hex.EncodeToString(id[:]) }
