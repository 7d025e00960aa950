// Package cases holds the cases of the conformance suite as data, so that harnesses in other languages can read them too.
//
// A case is one file, SECTION/NAME.json, whose path without ".json" is its ID. It holds one requirement in its source's own words, an input,
// and what must come of it. There are three kinds:
//
//   - verdict: a claim and its domain's keys go to a verifier, which accepts it or refuses it with a code;
//   - signer: a draft and a key go to a signer, which signs it or refuses to;
//   - scenario: steps that are played against nodes. What a step may say is the business of the package that plays them.
//
// [Embedded] gives the cases that come with the program, [Load] those of a folder. Both check strictly: a member that nobody knows is a
// case that would not test what its author meant.
package cases

import (
	"encoding/json"
	"strings"
	"time"
)

// Level is how much a requirement demands (RFC 2119).
type Level string

// The levels of a requirement.
const (
	Must   Level = "MUST"   // who does otherwise is wrong
	Should Level = "SHOULD" // who does otherwise needs a good reason
	May    Level = "MAY"    // a choice: the report tells what the target chose
)

// Levels gives the levels, the strictest first.
func Levels() []Level { return []Level{Must, Should, May} }

// Kind says what a case is put to.
type Kind string

// The kinds of a case.
const (
	KindVerdict  Kind = "verdict"
	KindSigner   Kind = "signer"
	KindScenario Kind = "scenario"
)

// Sections gives the sections of the suite, which are the folders of the cases, in the order in which they are reported.
func Sections() []string {
	return []string{
		"claim-schema", "canonical", "signature", "keys", "time", "registry", "assertions", "auth", "limits", "log", "federation", "hostile", "signer",
	}
}

// Case is one case. It is shared between goroutines and must not be changed.
type Case struct {
	// ID is the path of the case's file without ".json": "claim-schema/version-2".
	ID          string      `json:"id"`
	Title       string      `json:"title"` // one line: what is sent or done
	Requirement Requirement `json:"requirement"`
	Why         string      `json:"why"` // what goes wrong in the world where it is not so: one or two sentences
	Kind        Kind        `json:"kind"`
	// Refused says that what the case sends must be refused; of a verdict: that the result must be REJECT.
	Refused bool          `json:"refused"`
	Verdict *VerdictInput `json:"verdict,omitzero"`
	Signer  *SignerInput  `json:"signer,omitzero"`
	// Needs is what the target must offer beside one node; the case is skipped where it does not.
	Needs []Need `json:"needs,omitempty"`
	// Alone makes the case run while no other does: it floods, or breaks things.
	Alone bool              `json:"alone,omitzero"`
	Steps []json.RawMessage `json:"steps,omitempty"` // of a scenario
}

// Section is the section of the case: the folder in its ID.
func (c *Case) Section() string {
	section, _, _ := strings.Cut(c.ID, "/")
	return section
}

// Requirement is what a source demands.
type Requirement struct {
	Words   string `json:"words"`   // the source's own
	Level   Level  `json:"level"`   //
	Section string `json:"section"` // where they stand: "Claim format, Encoding", "RFC 8032, 5.1.7"
}

// The results of a verdict.
const (
	Accept = "ACCEPT"
	Reject = "REJECT"
)

// The results of a signer.
const (
	Sign   = "SIGN"
	Refuse = "REFUSE"
)

// VerdictInput is what a verifier is given, and what it must say.
type VerdictInput struct {
	Domain      string          `json:"domain,omitzero"`      // whose keys: lower case, full name; "": the claim has no usable domain
	Claim       string          `json:"claim,omitzero"`       // exactly these bytes go to the verifier
	ClaimBase64 []byte          `json:"claimBase64,omitzero"` // in its place where the bytes are not UTF-8
	Keys        json.RawMessage `json:"keys"`                 // the domain's mir.json; the same document for all cases of one domain
	Canonical   string          `json:"canonical,omitzero"`   // the text form's canonical bytes, where there is one
	Form        string          `json:"form,omitzero"`        // "text" or "sdk": which was signed
	Now         *time.Time      `json:"now,omitzero"`         // of a live case: the instant for which this file's claim was made
	Live        bool            `json:"live,omitzero"`        // depends on the present: the suite makes the claim anew when it runs
	Options     *VerdictOptions `json:"options,omitzero"`     // the verifier's policy; for targets that take one
	Expect      Verdict         `json:"expect"`
}

