package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mirnode/discovery"
	"mirnode/internal/pemfile"
	"mirnode/protocol"
	"mirnode/verifier"
)

const (
	// minWatch and maxWatch bound the pause between two looks of --watch.
	minWatch = time.Second
	maxWatch = 7 * 24 * time.Hour
	// maxMonitored bounds the nodes of one command line.
	maxMonitored = 64
	// maxTold bounds the strange keys that one run tells of: a node that lies may think up as many as it likes.
	maxTold = 10_000
)

type monitorFlags struct {
	expect, fingerprints []string
	since, webhook       string
	watch                time.Duration
}

func newKeyMonitorCommand() *cobra.Command {
	var flags monitorFlags
	cmd := &cobra.Command{
		Use:   "monitor DOMAIN (--expect FILE | --fingerprint HEX)",
		Short: "Warn of a key of your domain that you did not publish",
		Long: "Asks nodes which keys they saw your domain publish, ever, and tells those that are not among yours. Each observation is signed by the\n" +
			"node that made it: the signature is checked by the key that this node's domain publishes. What cannot be checked is said to be so.\n\n" +
			"Exit code 0: no strange key. 1: a strange key. 3: a node did not answer, or what speaks of a strange key could not be checked.",
		Example: "  mir key monitor shop.example.com --expect mir.json --node https://node1.example --node https://node2.example\n" +
			"  mir key monitor shop.example.com --fingerprint 3475… --watch 1h --webhook https://alerts.example.com/mir",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := newMonitor(cmd, args[0], flags)
			if err != nil {
				return err
			}
			return errors.Join(m.run(cmd), m.keys.Close())
		},
	}
	f := cmd.Flags()
	f.StringArray(flagNode, nil, "URL of a node to ask; may be repeated (env "+envNode+", comma-separated; default "+defaultNode+")")
	f.StringArrayVar(&flags.expect, "expect", nil, "file of keys that are yours, retired ones too: a mir.json, a map of names to entries, or a PEM file; may be repeated")
	f.StringArrayVar(&flags.fingerprints, "fingerprint", nil, "fingerprint of a key that is yours; may be repeated")
	f.StringVar(&flags.since, "since", "", "pass over what was last seen before this time, like 2026-02-16 or 2026-02-16T15:30:00Z")
	f.StringVar(&flags.webhook, "webhook", "", "POST strange keys to this https:// URL, each once")
	f.DurationVar(&flags.watch, "watch", 0, "look again and again with this pause until interrupted, and tell each strange key once")
	addDiscoveryFlags(cmd)
	return cmd
}

// monitor is what was asked, and what was told.
type monitor struct {
	domain  string
	own     map[string]bool // fingerprints
	since   time.Time
	nodes   []*nodeClient
	keys    *discovery.Discoverer
	judge   *verifier.Verifier
	webhook *webhook // nil: none
	watch   time.Duration
	told    map[string]bool // fingerprints of strange keys that the person was told
}

func newMonitor(cmd *cobra.Command, name string, flags monitorFlags) (*monitor, error) {
	domain, err := domainArgument(name)
	if err != nil {
		return nil, err
	}
	m := &monitor{domain: domain, own: make(map[string]bool), watch: flags.watch, told: make(map[string]bool)}
	if m.watch != 0 && (m.watch < minWatch || m.watch > maxWatch) {
		return nil, fmt.Errorf("--watch %v: pause for %v to %v", m.watch, minWatch, maxWatch)
	}
	if err := setTime(&m.since, "since", flags.since); err != nil {
		return nil, err
	}
	if err := m.readOwn(cmd, flags); err != nil {
		return nil, err
	}
	cfg, err := discoveryConfig(cmd)
	if err != nil {
		return nil, err
	}
	if flags.webhook != "" {
		if m.webhook, err = newWebhook(flags.webhook, cfg); err != nil {
			return nil, err
		}
	}
	urls := listSetting(cmd, flagNode, envNode)
	if len(urls) == 0 {
		urls = []string{defaultNode}
	}
	if len(urls) > maxMonitored {
		return nil, fmt.Errorf("%d nodes: ask %d at most", len(urls), maxMonitored)
	}
	for _, text := range urls {
		node, err := newClientOf(cmd, text)
		if err != nil {
			return nil, err
		}
		m.nodes = append(m.nodes, node)
	}
	if m.keys, err = discovery.New(cfg); err != nil {
		return nil, err
	}
	m.judge = verifier.New(m.keys, verifier.Options{})
	return m, nil
}

