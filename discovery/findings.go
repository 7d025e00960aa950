package discovery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mirnode/protocol"
)

// recordTTL is the TTL in the records that findings propose, in seconds.
const recordTTL = 3600

// TXTRecord is the DNS record, as a line of a zone file, that publishes a key of the domain.
// value is what protocol.KeyRecord returns.
func TXTRecord(domain, value string) string {
	return fmt.Sprintf("%s%s. %d IN TXT %q", keyLabel, domain, recordTTL, value)
}

// findings says what a person should know who runs the domain, worst things not hidden.
func findings(r *Report) []Finding {
	list := make([]Finding, 0, 8)
	document := channelFinding(r, r.WellKnown, r.DNS, func(domain string, keys []protocol.DomainKey) string {
		return DocumentFix(domain, keys, r.FetchedAt)
	})
	document.Channel = protocol.WellKnown
	record := channelFinding(r, r.DNS, r.WellKnown, recordFix)
	record.Channel = protocol.DNS
	list = append(list, document, record)
	list = append(list, problemFindings(r)...)
	list = append(list, agreementFindings(r)...)
	if r.DNS.Status != StatusUnreachable && len(r.DNS.Notes) > 0 { // else they stand in the fault's own words
		list = append(list, Finding{Channel: protocol.DNS, Level: Warn, Message: "the resolver says about the TXT records: " + strings.Join(r.DNS.Notes, "; ")})
	}
	if f, ok := dnssecFinding(r); ok {
		list = append(list, f)
	}
	if len(r.Keys) == 0 && !r.unreachable() {
		text := "no key was found"
		if r.Missing {
			text += ", since " + noSuchDomain
		}
		list = append(list, Finding{Level: Fail, Message: text + ": every claim of " + r.Domain + " is rejected with " + string(protocol.KeyNotFound),
			Fix: recordFix(r.Domain, nil)})
	}
	return list
}

// recordFix is the TXT records that publish the keys, or their form where there is no key yet.
func recordFix(domain string, keys []protocol.DomainKey) string {
	if len(keys) == 0 {
		return TXTRecord(domain, "mir-key=<public key, 43 characters>")
	}
	lines := make([]string, len(keys))
	for i, k := range keys {
		lines[i] = TXTRecord(domain, protocol.KeyRecord(k.Public))
	}
	return strings.Join(lines, "\n")
}

// DocumentFix says where the document that publishes the keys is to be served, and what is in it; without keys, its form. Keys whose
// creation is not known, since a TXT record does not tell it, get the time now, in whole seconds.
func DocumentFix(domain string, keys []protocol.DomainKey, now time.Time) string {
	head := fmt.Sprintf("serve at https://%s%s, as application/json:\n", domain, wellKnownPath)
	if len(keys) == 0 {
		return head + `{"keys":[{"pub":"<public key, 43 characters>","fingerprint":"<64 hex>","alg":"Ed25519","created":"<time>","expires":null}]}`
	}
	dated := slices.Clone(keys)
	for i := range dated {
		if dated[i].Created.IsZero() {
			dated[i].Created = now.UTC().Truncate(time.Second)
		}
	}
	return head + string(protocol.KeyDocument{Keys: dated}.JSON())
}

// channelFinding judges one channel; the other's keys are what it should hold.
func channelFinding(r *Report, c, other ChannelReport, fix func(string, []protocol.DomainKey) string) Finding {
	wanted := other.Keys
	if len(c.Keys) > 0 {
		wanted = r.Keys
	}
	switch c.Status {
	case StatusOK:
		if len(c.Keys) == 0 {
			return Finding{Level: Fail, Message: c.Where + " holds no usable key", Fix: fix(r.Domain, wanted)}
		}
		text := fmt.Sprintf("%s: %s", c.Where, c.Detail)
		if len(c.Chain) > 0 {
			text += ", by way of " + clip(strings.Join(c.Chain, ", "))
		}
		return Finding{Level: Pass, Message: text}
	case StatusAbsent:
		return Finding{Level: Warn, Message: fmt.Sprintf("%s is not there: %s", c.Where, c.Detail), Fix: fix(r.Domain, wanted)}
	case StatusUnreachable:
		text := fmt.Sprintf("%s gave no answer: %s", c.Where, c.Detail)
		if len(c.Keys) > 0 {
			text += fmt.Sprintf("; what it held %s ago is used for %s more", age(r.FetchedAt.Sub(c.FetchedAt)), age(c.ExpiresAt.Sub(r.FetchedAt)))
		}
		return Finding{Level: Fail, Message: text,
			Fix: "mend the web server or the name server that is named here, then look again: mir domain check " + r.Domain + " --wait 5m"}
	case StatusRefused:
		return Finding{Level: Fail, Message: fmt.Sprintf("%s is not read: %s", c.Where, c.Detail),
			Fix: "point the domain to a public address, or have the operator of this node allow the range"}
	}
	return Finding{Level: Fail, Message: fmt.Sprintf("%s is no key document: %s", c.Where, c.Detail), Fix: fix(r.Domain, wanted)}
}

