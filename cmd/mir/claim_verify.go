package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/verifier"
)

func newClaimVerifyCommand() *cobra.Command {
	var ndjson bool
	cmd := &cobra.Command{
		Use:   "verify [FILE|-]...",
		Short: "Verify claims",
		Long: "Verifies claims with the keys that their domains publish, or with those of a file: then no network is touched. The exit code is 0 if\n" +
			"all were accepted, 1 if one was rejected, 3 if no key could be looked up because the domain does not answer.\n\n" +
			"With --ndjson, reads one claim a line and writes one result a line in the same order: {\"result\":\"ACCEPT\"} or\n" +
			"{\"result\":\"REJECT\",\"code\":\"…\"}; {\"result\":\"UNREACHABLE\"} where no verdict can be given now.",
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
				return verifyLines(cmd, v, policy, keys.lineWork, args)
			}
			return verifyFiles(cmd, v, policy, args)
		},
	}
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "one claim a line in, one result a line out")
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

// closableKeys is a source of keys for one command.
type closableKeys struct {
	verifier.KeySource
	io.Closer
	lineWork lineWork // how to divide a stream of claims over it
}

type nothingToClose struct{}

func (nothingToClose) Close() error { return nil }

// addKeySourceFlags gives a command the flags that keySource reads.
func addKeySourceFlags(cmd *cobra.Command) {
	cmd.Flags().String("keys", "", "take the keys from this file (a map of names to key entries, or a mir.json) and touch no network")
	cmd.Flags().String("key-name", "", "of the file of --keys, take only the key with this name")
	addDiscoveryFlags(cmd)
}

// keySource returns the keys of --keys, or live discovery.
func keySource(cmd *cobra.Command) (closableKeys, error) {
	path, err := cmd.Flags().GetString("keys")
	if err != nil {
		return closableKeys{}, err
	}
	name, err := cmd.Flags().GetString("key-name")
	if err != nil {
		return closableKeys{}, err
	}
	if path != "" {
		keys, err := readKeys(cmd, path, name)
		if err != nil {
			return closableKeys{}, err
		}
		// The work is all computing: blocks of lines, a few for each core.
		return closableKeys{verifier.StaticKeys(keys...), nothingToClose{}, lineWork{perBlock: 64, ahead: 8}}, nil
	}
	if name != "" {
		return closableKeys{}, errors.New("--key-name picks a key of a file: name the file with --keys")
	}
	cfg, err := discoveryConfig(cmd)
	if err != nil {
		return closableKeys{}, err
	}
	live, err := discovery.New(cfg)
	if err != nil {
		return closableKeys{}, err
	}
	// A line may wait for a look-up: single lines, as many as there may be look-ups at once.
	return closableKeys{live, live, lineWork{perBlock: 1, ahead: discovery.DefaultMaxLookups}}, nil
}

// readKeys reads a file of keys; with a name, only the key of that name.
func readKeys(cmd *cobra.Command, path, name string) ([]protocol.DomainKey, error) {
	data, err := readFile(path, protocol.MaxKeyDocumentBytes)
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	file, err := protocol.ParseKeyFile(data)
	if err != nil {
		return nil, fmt.Errorf("--keys %s: %w", path, err)
	}
	for _, problem := range file.Problems {
		note(cmd, "warning: %s: %s", path, problem)
	}
	var keys []protocol.DomainKey
	for _, k := range file.Keys {
		if name == "" || k.Name == name {
			k.Key.Channels = []protocol.Channel{protocol.File}
			keys = append(keys, k.Key)
		}
	}
	if name != "" && len(keys) == 0 && len(file.Problems) == 0 { // else it may be one that is ignored: a key that is none, not a slip
		return nil, fmt.Errorf("--key-name %q: %s has no usable key of that name", name, path)
	}
	return keys, nil
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
func verifyLines(cmd *cobra.Command, v *verifier.Verifier, policy verifier.Policy, work lineWork, names []string) error {
	if len(names) > 1 {
		return errors.New("--ndjson reads one stream: give one file, or none for standard input")
	}
	in, err := openInput(cmd, names[0])
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // a file that was only read
	var tally outcomes
	err = processLines(cmd.Context(), in, cmd.OutOrStdout(), work, func(line, answer []byte) []byte {
		verdict, err := v.Verify(cmd.Context(), line, policy)
		tally.add(verdict, err)
		return appendResult(answer, verdict, err)
	})
	if err != nil {
		return err
	}
	return tally.exit()
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
