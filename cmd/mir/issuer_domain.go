package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"mirnode/internal/strictjson"
)

func newIssuerVerifyDomainCommand(s streams) *cobra.Command {
	var check bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "verify-domain DOMAIN [--check | --wait DURATION]",
		Short: "Show that a domain is the issuer's: the TXT record to set, and whether the node sees it",
		Long: "Without a flag, prints the TXT record to set in the domain's DNS; its token is good for 7 days. --check asks the node to look now; --wait prints the\n" +
			"record and looks again and again. Leave the record where it is: the node looks again every 90 days, and other nodes look too.\n\n" +
			"Exit code 0: the record was printed, or the domain is verified. 1: it is not. 3: the node does not answer.",
		Example: "  mir issuer verify-domain news.example.com\n  mir issuer verify-domain news.example.com --wait 10m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < 0 || wait > maxWait {
				return fmt.Errorf("--wait %v: wait for up to %v", wait, maxWait)
			}
			domain, err := domainArgument(args[0])
			if err != nil {
				return err
			}
			id, err := readIdentity(cmd)
			if err != nil {
				return err
			}
			client, err := id.writer(cmd)
			if err != nil {
				return err
			}
			v := &domainVerification{cmd: cmd, s: s, client: client, path: "/issuers/" + id.IssuerID + "/domain", domain: domain, issuer: id.IssuerID}
			switch {
			case check:
				return v.check(0)
			case wait > 0 && v.done():
				return v.check(0) // a new token would only be one more to set
			}
			if err := v.start(wait == 0); err != nil || wait == 0 {
				return err
			}
			return v.check(wait)
		},
	}
	addIssuerFlags(cmd)
	cmd.Flags().BoolVar(&check, "check", false, "look now")
	cmd.Flags().DurationVar(&wait, "wait", 0, "look again and again, for so long at the most")
	cmd.MarkFlagsMutuallyExclusive("check", "wait")
	return cmd
}

// domainVerification shows that a domain is an issuer's.
type domainVerification struct {
	cmd          *cobra.Command
	s            streams
	client       *nodeClient
	path, domain string
	issuer       string
}

// start asks for the record and prints it: as the data of the command if nothing follows, else beside it.
func (v *domainVerification) start(last bool) error {
	answer, err := v.client.order(v.cmd.Context(), http.MethodPost, v.path, nil, map[string]string{"domain": v.domain})
	if err != nil {
		return err
	}
	var task struct {
		Name, Value, Record string
		ExpiresAt           time.Time
	}
	if err := decodeAnswer(answer.body, &task); err != nil {
		return err
	}
	if wantsJSON(v.cmd) {
		if last {
			return printRaw(v.cmd, answer.body)
		}
		return nil
	}
	note(v.cmd, "DNS: add this record. In a zone file it is the line below; in a form it is")
	note(v.cmd, "  type   TXT")
	note(v.cmd, "  name   %s", task.Name)
	note(v.cmd, "  value  %s", task.Value)
	note(v.cmd, "The node must see it by %s.", task.ExpiresAt.UTC().Format(time.RFC3339))
	fmt.Fprintln(v.s.out, printable(task.Record))
	if last {
		note(v.cmd, "Then: mir issuer verify-domain %s --check", v.domain)
	}
	return nil
}

// look asks the node to look now.
func (v *domainVerification) look() (*domainCheckAnswer, *nodeAnswer, error) {
	answer, err := v.client.order(v.cmd.Context(), http.MethodPost, v.path+"/check", nil, nil)
	if err != nil {
		return nil, answer, err
	}
	found := new(domainCheckAnswer)
	if err := decodeAnswer(answer.body, found); err != nil {
		return nil, answer, err
	}
	if found.Domain != "" && found.Domain != v.domain && v.shown() {
		verified := &domainCheckAnswer{Verified: true, Domain: v.domain, Detail: "it is verified already", Found: []string{}}
		body, err := strictjson.Marshal(verified)
		return verified, &nodeAnswer{status: answer.status, body: body}, err // another one is pending: no matter
	}
	if found.Domain != "" && found.Domain != v.domain {
		found.Verified, found.Hint = false, "Begin with this one: mir issuer verify-domain "+v.domain
		found.Detail = "the node looks for the token of " + found.Domain + " now"
		found.Domain = v.domain
	}
	return found, answer, nil
}

// shown tells whether the issuer's record says that the domain is verified.
func (v *domainVerification) shown() bool {
	record, _, err := askIssuer(v.cmd, v.client, v.issuer)
	return err == nil && record.Issuer.Verification != nil && record.Issuer.Verification.By == "domain" && record.Issuer.Verification.Domain == v.domain
}

// done tells whether the domain is verified already.
func (v *domainVerification) done() bool {
	found, _, err := v.look()
	return err == nil && found.Verified
}

// check asks the node to look, until it sees the record or the time is up.
func (v *domainVerification) check(wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for pause := firstPoll; ; pause = min(pause*2, slowestPoll) {
		found, answer, err := v.look()
		left := time.Until(deadline)
		switch {
		case err != nil && (answer == nil || !answer.busy() || left <= 0):
			return err
		case err == nil && (found.Verified || left <= 0):
			return v.conclude(found, answer)
		case err == nil:
			note(v.cmd, "not yet: %s", found.Detail)
		default:
			pause = max(pause, answer.retryAfter)
		}
		if !pauseFor(v.cmd.Context(), min(pause, left)) {
			return errInterrupted
		}
	}
}

// conclude is the end of the command.
func (v *domainVerification) conclude(found *domainCheckAnswer, answer *nodeAnswer) error {
	if !wantsJSON(v.cmd) {
		return found.conclude(v.s)
	}
	if err := printRaw(v.cmd, answer.body); err != nil || found.Verified {
		return err
	}
	return &exit{code: exitRejected}
}

// conclude tells a person what was found, and is the end of the command.
func (d *domainCheckAnswer) conclude(s streams) error {
	if d.Verified {
		_, err := fmt.Fprintf(s.out, "%s: verified\n", printable(d.Domain))
		return err
	}
	for _, text := range d.Found {
		fmt.Fprintf(s.err, "found there: %s\n", printable(text))
	}
	return &exit{exitRejected, withHint(orDash(d.Domain)+" is not verified: "+d.Detail, d.Hint)}
}
