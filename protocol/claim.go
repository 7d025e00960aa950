package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Claim is a claim that passed steps 1 to 4 of verification: it is well-formed, and has
// a canonical form. Nothing is said about its signature. It must not be changed, and is
// then safe for concurrent use; so are the slices that its methods return.
type Claim struct {
	Type           string // mir.category.action or HOST:category.action
	Domain         string // the issuer, as spelled; compare by [Claim.Host]
	Subject        string // 64 lower-case hex digits
	Timestamp      string // RFC 3339, as spelled
	KeyFingerprint string // 64 lower-case hex digits
	Sig            string // 86 characters of base64url

	host      string
	time      time.Time
	signature [ed25519.SignatureSize]byte
	sigHash   [sha256.Size]byte
	raw       []byte
	text      []byte // the text's form
	sigOffset int    // where in text the sig member belongs
	metadata  []byte // the part of text that holds the metadata; nil if there is none
	sdk       []byte // the SDK's form; nil where it is the text's
	sdkFault  *Error // why there is no SDK's form
}

// claimIDPrefix and the lower-case hex of sigHash make a claim's ID.
const claimIDPrefix = "claim_"

// ParseClaim reads a claim document and carries out steps 1 to 4 of verification: the
// JSON, the required members, their formats, the canonical form. The error is an
// [*Error] with [InvalidSchema] or, where all else is in order, [CanonicalizationError].
func ParseClaim(data []byte) (*Claim, error) {
	var doc document
	if err := doc.read(data); err != nil {
		return nil, err
	}
	if err := doc.require(claimMembers); err != nil {
		return nil, err
	}
	c, err := doc.claim()
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := c.checkSig(); err != nil {
		return nil, err
	}
	if err := c.canonicalize(doc.metadata()); err != nil {
		return nil, err
	}
	c.raw = []byte(doc.literal)
	return c, nil
}

// Kind returns [KindClaim].
func (c *Claim) Kind() Kind { return KindClaim }

// Raw returns the JSON object exactly as it was received, without the white space around it.
func (c *Claim) Raw() []byte { return c.raw }

// Metadata returns the metadata in the text's canonical form, or nil if the claim has none.
func (c *Claim) Metadata() []byte { return c.metadata }

// Time returns the Timestamp in UTC. It lies in the years -1 to 10000, which is more than
// [time.Time.UnixNano] can hold.
func (c *Claim) Time() time.Time { return c.time }

// Host returns the Domain in lower case, by which domains are compared and indexed.
func (c *Claim) Host() string { return c.host }

// SigHash returns the SHA-256 of the Sig string's 86 characters.
func (c *Claim) SigHash() [32]byte { return c.sigHash }

// ID returns "claim_" and the lower-case hex of the sigHash. It is the same on every node.
func (c *Claim) ID() string { return claimIDPrefix + hex.EncodeToString(c.sigHash[:]) }

// Signature returns the 64 bytes that Sig stands for.
func (c *Claim) Signature() []byte { return c.signature[:] }

// Canonical returns the claim without its top-level sig in the form of the protocol's
// text. These are the bytes that [Draft.Sign] signs, and that a verifier tries first.
func (c *Claim) Canonical() []byte { return c.text }

// CanonicalSDK returns the claim without its top-level sig in the form of the reference
// SDK, which a verifier tries second. For nearly all claims it is the same as Canonical,
// and then it is the same slice. The error is an [*Error] with [CanonicalizationError]
// where that form cannot hold one of the claim's numbers.
func (c *Claim) CanonicalSDK() (form []byte, err error) {
	switch {
	case c.sdkFault != nil:
		return nil, c.sdkFault
	case c.sdk != nil:
		return c.sdk, nil
	default:
		return c.text, nil
	}
}

// RecordHash returns the SHA-256 of the claim in the text's canonical form, sig included.
// It is the identity of the record: documents that differ in spelling alone share it.
func (c *Claim) RecordHash() [32]byte {
	h := sha256.New()
	h.Write(c.text[:c.sigOffset])
	h.Write([]byte(`,"sig":"` + c.Sig + `"`))
	h.Write(c.text[c.sigOffset:])
	return [32]byte(h.Sum(nil))
}

// withSig returns the claim in the text's canonical form, sig included.
func (c *Claim) withSig() []byte {
	return slices.Concat(c.text[:c.sigOffset], []byte(`,"sig":"`+c.Sig+`"`), c.text[c.sigOffset:])
}

// ParseClaimID reads "claim_" and 64 hex digits of either case, and returns the sigHash.
// The error is an [*Error] with [InvalidSchema].
func ParseClaimID(s string) ([32]byte, error) {
	const hint = "a claim ID is claim_ and 64 hex digits, the SHA-256 of the claim's sig"
	digits, ok := strings.CutPrefix(s, claimIDPrefix)
	if !ok {
		return [32]byte{}, refuse(InvalidSchema, hint, "%s does not start with %s", quote(s), claimIDPrefix)
	}
	var hash [32]byte
	if len(digits) != hex.EncodedLen(len(hash)) {
		return [32]byte{}, refuse(InvalidSchema, hint, "%s has %d characters after %s instead of 64", quote(s), len(digits), claimIDPrefix)
	}
	if _, err := hex.Decode(hash[:], []byte(digits)); err != nil {
		return [32]byte{}, refuse(InvalidSchema, hint, "%s has characters that are not hex digits", quote(s))
	}
	return hash, nil
}
