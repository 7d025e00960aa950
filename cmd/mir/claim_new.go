package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

func newClaimNewCommand() *cobra.Command {
	var draft draftFlags
	cmd := &cobra.Command{
		Use:   "new --type TYPE --domain DOMAIN (--subject HEX | --user ID)",
		Short: "Write an unsigned claim",
		Long: "Writes an unsigned claim to standard output, for `mir claim sign`. The subject is either given, or derived from your own ID of\n" +
			"the user as `mir subject` does it.",
		Example: `  mir claim new --type mir.transaction.completed --domain shop.example.com \
      --user 5f0c2b1e-7d7f-4a53-9f1c-0d6c5ce2f9aa --metadata '{"count":1}' | mir claim sign > claim.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runClaimNew(cmd, draft) },
	}
	flags := cmd.Flags()
	flags.StringVar(&draft.claimType, "type", "", "type of the claim: one of the protocol's, or DOMAIN:category.action")
	flags.StringVar(&draft.domain, "domain", "", "domain that issues the claim")
	flags.StringVar(&draft.subject, "subject", "", "subject: 64 lower-case hex digits")
	flags.StringVar(&draft.timestamp, "timestamp", "", "when it happened, like 2026-02-16T15:30:00Z (default: now)")
	flags.StringVar(&draft.metadata, "metadata", "", "metadata: a JSON object, or @FILE")
	addUserFlags(cmd)
	for _, name := range []string{"type", "domain"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

type draftFlags struct {
	claimType, domain, subject, timestamp, metadata string
}

// draftDocument is an unsigned claim, its members in the order of the protocol's examples.
type draftDocument struct {
	MIR       int             `json:"mir"`
	Type      string          `json:"type"`
	Domain    string          `json:"domain"`
	Subject   string          `json:"subject"`
	Timestamp string          `json:"timestamp"`
	Metadata  json.RawMessage `json:"metadata,omitzero"`
}

func runClaimNew(cmd *cobra.Command, flags draftFlags) error {
	subject, err := draftSubject(cmd, flags)
	if err != nil {
		return err
	}
	metadata, err := readMetadata(flags.metadata)
	if err != nil {
		return err
	}
	if flags.timestamp == "" {
		flags.timestamp = time.Now().UTC().Format(time.RFC3339)
	}
	document, err := strictjson.Marshal(draftDocument{1, flags.claimType, flags.domain, subject, flags.timestamp, metadata})
	if err != nil {
		return err
	}
	if _, err := protocol.ParseDraft(document); err != nil {
		return refused(cmd, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, document, "", "  "); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), indented.String())
	return nil
}

func draftSubject(cmd *cobra.Command, flags draftFlags) (string, error) {
	given, user := flags.subject != "", cmd.Flags().Changed(flagUser)
	switch {
	case given && user:
		return "", errors.New("--subject and --user exclude each other: the subject is derived from the user's ID")
	case user:
		return deriveSubject(cmd, flags.domain)
	case given:
		return flags.subject, nil
	}
	return "", errors.New("say whom the claim is about: --subject HEX, or --user ID to derive the subject")
}

// readMetadata returns the value of --metadata, which may name a file; whether it may be signed is the protocol's to say.
func readMetadata(value string) (json.RawMessage, error) {
	if value == "" {
		return nil, nil
	}
	data := []byte(value)
	if path, ok := strings.CutPrefix(value, "@"); ok {
		var err error
		if data, err = readFile(path, maxDocumentBytes); err != nil {
			return nil, fmt.Errorf("--metadata: %w", err)
		}
	}
	if !json.Valid(data) {
		return nil, errors.New("--metadata is not JSON: give an object like '{\"count\":1}', or @FILE")
	}
	return data, nil
}
