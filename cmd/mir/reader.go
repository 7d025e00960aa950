package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

// lookupClient is the client for a look-up. The node of a link is asked only where the user named none: who gives a link is not to choose who answers. It gets no API key
// but one that the user names with a flag.
func lookupClient(cmd *cobra.Command, questions []question) (*nodeClient, error) {
	link := ""
	for _, q := range questions {
		if q.node == "" || q.node == link {
			continue
		}
		if link != "" && !namesNode(cmd) {
			return nil, withHint("the links are those of different nodes", "Name the node to ask with --"+flagNode+".")
		}
		link = q.node
	}
	if link != "" && !namesNode(cmd) {
		client, err := newClientOf(cmd, link)
		if err == nil {
			client.linked = true
			note(cmd, "The node of the link is asked, %s; --%s names another.", link, flagNode)
		}
		return client, err
	}
	client, err := readClient(cmd)
	if err != nil || len(questions) < 2 {
		return client, err
	}
	return client, maybeAPIKey(cmd, client)
}

// namesNode tells whether the user says which node is asked.
func namesNode(cmd *cobra.Command) bool {
	return cmd.Flags().Changed(flagNode) || os.Getenv(envNode) != ""
}

// maybeAPIKey is withAPIKey for what anybody may read: an API key that is set up here and cannot be read is no reason to read nothing. One that a flag names must be there.
func maybeAPIKey(cmd *cobra.Command, client *nodeClient) error {
	client.public = true
	err := withAPIKey(cmd, client)
	if err == nil || errors.Is(err, errInterrupted) || cmd.Flags().Changed(flagAPIKeyFile) || cmd.Flags().Changed(flagIdentity) {
		return err
	}
	client.apiKey = ""
	note(cmd, "warning: asked without the API key: %s", faultOf(err).Message)
	return nil
}

// read gets what anybody may read. Where the node refuses the API key, it is read without.
func (c *nodeClient) read(cmd *cobra.Command, path string, query url.Values) (*nodeAnswer, error) {
	answer, err := c.order(cmd.Context(), http.MethodGet, path, query, nil)
	if c.dropKey(cmd, answer, err) {
		answer, err = c.order(cmd.Context(), http.MethodGet, path, query, nil)
	}
	return answer, err
}

// dropKey tells whether a node refused an API key that need not be, and then takes it from the client, so that the same can be asked without.
func (c *nodeClient) dropKey(cmd *cobra.Command, answer *nodeAnswer, err error) bool {
	if err == nil || answer == nil || !c.public || c.apiKey == "" || answer.status != http.StatusUnauthorized && answer.status != http.StatusForbidden {
		return false
	}
	c.apiKey = ""
	note(cmd, "warning: %s refuses the API key (%s): it is asked without", c.base.Host, faultOf(err).Message)
	return true
}

// again is what a command line needs to ask the same node in the same way, before its arguments: "" where it does by itself.
func (c *nodeClient) again(cmd *cobra.Command) string {
	flags := ""
	if f := cmd.Flags().Lookup(flagNode); c.linked || f != nil && f.Changed {
		flags += fmt.Sprintf(" --%s %s", flagNode, shellQuote(c.base.String()))
	}
	if c.caFile != "" {
		flags += fmt.Sprintf(" --%s %s", flagCAFile, shellQuote(c.caFile))
	}
	return flags
}
