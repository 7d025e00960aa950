package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

// listFilters are the flags of `mir claim list` that go to the node as query parameters of the same name.
var listFilters = []struct{ name, usage string }{
	{"subject", "claims about this subject"},
	{"domain", "claims of this domain"},
	{"type", "claims of this type"},
	{"after", "claims with a later timestamp, like 2026-02-16T15:30:00Z"},
	{"before", "claims with an earlier timestamp"},
	{"cursor", "go on where an earlier page ended"},
}

func newClaimListCommand() *cobra.Command {
	var limit int
	var all bool
	cmd := &cobra.Command{
		Use:   "list (--subject HEX | --domain DOMAIN)",
		Short: "List a node's claims about a subject or of a domain",
		Long: "Lists claims, the newest first, as a table; with --json each page as the node answers it, one page a line. They are what the node\n" +
			"says: `mir claim get --verify` checks one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			for _, f := range listFilters {
				value, err := cmd.Flags().GetString(f.name)
				if err != nil {
					return err
				}
				if value != "" {
					query.Set(f.name, value)
				}
			}
			if !query.Has("subject") && !query.Has("domain") {
				return errors.New("say whose claims: --subject HEX or --domain DOMAIN (nobody lists everything)")
			}
			if cmd.Flags().Changed("limit") {
				query.Set("limit", strconv.Itoa(limit))
			}
			client, err := newNodeClient(cmd)
			if err != nil {
				return err
			}
			return listPages(cmd, client, query, all)
		},
	}
	for _, f := range listFilters {
		cmd.Flags().String(f.name, "", f.usage)
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "claims a page")
	cmd.Flags().BoolVar(&all, "all", false, "all pages, not only the first")
	addNodeFlags(cmd)
	return cmd
}

// listPages prints one page, or all of them.
func listPages(cmd *cobra.Command, client *nodeClient, query url.Values, all bool) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	count := 0
	for {
		answer, err := client.ask(cmd.Context(), http.MethodGet, "/claims", query, "", nil)
		if err != nil {
			return err
		}
		if err := answer.err(cmd); err != nil {
			return err
		}
		var page struct {
			Claims     []storedClaim `json:"claims"`
			NextCursor string        `json:"nextCursor"`
		}
		if err := decodeAnswer(answer.body, &page); err != nil {
			return err
		}
		if wantsJSON(cmd) {
			err = printRaw(cmd, answer.body)
		} else {
			err = printClaims(table, page.Claims, count == 0)
		}
		if err != nil {
			return err
		}
		count += len(page.Claims)
		switch {
		case page.NextCursor == "" || page.NextCursor == query.Get("cursor"):
			note(cmd, "%d claims.", count)
			return nil
		case !all:
			note(cmd, "%d claims, and there are more: --all, or --cursor %s", count, page.NextCursor)
			return nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

// printClaims writes the rows of one page.
func printClaims(table *tabwriter.Writer, claims []storedClaim, first bool) error {
	if first && len(claims) > 0 {
		fmt.Fprintln(table, "TIMESTAMP\tTYPE\tDOMAIN\tSUBJECT\tCLAIM")
	}
	for _, stored := range claims {
		claim, err := protocol.ParseClaim(stored.Claim)
		if err != nil {
			return &exit{exitUnreachable, fmt.Errorf("%w: %s is no claim: %w", errWrongAnswer, stored.ClaimID, err)}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s…\t%s\n", claim.Timestamp, claim.Type, claim.Domain, claim.Subject[:12], claim.ID())
	}
	return table.Flush()
}
