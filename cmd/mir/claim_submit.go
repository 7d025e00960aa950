package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

func newClaimSubmitCommand() *cobra.Command {
	var ndjson bool
	var retryFor time.Duration
	cmd := &cobra.Command{
		Use:   "submit [FILE|-]",
		Short: "Submit a claim to a node",
		Long: "Submits a signed claim to a node, which verifies and keeps it. Submitting it twice does no harm. A node that is busy is tried again\n" +
			"when it says so.\n\n" +
			"With --ndjson, submits a stream of one claim a line in batches, and writes one result a line in the same order: its number from 0, the\n" +
			"status (201 kept, 200 known already, 400 rejected), and what the node says of it. The exit code is 1 if one was rejected, 3 if the\n" +
			"node did not take all. Blank lines are skipped and not counted.",
		Example: `  mir claim submit claim.json --node https://mir.example.com
  mir claim submit --ndjson < claims.ndjson > results.ndjson`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := newNodeClient(cmd)
			if err != nil {
				return err
			}
			if ndjson {
				return submitLines(cmd, client, retryFor, onlyArg(args))
			}
			return submitOne(cmd, client, retryFor, onlyArg(args))
		},
	}
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "one claim a line in, one result a line out")
	cmd.Flags().DurationVar(&retryFor, "retry-for", time.Minute, "how long to wait for a busy node, in all (with --ndjson: at each batch)")
	addNodeFlags(cmd)
	return cmd
}

// submitted is a node's answer to one claim: its members on success and, after them, those of a refusal.
type submitted struct {
	ClaimID    string          `json:"claimId,omitzero"`
	SigHash    string          `json:"sigHash,omitzero"`
	IngestedAt string          `json:"ingestedAt,omitzero"`
	Duplicate  *bool           `json:"duplicate,omitzero"` // nil in a refusal
	Verified   json.RawMessage `json:"verified,omitzero"`
	Error      string          `json:"error,omitzero"`
	Hint       string          `json:"hint,omitzero"`
	Code       protocol.Code   `json:"code,omitzero"`
}

func submitOne(cmd *cobra.Command, client *nodeClient, retryFor time.Duration, name string) error {
	document, err := readDocument(cmd, name)
	if err != nil {
		return err
	}
	claim, err := protocol.ParseClaim(document)
	if err != nil {
		return refused(cmd, err) // the node would say the same
	}
	patience := patience{retryFor}
	var answer *nodeAnswer
	for {
		answer, err = client.ask(cmd.Context(), http.MethodPost, "/claims", nil, "application/json", document)
		if err != nil {
			return err
		}
		if !answer.busy() || !patience.wait(cmd.Context(), cmd, answer.retryAfter) {
			break
		}
	}
	if err := answer.err(); err != nil {
		return err
	}
	var kept submitted
	if err := decodeAnswer(answer.body, &kept); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printRaw(cmd, answer.body)
	}
	if kept.ClaimID != claim.ID() {
		return &exit{exitUnreachable, fmt.Errorf("%w: it calls the claim %q, which is %s", errWrongAnswer, kept.ClaimID, claim.ID())}
	}
	fmt.Fprintln(cmd.OutOrStdout(), claim.ID())
	if kept.Duplicate != nil && *kept.Duplicate {
		note(cmd, "The node has it already, since %s.", kept.IngestedAt)
	} else {
		note(cmd, "The node verified and kept it at %s.", kept.IngestedAt)
	}
	note(cmd, "See it: mir claim get %s %s", claim.ID(), client.flags())
	return nil
}

// flags are those that make another command speak to the same node.
func (c *nodeClient) flags() string {
	flags := "--" + flagNode + " " + shellQuote(c.base.String())
	if c.caFile != "" {
		flags += " --" + flagCAFile + " " + shellQuote(c.caFile)
	}
	return flags
}

// printRaw writes JSON as it came, on a line of its own.
func printRaw(cmd *cobra.Command, body []byte) error {
	return writeData(cmd.OutOrStdout(), append(bytes.TrimSpace(body), '\n'))
}
