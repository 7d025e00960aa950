package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/internal/nearest"
	"mirnode/protocol"
)

// maxRetryFor bounds how long an assertion waits for a busy node: its timestamp must be fresh when the node takes it.
const maxRetryFor = protocol.AssertionSkew - time.Minute

func newAssertCommand(s streams) *cobra.Command {
	var a assertFlags
	cmd := &cobra.Command{
		Use:   "assert FILE... --type TYPE",
		Short: "Say something about a file, signed: that you issued it, that you did not, …",
		Long: "Hashes each file, signs what you say about it, and sends the hash and the signature to the issuer's home node; the file stays here. The answer is kept as a\n" +
			"receipt in .mir/receipts, with all that is needed to verify it offline, and the link is for everybody who wants to know.\n\n" +
			"The context, the scope, and the file's type and size are signed; its name, the display name and the tags stand beside as metadata, which everybody sees and you can\n" +
			"edit later (mir assertion edit). A note is for your team alone.\n\n" + assertionTypesHelp(),
		Example: "  mir assert photo.jpg --type ISSUED_BY\n" +
			"  mir assert fake.mp4 --type NOT_ISSUED_BY --context \"Impersonates our CFO\"\n" +
			"  mir assert photo.jpg --type METHOD --scope \"AI-generated\" --dry-run",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && a.hash == "" {
				return withHint("which file? Name one or more, or give --hash", "usage: mir assert FILE... --type TYPE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runAssert(cmd, s, &a, args) },
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&a.kind, "type", "", "what is said: "+strings.Join(typeNames(), ", "))
	cmd.Flags().StringVar(&a.hash, "hash", "", "the SHA-256 of a file that is not here, in the place of FILE")
	mustGive(cmd, "type")
	return cmd
}

// assertFlags are the flags of the commands that make assertions.
type assertFlags struct {
	saying
	kind, hash string
	dryRun     bool
	retryFor   time.Duration
}

// saying is what is said about an artifact, beside the type.
type saying struct {
	context, scope, disputes     string
	displayName, note, mime      string
	tags                         []string
	unsignedContext, withoutName bool
}

func (a *assertFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.context, "context", "", "what people should know, up to 500 characters; signed")
	f.BoolVar(&a.unsignedContext, "unsigned-context", false, "put the context beside what is signed, so that mir assertion edit can change it later")
	f.StringVar(&a.scope, "scope", "", "what exactly the type is about, as in --type ROLE_SCOPE --scope photographer; signed")
	f.StringVar(&a.disputes, "disputes", "", "ID of the assertion that is disputed; signed")
	f.StringVar(&a.displayName, "display-name", "", "a friendly label (default: the file's name)")
	f.StringArrayVar(&a.tags, "tag", nil, "a label to sort by, up to 10 of 50 characters; may be repeated")
	f.StringVar(&a.note, "note", "", "a note for your team; it is not shown to others, and stays on the home node")
	f.StringVar(&a.mime, "mime-type", "", "the file's type, as in image/jpeg (default: found out from its content and extension); signed")
	f.BoolVar(&a.withoutName, "no-filename", false, "keep the file's name to yourself: it is public otherwise")
	a.addSendingFlags(cmd)
}

// addSendingFlags gives a command that sends signed statements the flags of who signs, and how it is sent.
func (a *assertFlags) addSendingFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "send nothing: print what would be signed, and the curl command that would send it")
	cmd.Flags().DurationVar(&a.retryFor, "retry-for", time.Minute, "how long to wait for a busy node, each time")
	addIssuerFlags(cmd)
	addSigningFlags(cmd)
}

// check finds what is wrong with the flags before anything is read.
func (a *assertFlags) check() error {
	if a.retryFor < 0 || a.retryFor > maxRetryFor {
		return fmt.Errorf("--retry-for %v: wait for up to %v, since the signed time must be fresh", a.retryFor, maxRetryFor)
	}
	if a.unsignedContext && a.context == "" {
		return errors.New("--unsigned-context is about --context: give that too")
	}
	if a.disputes != "" {
		id, err := assertionArgument(a.disputes)
		if err != nil {
			return fmt.Errorf("--disputes: %w", err)
		}
		a.disputes = id
	}
	return nil
}

// assertionArgument reads the ID of an assertion, in either case.
func assertionArgument(text string) (string, error) {
	hash, err := protocol.ParseAssertionID(text)
	if err != nil {
		return "", withHint(fmt.Sprintf("%q is no assertion ID", text), "It is assertion_ and 64 hex digits, as `mir assert` and `mir lookup` print it.")
	}
	return protocol.AssertionID(hash), nil
}

// typeNames are the types of assertions, in the protocol's order.
func typeNames() []string {
	var names []string
	for _, t := range protocol.AssertionTypes() {
		names = append(names, string(t))
	}
	return names
}

// typeFlag reads a type of assertion, in any case.
func typeFlag(value string) (protocol.AssertionType, error) {
	name := strings.ToUpper(strings.ReplaceAll(value, "-", "_"))
	if slices.Contains(typeNames(), name) {
		return protocol.AssertionType(name), nil
	}
	hint := "The types are " + strings.Join(typeNames(), ", ") + "."
	if near := nearest.Name(name, typeNames()); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near) + hint
	}
	return "", withHint(fmt.Sprintf("--type %q is no type of assertion", value), hint)
}

// meaning says what a type states, after the issuer's name.
func meaning(t protocol.AssertionType) string {
	switch t {
	case protocol.IssuedBy:
		return "says that it created or published this file"
	case protocol.NotIssuedBy:
		return "says that this file is NOT from it"
	case protocol.Dispute:
		return "disputes what is said about this file"
	case protocol.RoleScope:
		return "says what its relationship to this file is"
	case protocol.Intent:
		return "says what this file is for"
	case protocol.Method:
		return "says how this file was made"
	case protocol.LicensedTo:
		return "says to whom this file is licensed"
	case protocol.TransformedBy:
		return "says that it made this file out of another"
	}
	return "says something about this file"
}

// assertionTypesHelp lists the types for a help text.
func assertionTypesHelp() string {
	b := new(strings.Builder)
	b.WriteString("The types, and what each says of the issuer:\n")
	for _, t := range protocol.AssertionTypes() {
		fmt.Fprintf(b, "  %-15s %s\n", t, meaning(t))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func runAssert(cmd *cobra.Command, s streams, a *assertFlags, files []string) error {
	kind, err := typeFlag(a.kind)
	if err != nil {
		return err
	}
	speaker, err := newSpeaker(cmd, s, a)
	if err != nil {
		return err
	}
	artifacts, err := speaker.artifacts(files)
	if err != nil {
		return err
	}
	var worst error
	for i, artifact := range artifacts {
		err := speaker.assert(kind, artifact)
		if err == nil {
			continue
		}
		if len(artifacts) == 1 {
			return err
		}
		var end *exit
		if !errors.As(err, &end) {
			end = &exit{exitMisuse, err}
		}
		printError(s.err, fmt.Errorf("%s: %w", artifacts[i].path, err), wantsJSON(cmd))
		if end.code == exitUnreachable {
			if left := len(artifacts) - i - 1; left > 0 {
				note(cmd, "Stopped: nothing was said about %s. Naming all again does no harm.", plural(left, "further file"))
			}
			return &exit{code: exitUnreachable}
		}
		worst = &exit{code: end.code}
	}
	return worst
}
