package node

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Issuers says what the node asks of the organisations that it is the home of.
type Issuers struct {
	RequirePlan        bool
	ActivityAssertions int
	ActivityDays       int
	DomainRecheck      time.Duration
	TokenLife          time.Duration
}

const (
	maxActivityAssertions = 10_000 // so many are counted of an issuer, and no more
	maxActivityDays       = 3_650
)

// issuerSettings are the lines of the table that issuers are about.
func (c *Config) issuerSettings() []Setting {
	return []Setting{
		toggle("issuers.require_plan", "take assertions of issuers alone that have a plan; others are answered with 402", &c.Issuers.RequirePlan),
		number("issuers.activity_assertions", "an issuer is verified by its activity once it has made so many assertions, none of them disputed", &c.Issuers.ActivityAssertions),
		number("issuers.activity_days", "and the first of them so many days ago; 0 for never", &c.Issuers.ActivityDays),
		duration("issuers.domain_recheck", "a verified domain is looked up again after this time; not shorter than issuers.token_life", &c.Issuers.DomainRecheck),
		duration("issuers.token_life", "how long the token for a domain's verification is good", &c.Issuers.TokenLife),
		text("lookup_url", "URL", "the address in the public links to look-ups, as in https://mir.example; empty: public_url", &c.LookupURL),
	}
}

func defaultIssuers() Issuers {
	return Issuers{ActivityAssertions: 50, ActivityDays: 30, DomainRecheck: 90 * 24 * time.Hour, TokenLife: 7 * 24 * time.Hour}
}

// checkIssuers checks what issuers are about.
func (c *Config) checkIssuers() error {
	i := &c.Issuers
	faults := []error{
		atMost("issuers.activity_assertions", i.ActivityAssertions, maxActivityAssertions), atMost("issuers.activity_days", i.ActivityDays, maxActivityDays),
	}
	if i.ActivityDays < 0 {
		faults = append(faults, errors.New("issuers.activity_days: write a number of days, or 0 for never"))
	}
	if u, err := url.Parse(c.LookupURL); c.LookupURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		faults = append(faults, fmt.Errorf("lookup_url: %q: write https:// and a host, as in https://mir.example", c.LookupURL))
	}
	if i.DomainRecheck < i.TokenLife {
		faults = append(faults, fmt.Errorf("issuers.domain_recheck (%s) must not be shorter than issuers.token_life (%s)", shortDuration(i.DomainRecheck), shortDuration(i.TokenLife)))
	}
	return errors.Join(faults...)
}

// lookupURL is where the public links to look-ups lead, without a slash at its end.
func (c *Config) lookupURL() string {
	if c.LookupURL != "" {
		return strings.TrimRight(c.LookupURL, "/")
	}
	return strings.TrimRight(c.publicURL(), "/")
}
