package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

func newAssertionCommand(s streams) *cobra.Command {
	return commandGroup("assertion", "Get, list, revoke, replace, edit and verify what was said about files",
		newAssertionGetCommand(s), newAssertionListCommand(s), newAssertionRevokeCommand(s), newAssertionSupersedeCommand(s), newAssertionEditCommand(s), newAssertionMatchCommand(s),
		newAssertionVerifyCommand(s))
}

// provenAnswer is a node's answer about one assertion, with its proof.
type provenAnswer struct {
	Assertion assertionAnswer `json:"assertion"`
	Proof     struct {
		Record string `json:"record"`
	} `json:"proof"`
	Note string `json:"note"`
}

// askAssertion gets one assertion. Its record is the one that was asked for: the ID is the hash of what was signed.
func askAssertion(cmd *cobra.Command, client *nodeClient, id string) (*provenAnswer, *protocol.Assertion, *nodeAnswer, error) {
	answer, err := client.read(cmd, "/assertions/"+id, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	proven := new(provenAnswer)
	if err := decodeAnswer(answer.body, proven); err != nil {
		return nil, nil, nil, err
	}
	record, err := protocol.ParseAssertion([]byte(proven.Proof.Record))
	if err != nil {
		return nil, nil, nil, &exit{exitUnreachable, fmt.Errorf("%w: its record is none: %w", errWrongAnswer, err)}
	}
	if record.ID() != id {
		return nil, nil, nil, &exit{exitRejected, fmt.Errorf("the node answered with another assertion, %s", record.ID())}
	}
	if err := checkIDs([]assertionAnswer{proven.Assertion}); err != nil {
		return nil, nil, nil, err
	}
	return proven, record, answer, nil
}

func newAssertionGetCommand(s streams) *cobra.Command {
	var withNote bool
	cmd := &cobra.Command{
		Use:   "get ASSERTION-ID",
		Short: "Show one assertion; with --json also its proof, for `mir assertion verify`",
		Long: "Shows what a node says of one assertion. With --json it is the node's whole answer, with all that is needed to verify it: keep it, and verify it anywhere with\n" +
			"`mir assertion verify FILE`, or pass it on.\n\n" +
			"The issuer's own note is for its team: it is shown where the issuer's home is asked with its API key, and with --json only by --note.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := assertionArgument(args[0])
			if err != nil {
				return err
			}
			client, err := readClient(cmd)
			if err != nil {
				return err
			}
			if withNote || !wantsJSON(cmd) { // what is kept as a proof and passed on must not have the note
				if err := maybeAPIKey(cmd, client); err != nil {
					return err
				}
			}
			proven, record, answer, err := askAssertion(cmd, client, id)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				body := answer.body
				if !withNote {
					body, err = withoutNote(body)
				}
				if err == nil {
					err = printRaw(cmd, body)
				}
				return err
			}
			if proven.Assertion.Note == "" {
				proven.Assertion.Note = proven.Note
			}
			fmt.Fprintf(s.out, "%x\n\n", record.Payload.Artifact)
			if err := proven.Assertion.print(s.out, client.base.Host); err != nil {
				return err
			}
			noteAnswered(cmd, client)
			return nil
		},
	}
	addReadFlags(cmd)
	cmd.Flags().BoolVar(&withNote, "note", false, "with --json: also the issuer's own note, which is not for others")
	return cmd
}

// addReadFlags gives a command that reads the flags of the node to ask.
func addReadFlags(cmd *cobra.Command) {
	addIdentityFlag(cmd)
	addNodeFlags(cmd)
	cmd.Flags().String(flagAPIKeyFile, "", apiKeyUsage)
}

