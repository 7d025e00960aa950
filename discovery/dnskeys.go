package discovery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/protocol"
)

const (
	// keyLabel is where a domain's TXT records with keys lie (PROTOCOL.md section 2).
	keyLabel = "_mir-key."
	// maxDNSName bounds a name in text form (RFC 1035 section 2.3.4).
	maxDNSName = 253
	// maxProblems and maxText bound what a hostile domain can put into a report.
	maxProblems = 16
	maxText     = 300
)

// readDNS asks for the domain's TXT records and reads those that hold keys.
func (d *Discoverer) readDNS(ctx context.Context, domain string) ChannelReport {
	c := ChannelReport{Where: keyLabel + domain, FetchedAt: d.cfg.Now()}
	if len(c.Where) > maxDNSName {
		return d.settle(c, StatusAbsent, "the domain is too long to have a record at "+keyLabel)
	}
	answer, err := d.dns.TXT(ctx, c.Where)
	if err != nil {
		var fault *dnsclient.Error
		if errors.As(err, &fault) {
			c.Notes = fault.Notes
		}
		return d.settle(c, StatusUnreachable, clip(err.Error()))
	}
	c.TTL, c.Notes, c.Chain = answer.TTL, answer.Notes, answer.Chain
	c.DNSSEC, c.TrustsAD, c.authoritative = answer.Authenticated, answer.TrustsAD, answer.Authoritative
	meant := 0
	seen := make(map[string]bool)
	for _, text := range answer.TXT {
		pub, ours, err := protocol.ParseKeyRecord(text)
		if !ours {
			continue // TXT records serve many ends
		}
		meant++
		fingerprint := protocol.Fingerprint(pub)
		switch {
		case err != nil:
			c.Problems = append(c.Problems, fmt.Sprintf("the record %q is ignored: %s", clip(text), message(err)))
		case seen[fingerprint]:
			c.Problems = append(c.Problems, fmt.Sprintf("the record %q is there more than once", clip(text)))
		default:
			seen[fingerprint] = true
			c.Keys = append(c.Keys, protocol.DomainKey{Public: pub, Fingerprint: fingerprint})
		}
	}
	c.ExpiresAt = c.FetchedAt.Add(d.cfg.lifetime(c.TTL, answer.HasTTL, len(c.Keys) > 0))
	if meant == 0 {
		return d.settle(c, StatusAbsent, absence(len(answer.TXT)))
	}
	c = bounded(c)
	return d.settle(c, StatusOK, count(len(c.Keys), "key"))
}

func absence(others int) string {
	if others == 0 {
		return "there is no TXT record"
	}
	return fmt.Sprintf("none of %s holds a key", count(others, "TXT record"))
}

// bounded cuts keys and problems off at their bounds, and says so.
func bounded(c ChannelReport) ChannelReport {
	if len(c.Keys) > MaxKeys {
		c.Problems = append([]string{fmt.Sprintf("only the first %d of %d keys are used", MaxKeys, len(c.Keys))}, c.Problems...)
		c.Keys = append([]protocol.DomainKey(nil), c.Keys[:MaxKeys]...) // lets go of the rest
	}
	if more := len(c.Problems) - maxProblems; more > 0 {
		c.Problems = append(append([]string(nil), c.Problems[:maxProblems]...), fmt.Sprintf("and %d more", more))
	}
	for i, p := range c.Problems {
		c.Problems[i] = clip(p)
	}
	return c
}

// clip makes a foreign text fit for a report: printable, and short.
func clip(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
