package vectors

import "strings"

// longDomain is a zone whose full name has 240 octets, so that _mir-key. and it still fit into a DNS name.
func (m *maker) longZone() string {
	const octets = 240
	zone := strings.Repeat("a", 62) + "b"
	for need := octets - len(m.Suffix) - 1 - len(zone); need > 1; {
		label := min(need-1, 63)
		zone = strings.Repeat("c", label) + "." + zone
		need -= label + 1
	}
	return zone
}

func (m *maker) domains() []vector {
	upper := strings.ToUpper(m.domain("shop")[:1]) + m.domain("shop")[1:]
	suffix := strings.ToUpper(m.Suffix)
	label63 := strings.Repeat("d", 63)
	return under(ruleDomain(), nil, []vector{
		{name: "domain-mixed-case", title: "a domain with an upper-case letter", rule: ruleDomainCase(), domain: upper,
			why: "Names in DNS have no case. A verifier that looks for keys under another spelling finds none, and the record is lost."},
		{name: "domain-upper-case", title: "a domain in upper case", rule: ruleDomainCase(), domain: "SHOP." + suffix,
			why: "The signed bytes keep the spelling: lower-casing them before the check makes an honest signature fail."},
		{name: "domain-label-63", title: "a label of 63 octets", zone: label63,
			why: "DNS allows it, so that a real business may have it."},
		{name: "domain-long", title: "a domain of 240 octets", zone: m.longZone(),
			why: "Long names are used by large organisations for their departments, and their customers have histories too."},
		{name: "domain-punycode", title: "an internationalised domain in its xn-- form", zone: "xn--bcher-kva",
			why: "Businesses with names in other scripts would be shut out."},
		{name: "domain-digits", title: "labels of digits, and hyphens inside", zone: "24-7.365",
			why: "Such names are in use. Refusing them drops their users' histories."},
		{name: "domain-many-labels", title: "a domain of many labels", zone: "a.b.c.d.e.f.g", why: "The depth of a name says nothing about whose it is."},
	})
}

func (m *maker) domainFaults() []vector {
	one := func(name, domain, title, why string) vector {
		return vector{name: "domain-" + name, domain: domain, title: title, why: why, nowhere: true}
	}
	long := m.longZone() + "." + m.Suffix
	return under(ruleDomain(), invalid(), []vector{
		one("address", "192.0.2.1", "an IPv4 address", "Addresses change hands: tomorrow somebody else would answer for the record."),
		one("address-v6", "[2001:db8::1]", "an IPv6 address", "Addresses change hands, and nobody can publish keys for one."),
		one("address-short", "127.1", "an IPv4 address in its short form", "A look-up of keys there goes to the node itself: a stranger chooses whom the node asks."),
		one("trailing-dot", m.domain("shop")+".", "a dot behind the domain", "DNS takes both spellings for one name, so one issuer would have two histories."),
		one("wildcard", "*."+m.Suffix, "a wildcard", "It would speak for every shop below, none of which signed."),
		one("one-label", "localhost", "a name of one label", "It means another machine on every machine: the node would ask itself for keys."),
		one("port", m.domain("shop")+":443", "a port behind the domain", "Keys on another port may belong to another tenant of the same host."),
		one("scheme", "https://"+m.domain("shop"), "a URL in place of a domain", "Readers cut it in different places and look keys up on different hosts."),
		one("path", m.domain("shop")+"/evil", "a path behind the domain", "The keys would be fetched from a place that a customer of the host controls."),
		one("user", "trusted.example@"+m.domain("shop"), "a user name before the domain", "People see the trusted name; the machine asks the other host."),
		one("underscore", "a_b."+m.Suffix, "an underscore in a label", "It is no host name, and some resolvers refuse it: verdicts would differ by network."),
		one("space", "sh op."+m.Suffix, "a space in a label", "No such host can exist, so nobody answers for the record."),
		one("not-ascii", "bücher."+m.Suffix, "a letter that is not ASCII", "Two Unicode spellings of one name would be two issuers; the xn-- form is one."),
		one("look-alike", "shоp."+m.Suffix, "a Cyrillic letter that looks like o", "People would take the record for another shop's."),
		one("hyphen-first", "-a."+m.Suffix, "a label that begins with a hyphen", "It is no host name, and it is an option to programs that get it on a command line."),
		one("hyphen-last", "a-."+m.Suffix, "a label that ends with a hyphen", "It is no host name: half of the resolvers refuse it."),
		one("empty-label", "shop.."+m.Suffix, "an empty label", "Resolvers drop or refuse it, so that the issuer depends on the reader's network."),
		one("leading-dot", "."+m.Suffix, "a dot before the domain", "As a pattern it means all names below, none of which signed."),
		one("label-64", strings.Repeat("d", 64)+"."+m.Suffix, "a label of 64 octets", "DNS cannot carry it, so nobody can publish a key for it."),
		one("octets-254", strings.Repeat("e", 253-len(long))+"."+long, "a domain of 254 octets", "DNS cannot carry it, so nobody can publish a key for it."),
		one("last-label-short", "shop.x", "a last label of one letter", "No such domain exists, so nobody answers for the record."),
		one("last-label-digits", "shop.123", "a last label of digits", "Parsers of URLs take it for an IP address, and ask a machine that nobody meant."),
		one("line-feed", m.domain("shop")+`\n`, "a line feed behind the domain", "Many regular expressions let it pass, and a log would show forged lines."),
		one("nul", m.domain("shop")+`\u0000.evil.example`, "a NUL in the domain", "Programs in C stop there and ask the first name for the keys of the second."),
	})
}
