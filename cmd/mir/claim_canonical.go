package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"mirnode/protocol"
	"mirnode/verifier"
)

func newClaimCanonicalCommand() *cobra.Command {
	var form string
	var ndjson, details bool
	cmd := &cobra.Command{
		Use:   "canonical [FILE|-]",
		Short: "Print the canonical form of a claim: the bytes that are signed",
		Long: "Prints the bytes of a signed claim that its signature is over, and nothing else: no line break follows. With --ndjson, reads one claim a\n" +
			"line and writes one canonical form a line; a line that has none gets {\"result\":\"REJECT\",\"code\":\"…\"}.\n" +
			"Blank lines are skipped. With --json or --details each line is {\"line\":…,\"canonical\":\"…\"}, or has the error and the hint.",
		Example: `  mir claim canonical claim.json | cmp - canonical.txt`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if form != string(verifier.FormText) && form != string(verifier.FormSDK) {
				return fmt.Errorf("--form %q: give %s or %s", form, verifier.FormText, verifier.FormSDK)
			}
			if ndjson {
				return canonicalLines(cmd, onlyArg(args), verifier.Form(form), details || wantsJSON(cmd))
			}
			if details {
				return errors.New("--details is for --ndjson")
			}
			document, err := readDocument(cmd, onlyArg(args))
			if err != nil {
				return err
			}
			canonical, err := canonicalForm(document, verifier.Form(form))
			if err != nil {
				return refused(cmd, err)
			}
			if wantsJSON(cmd) {
				sum := sha256.Sum256(canonical)
				return printJSON(cmd.OutOrStdout(), struct {
					Form      string `json:"form"`
					Canonical string `json:"canonical"`
					SHA256    string `json:"sha256"`
				}{form, string(canonical), hex.EncodeToString(sum[:])})
			}
			return writeData(cmd.OutOrStdout(), canonical)
		},
	}
	cmd.Flags().StringVar(&form, "form", string(verifier.FormText), "text: the form of the protocol's text; sdk: the form of the reference SDK")
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "one claim a line in, one canonical form a line out")
	cmd.Flags().BoolVar(&details, "details", false, "with --ndjson: the line's number, the error and the hint too")
	return cmd
}

func canonicalForm(document []byte, form verifier.Form) ([]byte, error) {
	claim, err := protocol.ParseClaim(document)
	if err != nil {
		return nil, err
	}
	if form == verifier.FormSDK {
		return claim.CanonicalSDK()
	}
	return claim.Canonical(), nil
}

// canonicalLines writes one form a line; a form holds no line break, since all control characters are escaped in it.
func canonicalLines(cmd *cobra.Command, name string, form verifier.Form, details bool) error {
	in, err := openInput(cmd, name)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // a file that was only read
	var refusals atomic.Int64
	err = processLines(cmd.Context(), in, cmd.OutOrStdout(), lineWork{perBlock: 64, ahead: 8}, func(number int, line, answer []byte) []byte {
		canonical, err := canonicalForm(line, form)
		var refusal *protocol.Error
		if errors.As(err, &refusal) {
			refusals.Add(1)
			verdict := verifier.Verdict{Code: refusal.Code}
			if details {
				return appendLine(answer, lineReport{Line: number, Result: verdict.Result(), Code: refusal.Code, Error: refusal.Message, Hint: refusal.Hint})
			}
			return appendResult(answer, verdict, nil)
		}
		if details {
			return appendLine(answer, lineReport{Line: number, Canonical: string(canonical)})
		}
		return append(append(answer, canonical...), '\n')
	})
	if err != nil {
		return err
	}
	if refusals.Load() > 0 {
		return &exit{code: exitRejected}
	}
	return nil
}
