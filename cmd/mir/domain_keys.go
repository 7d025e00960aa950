package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"time"

	"mirnode/discovery"
	"mirnode/protocol"
)

// keyTimes looks at the keys' validity.
func (c *domainCheck) keyTimes(report *discovery.Report) []finding {
	var list []finding
	add := func(level discovery.Level, fix, format string, args ...any) {
		list = append(list, finding{Finding: discovery.Finding{Channel: protocol.WellKnown, Level: level, Message: fmt.Sprintf(format, args...), Fix: fix}})
	}
	now, usable := c.now(), 0
	for _, key := range report.Keys {
		name := "the key " + key.Fingerprint[:16] + "…"
		if key.Created.After(now.Add(protocol.ClockSkew)) {
			add(discovery.Warn, "", "%s says that it was created in the future, %s: claims before that are flagged", name, date(key.Created))
		}
		switch {
		case key.Expires.IsZero():
			usable++
		case key.Expires.After(now.Add(expiresSoon)):
			usable++
			add(discovery.Pass, "", "%s is good until %s", name, date(key.Expires))
		case key.Expires.After(now):
			usable++
			add(discovery.Warn, "publish its successor now: mir key new", "%s expires soon, on %s", name, date(key.Expires))
		case key.Expires.Add(keptAfterEnd).After(now):
			add(discovery.Pass, "", "%s is retired since %s: older claims still verify; keep it until %s", name, date(key.Expires), date(key.Expires.Add(keptAfterEnd)))
		default:
			add(discovery.Warn, "", "%s is retired since %s, over a year: it may be removed, if its claims need not verify any more", name, date(key.Expires))
		}
	}
	if len(report.Keys) > 0 && usable == 0 {
		list = append(list, finding{Finding: discovery.Finding{Level: discovery.Fail,
			Message: "every key has expired: new claims are rejected with " + string(protocol.KeyExpired),
			Fix:     c.newKey()}})
	}
	return list
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// lifetimes looks at how long the answers may be kept.
func (c *domainCheck) lifetimes(report *discovery.Report) []finding {
	var list []finding
	record := "set it to 3600, which is 1 hour" // for an alias, whose records are not the domain's
	if len(report.DNS.Chain) == 0 {
		public := make([]ed25519.PublicKey, len(report.DNS.Keys))
		for i, key := range report.DNS.Keys {
			public[i] = key.Public
		}
		record = c.records(public)
	}
	for _, one := range []struct {
		channel protocol.Channel
		what    string
		report  discovery.ChannelReport
		fix     string
	}{
		{protocol.DNS, "TTL of the TXT records", report.DNS, record},
		{protocol.WellKnown, "max-age of the document", report.WellKnown, "Cache-Control: max-age=3600"},
	} {
		ttl := one.report.TTL
		if len(one.report.Keys) == 0 || ttl == 0 {
			continue
		}
		f := discovery.Finding{Channel: one.channel, Level: discovery.Warn, Fix: one.fix}
		switch {
		case ttl < shortLife:
			f.Message = fmt.Sprintf("the %s is %v: everybody has to ask all the time, and depends on your servers being up", one.what, ttl)
		case ttl > longLife:
			f.Message = fmt.Sprintf("the %s is %v: a new key is seen late, and a withdrawn one is believed for long", one.what, ttl)
		default:
			f.Level, f.Fix, f.Message = discovery.Pass, "", fmt.Sprintf("the %s is %v", one.what, ttl)
		}
		list = append(list, finding{Finding: f})
	}
	if chain := report.DNS.Chain; len(chain) > 0 {
		list = append(list, finding{Finding: discovery.Finding{Channel: protocol.DNS, Level: discovery.Warn,
			Message: fmt.Sprintf("the TXT records are an alias (CNAME) of %s: whoever holds that name decides which keys are yours", shown(chain[len(chain)-1]))}})
	}
	return list
}

// mine tells whether the key that we were asked about is published.
func (c *domainCheck) mine(report *discovery.Report) []finding {
	if c.public == nil {
		return nil
	}
	holds := func(r discovery.ChannelReport) bool {
		return slices.ContainsFunc(r.Keys, func(k protocol.DomainKey) bool { return bytes.Equal(k.Public, c.public) })
	}
	inDNS, inDocument := holds(report.DNS), holds(report.WellKnown)
	var list []finding
	for _, one := range []struct {
		channel protocol.Channel
		where   string
		here    bool
		there   bool
		fix     string
		status  discovery.Status
	}{
		{protocol.WellKnown, "the well-known document", inDocument, inDNS, c.documentWith(report.WellKnown.Keys), report.WellKnown.Status},
		{protocol.DNS, "DNS", inDNS, inDocument, c.records([]ed25519.PublicKey{c.public}), report.DNS.Status},
	} {
		f := discovery.Finding{Channel: one.channel, Level: discovery.Fail, Message: "your key is not in " + one.where, Fix: one.fix}
		switch {
		case one.here:
			f = discovery.Finding{Channel: one.channel, Level: discovery.Pass, Message: "your key is in " + one.where}
		case one.status == discovery.StatusUnreachable:
			continue // whether it is there is not known, and that has been said
		case one.there:
			f.Level = discovery.Warn
		}
		list = append(list, finding{Finding: f})
	}
	return list
}

// documentWith is where to serve the document, and its text with the key added.
func (c *domainCheck) documentWith(keys []protocol.DomainKey) string {
	all := append(slices.Clone(keys), protocol.DomainKey{Public: c.public, Fingerprint: protocol.Fingerprint(c.public)})
	return discovery.DocumentFix(c.domain, all, c.now())
}

// served tells whether claims verify now by a channel: that it holds a key that has not expired, and is the one that we were asked about.
func (c *domainCheck) served(r discovery.ChannelReport) bool {
	return slices.ContainsFunc(r.Keys, func(k protocol.DomainKey) bool {
		return (k.Expires.IsZero() || k.Expires.After(c.now())) && (c.public == nil || bytes.Equal(k.Public, c.public))
	})
}

// reservedNames are the top levels that exist nowhere but in closed networks (RFC 6761).
var reservedNames = []string{"test", "localhost", "invalid", "example"}

// closedNetwork asks whoever looks for such a name on the internet whether a cluster was meant.
func (c *domainCheck) closedNetwork(report *discovery.Report) []finding {
	top := c.domain[strings.LastIndex(c.domain, ".")+1:]
	if len(report.Keys) > 0 || len(c.settings.Resolvers) > 0 || !slices.Contains(reservedNames, top) {
		return nil
	}
	return []finding{{Finding: discovery.Finding{Level: discovery.Warn,
		Message: fmt.Sprintf("names under .%s exist in closed networks alone, and no resolver of one was named. Was a cluster meant?", top),
		Fix:     `eval "$(mir cluster env --dir DIR)"`}}}
}
