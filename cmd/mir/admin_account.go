package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// accountAnswer is an issuer in the answers of its home's operator listener: beside what is public, what the home keeps for itself.
type accountAnswer struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	Status        string            `json:"status"`
	Home          string            `json:"home"`
	VerifiedBy    string            `json:"verifiedBy"`
	VerifiedAt    time.Time         `json:"verifiedAt"`
	Domain        string            `json:"domain"`
	Created       time.Time         `json:"created"`
	Plan          string            `json:"plan"`
	Reason        string            `json:"reason"`
	DomainChecked time.Time         `json:"domainChecked"`
	NextCheck     time.Time         `json:"nextCheck"`
	SilentSince   time.Time         `json:"silentSince"`
	Disputed      time.Time         `json:"disputed"`
	Keys          []issuerKeyAnswer `json:"keys"`
	APIKeys       []apiKeyAnswer    `json:"apiKeys"`
}

// badge is the status, and how it was earned.
func (a *accountAnswer) badge() string {
	switch {
	case a.VerifiedBy == "domain":
		return a.Status + ", owns " + a.Domain
	case a.VerifiedBy != "":
		return a.Status + ", by " + a.VerifiedBy
	}
	return a.Status
}

// printAccount tells of one issuer.
func printAccount(s streams, body []byte) error {
	var answer struct {
		Issuer accountAnswer `json:"issuer"`
	}
	if err := decodeAnswer(body, &answer); err != nil {
		return err
	}
	a := &answer.Issuer
	b := new(strings.Builder)
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %-13s %s\n", label, printable(value))
		}
	}
	fmt.Fprintln(b, newPaint(s.out).bold(printable(a.Name)))
	line("issuer", a.ID)
	line("badge", a.badge())
	line("reason", a.Reason)
	line("plan", a.Plan)
	line("made", moment(a.Created))
	line("domain seen", moment(a.DomainChecked))
	line("silent since", moment(a.SilentSince))
	line("next look", moment(a.NextCheck))
	line("disputed", moment(a.Disputed))
	if len(a.Keys)+len(a.APIKeys) > 0 {
		fmt.Fprintln(b)
	}
	if _, err := io.WriteString(s.out, b.String()); err != nil {
		return err
	}
	if err := printKeys(s, a.Keys, false); err != nil || len(a.APIKeys) == 0 {
		return err
	}
	if len(a.Keys) > 0 {
		fmt.Fprintln(s.out)
	}
	return printAPIKeys(s, a.APIKeys)
}

// moment writes a time for a person; "" where there is none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// domainCheckAnswer is what a node found in a domain's DNS.
type domainCheckAnswer struct {
	Domain   string   `json:"domain"`
	Verified bool     `json:"verified"`
	Detail   string   `json:"detail"`
	Hint     string   `json:"hint"`
	Found    []string `json:"found"`
}
