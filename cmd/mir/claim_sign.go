package main

import (
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
			"two implementations would write differently.",
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
			_, err = cmd.OutOrStdout().Write(append(claim.Raw()[:len(claim.Raw()):len(claim.Raw())], '\n'))
			return err
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", defaultKeyFile, "PEM file of the private key")
	return cmd
}
