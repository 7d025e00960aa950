package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mirnode/internal/nearest"
	"mirnode/protocol"
)

const adminIssuers = "/admin/issuers"

func newAdminIssuerNewCommand(s streams) *cobra.Command {
	var name, out string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make an issuer, and its first API key",
		Long: "Makes an issuer on the node, and an API key that may do everything for it. The key is shown this once, and kept by nobody: hand both to the\n" +
			"organisation, over a way that you trust. It makes its own signing key, which you never see: `mir issuer new`.",
		Example: "  mir admin issuer new \"Example News\"\n  mir admin issuer new \"Example News\" --api-key-file .mir/api-key",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := issuerName(cmd, name, args)
			if err != nil {
				return err
			}
			if err := freeForSecret(out); err != nil {
				return err
			}
			client, err := newOperatorClient(cmd)
			if err != nil {
				return err
			}
			answer, err := client.order(cmd.Context(), http.MethodPost, adminIssuers, nil, map[string]string{"name": name})
			if err != nil {
				return err
			}
			var made struct {
				Issuer issuerAnswer `json:"issuer"`
				APIKey string       `json:"apiKey"`
			}
			if err := decodeAnswer(answer.body, &made); err != nil {
				return err
			}
			if _, err := issuerArgument(made.Issuer.ID); err != nil {
				return &exit{exitUnreachable, fmt.Errorf("%w: %w", errWrongAnswer, err)}
			}
			shown, err := handOver(cmd, made.APIKey, out)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				if out != "" {
					return printJSON(s.out, map[string]string{"issuerId": made.Issuer.ID, "apiKeyFile": out})
				}
				return printRaw(cmd, answer.body)
			}
			fmt.Fprintf(s.out, "issuer   %s\nAPI key  %s\n", printable(made.Issuer.ID), shown)
			note(cmd, "The API key is not shown again. The organisation goes on with: mir issuer new --issuer %s --%s FILE --%s URL", made.Issuer.ID, flagAPIKeyFile, flagNode)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the organisation's name, in the place of NAME")
	cmd.Flags().StringVar(&out, flagAPIKeyFile, "", "write the API key to this new file, which its owner alone can read, and do not print it")
	addOperatorFlag(cmd)
	return cmd
}

// issuerName is the name of a new issuer, as everybody will read it: the argument, or --name.
func issuerName(cmd *cobra.Command, flag string, args []string) (string, error) {
	named := cmd.Flags().Changed("name")
	switch {
	case len(args) > 1:
		return "", withHint("a name is one argument, and these are "+strconv.Itoa(len(args)), "Put it in quotes: mir admin issuer new "+shellQuote(strings.Join(args, " ")))
	case named && len(args) == 1:
		return "", errors.New("the name is given twice: as an argument, and with --name")
	case !named && len(args) == 0:
		return "", withHint("which name? It is what everybody will read", "mir admin issuer new \"Example News\"")
	case named:
		return flag, nil
	}
	return args[0], nil
}

// mustGive makes flags ones that must be given.
func mustGive(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined
		}
	}
}

// freeForSecret refuses a file for a secret that is there already, before the secret is made.
func freeForSecret(path string) error {
	if path == "" {
		return nil
	}
	if err := keyFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if exists(path) {
		return withHint(path+" exists, and a secret is never overwritten", "Name another file, or move this one away.")
	}
	return nil
}

// handOver writes a new API key to a file, if one is named, and gives what is to be shown of it.
func handOver(cmd *cobra.Command, key, file string) (shown string, err error) {
	if file == "" {
		return printable(key), nil
	}
	if err := writeSecret(file, []byte(key+"\n")); err != nil {
		note(cmd, "warning: the key was made and could not be kept: revoke it")
		if errors.Is(err, fs.ErrExist) {
			return "", withHint(file+" exists, and a secret is never overwritten", "Name another file.")
		}
		return "", err
	}
	return "in " + printable(file), nil
}

