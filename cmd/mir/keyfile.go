package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"mirnode/internal/pemfile"
)

// defaultKeyFile is where `mir key new` puts a key and `mir claim sign` looks for one.
const defaultKeyFile = ".mir/key.pem"

// writeKeyFile writes a private key to a new file that only its owner can read. It never overwrites one.
func writeKeyFile(path string, key ed25519.PrivateKey) error {
	if err := keyFolder(filepath.Dir(path)); err != nil {
		return err
	}
	err := pemfile.WriteKey(path, key)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and a key is never overwritten: name another file with --out, or move this one away", path)
	}
	return err
}

// keyFolder makes the folder of the default key file. Another one that is not there is taken for a slip.
func keyFolder(dir string) error {
	if dir == filepath.Dir(defaultKeyFile) {
		return os.MkdirAll(dir, 0o700)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Sprintf("there is no folder %s", dir), "Make it with: mkdir -p "+shellQuote(dir))
	}
	return nil // what else is wrong with it, the writing says
}

// readPrivateKey reads the key of a PEM file that `mir key new` or `openssl genpkey -algorithm ed25519` made.
func readPrivateKey(cmd *cobra.Command, path string) (ed25519.PrivateKey, error) {
	private, err := pemfile.ReadPrivateKey(path)
	if err != nil {
		return nil, missingKey(path, err)
	}
	if pemfile.ReadableByOthers(path) {
		note(cmd, "warning: %s can be read by others than its owner; mend it with: chmod 600 %s", path, path)
	}
	return private, nil
}

// readPublicKey reads the public key out of the PEM file of a private or a public key.
func readPublicKey(path string) (ed25519.PublicKey, error) {
	public, err := pemfile.ReadPublicKey(path)
	return public, missingKey(path, err)
}

// readKeyFile returns an ed25519.PrivateKey or an ed25519.PublicKey.
func readKeyFile(path string) (any, error) {
	key, err := pemfile.ReadKey(path)
	return key, missingKey(path, err)
}

// missingKey tells how to come by a key where there is none.
func missingKey(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no key at %s: make one with `mir key new`, or name its file with --key", path)
	}
	return err
}
