package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	sumdb "golang.org/x/mod/sumdb/note"

	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/translog"
)

const (
	flagLogKey        = "key"
	flagCosigner      = "cosigner"
	flagFindCosigners = "find-cosigners"

	// maxFoundCosigners bounds whose keys are looked up for one checkpoint: anybody can write names into a note.
	maxFoundCosigners = 16
)

// addLogKeyFlags gives a command the flags that newLogKeys reads.
func addLogKeyFlags(cmd *cobra.Command) {
	cmd.Flags().String(flagLogKey, "", "the node's public key: its verifier key (name+hash+key), its 43 characters, or a file of it (PEM, mir.json or a\n"+
		"verifier key); then no key is looked up. Without it, the keys are those that the log's domain publishes")
	cmd.Flags().StringArray(flagCosigner, nil, "verifier key (name+hash+key) of a cosigner, or a file of it, to check its cosignature with; may be repeated")
	cmd.Flags().Bool(flagFindCosigners, false, "look up the keys of the cosigners too, in the domains that their names say")
	addDiscoveryFlags(cmd)
}

// logKey is a key that may be a log's.
type logKey struct {
	name   string // the only origin that it is for; "" any
	key    protocol.DomainKey
	domain string // where it was looked up; "" given
}

// reported tells of the key in a report.
func (k logKey) reported() *reportedLogKey {
	r := &reportedLogKey{Fingerprint: k.key.Fingerprint, Domain: k.domain, Channels: k.key.Channels}
	if len(r.Channels) == 0 {
		r.Channels = []protocol.Channel{protocol.File}
	}
	return r
}

// reportedLogKey is the key of a log in a report.
type reportedLogKey struct {
	Fingerprint string             `json:"fingerprint"`
	VerifierKey string             `json:"verifierKey,omitzero"`
	Domain      string             `json:"domain,omitzero"` // where it was looked up
	Channels    []protocol.Channel `json:"channels"`
}

func (k *reportedLogKey) found() string {
	if k.Domain == "" {
		return "as given"
	}
	return reportedKey{Channels: k.Channels}.found()
}

// logKeys knows the keys of logs: one that the user gave, or those that domains publish.
type logKeys struct {
	given     []logKey // nil: they are looked up
	cosigners []sumdb.Verifier
	find      bool                  // the keys of further cosigners
	live      *discovery.Discoverer // nil: nothing is looked up
}

// newLogKeys reads the flags. What is wrong there is misuse. The result has to be closed.
func newLogKeys(cmd *cobra.Command) (*logKeys, error) {
	keys := new(logKeys)
	var err error
	if keys.cosigners, err = cosignerArguments(cmd); err != nil {
		return nil, err
	}
	value, err := cmd.Flags().GetString(flagLogKey)
	if err != nil {
		return nil, err
	}
	if value != "" {
		if keys.given, err = logKeyArgument(cmd, value); err != nil {
			return nil, err
		}
	}
	if keys.find, err = cmd.Flags().GetBool(flagFindCosigners); err != nil || value != "" && !keys.find {
		return keys, err
	}
	cfg, err := discoveryConfig(cmd)
	if err != nil {
		return nil, err
	}
	keys.live, err = discovery.New(cfg)
	return keys, err
}

// cosignerArguments reads the values of --cosigner.
func cosignerArguments(cmd *cobra.Command) ([]sumdb.Verifier, error) {
	texts, err := cmd.Flags().GetStringArray(flagCosigner)
	if err != nil {
		return nil, err
	}
	var verifiers []sumdb.Verifier
	for _, text := range texts {
		name, public, err := verifierKeyArgument(text)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flagCosigner, err)
		}
		v, err := translog.NewCosignatureVerifier(name, public)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flagCosigner, err)
		}
		verifiers = append(verifiers, v)
	}
	return verifiers, nil
}

func (k *logKeys) Close() {
	if k.live != nil {
		k.live.Close() //nolint:errcheck,gosec // nothing was written
	}
}

// logKeyArgument reads the value of --key.
func logKeyArgument(cmd *cobra.Command, value string) ([]logKey, error) {
	if public, err := protocol.ParsePublicKey(value); err == nil {
		return []logKey{{key: protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)}}}, nil
	}
	if name, public, err := translog.ParseVerifierKey(value); err == nil {
		return []logKey{{name: name, key: protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)}}}, nil
	}
	if _, err := os.Stat(value); err != nil {
		return nil, withHint(fmt.Sprintf("--%s %q is neither a key nor a file", flagLogKey, value),
			"Give the node's verifier key (name+hash+key), the 43 characters of its public key, or a file of either.")
	}
	data, err := readFile(value, protocol.MaxKeyDocumentBytes)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flagLogKey, err)
	}
	switch text := bytes.TrimSpace(data); {
	case bytes.HasPrefix(text, []byte("{")):
		entries, err := readKeys(cmd, value, "")
		var keys []logKey
		for _, key := range entries {
			keys = append(keys, logKey{key: key})
		}
		return keys, err
	case bytes.Contains(text, []byte("-----BEGIN")):
		public, err := readPublicKey(value)
		if err == nil {
			err = protocol.CheckPublicKey(public)
		}
		return []logKey{{key: protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)}}}, err
	default:
		name, public, err := translog.ParseVerifierKey(string(text))
		if err != nil {
			return nil, withHint(fmt.Sprintf("--%s %s: the file holds no key", flagLogKey, value),
				"It may be a PEM file, a mir.json document, or a verifier key: name+hash+key.")
		}
		return []logKey{{name: name, key: protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)}}}, nil
	}
}

