package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

func newKeyCommand(s streams) *cobra.Command {
	return commandGroup("key", "Make signing keys, protect and publish them, and watch what is published",
		newKeyNewCommand(), newKeyPassphraseCommand(s), newKeyPublishCommand(), newKeyMonitorCommand())
}

func newKeyNewCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "new [--out FILE]",
		Short: "Make a signing key",
		Long: "Makes an Ed25519 key and writes it to a new file that only its owner can read (PKCS #8 in PEM, as openssl reads and writes it).\n" +
			"A file that exists is never overwritten. The private key is never printed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			public, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			if err := writeKeyFile(out, private); err != nil {
				return err
			}
			encoded, fingerprint := protocol.EncodePublicKey(public), protocol.Fingerprint(public)
			if wantsJSON(cmd) {
				return printJSON(cmd.OutOrStdout(), struct {
					File        string `json:"file"`
					Public      string `json:"pub"`
					Fingerprint string `json:"fingerprint"`
				}{out, encoded, fingerprint})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "public key   %s\nfingerprint  %s\n", encoded, fingerprint)
			note(cmd, "The private key is in %s: keep it secret, and keep a copy in a safe place.", out)
			note(cmd, "Next, publish the public key: mir key publish YOUR.DOMAIN --key %s", shellQuote(out))
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", defaultKeyFile, "file to write")
	return cmd
}
