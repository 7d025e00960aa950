package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mirnode/internal/nearest"
)

// newIssuerAPIKeyCommand is `mir issuer api-key`.
func newIssuerAPIKeyCommand(s streams) *cobra.Command {
	return commandGroup("api-key", "Make, list, replace and revoke the issuer's API keys",
		newIssuerAPIKeyNewCommand(s), newIssuerAPIKeyListCommand(s), newIssuerAPIKeyRotateCommand(s), newIssuerAPIKeyUseCommand(s),
		newIssuerAPIKeyRevokeCommand(s))
}

// apiKeyScopes are what an API key may be good for.
var apiKeyScopes = []string{"lookup", "write", "manage"}

// apiKeyDraft is what a new API key is to be.
type apiKeyDraft struct {
	label, expires, out string
	scopes              []string
}

func (d *apiKeyDraft) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.label, "label", "", "what it is for, so that it can be told from the others")
	cmd.Flags().StringSliceVar(&d.scopes, "scope", nil, "what it may do: lookup (many at once), write (assert, revoke, edit), manage (keys, domain); may be repeated (default: all)")
	cmd.Flags().StringVar(&d.expires, "expires", "", "until when it is good (default: no end)")
	d.addOut(cmd)
	mustGive(cmd, "label")
}

func (d *apiKeyDraft) addOut(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.out, "out", "", "write the API key to this new file, which its owner alone can read, and do not print it")
}

// body is the request for such a key.
func (d *apiKeyDraft) body() (map[string]any, error) {
	if err := freeForSecret(d.out); err != nil {
		return nil, err
	}
	body := map[string]any{"label": d.label}
	for _, scope := range d.scopes {
		if !slices.Contains(apiKeyScopes, scope) {
			hint := "It is " + strings.Join(apiKeyScopes, ", ") + "."
			if near := nearest.Name(scope, apiKeyScopes); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			return nil, withHint(fmt.Sprintf("--scope %q is none", scope), hint)
		}
	}
	if d.scopes != nil {
		body["scopes"] = d.scopes
	}
	if d.expires != "" {
		at, err := timeFilter("expires", d.expires)
		if err != nil {
			return nil, err
		}
		body["expires"] = at
	}
	return body, nil
}

