package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

// publicKeyArgument reads a public key that is given as its 43 characters, or as the PEM file of it or of its private key.
func publicKeyArgument(cmd *cobra.Command, value string) (ed25519.PublicKey, error) {
	public, notText := protocol.ParsePublicKey(value)
	if notText == nil {
		return public, nil
	}
	if _, err := os.Stat(value); errors.Is(err, fs.ErrNotExist) {
		var refusal *protocol.Error
		if errors.As(notText, &refusal) {
			return nil, withHint(fmt.Sprintf("%q is neither a file nor a public key: %s", value, refusal.Message), refusal.Hint)
		}
		return nil, notText
	}
	public, err := publicKeyOf(cmd, value)
	if err != nil {
		return nil, err
	}
	return public, protocol.CheckPublicKey(public)
}
