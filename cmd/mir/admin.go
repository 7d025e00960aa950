package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"mirnode/internal/strictjson"
)

func newAdminCommand(s streams) *cobra.Command {
	return commandGroup("admin", "Run a node: what its operator alone may do, over the operator listener",
		newAdminIssuerCommand(s))
}

// newAdminIssuerCommand is `mir admin issuer`.
func newAdminIssuerCommand(s streams) *cobra.Command {
	return commandGroup("issuer", "Make issuers on a node, look after them, and make their API keys",
		newAdminIssuerNewCommand(s), newAdminIssuerListCommand(s), newAdminIssuerShowCommand(s),
		newAdminIssuerStatusCommand(s), newAdminIssuerPlanCommand(s), newAdminIssuerRecheckCommand(s),
		commandGroup("api-key", "Make and revoke the API keys of an issuer", newAdminAPIKeyNewCommand(s), newAdminAPIKeyRevokeCommand(s)))
}

// order sends JSON (nil: an empty object, or nothing with GET) and gives the answer of success; anything else is the error that the command ends with.
func (c *nodeClient) order(ctx context.Context, method, path string, query url.Values, body any) (*nodeAnswer, error) {
	var data []byte
	contentType := ""
	if method != http.MethodGet {
		if body == nil {
			body = struct{}{}
		}
		var err error
		if data, err = strictjson.Marshal(body); err != nil {
			return nil, err
		}
		contentType = "application/json"
	}
	answer, err := c.ask(ctx, method, path, query, contentType, data)
	if err != nil {
		return nil, err
	}
	if method == http.MethodGet {
		return answer, answer.err()
	}
	return answer, answer.refusal()
}