func newAssertionListCommand(s streams) *cobra.Command {
	var limit int
	var all, withNotes bool
	var cursor string
	cmd := &cobra.Command{
		Use:   "list [--issuer ISSUER-ID]",
		Short: "List what an issuer said, newest first",
		Long:  "Lists the assertions of an issuer (the one that is set up here, or --issuer), revoked ones too; with --json each page as the node answers it, one a line.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > maxListLimit {
				return withHint(fmt.Sprintf("--limit %d: a page has 1 to %d assertions", limit, maxListLimit), "--all lists all pages.")
			}
			id, err := readIdentity(cmd)
			if err != nil {
				return err
			}
			issuer, err := issuerArgument(id.IssuerID)
			if err != nil {
				return err
			}
			client, err := readClient(cmd)
			if err != nil {
				return err
			}
			if withNotes {
				if err := maybeAPIKey(cmd, client); err != nil {
					return err
				}
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if cursor != "" {
				query.Set("cursor", cursor)
			}
			return listAssertions(cmd, s, client, "/issuers/"+issuer+"/assertions", query, all)
		},
	}
	addReadFlags(cmd)
	cmd.Flags().String(flagIssuer, "", "the issuer (default: the one that is set up here)")
	cmd.Flags().IntVar(&limit, "limit", 50, fmt.Sprintf("assertions a page, at most %d", maxListLimit))
	cmd.Flags().StringVar(&cursor, "cursor", "", "go on where an earlier page ended")
	cmd.Flags().BoolVar(&all, "all", false, "all pages, not only the first")
	cmd.Flags().BoolVar(&withNotes, "note", false, "with --json: also the issuer's own notes, which are not for others")
	return cmd
}

// listAssertions prints one page, or all of them.
func listAssertions(cmd *cobra.Command, s streams, client *nodeClient, path string, query url.Values, all bool) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for count, empty := 0, 0; ; {
		answer, err := client.read(cmd, path, query)
		if err != nil {
			return err
		}
		var page struct {
			Assertions []assertionAnswer `json:"assertions"`
			NextCursor string            `json:"nextCursor"`
		}
		if err := decodeAnswer(answer.body, &page); err != nil {
			return err
		}
		if err := checkIDs(page.Assertions); err != nil {
			return err
		}
		if wantsJSON(cmd) {
			err = printRaw(cmd, answer.body)
		} else {
			err = printAssertionRows(table, page.Assertions, count == 0)
		}
		if err != nil {
			return err
		}
		count += len(page.Assertions)
		if empty++; len(page.Assertions) > 0 {
			empty = 0
		}
		switch {
		case page.NextCursor == "" || page.NextCursor == query.Get("cursor"):
			note(cmd, "%s.", plural(count, "assertion"))
			noteAnswered(cmd, client)
			return nil
		case !all:
			note(cmd, "%s, and there are more: --all, or --cursor %s", plural(count, "assertion"), shellQuote(page.NextCursor))
			noteAnswered(cmd, client)
			return nil
		case empty == maxEmptyPages:
			return &exit{exitUnreachable, fmt.Errorf("%w: %d pages in a row without an assertion", errWrongAnswer, empty)}
		}
		query.Set("cursor", page.NextCursor)
	}
}

