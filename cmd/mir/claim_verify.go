package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/verifier"
)

func newClaimVerifyCommand() *cobra.Command {
	var ndjson, details bool
	cmd := &cobra.Command{
		Use:   "verify [FILE|-]...",
		Short: "Verify claims",
		Long: "Verifies claims with the keys that their domains publish, or with those of a file: then no network is touched. The exit code is 0 if\n" +
			"all were accepted, 1 if one was rejected, 3 if no key could be looked up because the domain does not answer.\n\n" +
			"With --ndjson, reads one claim a line and writes one result a line in the same order: {\"result\":\"ACCEPT\"} or\n" +
			"{\"result\":\"REJECT\",\"code\":\"…\"}; {\"result\":\"UNREACHABLE\"} where no verdict can be given now. Blank lines are skipped. With --json or\n" +
			"--details each result has the number of its line too, from 1, and the error and the hint.",
		Example: `  mir claim verify claim.json
  mir claim verify --keys mir.json claim.json
  mir claim verify --ndjson --keys keys.json < claims.ndjson`,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := keySource(cmd)
			if err != nil {
				return err
			}
			defer keys.Close() //nolint:errcheck // nothing was written
			policy, err := policyFromFlags(cmd)
			if err != nil {
				return err
			}
			v := verifier.New(keys, verifier.Options{})
			if len(args) == 0 {
				args = []string{stdinName}
			}
			if ndjson {
				return verifyLines(cmd, v, policy, keys.lineWork, args, details || wantsJSON(cmd))
			}
			if details {
				return errors.New("--details is for --ndjson")
			}
			return verifyFiles(cmd, v, policy, args)
		},
	}
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "one claim a line in, one result a line out")
	cmd.Flags().BoolVar(&details, "details", false, "with --ndjson: the line's number, the error and the hint too")
	addKeySourceFlags(cmd)
	cmd.Flags().Duration("max-age", 0, "reject claims whose timestamp is older, such as 24h (CLAIM_EXPIRED)")
	cmd.Flags().String("expect-domain", "", "reject the claims of any other domain (DOMAIN_MISMATCH)")
	cmd.Flags().Bool("no-expired-keys", false, "reject claims whose key has expired by now (KEY_EXPIRED)")
	return cmd
}

func policyFromFlags(cmd *cobra.Command) (verifier.Policy, error) {
	var p verifier.Policy
	var err error
	if p.MaxAge, err = cmd.Flags().GetDuration("max-age"); err != nil {
		return p, err
	}
	if cmd.Flags().Changed("max-age") && p.MaxAge <= 0 {
		return p, fmt.Errorf("--max-age %v: give a time such as 24h or 30m", p.MaxAge)
	}
	if p.ExpectDomain, err = cmd.Flags().GetString("expect-domain"); err != nil {
		return p, err
	}
	if cmd.Flags().Changed("expect-domain") {
		if p.ExpectDomain, err = domainFlag("expect-domain", p.ExpectDomain); err != nil {
			return p, err
		}
	}
	p.NoExpiredKeys, err = cmd.Flags().GetBool("no-expired-keys")
	return p, err
}

// verifyFiles verifies one document a file and tells the outcome of each.
func verifyFiles(cmd *cobra.Command, v *verifier.Verifier, policy verifier.Policy, names []string) error {
	var tally outcomes
	for _, name := range names {
		document, err := readDocument(cmd, name)
		if err != nil {
			return err
		}
		verdict, err := v.Verify(cmd.Context(), document, policy)
		if cmd.Context().Err() != nil {
			return errInterrupted
		}
		tally.add(verdict, err)
		report := newVerifyReport(verdict, err)
		if wantsJSON(cmd) {
			if len(names) > 1 {
				report.File = name
			}
			err = printJSON(cmd.OutOrStdout(), report)
		} else {
			err = report.print(cmd.OutOrStdout(), name)
		}
		if err != nil {
			return err
		}
	}
	return tally.exit()
}

// readDocument reads an input that should be one claim; of one beyond maxDocumentBytes only the beginning, which gets its verdict.
func readDocument(cmd *cobra.Command, name string) ([]byte, error) {
	document, err := readInput(cmd, name, maxDocumentBytes)
	if errors.Is(err, errTooLarge) {
		return make([]byte, maxDocumentBytes+1), nil // no claim, and too large for one
	}
	return document, err
}

// verifyLines verifies one document a line.
func verifyLines(cmd *cobra.Command, v *verifier.Verifier, policy verifier.Policy, work lineWork, names []string, details bool) error {
	if len(names) > 1 {
		return errors.New("--ndjson reads one stream: give one file, or none for standard input")
	}
	in, err := openInput(cmd, names[0])
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // a file that was only read
	var tally outcomes
	err = processLines(cmd.Context(), in, cmd.OutOrStdout(), work, func(number int, line, answer []byte) []byte {
		verdict, err := v.Verify(cmd.Context(), line, policy)
		tally.add(verdict, err)
		if details {
			report := newVerifyReport(verdict, err)
			return appendLine(answer, lineReport{Line: number, Result: report.Result, Code: report.Code, Error: report.Error, Hint: report.Hint})
		}
		return appendResult(answer, verdict, err)
	})
	if err != nil {
		return err
	}
	return tally.exit()
}

// lineReport is the detailed outcome of one line of a stream.
type lineReport struct {
	Line      int           `json:"line"` // from 1
	Result    string        `json:"result,omitzero"`
	Code      protocol.Code `json:"code,omitzero"`
	Error     string        `json:"error,omitzero"`
	Hint      string        `json:"hint,omitzero"`
	Canonical string        `json:"canonical,omitzero"`
}

func appendLine(b []byte, report lineReport) []byte {
	line, err := strictjson.Marshal(report)
	if err != nil { // it has no text that is no UTF-8, and so cannot be
		line = []byte(`{"result":"UNREACHABLE"}`)
	}
	return append(append(b, line...), '\n')
}

// appendResult writes the one line that stands for a verdict in a stream. Codes are plain ASCII, so nothing needs escaping.
func appendResult(b []byte, verdict verifier.Verdict, err error) []byte {
	switch {
	case err != nil:
		return append(b, `{"result":"UNREACHABLE"}`+"\n"...)
	case verdict.Accepted():
		return append(b, `{"result":"ACCEPT"}`+"\n"...)
	}
	b = append(b, `{"result":"REJECT","code":"`...)
	b = append(b, verdict.Code...)
	return append(b, `"}`+"\n"...)
}

// unreachableRetry says for how long the person should wait, where the error knows.
func unreachableRetry(err error) time.Duration {
	var unreachable *protocol.UnreachableError
	if errors.As(err, &unreachable) {
		return unreachable.RetryAfter
	}
	return 0
}
