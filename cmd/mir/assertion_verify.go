package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/assertions/proof"
	"mirnode/protocol"
)

func newAssertionVerifyCommand(s streams) *cobra.Command {
	var about string
	cmd := &cobra.Command{
		Use:   "verify (FILE | ASSERTION-ID | -)",
		Short: "Verify an assertion here: signature, issuer, log; nobody's word is taken",
		Long: "Checks an answer about one assertion, as `mir assert` keeps it in .mir/receipts and `mir assertion get --json` prints it: that the issuer signed it with a key that\n" +
			"was valid, that the issuer belongs to its home node, and that the home's log has it. All it needs is the home's key: --key gives it, and then nothing is asked over the\n" +
			"network; else it is looked up in the home's domain. For an ID, the answer is fetched from a node first, and the node is not believed.\n\n" +
			"The log must be of the network that is meant: the one that a verifier key names, or --network, or that of the node asked (--node, MIR_NODE, or for an ID), else production.\n" +
			"That node is asked for the issuer's newest record too, unless --key is given: the key may have been revoked since, or the badge be another.\n\n" +
			"It says what was proved and what was not: that no revocation came later, no answer proves. Exit code 0: the answer holds (also of a revoked assertion, which is told).\n" +
			"1: it does not. 3: the home's key or the node cannot be reached now.",
		Example: "  mir assertion verify .mir/receipts/assertion_5d2c….json --key node1.example.com+a2c00981+Ae/t0PkF…\n" +
			"  mir assertion verify assertion_5d2c… --file photo.jpg",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			judge, err := newAssertionJudge(cmd)
			if err != nil {
				return err
			}
			defer judge.Close()
			answer, err := answerToVerify(cmd, args[0])
			if err != nil {
				return err
			}
			options, err := judge.options(cmd, args[0])
			if err != nil {
				return err
			}
			var hash string
			if about != "" {
				if hash, err = hashFile(cmd, about); err != nil {
					return err
				}
			}
			report := verifyAssertion(answer, options, hash)
			return report.finish(cmd, s, args[0])
		},
	}
	addReadFlags(cmd)
	cmd.Flags().String(flagLogKey, "", "the home node's public key: its verifier key (name+hash+key), its 43 characters, or a file of it (PEM, mir.json or a verifier\n"+
		"key); then no key is looked up. Without it, the keys are those that the home's domain publishes")
	cmd.Flags().StringArray(flagCosigner, nil, "verifier key (name+hash+key) of a node, or a file of it, that must have cosigned the log; may be repeated")
	cmd.Flags().String(flagNetwork, "", "the network that is meant: production, staging or development")
	addDiscoveryFlags(cmd)
	cmd.Flags().StringVar(&about, "file", "", "also check that the assertion is about this very file")
	return cmd
}

// answerToVerify reads a saved answer, or fetches that of an ID.
func answerToVerify(cmd *cobra.Command, name string) ([]byte, error) {
	if id, err := assertionArgument(name); err == nil {
		client, err := readClient(cmd)
		if err != nil {
			return nil, err
		}
		_, _, answer, err := askAssertion(cmd, client, id)
		if err != nil {
			return nil, err
		}
		return answer.body, nil
	}
	data, err := readInput(cmd, name, proof.MaxBundleBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Sprintf("%q is neither a file nor an assertion ID", name), "Name a receipt of .mir/receipts, or an ID: assertion_ and 64 hex digits.")
	}
	return data, err
}

// assertionReport is the outcome of verifying an assertion.
type assertionReport struct {
	Result      string        `json:"result"` // ACCEPT, REJECT or UNREACHABLE
	Error       string        `json:"error,omitzero"`
	Hint        string        `json:"hint,omitzero"`
	Code        protocol.Code `json:"code,omitzero"`
	AssertionID string        `json:"assertionId,omitzero"`
	Type        string        `json:"type,omitzero"`
	Artifact    string        `json:"artifactHash,omitzero"`
	IssuerID    string        `json:"issuerId,omitzero"`
	IssuerName  string        `json:"issuerName,omitzero"`
	Home        string        `json:"home,omitzero"`
	Key         string        `json:"keyFingerprint,omitzero"`
	Origin      string        `json:"origin,omitzero"`
	Index       *uint64       `json:"index,omitzero"`
	LoggedAt    time.Time     `json:"loggedAt,omitzero"`
	Revoked     *bool         `json:"revoked,omitzero"`
	Superseded  bool          `json:"superseded,omitzero"`   // revoked, and another one put in its place
	Successor   string        `json:"supersededBy,omitzero"` // that one, if the answer proves it
	RevokedAt   time.Time     `json:"revokedAt,omitzero"`
	Reason      string        `json:"revocationReason,omitzero"`
	Proved      []string      `json:"proved,omitzero"`
	Open        []string      `json:"notProved,omitzero"`
	Changed     []string      `json:"changedSince,omitzero"`

	payload *protocol.AssertionPayload
	end     *exit
}