// Bytes gives the claim as it is sent.
func (v *VerdictInput) Bytes() []byte {
	if len(v.ClaimBase64) > 0 {
		return v.ClaimBase64
	}
	return []byte(v.Claim)
}

// VerdictOptions is a verifier's policy, stricter than the format's own.
type VerdictOptions struct {
	MaxAge        string `json:"maxAge,omitzero"`        // a Go duration, "24h": older claims are refused
	ExpectDomain  string `json:"expectDomain,omitzero"`  // claims of any other domain are refused
	NoExpiredKeys bool   `json:"noExpiredKeys,omitzero"` // keys that have expired by now are refused
}

// Verdict is what a verifier must say.
type Verdict struct {
	Result string   `json:"result"`          // [Accept] or [Reject]
	Codes  []string `json:"codes,omitempty"` // of a refusal: any of them is right
}

// SignerInput is what a signer is given, and what it must do.
type SignerInput struct {
	Draft  string          `json:"draft"` // exactly these bytes: a claim without its signature
	Key    json.RawMessage `json:"key"`   // {"name","seed","pub","fingerprint"}: seed is 32 bytes in hex
	Expect SignerExpect    `json:"expect"`
}

// SignerExpect is what a signer must do.
type SignerExpect struct {
	Result    string `json:"result"`             // [Sign] or [Refuse]
	Canonical string `json:"canonical,omitzero"` // of [Sign]: the bytes that must have been signed
}

// Need is something that a target must offer for a case to be run.
type Need string

// The needs that cases may have.
const (
	NeedNames     Need = "names"     // the suite's DNS and HTTPS are what the nodes see
	NeedNodes2    Need = "nodes-2"   // two nodes or more, of one federation
	NeedNodes3    Need = "nodes-3"   // three
	NeedOperator  Need = "operator"  // a node's operator listener
	NeedIssuer    Need = "issuer"    // an issuer's identity
	NeedPeer      Need = "peer"      // nodes that take the suite's peers for theirs
	NeedFaults    Need = "faults"    // nodes that can be killed and cut off
	NeedAddresses Need = "addresses" // requests from several client addresses
)

// Needs gives all needs that there are.
func Needs() []Need {
	return []Need{NeedNames, NeedNodes2, NeedNodes3, NeedOperator, NeedIssuer, NeedPeer, NeedFaults, NeedAddresses}
}

// Finding is what came of putting a case to a target.
type Finding struct {
	Passed    bool          // what was expected came
	Skipped   string        // why the case was not run; "": it was
	Message   string        // what was expected, and what came: one or two sentences
	Choice    string        // of a [May]: what the target does
	Exchanges []Exchange    // in the order of time
	Duration  time.Duration // how long it took
}

// Exchange is one request and its answer, or one run of a program.
type Exchange struct {
	What           string        // "POST http://…/claims", or the command
	Sent, Received []byte        // at most [MaxExchange] each: see [Cut]
	At             time.Duration // since the case began
	Unanswered     bool          // the target gave no answer to it, neither a right one nor a wrong one
}

// MaxExchange bounds what is kept of either side of an exchange, in bytes: enough to see what went wrong, little enough for a report of
// a thousand cases.
const MaxExchange = 16 << 10

// cutMark ends what was cut.
const cutMark = "\n… (cut)"

// Cut gives a copy of b with at most [MaxExchange] bytes. One that was longer ends with a mark that says so.
func Cut(b []byte) []byte {
	if len(b) <= MaxExchange {
		return append([]byte(nil), b...)
	}
	kept := append([]byte(nil), b[:MaxExchange-len(cutMark)]...)
	return append(kept, cutMark...)
}
