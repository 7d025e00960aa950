package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/protocol"
	"mirnode/verifier"
)

func newClaimGetCommand() *cobra.Command {
	var verify bool
	cmd := &cobra.Command{
		Use:   "get CLAIM-ID",
		Short: "Get a claim from a node",
		Long: "Prints a claim as the node keeps it, byte for byte as it was submitted, and on the error stream what the node says about it. With\n" +
			"--verify the claim is verified here, with keys that are looked up here or come from --keys: nothing is taken on the node's word.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !verify && (cmd.Flags().Changed("keys") || cmd.Flags().Changed("key-name")) {
				return fmt.Errorf("--keys and --key-name are for --verify")
			}
			return runClaimGet(cmd, args[0], verify)
		},
	}
	cmd.Flags().BoolVar(&verify, "verify", false, "verify the claim here")
	addNodeFlags(cmd)
	addKeySourceFlags(cmd)
	return cmd
}

// storedClaim is a claim as a node keeps it.
type storedClaim struct {
	ClaimID    string `json:"claimId"`
	IngestedAt string `json:"ingestedAt"`
	Age        int64  `json:"ageAtIngestSeconds"`
	Verified   struct {
		Channels []string `json:"channels"`
		DNSSEC   bool     `json:"dnssec"`
		Flags    []string `json:"flags"`
	} `json:"verified"`
	Claim json.RawMessage `json:"claim"`
}

func runClaimGet(cmd *cobra.Command, id string, verify bool) error {
	sigHash, err := protocol.ParseClaimID(id)
	if err != nil {
		return withHint(fmt.Sprintf("%q is no claim ID", id), "A claim ID is claim_ and 64 hex digits, as `mir claim submit` and `mir claim list` print it.")
	}
	client, err := newNodeClient(cmd)
	if err != nil {
		return err
	}
	answer, err := client.ask(cmd.Context(), http.MethodGet, "/claims/"+strings.ToLower(id), nil, "", nil)
	if err != nil {
		return err
	}
	if err := answer.err(); err != nil {
		return err
	}
	var stored storedClaim
	if err := decodeAnswer(answer.body, &stored); err != nil {
		return err
	}
	claim, err := protocol.ParseClaim(stored.Claim)
	if err != nil {
		return refused(cmd, err)
	}
	if claim.SigHash() != sigHash {
		return &exit{exitRejected, fmt.Errorf("the node answered with another claim, %s", claim.ID())}
	}
	if wantsJSON(cmd) {
		err = printRaw(cmd, answer.body)
	} else {
		err = printDocument(cmd, claim)
		note(cmd, "Kept by %s since %s; the node found the key in %s.", client.base.Host, stored.IngestedAt, strings.Join(stored.Verified.Channels, " and "))
	}
	if err != nil || !verify {
		return err
	}
	return verifyHere(cmd, claim)
}

// verifyHere verifies a claim that a node handed out, and tells the outcome on the error stream.
func verifyHere(cmd *cobra.Command, claim *protocol.Claim) error {
	keys, err := keySource(cmd)
	if err != nil {
		return err
	}
	defer keys.Close() //nolint:errcheck // nothing was written
	verdict, err := verifier.New(keys, verifier.Options{}).VerifyClaim(cmd.Context(), claim, verifier.Policy{})
	var tally outcomes
	tally.add(verdict, err)
	if err := newVerifyReport(verdict, err).print(cmd.ErrOrStderr(), claim.ID()); err != nil {
		return err
	}
	return tally.exit()
}