// printAssertionRows writes the rows of one page.
func printAssertionRows(table *tabwriter.Writer, list []assertionAnswer, first bool) error {
	if first && len(list) > 0 {
		fmt.Fprintln(table, "SINCE\tTYPE\tSTATE\tNAME\tHASH\tASSERTION")
	}
	for _, a := range list {
		state, name := "active", "-"
		if a.Revoked {
			state = strings.ToLower(orDash(a.Revocation))
		}
		if m := a.Metadata; m != nil {
			name = orDash(shortened(m.DisplayName))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.12s…\t%s\n", printable(a.CreatedAt), printable(a.Type), printable(state), printable(name), printable(a.ArtifactHash), printable(a.ID))
	}
	return table.Flush()
}

// shortened is an issuer's name for a file in a row of a list.
func shortened(name string) string {
	const most = 40
	if name = folded(name); name == "" {
		return ""
	}
	if runes := []rune(name); len(runes) > most {
		name = string(runes[:most-1]) + "…"
	}
	return "“" + name + "”"
}

// revocationPayload makes and checks what is signed to end an assertion.
func (sp *speaker) revocationPayload(action protocol.RevocationAction, id, reason string) ([]byte, error) {
	payload := (&protocol.RevocationPayload{Action: action, AssertionID: id, IssuerID: sp.id.IssuerID, Timestamp: timestampNow(), Reason: reason}).Encode()
	if _, err := protocol.ParseRevocationPayload(payload); err != nil {
		return nil, misused(err)
	}
	return payload, nil
}

func newAssertionRevokeCommand(s streams) *cobra.Command {
	var a assertFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke ASSERTION-ID",
		Short: "Revoke an assertion: a signed statement that it holds no more",
		Long: "Revokes an assertion with a signed statement, which no node can forge. Nothing is deleted: look-ups go on showing it, as revoked. It cannot be undone; the same can\n" +
			"be said again with `mir assert`.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := assertionArgument(args[0])
			if err != nil {
				return err
			}
			sp, err := newSpeaker(cmd, s, &a)
			if err != nil {
				return err
			}
			payload, err := sp.revocationPayload(protocol.ActionRevoke, id, reason)
			if err != nil {
				return err
			}
			request, err := sp.sign(payload)
			if err != nil {
				return err
			}
			path := "/assertions/" + id + "/revoke"
			if a.dryRun {
				return sp.printDry(path, "", "", payload, request)
			}
			answer, err := sp.send(http.MethodPost, path, request)
			if err != nil {
				return err
			}
			return sp.printRevoked(id, answer.body)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for everybody; signed")
	a.addSendingFlags(cmd)
	return cmd
}

// printRevoked tells of the revocation, and keeps the proof of it in the place of the earlier receipt.
func (sp *speaker) printRevoked(id string, body []byte) error {
	var changed struct {
		Assertion assertionAnswer `json:"assertion"`
	}
	if err := decodeAnswer(body, &changed); err != nil {
		return err
	}
	if changed.Assertion.ID != id || !changed.Assertion.Revoked {
		return &exit{exitUnreachable, fmt.Errorf("%w: it does not say that the assertion is revoked", errWrongAnswer)}
	}
	body, err := withoutNote(body)
	if err != nil {
		return err
	}
	kept := sp.keepReceipt(id, body)
	if wantsJSON(sp.cmd) {
		return printRaw(sp.cmd, body)
	}
	b := new(strings.Builder)
	newPage(sp.s.out).rest(b, 0, hangBy, append([]span{ours("%s: ", id)}, changed.Assertion.endLine()...))
	fmt.Fprint(sp.s.out, b.String())
	if kept != "" {
		note(sp.cmd, "The proof is in %s.", kept)
	}
	return nil
}

// supersession is the body of POST /assertions/{id}/supersede.
type supersession struct {
	Revocation signedPart `json:"revocation"`
	assertionRequest
}

func newAssertionSupersedeCommand(s streams) *cobra.Command {
	var a assertFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "supersede ASSERTION-ID [FILE]",
		Short: "Put another assertion about the same file in the place of one",
		Long: "Says it anew and ends the old assertion, in one step: at no time is there none, or two. What no flag says stays as it was. With FILE, its name, type and size are\n" +
			"taken afresh; it must be the very file. Another version of a file is another file: assert it, and revoke the old assertion if need be.",
		Example: "  mir assertion supersede assertion_5d2c… --context \"Fabricated; we have informed the police\"",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := assertionArgument(args[0])
			if err != nil {
				return err
			}
			sp, err := newSpeaker(cmd, s, &a)
			if err != nil {
				return err
			}
			return sp.supersede(id, args[1:], reason)
		},
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&a.kind, "type", "", "what is said (default: as before)")
	cmd.Flags().StringVar(&reason, "reason", "", "why the old one ends, for everybody; signed")
	return cmd
}