// verifyAssertion verifies an answer; hash, if not "", is that of the file that it must be about.
func verifyAssertion(answer []byte, o proof.Options, hash string) *assertionReport {
	v, err := proof.VerifyProof(answer, o)
	r := new(assertionReport)
	if err == nil {
		revoked := v.Revocation != nil
		*r = assertionReport{
			AssertionID: v.Assertion.ID(), Type: string(v.Assertion.Payload.Type), Artifact: fmt.Sprintf("%x", v.Assertion.Payload.Artifact),
			IssuerID: v.Issuer.ID, IssuerName: v.Issuer.Name, Home: v.Issuer.Home, Key: v.Key.Fingerprint,
			Origin: v.Logged.Origin, Index: &v.Logged.Index, LoggedAt: v.Logged.At, Revoked: &revoked,
			Proved: v.Proved, Open: v.Open, Changed: v.Changed, payload: &v.Assertion.Payload,
		}
		if revoked {
			r.RevokedAt, r.Reason, r.Superseded = v.Revoked.At, v.Revocation.Reason, v.Revocation.Action == protocol.ActionSupersede
			if v.Successor != nil {
				r.Successor = v.Successor.ID()
			}
		}
		if hash != "" && hash != r.Artifact {
			err = &rejection{fault: "file", message: "the answer holds, but it is not about this file, whose SHA-256 is " + hash}
		}
	}
	if wrong, ok := errors.AsType[*protocol.Error](err); ok {
		r.Code = wrong.Code
		err = &rejection{message: wrong.Message, hint: wrong.Hint}
	}
	var fault *rejection
	if r.end, r.Result, fault = verdictOf(err); fault != nil {
		r.Error, r.Hint = fault.message, fault.hint
	}
	return r
}

// finish prints the report and gives the command's end.
func (r *assertionReport) finish(cmd *cobra.Command, s streams, name string) error {
	if r.end != nil && r.end.err != nil {
		return r.end
	}
	var err error
	if wantsJSON(cmd) {
		err = printJSON(s.out, r)
	} else {
		err = r.print(s.out, name)
	}
	if err != nil || r.end == nil {
		return err
	}
	return r.end
}

// print tells the outcome to a person.
func (r *assertionReport) print(out io.Writer, name string) error {
	if name == stdinName {
		name = "standard input"
	}
	pg, b := newPage(out), &strings.Builder{}
	b.WriteString(verdictLine(out, r.Result, name))
	write := func(label string, spans ...span) { pg.labelled(b, len("not proved")+1, label, spans...) }
	line := func(label, text string) { write(label, ours("%s", text)) }
	if r.Error != "" {
		line("reason", r.Error)
	}
	if r.Hint != "" {
		line("hint", r.Hint)
	}
	if r.payload != nil {
		write("says", ours("%s: ", r.Type), theirs(r.IssuerName), ours(" %s", meaning(r.payload.Type)))
		line("about", r.Artifact)
		if *r.Revoked {
			title, words := "REVOKED", "it is no longer said"
			if r.Superseded {
				title, words = "SUPERSEDED", "its issuer put "+cmp.Or(r.Successor, "another one")+" in its place"
			}
			ending := []span{ours("%s, since %s", words, moment(r.RevokedAt))}
			if r.Reason != "" {
				ending = append(ending, ours(": "), theirs(r.Reason))
			}
			write(title, ending...)
		}
		if r.payload.Scope != "" {
			write("scope", theirs(r.payload.Scope))
		}
		if r.payload.Context != "" {
			write("context", theirs(r.payload.Context))
		}
		line("assertion", r.AssertionID)
	}
	for i, sentence := range r.Changed {
		line(onlyFirst(i, "SINCE THEN"), sentence)
	}
	for i, sentence := range r.Proved {
		line(onlyFirst(i, "proved"), sentence)
	}
	for i, sentence := range r.Open {
		line(onlyFirst(i, "not proved"), sentence)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func onlyFirst(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}
