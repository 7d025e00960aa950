package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

// listFilters are the flags of `mir claim list` that go to the node as query parameters of the same name.
var listFilters = []struct {
	name, usage string
	check       func(flag, value string) (string, error) // gives the value for the node; nil: as it is
}{
	{"subject", "claims about this subject", subjectFilter},
	{"domain", "claims of this domain", domainFlag},
	{"type", "claims of this type", nil},
	{"after", "claims with a later timestamp, like 2026-02-16T15:30:00Z or 2026-02-16", timeFilter},
	{"before", "claims with an earlier timestamp", timeFilter},
	{"cursor", "go on where an earlier page ended", nil},
}

// maxListLimit is the most claims that a node puts on a page.
const maxListLimit = 200

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
			query, err := listQuery(cmd, limit)
			if err != nil {
				return err
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
	cmd.Flags().IntVar(&limit, "limit", 50, fmt.Sprintf("claims a page, at most %d", maxListLimit))
	cmd.Flags().BoolVar(&all, "all", false, "all pages, not only the first")
	addNodeFlags(cmd)
	return cmd
}

// listQuery makes the query of the flags, and finds what is wrong with them here: the node's words would be about its URL.
func listQuery(cmd *cobra.Command, limit int) (url.Values, error) {
	query := url.Values{}
	for _, f := range listFilters {
		value, err := cmd.Flags().GetString(f.name)
		if err != nil {
			return nil, err
		}
		if value == "" {
			continue
		}
		if f.check != nil {
			if value, err = f.check(f.name, value); err != nil {
				return nil, err
			}
		}
		query.Set(f.name, value)
	}
	if !query.Has("subject") && !query.Has("domain") {
		return nil, errors.New("say whose claims: --subject HEX or --domain DOMAIN (nobody lists everything)")
	}
	if limit < 1 || limit > maxListLimit {
		return nil, withHint(fmt.Sprintf("--limit %d: a page has 1 to %d claims", limit, maxListLimit), "--all lists all pages.")
	}
	if cmd.Flags().Changed("limit") {
		query.Set("limit", strconv.Itoa(limit))
	}
	return query, nil
}

// timeFilter checks a time of a flag, or makes one of a date: its midnight in UTC.
func timeFilter(flag, value string) (string, error) {
	var t time.Time
	if err := setTime(&t, flag, value); err != nil {
		return "", err
	}
	if strings.Contains(value, "T") {
		return value, nil // with the fraction of its second
	}
	return t.Format(time.RFC3339), nil
}

var subjectPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

func subjectFilter(flag, value string) (string, error) {
	if !subjectPattern.MatchString(value) {
		return "", withHint(fmt.Sprintf("--%s %q is no subject: 64 lower-case hex digits", flag, value), "`mir subject` derives one from your own ID of a user.")
	}
	return value, nil
}

// maxEmptyPages is how many pages without a claim are asked for in a row: a node may have searched far and found nothing yet, but one that
// goes on like that for ever is broken or hostile.
const maxEmptyPages = 1_000

// listPages prints one page, or all of them.
func listPages(cmd *cobra.Command, client *nodeClient, query url.Values, all bool) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	count, empty := 0, 0
	for {
		answer, err := client.ask(cmd.Context(), http.MethodGet, "/claims", query, "", nil)
		if err != nil {
			return err
		}
		if err := answer.err(); err != nil {
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
		if empty++; len(page.Claims) > 0 {
			empty = 0
		}
		switch {
		case page.NextCursor == "" || page.NextCursor == query.Get("cursor"):
			note(cmd, "%s.", plural(count, "claim"))
			return nil
		case !all:
			note(cmd, "%s, and there are more: --all, or --cursor %s", plural(count, "claim"), shellQuote(page.NextCursor))
			return nil
		case empty == maxEmptyPages:
			return &exit{exitUnreachable, fmt.Errorf("%w: %d pages in a row without a claim", errWrongAnswer, empty)}
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
			return &exit{exitUnreachable, fmt.Errorf("%w: %q is no claim: %w", errWrongAnswer, stored.ClaimID, err)}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s…\t%s\n", claim.Timestamp, claim.Type, claim.Domain, claim.Subject[:12], claim.ID())
	}
	return table.Flush()
}