func problemFindings(r *Report) []Finding {
	var list []Finding
	for _, p := range r.WellKnown.Problems {
		list = append(list, Finding{Channel: protocol.WellKnown, Level: Fail, Message: r.WellKnown.Where + ": " + p})
	}
	for _, p := range r.DNS.Problems {
		list = append(list, Finding{Channel: protocol.DNS, Level: Fail, Message: r.DNS.Where + ": " + p})
	}
	return list
}

// agreementFindings names each key that one channel has and the other has not.
func agreementFindings(r *Report) []Finding {
	switch r.Agreement {
	case Agree:
		return []Finding{{Level: Pass, Message: "DNS and the well-known document hold the same keys"}}
	case Disagree:
	default:
		return nil
	}
	var list []Finding
	for _, k := range r.Keys {
		only := []protocol.DomainKey{k}
		switch {
		case len(k.Channels) > 1:
		case k.Channels[0] == protocol.DNS:
			list = append(list, Finding{Channel: protocol.WellKnown, Level: Warn, Message: disagreement(k), Fix: DocumentFix(r.Domain, r.Keys, r.FetchedAt)})
		default:
			list = append(list, Finding{Channel: protocol.DNS, Level: Warn, Message: disagreement(k), Fix: recordFix(r.Domain, only)})
		}
	}
	return list
}

func disagreement(k protocol.DomainKey) string {
	if k.Channels[0] == protocol.DNS {
		return "the key " + k.Fingerprint + " is in DNS but not in the well-known document"
	}
	return "the key " + k.Fingerprint + " is in the well-known document but not in DNS"
}

func dnssecFinding(r *Report) (Finding, bool) {
	switch {
	case r.DNS.Status != StatusOK:
		return Finding{}, false
	case r.DNS.DNSSEC:
		return Finding{Channel: protocol.DNS, Level: Pass, Message: "the TXT records are signed, and the resolver validated them (DNSSEC)"}, true
	case r.DNS.authoritative:
		return Finding{Channel: protocol.DNS, Level: Pass, Message: "the TXT records come from the domain's own name server; whether DNSSEC protects them, a validating resolver can tell"}, true
	case r.DNS.TrustsAD:
		return Finding{Channel: protocol.DNS, Level: Warn, Message: "the TXT records are not protected by DNSSEC",
			Fix: "sign the zone and have its parent publish the DS record"}, true
	}
	return Finding{Channel: protocol.DNS, Level: Warn,
		Message: "whether DNSSEC protects the TXT records is not known: the resolver is neither on this machine nor reached over TLS"}, true
}

// warnings says, for whoever relies on a key, what speaks for caution.
func warnings(r *Report, k protocol.DomainKey) []string {
	var list []string
	if r.Agreement == Disagree && len(k.Channels) == 1 {
		list = append(list, disagreement(k))
	}
	for _, c := range []struct {
		channel protocol.Channel
		report  ChannelReport
	}{{protocol.WellKnown, r.WellKnown}, {protocol.DNS, r.DNS}} {
		switch c.report.Status {
		case StatusUnreachable, StatusRefused, StatusInvalid:
			if !slices.Contains(k.Channels, c.channel) {
				list = append(list, fmt.Sprintf("%s could not be read (%s), so that the key is known from one channel alone", c.report.Where, c.report.Status))
			}
		}
	}
	return list
}

// said is the hint for somebody whose key was not found: what to do, then what was seen.
func said(r *Report, now time.Time) string {
	return fmt.Sprintf("publish this key (`mir key publish %s` shows how) and check it with `mir domain check %s`; asked %s ago, %s: %s; %s: %s",
		r.Domain, r.Domain, age(now.Sub(r.FetchedAt)), r.WellKnown.Where, r.WellKnown.Detail, r.DNS.Where, r.DNS.Detail)
}
