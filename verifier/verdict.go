package verifier

import (
	"errors"
	"time"

	"mirnode/protocol"
)

// Form tells which canonical form of a claim its signature is over.
type Form string

// The two forms (protocol, section 1, "Canonical form").
const (
	FormText Form = "text" // the form of the protocol's text
	FormSDK  Form = "sdk"  // the form of the reference SDK, where it differs
)

// The flags that an accepted claim may carry: true things that a careful reader wants to know and that are no reason to reject.
const (
	// FlagSDKForm: the signature is over the reference SDK's form. Claims should be signed in the text's form.
	FlagSDKForm = "sdk_canonical_form"
	// FlagBeforeKeyCreated: the claim's timestamp lies before its key was created, by more than the clock skew.
	FlagBeforeKeyCreated = "timestamp_before_key_created"
	// FlagKeyExpiredSince: the key was valid at the claim's timestamp and is not any more.
	FlagKeyExpiredSince = "key_expired_since"
	// FlagUnlistedCoreType: the type is in the protocol's namespace and is none of its core types.
	FlagUnlistedCoreType = "unlisted_core_type"
	// FlagOneChannelOnly: only one of the domain's channels has the key, while the other has other keys or could not be read. The
	// key's Warnings say which in words.
	FlagOneChannelOnly = "key_in_one_channel_only"
)

// Verdict is the outcome of a verification: accepted, or rejected with exactly one code.
type Verdict struct {
	Code   protocol.Code      // empty if accepted
	Reason string             // what is wrong; empty if accepted
	Hint   string             // how to mend it; may be empty
	Claim  *protocol.Claim    // the claim, if the document is one; nil for a statement
	Key    *protocol.FoundKey // the key, if it was found
	Form   Form               // the form that was signed, if accepted
	Flags  []string           // what else is worth knowing of what was accepted: the Flag constants
}

// Accepted reports whether the claim or statement is to be accepted.
func (v Verdict) Accepted() bool { return v.Code == "" }

// Result returns "ACCEPT" or "REJECT".
func (v Verdict) Result() string {
	if v.Accepted() {
		return "ACCEPT"
	}
	return "REJECT"
}

func (v Verdict) rejected(refusal *protocol.Error) Verdict {
	v.Code, v.Reason, v.Hint = refusal.Code, refusal.Message, refusal.Hint
	return v
}

// rejectedBy makes a refusal a verdict, and leaves any other error one.
func rejectedBy(err error) (Verdict, error) {
	var refusal *protocol.Error
	if errors.As(err, &refusal) {
		return Verdict{}.rejected(refusal), nil
	}
	return Verdict{}, err
}

// flags returns what is worth knowing of an accepted claim.
func flags(c *protocol.Claim, found *protocol.FoundKey, form Form, now time.Time) []string {
	var all []string
	if form == FormSDK {
		all = append(all, FlagSDKForm)
	}
	all = append(all, timeFlags(c.Time(), &found.Key, now)...)
	if isMIRType(c.Type) && !protocol.IsCoreType(c.Type) {
		all = append(all, FlagUnlistedCoreType)
	}
	return append(all, channelFlags(found)...)
}

func timeFlags(at time.Time, key *protocol.DomainKey, now time.Time) []string {
	var all []string
	if !key.Created.IsZero() && at.Before(key.Created.Add(-protocol.ClockSkew)) {
		all = append(all, FlagBeforeKeyCreated)
	}
	if expired(key, now) {
		all = append(all, FlagKeyExpiredSince)
	}
	return all
}

func channelFlags(found *protocol.FoundKey) []string {
	if len(found.Key.Channels) == 1 && len(found.Warnings) > 0 {
		return []string{FlagOneChannelOnly}
	}
	return nil
}