func newAdminIssuerListCommand(s streams) *cobra.Command {
	var limit int
	var after string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the issuers whose home the node is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := newOperatorClient(cmd)
			if err != nil {
				return err
			}
			query := url.Values{}
			if after != "" {
				query.Set("after", after)
			}
			if limit != 0 {
				query.Set("limit", strconv.Itoa(limit))
			}
			answer, err := client.order(cmd.Context(), http.MethodGet, adminIssuers, query, nil)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printRaw(cmd, answer.body)
			}
			var page struct {
				Issuers   []accountAnswer `json:"issuers"`
				NextAfter string          `json:"nextAfter"`
			}
			if err := decodeAnswer(answer.body, &page); err != nil {
				return err
			}
			table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			if len(page.Issuers) > 0 {
				fmt.Fprintln(table, "ISSUER\tBADGE\tPLAN\tNAME")
			}
			for _, i := range page.Issuers {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", printable(i.ID), printable(i.badge()), printable(orDash(i.Plan)), printable(i.Name))
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if page.NextAfter != "" {
				note(cmd, "%s, and there are more: --after %s", plural(len(page.Issuers), "issuer"), shellQuote(page.NextAfter))
			} else {
				note(cmd, "%s.", plural(len(page.Issuers), "issuer"))
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "issuers a page (default: the node's)")
	cmd.Flags().StringVar(&after, "after", "", "go on behind this issuer")
	addOperatorFlag(cmd)
	return cmd
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// issuerArgument reads an issuer's ID, in either case.
func issuerArgument(text string) (string, error) {
	if id := strings.ToLower(text); protocol.IsIssuerID(id) {
		return id, nil
	}
	return "", withHint(fmt.Sprintf("%q is no issuer ID", text), "It is issuer_ and 32 hex digits, as `mir admin issuer new` prints it.")
}

// adminIssuerCommand is a command about one issuer over the operator's listener; do sends the order.
func adminIssuerCommand(cmd *cobra.Command, do func(ctx context.Context, client *nodeClient, path string, args []string) (*nodeAnswer, error), show func(cmd *cobra.Command, body []byte) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := issuerArgument(args[0])
		if err != nil {
			return err
		}
		client, err := newOperatorClient(cmd)
		if err != nil {
			return err
		}
		answer, err := do(cmd.Context(), client, adminIssuers+"/"+id, args[1:])
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printRaw(cmd, answer.body)
		}
		return show(cmd, answer.body)
	}
	addOperatorFlag(cmd)
	return cmd
}

func newAdminIssuerShowCommand(s streams) *cobra.Command {
	return adminIssuerCommand(&cobra.Command{
		Use:   "show ISSUER-ID",
		Short: "Show an issuer: badge, plan, domain, keys, API keys",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, client *nodeClient, path string, _ []string) (*nodeAnswer, error) {
		return client.order(ctx, http.MethodGet, path, nil, nil)
	}, func(_ *cobra.Command, body []byte) error { return printAccount(s, body) })
}

func newAdminIssuerStatusCommand(s streams) *cobra.Command {
	var reason string
	cmd := adminIssuerCommand(&cobra.Command{
		Use:   "status ISSUER-ID STATUS [--reason TEXT]",
		Short: "Restrict or suspend an issuer, or lift that",
		Long: "RESTRICTED  under review: it may say what is not its own, and revoke\n" +
			"SUSPENDED   it may revoke, and nothing else\n" +
			"VERIFIED    lifts either, of an issuer that was verified before; nobody else can be made VERIFIED by hand\n" +
			"UNVERIFIED  lifts either, and takes a verification away\n\n" +
			"What the issuer said before stays as it is. The badge is public. The reason is kept on this node, and told the issuer where it is refused something.",
		Example: "  mir admin issuer status issuer_0f5c… SUSPENDED --reason \"key stolen, says its owner\"",
		Args:    cobra.ExactArgs(2),
	}, func(ctx context.Context, client *nodeClient, path string, args []string) (*nodeAnswer, error) {
		status := strings.ToUpper(args[0])
		known := []string{string(protocol.IssuerVerified), string(protocol.IssuerUnverified), string(protocol.IssuerRestricted), string(protocol.IssuerSuspended)}
		if !slices.Contains(known, status) {
			hint := "It is " + strings.Join(known, ", ") + "."
			if near := nearest.Name(status, known); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			return nil, withHint(fmt.Sprintf("%q is no badge", args[0]), hint)
		}
		return client.order(ctx, http.MethodPost, path+"/status", nil, map[string]string{"status": status, "reason": reason})
	}, func(_ *cobra.Command, body []byte) error { return printAccount(s, body) })
	cmd.Flags().StringVar(&reason, "reason", "", "why, up to 500 characters")
	return cmd
}

func newAdminIssuerPlanCommand(s streams) *cobra.Command {
	return adminIssuerCommand(&cobra.Command{
		Use:   "plan ISSUER-ID PLAN",
		Short: "Give an issuer a plan, where the node requires one; \"none\" takes it away",
		Args:  cobra.ExactArgs(2),
	}, func(ctx context.Context, client *nodeClient, path string, args []string) (*nodeAnswer, error) {
		plan := args[0]
		if plan == "none" {
			plan = ""
		}
		return client.order(ctx, http.MethodPost, path+"/plan", nil, map[string]string{"plan": plan})
	}, func(_ *cobra.Command, body []byte) error { return printAccount(s, body) })
}

func newAdminIssuerRecheckCommand(s streams) *cobra.Command {
	return adminIssuerCommand(&cobra.Command{
		Use:   "recheck ISSUER-ID",
		Short: "Look at once whether the issuer's domain still shows its token",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, client *nodeClient, path string, _ []string) (*nodeAnswer, error) {
		return client.order(ctx, http.MethodPost, path+"/domain/recheck", nil, nil)
	}, func(_ *cobra.Command, body []byte) error {
		var found domainCheckAnswer
		if err := decodeAnswer(body, &found); err != nil {
			return err
		}
		return found.conclude(s)
	})
}