// readOwn reads which keys are the owner's.
func (m *monitor) readOwn(cmd *cobra.Command, flags monitorFlags) error {
	for _, fingerprint := range flags.fingerprints {
		if !subjectPattern.MatchString(fingerprint) {
			return withHint(fmt.Sprintf("--fingerprint %q is no fingerprint: 64 lower-case hex digits", fingerprint), "`mir key publish` prints that of a key.")
		}
		m.own[fingerprint] = true
	}
	for _, path := range flags.expect {
		keys, err := readExpected(cmd, path)
		if err != nil {
			return fmt.Errorf("--expect: %w", err)
		}
		for _, fingerprint := range keys {
			m.own[fingerprint] = true
		}
	}
	if len(m.own) == 0 {
		return withHint("say which keys are yours: --expect FILE or --fingerprint HEX",
			"What your domain publishes now is no answer: who took it over publishes there too. Keep your mir.json in a safe place.")
	}
	return nil
}

// readExpected returns the fingerprints of a file of keys.
func readExpected(cmd *cobra.Command, path string) ([]string, error) {
	data, err := readFile(path, protocol.MaxKeyDocumentBytes)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		public, err := pemfile.ReadPublicKey(path)
		if err != nil {
			return nil, err
		}
		return []string{protocol.Fingerprint(public)}, nil
	}
	file, err := protocol.ParseKeyFile(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, problem := range file.Problems {
		note(cmd, "warning: %s: %s", path, problem)
	}
	var fingerprints []string
	for _, k := range file.Keys {
		fingerprints = append(fingerprints, k.Key.Fingerprint)
	}
	if len(fingerprints) == 0 {
		return nil, withHint(path+" holds no keys", "Give a mir.json, as `mir key publish` prints it, or a PEM file.")
	}
	return fingerprints, nil
}

// run looks once, or with --watch until interrupted.
func (m *monitor) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	strange := false
	for first := true; ; first = false {
		result := m.look(ctx)
		if ctx.Err() != nil {
			break
		}
		news := m.news(result)
		strange = strange || result.Result == monitorStrange
		if err := m.tell(cmd, result, first || len(news) > 0); err != nil {
			return err
		}
		m.report(ctx, cmd, result)
		if m.watch == 0 {
			return result.exit()
		}
		if !pauseFor(ctx, m.watch) {
			break
		}
	}
	switch {
	case m.watch == 0:
		return errInterrupted
	case strange:
		return &exit{code: exitRejected}
	}
	return nil
}

// pauseFor waits, or reports that the context ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// news returns the strange keys that nobody was told yet, marks them, and counts them as told.
func (m *monitor) news(r *monitorResult) []*strangeKey {
	var fresh []*strangeKey
	for _, k := range r.Strange {
		if k.New = !m.told[k.Fingerprint] && len(m.told) < maxTold; k.New {
			m.told[k.Fingerprint] = true
			fresh = append(fresh, k)
		}
	}
	return fresh
}

// report sends to the webhook what it was not sent before. What does not get through is sent with the next look.
func (m *monitor) report(ctx context.Context, cmd *cobra.Command, r *monitorResult) {
	if m.webhook == nil {
		return
	}
	if err := m.webhook.send(ctx, r); err != nil {
		note(cmd, "warning: the webhook was not told: %v", err)
	}
}
