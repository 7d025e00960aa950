package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const (
	flagPassphrase     = "passphrase"
	flagPassphraseFile = "passphrase-file"

	// maxPassphraseBytes bounds a passphrase.
	maxPassphraseBytes = 1024
	// minPassphraseChars is the least length of a new one: a file of a key can be tried against a dictionary offline.
	minPassphraseChars = 8
)

// addPassphraseFileFlag gives a command that reads a key the way to give the passphrase without a terminal.
func addPassphraseFileFlag(cmd *cobra.Command) {
	cmd.Flags().String(flagPassphraseFile, "", "file whose first line is the key's passphrase; - is standard input (default: asked on the terminal)")
}

// addNewPassphraseFlags gives a command that makes a key the choice of a passphrase.
func addNewPassphraseFlags(cmd *cobra.Command) {
	cmd.Flags().Bool(flagPassphrase, false, "encrypt the private key under a passphrase, which is asked on the terminal")
	addPassphraseFileFlag(cmd)
}

// newPassphrase is the passphrase for a key that is being made, nil for none.
func newPassphrase(cmd *cobra.Command) ([]byte, error) {
	wanted, err := cmd.Flags().GetBool(flagPassphrase)
	if err != nil {
		return nil, err
	}
	file, err := cmd.Flags().GetString(flagPassphraseFile)
	if err != nil || file == "" && !wanted {
		return nil, err
	}
	return choosePassphrase(cmd, flagPassphraseFile, file)
}

// choosePassphrase is a new passphrase: the first line of the file that the flag names, or what a person types twice.
func choosePassphrase(cmd *cobra.Command, flag, file string) ([]byte, error) {
	passphrase, err := passphraseFrom(cmd, flag, file, "New passphrase for the key")
	if err != nil {
		return nil, err
	}
	if n := len([]rune(string(passphrase))); n < minPassphraseChars {
		return nil, withHint(fmt.Sprintf("the passphrase has %s, and %d are the least", plural(n, "character"), minPassphraseChars), "Four or five words that nobody would say are good.")
	}
	if file != "" {
		return passphrase, nil
	}
	again, err := askPassphrase(cmd.Context(), "The same again")
	if err == nil && !bytes.Equal(passphrase, again) {
		err = withHint("the two passphrases differ", "Nothing was written: try again.")
	}
	return passphrase, err
}

// givenPassphrase is the one of --passphrase-file, or what the person at the terminal types.
func givenPassphrase(cmd *cobra.Command, prompt string) ([]byte, error) {
	file, err := cmd.Flags().GetString(flagPassphraseFile)
	if err != nil {
		return nil, err
	}
	return passphraseFrom(cmd, flagPassphraseFile, file, prompt)
}

// passphraseFrom reads a passphrase from the file that the flag names, or asks for it where that is "".
func passphraseFrom(cmd *cobra.Command, flag, file, prompt string) ([]byte, error) {
	if file == "" {
		return askPassphrase(cmd.Context(), prompt)
	}
	data, err := readInput(cmd, file, maxPassphraseBytes)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("--%s %s: its first line is empty", flag, file)
	}
	return line, nil
}

// errNoTerminal is returned where a passphrase is needed and nobody can be asked.
var errNoTerminal = withHint("the key needs a passphrase, and there is no terminal to ask for it", "Give a file with --"+flagPassphraseFile+".")

// askPassphrase asks on the terminal, whatever the standard streams are, and shows nothing of what is typed. An interrupt ends it, and the terminal is as it was.
func askPassphrase(ctx context.Context, prompt string) ([]byte, error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errNoTerminal
	}
	defer terminal.Close() //nolint:errcheck // what was written is a prompt
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(terminal, printable(prompt)+": ")
	typed := make(chan []byte, 1)
	failed := make(chan error, 1)
	go func() { // left behind by an interrupt: reading a terminal cannot be ended
		passphrase, err := term.ReadPassword(fd)
		if err != nil {
			failed <- err
			return
		}
		typed <- passphrase
	}()
	defer fmt.Fprintln(terminal)
	select {
	case passphrase := <-typed:
		if len(passphrase) == 0 {
			return nil, errors.New("no passphrase was given")
		}
		return passphrase, nil
	case err := <-failed:
		return nil, fmt.Errorf("the passphrase cannot be read: %w", err)
	case <-ctx.Done():
		return nil, errors.Join(errInterrupted, term.Restore(fd, before))
	}
}
