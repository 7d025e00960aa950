package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newIssuerKeyNewCommand(s streams) *cobra.Command {
	var making keyMaking
	var use bool
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make another signing key and register it; from now on it signs here",
		Long: "Makes a signing key and registers it with the issuer's home. An issuer may have several at once: one for each machine, or the next before the last is\n" +
			"revoked. The identity signs with the new one from now on, unless --use=false.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := readIdentity(cmd)
			if err != nil {
				return err
			}
			client, err := id.writer(cmd)
			if err != nil {
				return err
			}
			registered, path, err := making.register(cmd, id, client, nextKeyName(id))
			if err != nil {
				return err
			}
			before := id.KeyFile
			if use && id.home != "" {
				if id.KeyFile, err = id.recorded(path); err != nil {
					return err
				}
				if err := id.write(cmd); err != nil {
					return err
				}
			}
			if wantsJSON(cmd) {
				return printJSON(s.out, map[string]string{"keyFile": path, "algorithm": registered.Algorithm, "fingerprint": registered.Fingerprint})
			}
			fmt.Fprintf(s.out, "key          %s, %s\nfingerprint  %s\n", printable(path), printable(registered.Algorithm), printable(registered.Fingerprint))
			if use && before != id.KeyFile {
				note(cmd, "%s signs with it from now on. The key before, %s, is good until you revoke it: mir issuer key revoke FINGERPRINT", id.path, before)
			}
			return nil
		},
	}
	addIssuerFlags(cmd)
	making.addFlags(cmd)
	cmd.Flags().BoolVar(&use, "use", true, "sign with it from now on")
	return cmd
}

// nextKeyName is a name for a further key: the first that is free.
func nextKeyName(id *identity) string {
	name := defaultIssuerKey
	for n := 2; exists(filepath.Join(id.folder(), filepath.Base(name))); n++ {
		name = strings.TrimSuffix(defaultIssuerKey, ".pem") + fmt.Sprintf("-%d.pem", n)
	}
	return name
}

func newIssuerKeyListCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [ISSUER-ID]",
		Short: "List an issuer's keys, revoked ones too",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, id, err := readerOf(cmd, args)
			if err != nil {
				return err
			}
			record, answer, err := askIssuer(cmd, client, id)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printRaw(cmd, answer.body)
			}
			return printKeys(s, record.Keys, true)
		},
	}
	addIdentityFlag(cmd)
	addNodeFlags(cmd)
	return cmd
}

// minFingerprintChars is how much of a key's fingerprint has to be given.
const minFingerprintChars = 8

func newIssuerKeyRevokeCommand(s streams) *cobra.Command {
	var compromised string
	cmd := &cobra.Command{
		Use:   "revoke FINGERPRINT [--compromised-at TIME]",
		Short: "Revoke a key: nothing is taken any more that it signs",
		Long: "Revokes a key for good. What it signed before stays as it was. If it was in wrong hands, say since when: readers are told which\n" +
			"assertions are older and which are not. The first eight digits of the fingerprint are enough.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]string{}
			if compromised != "" {
				at, err := timeFilter("compromised-at", compromised)
				if err != nil {
					return err
				}
				body["compromisedAt"] = at
			}
			id, err := readIdentity(cmd)
			if err != nil {
				return err
			}
			client, err := id.writer(cmd)
			if err != nil {
				return err
			}
			fingerprint, err := wholeFingerprint(cmd, client, id.IssuerID, args[0])
			if err != nil {
				return err
			}
			answer, err := client.order(cmd.Context(), http.MethodPost, "/issuers/"+id.IssuerID+"/keys/"+fingerprint+"/revoke", nil, body)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printRaw(cmd, answer.body)
			}
			var revoked struct {
				Key issuerKeyAnswer `json:"key"`
			}
			if err := decodeAnswer(answer.body, &revoked); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: %s\n", printable(revoked.Key.Fingerprint), revoked.Key.state())
			return nil
		},
	}
	addIssuerFlags(cmd)
	cmd.Flags().StringVar(&compromised, "compromised-at", "", "since when it may have been in wrong hands, like 2026-02-16T15:30:00Z or 2026-02-16")
	return cmd
}

// wholeFingerprint finds the one key of the issuer whose fingerprint starts so.
func wholeFingerprint(cmd *cobra.Command, client *nodeClient, issuer, text string) (string, error) {
	text = strings.ToLower(text)
	if subjectPattern.MatchString(text) {
		return text, nil
	}
	if len(text) < minFingerprintChars || strings.Trim(text, "0123456789abcdef") != "" {
		return "", withHint(fmt.Sprintf("%q is no fingerprint of a key", text), fmt.Sprintf("It has 64 hex digits, of which the first %d are enough: mir issuer key list", minFingerprintChars))
	}
	record, _, err := askIssuer(cmd, client, issuer)
	if err != nil {
		return "", err
	}
	found := ""
	for _, k := range record.Keys {
		if !strings.HasPrefix(k.Fingerprint, text) || !subjectPattern.MatchString(k.Fingerprint) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("two keys start with %s: give more of the fingerprint", text)
		}
		found = k.Fingerprint
	}
	if found == "" {
		return "", &exit{exitRejected, withHint("the issuer has no key whose fingerprint starts with "+text, "`mir issuer key list` lists them.")}
	}
	return found, nil
}
