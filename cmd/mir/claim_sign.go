package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

func newClaimSignCommand() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "sign [--key FILE] [FILE|-]",
		Short: "Sign a claim",
		Long: "Signs an unsigned claim and writes the signed one to standard output. What a conformant signer must not make is refused, and the\n" +
			"reason given: types of the protocol's namespace that it does not define, e-mail addresses and phone numbers in metadata, values that\n" +
			"two implementations would write differently, timestamps that lie ahead.\n\n" + coreTypesHelp(),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := readPrivateKey(cmd, keyFile)
			if err != nil {
				return err
			}
			document, err := readInput(cmd, onlyArg(args), maxDocumentBytes)
			if err != nil {
				return err
			}
			draft, err := protocol.ParseDraft(document)
			if err != nil {
				return refused(cmd, err)
			}
			claim, err := draft.Sign(key)
			if err != nil {
				return refused(cmd, err)
			}
			if err := notFromTheFuture(claim, time.Now()); err != nil {
				return refused(cmd, err)
			}
			return printDocument(cmd, claim)
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", defaultKeyFile, "PEM file of the private key")
	return cmd
}

// notFromTheFuture holds a claim's timestamp to the claim format, which allows for clocks that differ by five minutes, and for no more.
func notFromTheFuture(claim *protocol.Claim, now time.Time) error {
	if !claim.Time().After(now.Add(protocol.ClockSkew)) {
		return nil
	}
	return &protocol.Error{
		Code: protocol.ClaimExpired, Message: fmt.Sprintf("the timestamp %s is more than %v in the future", claim.Timestamp, protocol.ClockSkew),
		Hint: "a claim says what happened: sign it then, and keep this machine's clock right",
	}
}

// printDocument writes a claim as it is, on a line of its own.
func printDocument(cmd *cobra.Command, claim *protocol.Claim) error {
	return writeData(cmd.OutOrStdout(), append(slices.Clip(claim.Raw()), '\n'))
}
