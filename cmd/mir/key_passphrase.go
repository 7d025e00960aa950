package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mirnode/internal/pemfile"
	"mirnode/protocol"
)

const flagNewPassphraseFile = "new-passphrase-file"

func newKeyPassphraseCommand(s streams) *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use:   "passphrase FILE [--remove]",
		Short: "Put a private key under a passphrase, change the passphrase, or remove it",
		Long: "Writes the private key of FILE anew, under a passphrase that is asked on the terminal, or without one. The key itself stays the same, and so does all that it\n" +
			"signed. The file is replaced in one step, and its owner alone can read it. A copy elsewhere stays as it is.",
		Example: "  mir key passphrase .mir/issuer-key.pem\n  mir key passphrase .mir/issuer-key.pem --remove",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return runKeyPassphrase(cmd, s, args[0], remove) },
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "keep the key without a passphrase")
	addPassphraseFileFlag(cmd)
	cmd.Flags().String(flagNewPassphraseFile, "", "file whose first line is the new passphrase (default: asked on the terminal)")
	cmd.MarkFlagsMutuallyExclusive("remove", flagNewPassphraseFile)
	return cmd
}

func runKeyPassphrase(cmd *cobra.Command, s streams, path string, remove bool) error {
	key, err := readSigningKey(cmd, path)
	if err != nil {
		return err
	}
	var passphrase []byte
	if !remove {
		file, err := cmd.Flags().GetString(flagNewPassphraseFile)
		if err != nil {
			return err
		}
		if passphrase, err = choosePassphrase(cmd, flagNewPassphraseFile, file); err != nil {
			return err
		}
		defer clear(passphrase)
	}
	block, err := signingKeyBlock(key, passphrase)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path) // a link stays one
	if err != nil {
		return err
	}
	if err := replaceSecret(real, pem.EncodeToMemory(block)); err != nil {
		return err
	}
	state := "under a passphrase"
	if remove {
		state = "without a passphrase"
	}
	if wantsJSON(cmd) {
		return printJSON(s.out, map[string]any{"file": path, "encrypted": !remove})
	}
	_, err = fmt.Fprintf(s.out, "%s: %s\n", printable(path), state)
	return err
}

// publicKeyOf reads the public key to publish out of a PEM file: that of a public or a private key, also of one under a passphrase.
func publicKeyOf(cmd *cobra.Command, path string) (ed25519.PublicKey, error) {
	data, err := readFile(path, pemfile.MaxKeyBytes)
	if err != nil || !bytes.Contains(data, []byte("-----BEGIN "+encryptedKeyBlock)) {
		return readPublicKey(path)
	}
	key, err := readSigningKey(cmd, path)
	if errors.Is(err, errNoTerminal) {
		return nil, withHint(path+" is under a passphrase, and there is no terminal to ask for it",
			"Give a file with --"+flagPassphraseFile+"; or the public key alone: openssl pkey -in "+shellQuote(path)+" -pubout -out FILE")
	} else if err != nil {
		return nil, err
	}
	private, ok := key.private.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a key for %s, and domains publish %s keys", path, key.algorithm(), protocol.Ed25519)
	}
	return private.Public().(ed25519.PublicKey), nil
}

// replaceSecret puts a secret into a file in one step, in the place of what is there. Its owner alone can read it, also where others could before.
func replaceSecret(path string, data []byte) error {
	if err := os.Chmod(path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return renameio.WriteFile(path, data, 0o600) // it keeps the mode of a file that is there
}