// verifierKeyArgument reads a verifier key out of the argument or out of the file that it names.
func verifierKeyArgument(value string) (string, []byte, error) {
	name, public, notText := translog.ParseVerifierKey(value)
	if notText == nil {
		return name, public, nil
	}
	data, err := readFile(value, protocol.MaxKeyDocumentBytes)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil, fmt.Errorf("%q is neither a verifier key (name+hash+key) nor a file", value)
	} else if err != nil {
		return "", nil, err
	}
	return translog.ParseVerifierKey(strings.TrimSpace(string(data)))
}

// rejection is a verdict: what was looked at is not what it should be.
type rejection struct {
	fault   string // which part: "form", "key", "signature", "proof", "claim", …
	message string
	hint    string
}

func (r *rejection) Error() string { return r.message }

// of gives the key with which the checkpoint of that origin verifies, and the checkpoint. The error is a *rejection, or that no key can be
// had now.
func (k *logKeys) of(ctx context.Context, origin string, signed []byte) (logKey, sumdb.Verifier, translog.Checkpoint, error) {
	none := func(err error) (logKey, sumdb.Verifier, translog.Checkpoint, error) {
		return logKey{}, nil, translog.Checkpoint{}, err
	}
	candidates, err := k.candidates(ctx, origin)
	if err != nil {
		return none(err)
	}
	reason := &rejection{fault: "key", message: fmt.Sprintf("the given key is not for %s", origin), hint: "Give the key of the node that the log belongs to."}
	for _, key := range candidates {
		if key.name != "" && key.name != origin {
			reason.message = fmt.Sprintf("the given key is that of %s, and this is signed by %s", key.name, origin)
			continue
		}
		v, err := translog.NewVerifier(origin, key.key.Public)
		if err != nil {
			return none(err)
		}
		checkpoint, err := translog.ParseCheckpoint(signed, v)
		if err == nil {
			return key, v, checkpoint, nil
		}
		if errors.Is(err, translog.ErrMalformed) {
			return none(&rejection{fault: "form", message: err.Error()})
		}
		reason = &rejection{fault: "signature", message: fmt.Sprintf("no known key of %s signed this", origin),
			hint: "It was altered, or signed with a key that is not the log's (or not any more: give the old one with --" + flagLogKey + ")."}
	}
	return none(reason)
}

// candidates are the keys that may be those of the log.
func (k *logKeys) candidates(ctx context.Context, origin string) ([]logKey, error) {
	if k.given != nil {
		return k.given, nil
	}
	return k.published(ctx, origin)
}

// published looks the keys up in the domain of the origin.
func (k *logKeys) published(ctx context.Context, origin string) ([]logKey, error) {
	parsed, err := protocol.ParseOrigin(origin)
	if err != nil {
		return nil, &rejection{fault: "key", message: fmt.Sprintf("%q is not the name of a node's log, so there is no domain to ask for its key", origin),
			hint: "Give the key with --" + flagLogKey + "."}
	}
	report, err := k.live.Keys(ctx, parsed.Domain)
	if err != nil {
		return nil, err
	}
	var keys []logKey
	for _, key := range report.Keys {
		keys = append(keys, logKey{key: key, domain: parsed.Domain})
	}
	if len(keys) > 0 {
		return keys, nil
	}
	for _, channel := range []discovery.ChannelReport{report.DNS, report.WellKnown} {
		if channel.Status == discovery.StatusUnreachable {
			return nil, &protocol.UnreachableError{Domain: parsed.Domain, Err: errors.New(channel.Detail)}
		}
	}
	return nil, &rejection{fault: "key", message: fmt.Sprintf("the domain %s publishes no key", parsed.Domain),
		hint: "See `mir domain check " + parsed.Domain + "`, or give the key with --" + flagLogKey + "."}
}

// reportedCosigner is a cosignature in a report.
type reportedCosigner struct {
	Name     string    `json:"name"`
	Time     time.Time `json:"time"`
	Verified bool      `json:"verified"` // with a key of --cosigner, or one that was found
}

// cosignersOf lists who is said to have cosigned the checkpoint, and of whom that is certain. One whose key cannot be had stays uncertain.
func (k *logKeys) cosignersOf(ctx context.Context, c translog.Checkpoint) []reportedCosigner {
	list := []reportedCosigner{}
	verifiers := k.cosigners
	if k.find {
		verifiers = append(slices.Clone(verifiers), k.foundCosigners(ctx, c)...)
	}
	certain := map[translog.Cosignature]bool{}
	for _, known := range c.Cosigners(verifiers) {
		certain[known] = true
	}
	for _, claimed := range c.ClaimedCosigners() {
		list = append(list, reportedCosigner{claimed.Name, claimed.Time, certain[claimed]})
	}
	return list
}

// foundCosigners looks up the keys of those who are said to have cosigned.
func (k *logKeys) foundCosigners(ctx context.Context, c translog.Checkpoint) []sumdb.Verifier {
	claimed := c.ClaimedCosigners()
	found := make([][]logKey, min(len(claimed), maxFoundCosigners))
	var lookups sync.WaitGroup
	for i := range found {
		lookups.Go(func() {
			found[i], _ = k.published(ctx, claimed[i].Name) // without a key it stays unchecked, and is shown so
		})
	}
	lookups.Wait()
	var verifiers []sumdb.Verifier
	for i, keys := range found {
		for _, key := range keys {
			if v, err := translog.NewCosignatureVerifier(claimed[i].Name, key.key.Public); err == nil {
				verifiers = append(verifiers, v)
			}
		}
	}
	return verifiers
}

func (c reportedCosigner) String() string {
	text := fmt.Sprintf("%s at %s", c.Name, c.Time.Format(time.RFC3339))
	if !c.Verified {
		text += " (not checked: give its key with --" + flagCosigner + ", or use --" + flagFindCosigners + ")"
	}
	return text
}
