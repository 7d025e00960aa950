package protocol

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
)

// MaxErasureReason bounds the reason of an erasure, in bytes.
const MaxErasureReason = 1_024

// Erasure is a node's notice that it erased the body of a claim. A peer honours it only where the node is the
// claim's own domain, or one that its operator trusts for that. It must not be changed.
type Erasure struct {
	Node        string    // the domain of the node that erased, in lower case
	Record      [32]byte  // the RecordHash of the claim
	ClaimDomain string    // the claim's domain, in lower case
	Reason      string    // 1 to MaxErasureReason bytes of UTF-8 without control characters, public
	ErasedAt    time.Time // UTC, in whole milliseconds; the signing key is judged at this time

	statement
}

var erasureShape = shape{
	what: "an erasure notice", version: "mirErasure",
	required: []string{"mirErasure", "node", "network", "record", "claimDomain", "reason", "erasedAt", "keyFingerprint", "sig"},
}

// ParseErasure reads an erasure notice. It does not look at the signature. The error is an [*Error] with
// [InvalidSchema].
func ParseErasure(data []byte) (*Erasure, error) {
	r, err := readStatement(data, &erasureShape)
	if err != nil {
		return nil, err
	}
	e := &Erasure{
		Node: r.domain("node"), ClaimDomain: r.domain("claimDomain"), Reason: r.text("reason"), ErasedAt: r.moment("erasedAt"),
		statement: r.signed(),
	}
	if e.Reason == "" || len(e.Reason) > MaxErasureReason || strings.ContainsFunc(e.Reason, unicode.IsControl) {
		r.fail("", "reason is not 1 to %d bytes of text without control characters", MaxErasureReason)
	}
	if _, err := hex.Decode(e.Record[:], []byte(r.hash("record"))); err != nil {
		r.fail("", "record is not 64 lower-case hex digits")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if err := e.seal(e, r.root.Literal()); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Erasure) write(w *memberWriter) {
	w.text("claimDomain", e.ClaimDomain)
	w.time("erasedAt", e.ErasedAt)
	w.text("keyFingerprint", e.keyFingerprint)
	w.number("mirErasure", 1)
	w.text("network", string(e.network))
	w.text("node", e.Node)
	w.text("reason", e.Reason)
	w.text("record", hex.EncodeToString(e.Record[:]))
	w.signature()
}

// Kind returns [KindErasure].
func (e *Erasure) Kind() Kind { return KindErasure }

// Signer returns the node and the fingerprint of its key.
func (e *Erasure) Signer() (domain, fingerprint string) { return e.Node, e.keyFingerprint }

// IssuedAt returns ErasedAt.
func (e *Erasure) IssuedAt() time.Time { return e.ErasedAt }

// ErasureDraft is an erasure notice that is not signed yet.
type ErasureDraft struct {
	Node        string
	Network     Network
	Record      [32]byte
	ClaimDomain string
	Reason      string
	ErasedAt    time.Time // truncated to milliseconds
}

// Sign makes the notice. The same draft and key always give the same one. The error is an [*Error]: for a draft that
// breaks the bounds of [Erasure], or for a key that is none.
func (d ErasureDraft) Sign(key ed25519.PrivateKey) (*Erasure, error) {
	fingerprint, err := signingFingerprint(key)
	if err != nil {
		return nil, err
	}
	e := &Erasure{
		Node: strings.ToLower(d.Node), Record: d.Record, ClaimDomain: strings.ToLower(d.ClaimDomain), Reason: d.Reason, ErasedAt: d.ErasedAt,
		statement: statement{network: d.Network, keyFingerprint: fingerprint},
	}
	return ParseErasure(signStatement(e, key))
}
