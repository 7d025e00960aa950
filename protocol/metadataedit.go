package protocol

import (
	"crypto/ed25519"
	"strings"
	"time"
)

// MetadataEdit is a home's record that the unsigned metadata of an assertion are now these: it replaces them all. Of several,
// the one with the highest Sequence counts. The home signs it on its issuer's word. It must not be changed.
type MetadataEdit struct {
	Home        string // the domain of the issuer's home, in lower case, which signed
	AssertionID string // in lower case
	IssuerID    string
	Metadata    AssertionMetadata // zero: all that was said is taken back
	Sequence    uint64            // from 1 to 2^53-1; higher with each edit of the assertion
	Issued      time.Time         // UTC, in whole milliseconds; the signing key is judged at this time

	assertion [32]byte
	statement
}

var metadataEditShape = shape{
	what: "an edit of metadata", version: "mirAssertionMetadata",
	required: []string{
		"mirAssertionMetadata", "home", "network", "assertionId", "issuerId", "metadata", "sequence", "issuedAt", "keyFingerprint", "sig",
	},
	depth: 3, // the record, the metadata, their tags
}

// ParseMetadataEdit reads an edit of an assertion's metadata. It does not look at the signature. The error is an [*Error] with
// [InvalidSchema].
func ParseMetadataEdit(data []byte) (*MetadataEdit, error) {
	r, err := readStatement(data, &metadataEditShape)
	if err != nil {
		return nil, err
	}
	e := &MetadataEdit{
		Home: r.domain("home"), AssertionID: r.assertionID("assertionId"), IssuerID: r.issuerID("issuerId"), Sequence: r.count("sequence"),
		Issued: r.moment("issuedAt"), statement: r.signed(),
	}
	v, _ := r.root.Lookup("metadata")
	if m := r.metadata(v); m != nil {
		e.Metadata = *m
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if e.assertion, err = ParseAssertionID(e.AssertionID); err != nil {
		return nil, err
	}
	if err := e.seal(e, r.root.Literal()); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *MetadataEdit) write(w *memberWriter) {
	w.text("assertionId", e.AssertionID)
	w.text("home", e.Home)
	w.time("issuedAt", e.Issued)
	w.text("issuerId", e.IssuerID)
	w.text("keyFingerprint", e.keyFingerprint)
	w.object("metadata", &e.Metadata)
	w.number("mirAssertionMetadata", 1)
	w.text("network", string(e.network))
	w.number("sequence", e.Sequence)
	w.signature()
}

// Kind returns [KindMetadata].
func (e *MetadataEdit) Kind() Kind { return KindMetadata }

// Signer returns the home and the fingerprint of its key.
func (e *MetadataEdit) Signer() (domain, fingerprint string) { return e.Home, e.keyFingerprint }

// IssuedAt returns Issued.
func (e *MetadataEdit) IssuedAt() time.Time { return e.Issued }

// AssertionHash returns the IDHash of the assertion whose metadata these are.
func (e *MetadataEdit) AssertionHash() [32]byte { return e.assertion }

// MetadataEditDraft is an edit that is not signed yet. Fields are those of [MetadataEdit].
type MetadataEditDraft struct {
	Home        string
	Network     Network
	AssertionID string
	IssuerID    string
	Metadata    AssertionMetadata
	Sequence    uint64
	Issued      time.Time // truncated to milliseconds
}

// Sign makes the edit. The same draft and key always give the same one. The error is an [*Error]: for a draft that breaks the
// bounds of [MetadataEdit], or for a key that is none.
func (d MetadataEditDraft) Sign(key ed25519.PrivateKey) (*MetadataEdit, error) {
	fingerprint, err := signingFingerprint(key)
	if err != nil {
		return nil, err
	}
	e := &MetadataEdit{
		Home: strings.ToLower(d.Home), AssertionID: strings.ToLower(d.AssertionID), IssuerID: d.IssuerID, Metadata: d.Metadata,
		Sequence: d.Sequence, Issued: d.Issued, statement: statement{network: d.Network, keyFingerprint: fingerprint},
	}
	return ParseMetadataEdit(signStatement(e, key))
}
