package names

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// nameServer is the host that every zone's SOA record names.
const nameServer = "ns.mir-conformance.invalid."

// negativeTTL is how long, in seconds, may be kept that something does not exist: it may at any moment.
const negativeTTL = 1

// records are a domain's records by owner, lower case, with the final dot; and every name above one, down to the domain.
type records map[string][]dns.RR

func makeRecords(name string, d *Domain, address netip.Addr) (records, error) {
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		return nil, fmt.Errorf("%q is no domain name", name)
	}
	apex := dns.Fqdn(name)
	z := records{apex: nil}
	addresses := d.Addresses
	if addresses == nil {
		addresses = []netip.Addr{address}
	}
	for _, a := range addresses {
		header := dns.RR_Header{Name: apex, Class: dns.ClassINET, Ttl: uint32(max(d.TTL, 0)), Rrtype: dns.TypeA}
		if a.Is4() {
			z.add(apex, &dns.A{Hdr: header, A: a.AsSlice()})
		} else {
			header.Rrtype = dns.TypeAAAA
			z.add(apex, &dns.AAAA{Hdr: header, AAAA: a.AsSlice()})
		}
	}
	for _, k := range d.Keys {
		if k.Channels == nil || slices.Contains(k.Channels, DNS) {
			owner := "_mir-key." + apex
			z.add(apex, &dns.TXT{Hdr: dns.RR_Header{Name: owner, Class: dns.ClassINET, Ttl: uint32(max(d.TTL, 0)), Rrtype: dns.TypeTXT},
				Txt: []string{"mir-key=" + k.Public}})
		}
	}
	for _, text := range d.Records {
		record, err := parseRecord(apex, text, d.TTL)
		if err != nil {
			return nil, err
		}
		z.add(apex, record)
	}
	for _, code := range append(slices.Collect(mapValues(d.RcodeOf)), d.Rcode) {
		if _, known := dns.StringToRcode[code]; !known && code != "" {
			return nil, fmt.Errorf("%q is no DNS response code", code)
		}
	}
	return z, nil
}

func mapValues(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// parseRecord reads one record in the form of a zone file, whose relative names are below apex. Its owner must be, too.
func parseRecord(apex, text string, ttl int) (dns.RR, error) {
	if strings.ContainsAny(text, "\n$") {
		return nil, fmt.Errorf("record %q: one record on one line", text)
	}
	parser := dns.NewZoneParser(strings.NewReader(text), apex, "")
	parser.SetDefaultTTL(uint32(max(ttl, 0)))
	record, ok := parser.Next()
	if err := parser.Err(); err != nil {
		return nil, fmt.Errorf("record %q: %w", text, err)
	}
	if !ok || record == nil {
		return nil, fmt.Errorf("record %q: %w", text, errors.New("there is none"))
	}
	if !dns.IsSubDomain(apex, record.Header().Name) {
		return nil, fmt.Errorf("record %q: %s lies outside %s", text, record.Header().Name, apex)
	}
	return record, nil
}

func (z records) add(apex string, record dns.RR) {
	owner := strings.ToLower(record.Header().Name)
	z[owner] = append(z[owner], record)
	for name := owner; name != apex; name = above(name) {
		if _, ok := z[name]; !ok {
			z[name] = nil
		}
	}
}

// above is the name one label up; the root's is the root.
func above(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

// at gives what stands at a name: its own records, or those of the wildcard nearest above it (RFC 4592), and whether the name exists.
func (z records) at(apex, name string) ([]dns.RR, bool) {
	if own, exists := z[name]; exists {
		return own, true
	}
	for up := name; up != apex && up != "."; {
		up = above(up)
		if wild, ok := z["*."+up]; ok {
			return wild, true
		}
		if _, exists := z[up]; exists {
			break // the closest encloser: wildcards further up do not count
		}
	}
	return nil, false
}

func soa(apex string) *dns.SOA {
	return &dns.SOA{Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL}, Ns: nameServer,
		Mbox: "hostmaster.mir-conformance.invalid.", Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: negativeTTL}
}
