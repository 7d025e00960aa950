package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/internal/nearest"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

func newClaimNewCommand() *cobra.Command {
	var draft draftFlags
	cmd := &cobra.Command{
		Use:   "new --type TYPE --domain DOMAIN (--subject HEX | --user ID)",
		Short: "Write an unsigned claim",
		Long: "Writes an unsigned claim to standard output, for `mir claim sign`. The subject is either given, or derived from your own ID of\n" +
			"the user as `mir subject` does it.\n\n" + coreTypesHelp(),
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
	if err := knownType(flags.claimType); err != nil {
		return err
	}
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
		return misused(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, document, "", "  "); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), indented.String())
	return nil
}

// misused is the error for flags that make no claim. It has no code of the protocol: no claim was judged.
func misused(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return withHint(e.Message, e.Hint)
	}
	return err
}

// knownType refuses a type in the protocol's namespace that the protocol does not define.
func knownType(name string) error {
	if !strings.HasPrefix(name, "mir.") || strings.Contains(name, ":") || protocol.IsCoreType(name) {
		return nil
	}
	hint := "`mir claim new --help` lists the types of the protocol; one of your own is DOMAIN:category.action."
	if near := nearest.Name(name, protocol.CoreTypes()); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near) + hint
	}
	return withHint(fmt.Sprintf("--type %q is no type of the protocol", name), hint)
}

// coreTypesHelp lists the protocol's types for a help text.
func coreTypesHelp() string {
	return "The protocol's types:\n  " + strings.Join(protocol.CoreTypes(), "\n  ") + "\nAny other is DOMAIN:category.action, such as shop.example.com:loyalty.earned."
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
