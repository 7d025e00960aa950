package main

import (
	"github.com/spf13/cobra"

	"mirnode/protocol"
)

// maxDocumentBytes bounds what is read of an input that should be one claim. It is well above the protocol's bound, so that a
// document that is too large gets its verdict, white space around a good one does not matter, and an endless input does no harm.
const maxDocumentBytes = 16 * protocol.MaxClaimBytes

func newClaimCommand(streams) *cobra.Command {
	return commandGroup("claim", "Make, sign, verify, submit and look up claims",
		newClaimNewCommand(),
		newClaimSignCommand(),
		newClaimVerifyCommand(),
		newClaimCanonicalCommand(),
		newClaimSubmitCommand(),
		newClaimGetCommand(),
		newClaimListCommand(),
	)
}
