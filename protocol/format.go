package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"strings"

	"mirnode/internal/strictjson"
)

const (
	hashDigits = 2 * sha256.Size // of a subject or fingerprint in hex
	sigChars   = 86              // of 64 bytes in base64url
)

// check is step 3 of verification for all members but sig and metadata. It also keeps
// what it finds on the way: the time and the host.
func (c *Claim) check() error {
	if !validType(c.Type) {
		return refuse(InvalidSchema, "a type is mir.category.action or your-domain.com:category.action, category and action in lower case",
			"type %s is not well-formed", quote(c.Type))
	}
	if !validDomain(c.Domain) {
		return refuse(InvalidSchema, domainHint, "domain %s is not a DNS host name", quote(c.Domain))
	}
	c.host = strings.ToLower(c.Domain)
	if !validHash(c.Subject) {
		return refuse(InvalidSchema, "a subject is the SHA-256 or HMAC-SHA256 of domain:externalUserId in lower-case hex",
			"subject is not 64 lower-case hex digits")
	}
	var ok bool
	if c.time, ok = parseTimestamp(c.Timestamp); !ok {
		return refuse(InvalidSchema, "write it like 2026-02-16T15:30:00Z or 2026-02-16T16:30:00+01:00 (RFC 3339)",
			"timestamp %s is not an RFC 3339 date-time with a time zone", quote(c.Timestamp))
	}
	if !validHash(c.KeyFingerprint) {
		return refuse(InvalidSchema, "a fingerprint is the SHA-256 of the 32 raw bytes of the public key in lower-case hex",
			"keyFingerprint is not 64 lower-case hex digits")
	}
	return nil
}

func validHash(s string) bool { return validHex(s, hashDigits) }

// validHex reports whether s is so many lower-case hex digits.
func validHex(s string, digits int) bool {
	if len(s) != digits {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// checkSig is step 3 of verification for sig.
func (c *Claim) checkSig() error {
	if refusal := decodeSig(c.Sig, &c.signature); refusal != nil {
		return refusal
	}
	c.sigHash = sha256.Sum256([]byte(c.Sig))
	return nil
}

// decodeSig accepts exactly one spelling of each signature, so that a claim has one
// sigHash: 86 characters leave four trailing bits over, which must be zero.
func decodeSig(sig string, into *[ed25519.SignatureSize]byte) *Error {
	const hint = "a sig is the 64 bytes of the signature in base64url (A–Z a–z 0–9 - _) without padding, 86 characters"
	if len(sig) != sigChars {
		return refuse(InvalidSchema, hint, "sig has %d characters instead of %d", len(sig), sigChars)
	}
	if n, err := base64url.Decode(into[:], []byte(sig)); err != nil || n != len(into) {
		return refuse(InvalidSchema, hint, "sig is not base64url without padding and with zero trailing bits")
	}
	return nil
}

// canonicalize is the end of step 3 (the size of the metadata) and step 4. The strings
// of the claim have been checked, so that they are ASCII without anything to escape.
func (c *Claim) canonicalize(metadata *strictjson.Value) error {
	w := writer{out: make([]byte, 0, c.sizeEstimate(metadata))}
	w.out = c.appendHead(w.out)
	if metadata != nil {
		w.out = append(w.out, `,"metadata":`...)
		start := len(w.out)
		w.limit = start + MaxMetadataBytes
		w.value(*metadata)
		if len(w.out) > w.limit {
			return refuse(InvalidSchema, "keep large content elsewhere and refer to it by its hash",
				"metadata has more than %d bytes in canonical form", MaxMetadataBytes)
		}
		if w.fault != nil {
			return w.fault
		}
		c.metadata = w.out[start:len(w.out):len(w.out)]
	}
	c.text, c.sigOffset = c.appendTail(w.out)
	if c.metadata != nil && w.differs {
		c.canonicalizeSDK(*metadata)
	}
	return nil
}

func (c *Claim) canonicalizeSDK(metadata strictjson.Value) {
	w := writer{sdk: true, limit: len(c.text)} // no value is longer in the SDK's form
	w.out = append(c.appendHead(nil), `,"metadata":`...)
	w.value(metadata)
	w.out, _ = c.appendTail(w.out)
	if c.sdkFault = w.fault; c.sdkFault == nil && string(w.out) != string(c.text) {
		c.sdk = w.out
	}
}

// sizeEstimate is the size of the canonical form, or a little more, but for numbers
// that grow.
func (c *Claim) sizeEstimate(metadata *strictjson.Value) int {
	const frame = 320 // names, punctuation, subject, fingerprint, timestamp
	n := frame + len(c.Domain) + len(c.Type)
	if metadata != nil {
		n += min(len(metadata.Literal()), MaxMetadataBytes)
	}
	return n
}

// appendHead writes what stands before metadata, appendTail what stands behind it. The
// order is the same in both forms.
func (c *Claim) appendHead(dst []byte) []byte {
	dst = append(append(dst, `{"domain":"`...), c.Domain...)
	return append(append(append(dst, `","keyFingerprint":"`...), c.KeyFingerprint...), '"')
}

func (c *Claim) appendTail(dst []byte) (out []byte, sigOffset int) {
	dst = append(dst, `,"mir":1`...)
	sigOffset = len(dst)
	dst = append(append(dst, `,"subject":"`...), c.Subject...)
	dst = append(append(dst, `","timestamp":"`...), c.Timestamp...)
	return append(append(append(dst, `","type":"`...), c.Type...), `"}`...), sigOffset
}
