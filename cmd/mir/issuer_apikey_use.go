package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newIssuerAPIKeyUseCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "use FILE",
		Short: "Put a new API key into the place of the identity's",
		Long: "Asks the issuer's home whether the API key in FILE is good, and puts it into the file that the identity names, in the place of the old one. So a key\n" +
			"comes into use that the operator made after the old one was lost (mir admin issuer api-key new). FILE stays where it is: delete it.\n" +
			"Where the home does not answer, the key is put there unchecked, and you are told.",
		Example: "  mir issuer api-key use new.key",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return runAPIKeyUse(cmd, s, args[0]) },
	}
	addIdentityFlag(cmd)
	addCAFlag(cmd)
	return cmd
}

func runAPIKeyUse(cmd *cobra.Command, s streams, from string) error {
	id, err := readIdentity(cmd)
	if err != nil {
		return err
	}
	key, err := readAPIKey(cmd, from)
	if err != nil {
		return err
	}
	if err := id.tryAPIKey(cmd, key); err != nil {
		return err
	}
	file, err := id.file(id.APIKeyFile)
	if err != nil {
		return err
	}
	fresh := file == ""
	if fresh {
		file = filepath.Join(id.folder(), filepath.Base(defaultAPIKey))
		if exists(file) {
			return withHint(file+" exists, and the identity names no API key", "Move it away.")
		}
	}
	same := sameFile(from, file)
	if same {
		err = os.Chmod(file, 0o600)
	} else {
		err = replaceSecret(filepath.Clean(file), []byte(key+"\n"))
	}
	if err != nil {
		return err
	}
	if fresh {
		if id.APIKeyFile, err = id.recorded(file); err != nil {
			return err
		}
		if err := id.write(cmd); err != nil {
			return err
		}
	}
	if wantsJSON(cmd) {
		return printJSON(s.out, map[string]string{"apiKeyFile": file})
	}
	fmt.Fprintf(s.out, "API key  in %s\n", printable(file))
	if !same && from != stdinName {
		note(cmd, "%s holds it too: delete it.", from)
	}
	if os.Getenv(envAPIKey) != "" {
		note(cmd, "warning: %s is set, and goes before the file at the node that it is for", envAPIKey)
	}
	return nil
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// tryAPIKey asks the home whether an API key is one of the issuer. A home that does not answer now is no reason against the key.
func (id *identity) tryAPIKey(cmd *cobra.Command, key string) error {
	client, err := newClientOf(cmd, id.Node)
	if err != nil {
		return err
	}
	client.apiKey = key
	answer, err := client.order(cmd.Context(), http.MethodGet, "/issuers/"+id.IssuerID+"/api-keys", nil, nil)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errInterrupted):
		return err
	case answer != nil && answer.status == http.StatusForbidden && strings.Contains(faultOf(err).Message, "scope"):
		return nil // it is good, though not for this
	case answer != nil && answer.status < http.StatusInternalServerError && answer.status != http.StatusTooManyRequests:
		return err
	}
	note(cmd, "warning: it was not checked whether the key is good: %s", faultOf(err).Message)
	return nil
}

// warnOfOwnKey tells where the API key that was replaced or revoked is the one in use here: nothing works with it from now on. The node does not say which key it was
// asked with, but it refuses that one now.
func warnOfOwnKey(cmd *cobra.Command, client *nodeClient, path, next string) {
	answer, err := client.ask(cmd.Context(), http.MethodGet, path, nil, "", nil)
	if err == nil && answer.status == http.StatusUnauthorized {
		note(cmd, "warning: this was the API key in use here, and it is refused now. %s", next)
	}
}

// fileOr names a file for a command line, or stands for one.
func fileOr(path string) string {
	if path == "" {
		return "FILE"
	}
	return shellQuote(path)
}