// apiKeyAnswer is an API key in a node's answers; the key itself is in none but that to its making.
type apiKeyAnswer struct {
	ID        string    `json:"id"`
	Label     string    `json:"label"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	LastUsed  time.Time `json:"lastUsedAt,omitzero"`
}

// printFreshKey tells of a key that was made, and keeps it where that is wanted.
func printFreshKey(cmd *cobra.Command, s streams, body []byte, out string) error {
	var made struct {
		APIKey string       `json:"apiKey"`
		Key    apiKeyAnswer `json:"key"`
	}
	if err := decodeAnswer(body, &made); err != nil {
		return err
	}
	shown, err := handOver(cmd, made.APIKey, out)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		if out == "" {
			return printRaw(cmd, body)
		}
		return printJSON(s.out, struct {
			File string       `json:"apiKeyFile"`
			Key  apiKeyAnswer `json:"key"`
		}{out, made.Key})
	}
	fmt.Fprintf(s.out, "API key  %s\nID       %s\nscopes   %s\n", shown, printable(made.Key.ID), printable(strings.Join(made.Key.Scopes, ", ")))
	note(cmd, "It is not shown again.")
	return nil
}

func printAPIKeys(s streams, keys []apiKeyAnswer) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	if len(keys) > 0 {
		fmt.Fprintln(table, "API KEY\tSCOPES\tSINCE\tUNTIL\tLAST USED\tLABEL")
	}
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(k.ID), printable(strings.Join(k.Scopes, ",")), moment(k.CreatedAt), orDash(moment(k.ExpiresAt)), orDash(moment(k.LastUsed)), printable(k.Label))
	}
	return table.Flush()
}

// issuerAPIKeys gives a client of the issuer's home and the path of its API keys.
func issuerAPIKeys(cmd *cobra.Command) (*identity, *nodeClient, string, error) {
	id, err := readIdentity(cmd)
	if err != nil {
		return nil, nil, "", err
	}
	client, err := id.writer(cmd)
	return id, client, "/issuers/" + id.IssuerID + "/api-keys", err
}

func newIssuerAPIKeyNewCommand(s streams) *cobra.Command {
	var draft apiKeyDraft
	cmd := &cobra.Command{
		Use:   "new --label TEXT",
		Short: "Make another API key; it is shown once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := draft.body()
			if err != nil {
				return err
			}
			_, client, path, err := issuerAPIKeys(cmd)
			if err != nil {
				return err
			}
			answer, err := client.order(cmd.Context(), http.MethodPost, path, nil, body)
			if err != nil {
				return err
			}
			return printFreshKey(cmd, s, answer.body, draft.out)
		},
	}
	addIssuerFlags(cmd)
	draft.addFlags(cmd)
	return cmd
}

func newIssuerAPIKeyListCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the issuer's API keys, without the keys themselves",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, client, path, err := issuerAPIKeys(cmd)
			if err != nil {
				return err
			}
			answer, err := client.order(cmd.Context(), http.MethodGet, path, nil, nil)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printRaw(cmd, answer.body)
			}
			var list struct {
				APIKeys []apiKeyAnswer `json:"apiKeys"`
			}
			if err := decodeAnswer(answer.body, &list); err != nil {
				return err
			}
			return printAPIKeys(s, list.APIKeys)
		},
	}
	addIssuerFlags(cmd)
	return cmd
}

func newIssuerAPIKeyRotateCommand(s streams) *cobra.Command {
	var draft apiKeyDraft
	var use bool
	cmd := &cobra.Command{
		Use:   "rotate KEY-ID [--use]",
		Short: "Replace an API key by a new one; the old one is refused from then on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := freeForSecret(draft.out); err != nil {
				return err
			}
			id, client, path, err := issuerAPIKeys(cmd)
			if err != nil {
				return err
			}
			place, err := id.apiKeyFor(cmd, client.base)
			if err != nil {
				return err
			}
			file := place.file
			if use && (file == "" || file == stdinName) {
				return withHint("--use: no file holds the API key that is in use", "Name one for the new key with --out.")
			}
			answer, err := client.order(cmd.Context(), http.MethodPost, path+"/"+url.PathEscape(args[0])+"/rotate", nil, nil)
			if err != nil {
				return err
			}
			if !use {
				if err := printFreshKey(cmd, s, answer.body, draft.out); err != nil {
					return err
				}
				warnOfOwnKey(cmd, client, path, "Put the new one into its place: mir issuer api-key use "+fileOr(draft.out))
				return nil
			}
			return useFreshKey(cmd, s, answer.body, file)
		},
	}
	addIssuerFlags(cmd)
	draft.addOut(cmd)
	cmd.Flags().BoolVar(&use, "use", false, "put it into the identity's API key file, in the place of the old one")
	cmd.MarkFlagsMutuallyExclusive("use", "out")
	return cmd
}

// useFreshKey puts a new API key in the place of the one that is in use. Where that fails the key is printed: nobody else has it.
func useFreshKey(cmd *cobra.Command, s streams, body []byte, file string) error {
	var made struct {
		APIKey string       `json:"apiKey"`
		Key    apiKeyAnswer `json:"key"`
	}
	if err := decodeAnswer(body, &made); err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Clean(file), []byte(made.APIKey+"\n"), 0o600); err != nil {
		note(cmd, "warning: the new key could not be written to %s: %v", file, err)
		return printFreshKey(cmd, s, body, "")
	}
	if wantsJSON(cmd) {
		return printJSON(s.out, struct {
			File string       `json:"apiKeyFile"`
			Key  apiKeyAnswer `json:"key"`
		}{file, made.Key})
	}
	fmt.Fprintf(s.out, "API key  in %s\nID       %s\n", printable(file), printable(made.Key.ID))
	return nil
}

func newIssuerAPIKeyRevokeCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke KEY-ID",
		Short: "Revoke an API key: it is refused from now on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, client, path, err := issuerAPIKeys(cmd)
			if err != nil {
				return err
			}
			if err := revokeAPIKey(cmd, s, client, path, args[0]); err != nil {
				return err
			}
			warnOfOwnKey(cmd, client, path, "Put another one into its place: mir issuer api-key use FILE")
			return nil
		},
	}
	addIssuerFlags(cmd)
	return cmd
}

func revokeAPIKey(cmd *cobra.Command, s streams, client *nodeClient, path, id string) error {
	answer, err := client.order(cmd.Context(), http.MethodDelete, path+"/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printRaw(cmd, answer.body)
	}
	fmt.Fprintf(s.out, "%s: revoked\n", id)
	return nil
}

// newAdminAPIKeyNewCommand is `mir admin issuer api-key new`.
func newAdminAPIKeyNewCommand(s streams) *cobra.Command {
	var draft apiKeyDraft
	cmd := &cobra.Command{
		Use:   "new ISSUER-ID --label TEXT",
		Short: "Make an API key for an issuer, as for one that lost its own; it is shown once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := issuerArgument(args[0])
			if err != nil {
				return err
			}
			body, err := draft.body()
			if err != nil {
				return err
			}
			client, err := newOperatorClient(cmd)
			if err != nil {
				return err
			}
			answer, err := client.order(cmd.Context(), http.MethodPost, adminIssuers+"/"+id+"/api-keys", nil, body)
			if err != nil {
				return err
			}
			return printFreshKey(cmd, s, answer.body, draft.out)
		},
	}
	draft.addFlags(cmd)
	addOperatorFlag(cmd)
	return cmd
}

// newAdminAPIKeyRevokeCommand is `mir admin issuer api-key revoke`.
func newAdminAPIKeyRevokeCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ISSUER-ID KEY-ID",
		Short: "Revoke an API key of an issuer",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := issuerArgument(args[0])
			if err != nil {
				return err
			}
			client, err := newOperatorClient(cmd)
			if err != nil {
				return err
			}
			return revokeAPIKey(cmd, s, client, adminIssuers+"/"+id+"/api-keys", args[1])
		},
	}
	addOperatorFlag(cmd)
	return cmd
}
