package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
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
			Fix:     "mir key new\nmir key publish --domain " + c.domain}})
	}
	return list
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// lifetimes looks at how long the answers may be kept.
func lifetimes(report *discovery.Report) []finding {
	var list []finding
	for _, c := range []struct {
		channel protocol.Channel
		what    string
		report  discovery.ChannelReport
	}{{protocol.DNS, "TTL of the TXT records", report.DNS}, {protocol.WellKnown, "max-age of the document", report.WellKnown}} {
		ttl := c.report.TTL
		if len(c.report.Keys) == 0 || ttl == 0 {
			continue
		}
		f := discovery.Finding{Channel: c.channel, Level: discovery.Warn, Fix: "set it to 1h"}
		switch {
		case ttl < shortLife:
			f.Message = fmt.Sprintf("the %s is %v: everybody has to ask all the time, and depends on your servers being up", c.what, ttl)
		case ttl > longLife:
			f.Message = fmt.Sprintf("the %s is %v: a new key is seen late, and a withdrawn one is believed for long", c.what, ttl)
		default:
			f.Level, f.Fix, f.Message = discovery.Pass, "", fmt.Sprintf("the %s is %v", c.what, ttl)
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
		{protocol.WellKnown, "the well-known document", inDocument, inDNS, string(documentWith(report.WellKnown.Keys, c.public)), report.WellKnown.Status},
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

// documentWith is the document with the key added.
func documentWith(keys []protocol.DomainKey, public ed25519.PublicKey) []byte {
	all := append(slices.Clone(keys), protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)})
	return protocol.KeyDocument{Keys: all}.JSON()
}
