package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/discovery"
	"mirnode/protocol"
)

const (
	// maxWait bounds --wait: a change of DNS is seen everywhere within a day or two.
	maxWait = 48 * time.Hour
	// firstPoll and slowestPoll are the pauses between the looks of --wait, which grow from one to the other.
	firstPoll   = time.Second
	slowestPoll = 30 * time.Second
)

func newDomainCommand(s streams) *cobra.Command {
	return commandGroup("domain", "Look at what domains publish", newDomainCheckCommand(s))
}

func newDomainCheckCommand(s streams) *cobra.Command {
	var key string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "check DOMAIN",
		Short: "Tell what a domain publishes, what is wrong with it, and the exact record to set",
		Long: "Reads a domain's keys from DNS and from its well-known document as every verifier does, and looks at the places where keys stand by\n" +
			"mistake. Each finding is a pass, a warning or a failure, with the record or document that mends it.\n\n" +
			"Exit code 0: pass, or warn: claims verify, though perhaps by one channel alone. 1: something is wrong. 3: no answer, and so nothing to judge.",
		Example: "  mir domain check shop.example.com\n  mir domain check shop.example.com --key .mir/key.pem --wait 10m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newDomainCheck(cmd, args[0], key)
			if err != nil {
				return err
			}
			if wait < 0 || wait > maxWait {
				return fmt.Errorf("--wait %v: wait for up to %v", wait, maxWait)
			}
			result, err := c.until(cmd, wait)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				err = printJSON(s.out, result)
			} else {
				result.print(s.out, newPaint(s.out))
			}
			if err != nil || result.Result == checkPassed || result.Result == checkWarned {
				return err
			}
			return &exit{code: map[string]int{checkFailed: exitRejected, checkUnanswered: exitUnreachable}[result.Result]}
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "is this key published? Its 43 characters, or a PEM file")
	addPassphraseFileFlag(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 0, "look again until both channels answer and nothing is wrong, for up to this long, such as 10m")
	addDiscoveryFlags(cmd)
	return cmd
}

// domainCheck is what was asked.
type domainCheck struct {
	domain   string
	settings discovery.Config
	public   ed25519.PublicKey  // the key to look for; nil: none
	private  ed25519.PrivateKey // its private half, if that was what we were given
	now      func() time.Time
}

func newDomainCheck(cmd *cobra.Command, name, key string) (*domainCheck, error) {
	domain, err := domainArgument(name)
	if err != nil {
		return nil, err
	}
	c := &domainCheck{domain: domain, now: time.Now}
	if c.settings, err = discoveryConfig(cmd); err != nil {
		return nil, err
	}
	if key == "" {
		return c, nil
	}
	if c.public, err = publicKeyArgument(cmd, key); err != nil {
		return nil, err
	}
	if held, err := readKeyFile(key); err == nil {
		c.private, _ = held.(ed25519.PrivateKey)
	}
	return c, nil
}

// domainArgument reads a domain that the user named; what is none is misuse.
func domainArgument(text string) (string, error) {
	domain, err := protocol.ParseDomain(text)
	refusal, refused := errors.AsType[*protocol.Error](err)
	if !refused {
		return domain, err
	}
	hint := refusal.Hint
	if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
		text = u.Hostname()
	}
	if meant, err := protocol.ParseDomain(strings.TrimSuffix(text, ".")); err == nil {
		hint = "give the name alone: " + meant
	}
	return "", withHint(refusal.Message, hint)
}

// until looks again until all is well, or the time is over; the last look counts.
func (c *domainCheck) until(cmd *cobra.Command, wait time.Duration) (*checkResult, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), wait)
	defer cancel()
	pause := firstPoll
	for looks := 1; ; looks++ {
		result, err := c.look(cmd.Context())
		if err != nil || result.settled() || wait == 0 {
			return result, err
		}
		if looks == 1 {
			note(cmd, "not yet well (%s); looking again for up to %v", result.summary(), wait)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return result, cmd.Context().Err()
		}
		pause = min(pause*3/2, slowestPoll)
	}
}

// look asks the domain once. Every look starts afresh, so that no cache of ours stands between the person and the domain.
func (c *domainCheck) look(ctx context.Context) (_ *checkResult, err error) {
	discoverer, err := discovery.New(c.settings)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, discoverer.Close()) }()
	report, err := discoverer.Keys(ctx, c.domain)
	if err != nil {
		var unreachable *protocol.UnreachableError
		if errors.As(err, &unreachable) {
			return nil, &exit{exitUnreachable, err}
		}
		return nil, err
	}
	findings := c.strayRecords(ctx, discoverer, report)
	if len(report.WellKnown.Problems) > 0 || report.WellKnown.Status == discovery.StatusInvalid {
		findings = append(findings, c.documentMistakes(ctx, report.WellKnown.Where)...)
	}
	findings = append(findings, c.keyTimes(report)...)
	findings = append(findings, c.lifetimes(report)...)
	findings = append(findings, c.mine(report)...)
	findings = append(findings, c.closedNetwork(report)...)
	return c.result(report, findings), nil
}
