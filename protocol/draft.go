package protocol

import (
	"encoding/json"

	"mirnode/internal/strictjson"
)

// Draft is a claim that is not signed yet. Its fields may be filled in by hand: what
// must hold is checked by [Draft.Sign].
type Draft struct {
	Type      string
	Domain    string
	Subject   string
	Timestamp string
	Metadata  json.RawMessage // a JSON object, or empty for none
	// KeyFingerprint names the key that is to sign. Empty: any key will do.
	KeyFingerprint string
}

// ParseDraft reads an unsigned claim document: a claim without sig, in which
// keyFingerprint may be missing. It checks the formats and the canonical form, but not
// what a conformant signer refuses. The error is an [*Error] with [InvalidSchema] or
// [CanonicalizationError].
func ParseDraft(data []byte) (*Draft, error) {
	var doc document
	if err := doc.read(data); err != nil {
		return nil, err
	}
	if doc.has(memberSig) {
		return nil, refuse(InvalidSchema, "take sig out to sign the claim anew", "the claim has a sig: it is signed already")
	}
	if err := doc.require(draftMembers); err != nil {
		return nil, err
	}
	c, err := doc.claim()
	if err != nil {
		return nil, err
	}
	d := &Draft{
		Type: c.Type, Domain: c.Domain, Subject: c.Subject, Timestamp: c.Timestamp, KeyFingerprint: c.KeyFingerprint,
	}
	if metadata := doc.metadata(); metadata != nil {
		d.Metadata = json.RawMessage(metadata.Literal())
	}
	fingerprint := d.KeyFingerprint
	if fingerprint == "" && !doc.has(memberKeyFingerprint) {
		fingerprint = anyFingerprint
	}
	if _, _, err := d.unsigned(fingerprint); err != nil {
		return nil, err
	}
	return d, nil
}

// anyFingerprint stands in where a draft is checked before its key is known.
const anyFingerprint = "0000000000000000000000000000000000000000000000000000000000000000"

// Canonical returns the bytes that are to be signed, in the form of the protocol's text.
// KeyFingerprint must be set, since it is a part of them. The error is an [*Error].
func (d *Draft) Canonical() ([]byte, error) {
	c, _, err := d.unsigned(d.KeyFingerprint)
	if err != nil {
		return nil, err
	}
	return c.text, nil
}

// unsigned checks the draft's formats and canonical form, and returns the claim without
// its sig, and the parsed metadata, nil if there is none.
func (d *Draft) unsigned(fingerprint string) (*Claim, *strictjson.Value, error) {
	c := &Claim{
		Type: d.Type, Domain: d.Domain, Subject: d.Subject, Timestamp: d.Timestamp, KeyFingerprint: fingerprint,
	}
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	var metadata *strictjson.Value
	if len(d.Metadata) > 0 {
		v, err := strictjson.Parse(d.Metadata, strictjson.Limits{Depth: MaxDepth - 1, Values: maxClaimValues}) // the claim is level 1
		if err != nil {
			return nil, nil, refuse(InvalidSchema, "", "metadata: %v", err)
		}
		if err := checkMetadataKind(v); err != nil {
			return nil, nil, err
		}
		metadata = &v
	}
	if err := c.canonicalize(metadata); err != nil {
		return nil, nil, err
	}
	return c, metadata, nil
}
