package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

const (
	flagUser       = "user"
	flagSecretFile = "secret-file"

	// maxUserIDBytes bounds an external ID that is read from standard input.
	maxUserIDBytes = 4096
	// minSecretBytes is the least length of a domain's secret: 128 bits, if every byte counts.
	minSecretBytes = 16
	maxSecretBytes = 64 << 10
)

func newSubjectCommand(streams) *cobra.Command {
	var domain string
	cmd := &cobra.Command{
		Use:   "subject --domain DOMAIN --user ID [--secret-file FILE]",
		Short: "Derive a subject from a user's ID",
		Long: "Prints the subject that stands for a user in a domain's claims: the hex SHA-256 of \"domain:ID\", or with a secret its\n" +
			"HMAC-SHA256, which nobody can guess backwards. Use the HMAC for any ID that is not long and random; e-mail addresses and phone\n" +
			"numbers are refused without it. The secret must stay the same, or the same user gets another subject.",
		Example: `  mir subject --domain shop.example.com --user 5f0c2b1e-7d7f-4a53-9f1c-0d6c5ce2f9aa
  openssl rand -hex 32 > .mir/subject.secret
  mir subject --domain shop.example.com --secret-file .mir/subject.secret --user -  < user-id.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			subject, err := deriveSubject(cmd, domain)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd.OutOrStdout(), map[string]string{"subject": subject})
			}
			fmt.Fprintln(cmd.OutOrStdout(), subject)
			return nil
		},
	}
	cmd.Flags().StringVar(&domain, "domain", "", "domain whose user it is")
	addUserFlags(cmd)
	for _, name := range []string{"domain", flagUser} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

// addUserFlags gives a command the flags that deriveSubject reads.
func addUserFlags(cmd *cobra.Command) {
	cmd.Flags().String(flagUser, "", "your own ID of the user, or - to read it from standard input")
	cmd.Flags().String(flagSecretFile, "", "file with the domain's secret: derive by HMAC-SHA256")
}

// deriveSubject makes the subject of the user that --user names.
func deriveSubject(cmd *cobra.Command, domain string) (string, error) {
	host, err := domainFlag("domain", domain)
	if err != nil {
		return "", err
	}
	user, err := userID(cmd)
	if err != nil {
		return "", err
	}
	path, err := cmd.Flags().GetString(flagSecretFile)
	if err != nil {
		return "", err
	}
	if path == "" {
		if kind := identifying(user); kind != "" {
			return "", &exit{exitRejected, withHint("the ID looks like "+kind+", and a plain hash of one can be guessed",
				"Give a secret with --secret-file for HMAC-SHA256, or use an ID of your own that says nothing.")}
		}
		if guessable(user) {
			note(cmd, "warning: an ID this short can be found again by trying all of them: the protocol wants HMAC here, with --%s", flagSecretFile)
		}
		return protocol.Subject(host, user), nil
	}
	secret, err := readFile(path, maxSecretBytes)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flagSecretFile, err)
	}
	secret = bytes.TrimRight(secret, "\r\n") // as editors and `openssl rand -hex` leave them
	if len(secret) < minSecretBytes {
		return "", fmt.Errorf("--%s: the secret has %d bytes and needs at least %d: make one with `openssl rand -hex 32`",
			flagSecretFile, len(secret), minSecretBytes)
	}
	return protocol.SubjectHMAC(secret, host, user), nil
}

func userID(cmd *cobra.Command) (string, error) {
	user, err := cmd.Flags().GetString(flagUser)
	if err != nil {
		return "", err
	}
	if user == stdinName {
		data, err := readInput(cmd, stdinName, maxUserIDBytes)
		if err != nil {
			return "", err
		}
		user = strings.TrimRight(string(data), "\r\n")
	}
	if user == "" {
		return "", errors.New("the user's ID is empty")
	}
	return user, nil
}

var (
	mailPattern  = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s.]+$`)
	phonePattern = regexp.MustCompile(`^((\+|00|\()[0-9 ()./-]{6,24}|[0-9]{2,5}[ ()./-][0-9 ()./-]{4,20}|[0-9]{10,15})$`)
)

// identifying says what an ID looks like that points at a person by itself; empty for any other.
func identifying(user string) string {
	user = strings.TrimSpace(user)
	switch {
	case mailPattern.MatchString(user):
		return "an e-mail address"
	case phonePattern.MatchString(user):
		return "a phone number"
	}
	return ""
}

// minEntropyBits is where the protocol (section 3) lets the plain hash begin.
const minEntropyBits = 128

// guessable reports whether the ID must hold less than minEntropyBits, even if each of its characters was drawn at random from those
// of its kind.
func guessable(user string) bool {
	count, alphabet := 0.0, 10.0
	for _, r := range strings.ToLower(user) {
		switch {
		case r >= '0' && r <= '9':
		case r >= 'a' && r <= 'f':
			alphabet = max(alphabet, 16)
		case r >= 'g' && r <= 'z':
			alphabet = max(alphabet, 36)
		case r == '-' || r == '_':
			continue // mostly separators
		default:
			alphabet = 95
		}
		count++
	}
	if alphabet == 36 && user != strings.ToLower(user) {
		alphabet = 62
	}
	return count*math.Log2(alphabet) < minEntropyBits
}
