package main

import (
	"slices"

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
			"two implementations would write differently.\n\n" + coreTypesHelp(),
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
			return printDocument(cmd, claim)
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", defaultKeyFile, "PEM file of the private key")
	return cmd
}

// printDocument writes a claim as it is, on a line of its own.
func printDocument(cmd *cobra.Command, claim *protocol.Claim) error {
	return writeData(cmd.OutOrStdout(), append(slices.Clip(claim.Raw()), '\n'))
}
