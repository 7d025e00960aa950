// Package verifier decides whether a signed claim, or a node's signed statement, is to be accepted.
//
// The order is the protocol's (section 1, "Verification"), and the first step that fails gives the one code of the rejection:
//
//  1. parse, 2. required fields, 3. formats            INVALID_SCHEMA
//  4. canonical form                                   CANONICALIZATION_ERROR
//     the domain is the one that was expected          DOMAIN_MISMATCH        (policy)
//  5. the domain publishes the key that is named       KEY_NOT_FOUND
//  6. the key was valid at the claim's timestamp       KEY_EXPIRED
//     the timestamp is not in the future, not too old  CLAIM_EXPIRED
//  7. Ed25519 over the canonical form                  INVALID_SIGNATURE
//
// The expected domain is looked at before the look-up, so that a claim which nobody asked for costs no look-up. A claim is signed
// in the form of the protocol's text; where the reference SDK would write another form and the first did not verify, that form is
// tried too, and the verdict says which it was.
//
// A statement goes through steps 5 to 7 in the same way. It has one form, and its key is judged at the time that it was issued.
//
// What issuers sign is judged by [Assertion] and [Revocation], from the issuer's record alone.
//
// A [Verifier] works over a [KeySource] that it is handed: live discovery, a file of keys, or another program's store. A source
// that gets no answer is no verdict but an error, since the same claim may verify a minute later.
package verifier

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"runtime"
	"time"

	"mirnode/protocol"
)

// KeySource finds the keys that domains publish. FindKey returns the key of the domain (in lower case) that has the fingerprint;
// a *[protocol.Error] with KEY_NOT_FOUND where the domain answered and has no such key; and any other error, as a rule a
// *[protocol.UnreachableError], where the question stays open. It is called from several goroutines at once.
type KeySource interface {
	FindKey(ctx context.Context, domain, fingerprint string) (protocol.FoundKey, error)
}

// Options are the settings of a Verifier; the zero value is good.
type Options struct {
	// ExpandedKeys bounds the keys that are held ready for fast verification, 25 KB each; 0 means DefaultExpandedKeys.
	ExpandedKeys int
	// Parallel bounds the claims of one batch that are worked on at once; 0 means twice the cores, at least 8, since a worker may
	// wait for a look-up.
	Parallel int
	// Accepted is called for each claim that is accepted, with the key that it is signed with, which must not be changed. It is called
	// by the verifying goroutine, so it must return at once, and from several goroutines. nil means none.
	Accepted func(found *protocol.FoundKey)
	// Now is the clock that the time policy reads; nil means time.Now.
	Now func() time.Time
}

// DefaultExpandedKeys holds at most 13 MB of tables.
const DefaultExpandedKeys = 512

// Verifier verifies claims. It may be used by any number of goroutines at once.
type Verifier struct {
	source   KeySource
	keys     *preparedKeys
	parallel int
	accepted func(*protocol.FoundKey)
	now      func() time.Time
}

// New returns a Verifier over the source.
func New(keys KeySource, opts Options) *Verifier {
	if opts.ExpandedKeys <= 0 {
		opts.ExpandedKeys = DefaultExpandedKeys
	}
	if opts.Parallel <= 0 {
		opts.Parallel = max(8, 2*runtime.GOMAXPROCS(0))
	}
	if opts.Accepted == nil {
		opts.Accepted = func(*protocol.FoundKey) {}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Verifier{
		source: keys, keys: newPreparedKeys(opts.ExpandedKeys), parallel: opts.Parallel, accepted: opts.Accepted, now: opts.Now,
	}
}

// Verify parses and verifies a claim document. Its error is that of VerifyClaim; a document that is no claim is a verdict.
func (v *Verifier) Verify(ctx context.Context, document []byte, p Policy) (Verdict, error) {
	claim, err := protocol.ParseClaim(document)
	if err != nil {
		return rejectedBy(err)
	}
	return v.VerifyClaim(ctx, claim, p)
}

// VerifyClaim verifies a parsed claim. It returns an error only where no verdict can be given: a *[protocol.UnreachableError], or
// the context's.
func (v *Verifier) VerifyClaim(ctx context.Context, c *protocol.Claim, p Policy) (Verdict, error) {
	verdict, err := v.judge(ctx, c, p)
	verdict.Claim = c
	return verdict, err
}

func (v *Verifier) judge(ctx context.Context, c *protocol.Claim, p Policy) (Verdict, error) {
	if refusal := p.checkDomain(c); refusal != nil {
		return rejectedBy(refusal)
	}
	found, key, err := v.find(ctx, c.Host(), c.KeyFingerprint)
	if err != nil {
		return rejectedBy(err)
	}
	verdict := Verdict{Key: &found}
	now := v.now()
	if refusal := p.checkTimes(stampOf(c), &found.Key, now); refusal != nil {
		return verdict.rejected(refusal), nil
	}
	verdict.Form, err = checkSignature(c, key)
	if err != nil {
		var refusal *protocol.Error
		if errors.As(err, &refusal) {
			return verdict.rejected(refusal), nil
		}
		return Verdict{}, err
	}
	verdict.Flags = flags(c, &found, verdict.Form, now)
	v.accepted(&found)
	return verdict, nil
}

// find is step 5 of the verification.
func (v *Verifier) find(ctx context.Context, domain, fingerprint string) (protocol.FoundKey, signatureKey, error) {
	found, err := v.source.FindKey(ctx, domain, fingerprint)
	if err != nil {
		return found, nil, err
	}
	key, err := v.keys.get(found.Key.Public, fingerprint)
	return found, key, err
}

// checkSignature returns the form that the claim's signature is over.
func checkSignature(c *protocol.Claim, key signatureKey) (Form, error) {
	sig, text := c.Signature(), c.Canonical()
	if key.verify(text, sig) {
		return FormText, nil
	}
	sdk, err := c.CanonicalSDK()
	var refusal *protocol.Error
	switch {
	case errors.As(err, &refusal):
		return "", &protocol.Error{
			Code:    refusal.Code,
			Message: "the signature does not verify over the canonical form, and the reference SDK's form does not exist: " + refusal.Message,
			Hint:    refusal.Hint,
		}
	case err != nil:
		return "", err
	case !bytes.Equal(sdk, text) && key.verify(sdk, sig):
		return FormSDK, nil
	}
	return "", &protocol.Error{
		Code:    protocol.InvalidSignature,
		Message: "the signature is not one of this claim by the key that it names",
		Hint: "The claim was changed after signing, or another form of it was signed: compare the bytes that you sign with those of " +
			"`mir claim canonical`.",
	}
}

// signatureKey verifies by one public key, with the verdicts of crypto/ed25519.
type signatureKey interface {
	verify(message, sig []byte) bool
}

// plainKey is a key that has not come often enough for a table.
type plainKey ed25519.PublicKey

func (k plainKey) verify(message, sig []byte) bool {
	return ed25519.Verify(ed25519.PublicKey(k), message, sig)
}