func (sp *speaker) supersede(id string, files []string, reason string) error {
	before, record, _, err := askAssertion(sp.cmd, sp.client, id)
	if err != nil {
		return err
	}
	if record.Payload.IssuerID != sp.id.IssuerID {
		return &exit{exitRejected, withHint("the assertion is another issuer's: "+record.Payload.IssuerID, "Only its issuer can replace it. To contradict it: mir assert FILE --type DISPUTE --disputes "+id)}
	}
	draft, beside, file, err := sp.successor(record, before, files)
	if err != nil {
		return err
	}
	draft.Supersedes = id
	request, payload, err := sp.request(draft, beside)
	if err != nil {
		return err
	}
	ending, err := sp.revocationPayload(protocol.ActionSupersede, id, reason)
	if err != nil {
		return err
	}
	revocation, err := sp.sign(ending)
	if err != nil {
		return err
	}
	path, body := "/assertions/"+id+"/supersede", supersession{revocation, *request}
	if sp.flags.dryRun {
		return sp.printDry(path, file, payload.ID(), request.Payload, body)
	}
	return sp.submit(path, body, payload, file)
}

// successor is what is said in the place of an assertion: as before, but for what flags and the file say.
func (sp *speaker) successor(record *protocol.Assertion, before *provenAnswer, files []string) (*protocol.AssertionPayload, metadataPart, string, error) {
	old := record.Payload
	draft := &protocol.AssertionPayload{Artifact: old.Artifact, Type: old.Type, IssuerID: old.IssuerID, Timestamp: timestampNow(), Context: old.Context, Scope: old.Scope,
		Disputes: old.Disputes, MimeType: old.MimeType, ByteSize: old.ByteSize}
	var beside metadataPart
	if m := before.Assertion.Metadata; m != nil { // what is in force now, edits included
		beside = *m
	}
	beside.Note = before.Note
	file := fmt.Sprintf("%x", old.Artifact)
	if len(files) > 0 {
		file = files[0]
		a, err := readArtifact(sp.cmd, file)
		if err != nil {
			return nil, beside, "", err
		}
		if a.hash != fmt.Sprintf("%x", old.Artifact) {
			return nil, beside, "", &exit{exitRejected, withHint(fmt.Sprintf("%s is not the file that the assertion is about: its SHA-256 is %s", file, a.hash),
				"Another version of a file is another file: mir assert it, and revoke the old assertion if need be.")}
		}
		draft.MimeType, draft.ByteSize = a.mime, &a.size
		beside.ArtifactMimeType, beside.ArtifactByteSize = "", nil
		if !sp.flags.withoutName {
			beside.OriginalFilename = a.name(protocol.MaxFilename)
		}
	}
	return draft, beside, file, sp.overlay(draft, &beside)
}

// overlay puts what the flags say over what was said before.
func (sp *speaker) overlay(p *protocol.AssertionPayload, m *metadataPart) error {
	f, given := sp.flags, sp.cmd.Flags().Changed
	if given("type") {
		kind, err := typeFlag(f.kind)
		if err != nil {
			return err
		}
		p.Type = kind
	}
	if given("context") {
		p.Context, m.Context = f.context, ""
		if f.unsignedContext {
			p.Context, m.Context = "", f.context
		}
	}
	for flag, to := range map[string][2]*string{
		"scope": {&f.scope, &p.Scope}, "disputes": {&f.disputes, &p.Disputes}, "mime-type": {&f.mime, &p.MimeType},
		"display-name": {&f.displayName, &m.DisplayName}, "note": {&f.note, &m.Note},
	} {
		if given(flag) {
			*to[1] = *to[0]
		}
	}
	if given("tag") {
		m.Tags = f.tags
	}
	if f.withoutName {
		m.OriginalFilename = ""
	}
	return nil
}
