package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"mirnode/protocol"
	"mirnode/verifier"
)

// outcomes counts what became of the claims of one command. It may be used by several goroutines.
type outcomes struct {
	accepted, rejected, unreachable atomic.Int64
}

func (o *outcomes) add(verdict verifier.Verdict, err error) {
	switch {
	case err != nil:
		o.unreachable.Add(1)
	case verdict.Accepted():
		o.accepted.Add(1)
	default:
		o.rejected.Add(1)
	}
}

// exit returns what the command ends with: 1 if a claim was rejected, else 3 if one got no verdict, else nil.
func (o *outcomes) exit() error {
	switch {
	case o.rejected.Load() > 0:
		return &exit{code: exitRejected}
	case o.unreachable.Load() > 0:
		return &exit{code: exitUnreachable}
	}
	return nil
}

// verifyReport is the outcome of one verification, in the form of a node's answer to POST /verify.
type verifyReport struct {
	File    string        `json:"file,omitzero"`
	Result  string        `json:"result"`
	Code    protocol.Code `json:"code,omitzero"`
	Error   string        `json:"error,omitzero"`
	Hint    string        `json:"hint,omitzero"`
	ClaimID string        `json:"claimId,omitzero"`
	Domain  string        `json:"domain,omitzero"`
	Type    string        `json:"type,omitzero"`
	Key     *reportedKey  `json:"key,omitzero"`
	Form    verifier.Form `json:"form,omitzero"`
	Flags   []string      `json:"flags,omitzero"`

	warnings []string // about the key, for people
}

type reportedKey struct {
	Domain      string             `json:"domain"`
	Fingerprint string             `json:"fingerprint"`
	Channels    []protocol.Channel `json:"channels"`
	FetchedAt   time.Time          `json:"fetchedAt,omitzero"`
	Cached      bool               `json:"cached"`
	DNSSEC      bool               `json:"dnssec"`
}

// resultUnreachable stands where no verdict can be given.
const resultUnreachable = "UNREACHABLE"

func newVerifyReport(verdict verifier.Verdict, err error) verifyReport {
	r := verifyReport{
		Result: verdict.Result(), Code: verdict.Code, Error: verdict.Reason, Hint: verdict.Hint, Form: verdict.Form, Flags: verdict.Flags,
	}
	if c := verdict.Claim; c != nil {
		r.ClaimID, r.Domain, r.Type = c.ID(), c.Domain, c.Type
	}
	if k := verdict.Key; k != nil {
		r.warnings = k.Warnings
		r.Key = &reportedKey{k.Domain, k.Key.Fingerprint, k.Key.Channels, k.FetchedAt, k.Cached, k.DNSSEC}
	}
	if err != nil {
		r.Result, r.Error = resultUnreachable, err.Error()
		r.Hint = "This is no verdict on the claim: try again"
		if wait := unreachableRetry(err); wait > 0 {
			r.Hint += fmt.Sprintf(" in %v", wait.Round(time.Second))
		}
		r.Hint += "."
	}
	return r
}

// flagWords says in words what a flag of the verifier means.
var flagWords = map[string]string{
	verifier.FlagSDKForm:          "signed in the reference SDK's form, not in that of the protocol's text",
	verifier.FlagBeforeKeyCreated: "its timestamp lies before its key was created",
	verifier.FlagKeyExpiredSince:  "its key has expired since",
	verifier.FlagUnlistedCoreType: "its type is in the protocol's namespace, and not one that the protocol lists",
	verifier.FlagOneChannelOnly:   "its key is known from one channel alone",
}

// print tells the outcome to a person.
func (r verifyReport) print(w io.Writer, name string) error {
	b := &strings.Builder{}
	if name == stdinName {
		name = "standard input"
	}
	name = printable(name)
	switch r.Result {
	case "ACCEPT":
		fmt.Fprintf(b, "ACCEPT  %s\n", name)
	case resultUnreachable:
		fmt.Fprintf(b, "NO VERDICT  %s\n", name)
	default:
		fmt.Fprintf(b, "REJECT  %s: %s\n", name, r.Code)
	}
	line := func(label, text string) { fmt.Fprintf(b, "  %-8s%s\n", label, printable(text)) }
	if r.Error != "" {
		line("reason", r.Error)
	}
	if r.Hint != "" {
		line("hint", r.Hint)
	}
	if r.ClaimID != "" {
		line("claim", r.ClaimID)
		line("type", r.Type)
		line("domain", r.Domain)
	}
	if k := r.Key; k != nil {
		line("key", k.Fingerprint)
		line("found", k.found())
	}
	for _, flag := range r.Flags {
		line("note", flagWords[flag])
	}
	for _, warning := range r.warnings {
		line("note", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// found says where a key was found, in words.
func (k reportedKey) found() string {
	var places []string
	for _, c := range k.Channels {
		switch {
		case c == protocol.File:
			places = append(places, "in the given file")
		case c == protocol.DNS && k.DNSSEC:
			places = append(places, "in DNS, with DNSSEC")
		case c == protocol.DNS:
			places = append(places, "in DNS")
		case c == protocol.WellKnown:
			places = append(places, "in the domain's mir.json over HTTPS")
		}
	}
	return strings.Join(places, "; ")
}
