package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"
)

// maxTextBytes bounds one TXT value: some sixteen of its strings, over what any verification token or key needs.
const maxTextBytes = 4 << 10

// TextName gives the full name, in lower case and without a final dot, that name means in domain, as it stands in Domain.Texts. A name that is
// neither the domain nor below it is taken as below it: "_mir-verify", "_mir-verify.news.test" and "_mir-verify.news.test." are the same in
// news.test; "@" is the domain itself. A final dot says that the name is full, so one of another domain is an error.
func TextName(domain, name string) (string, error) {
	full := strings.ToLower(name)
	switch {
	case full == "@":
		full = domain
	case strings.HasSuffix(full, "."):
		full = strings.TrimSuffix(full, ".")
	case !below(domain, full):
		full += "." + domain
	}
	return full, checkTextName(domain, full)
}

// below reports whether name is the domain or a name below it.
func below(domain, name string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }

func checkTextName(domain, name string) error {
	if !below(domain, name) {
		return fmt.Errorf("%q is not below %s", name, domain)
	}
	label := strings.TrimSuffix(strings.TrimSuffix(name, domain), ".")
	odd := func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", r) }
	if _, ok := dns.IsDomainName(name); !ok || strings.IndexFunc(label, odd) >= 0 {
		return fmt.Errorf("%q is no name of a TXT record: labels of letters, digits, hyphens and underscores, up to 63 characters each, as _mir-verify.%s has", name, domain)
	}
	return nil
}

// SetText makes the values the TXT records at name, which is as TextName returns it, in the place of those that were published there with
// SetText before. No values withdraw them.
func (d *Domain) SetText(name string, values ...string) {
	if len(values) == 0 {
		delete(d.Texts, name)
		return
	}
	if d.Texts == nil {
		d.Texts = map[string][]string{}
	}
	d.Texts[name] = slices.Clone(values)
}

// RemoveText withdraws one TXT value at name, and reports ErrNotPublished where it was not published.
func (d *Domain) RemoveText(name, value string) error {
	left := slices.DeleteFunc(slices.Clone(d.Texts[name]), func(have string) bool { return have == value })
	if len(left) == len(d.Texts[name]) {
		return ErrNotPublished
	}
	d.SetText(name, left...)
	return nil
}

func (d *Domain) checkTexts(domain string) error {
	count := 0
	for name, values := range d.Texts {
		if err := checkTextName(domain, name); err != nil {
			return err
		}
		for _, value := range values {
			if value == "" || len(value) > maxTextBytes {
				return fmt.Errorf("a TXT value at %s has 1 to %d bytes; this one has %d", name, maxTextBytes, len(value))
			}
			if !utf8.ValidString(value) {
				return fmt.Errorf("a TXT value at %s is no UTF-8, which published.json is", name)
			}
		}
		if len(values) == 0 {
			return fmt.Errorf("%s stands among the TXT records without a value", name)
		}
		count += len(values)
	}
	if count > maxRecords {
		return fmt.Errorf("over %d TXT values", maxRecords)
	}
	return nil
}

// addTexts adds the TXT records of d, in one order at each start.
func (z *zone) addTexts(d *Domain) {
	for _, name := range slices.Sorted(maps.Keys(d.Texts)) {
		for _, value := range d.Texts[name] {
			owner := dns.Fqdn(name)
			z.add(&dns.TXT{Hdr: header(owner, dns.TypeTXT), Txt: escaped(splitText(value))})
		}
	}
}

// escaped writes strings as the DNS library holds them: a backslash starts an escape there.
func escaped(parts []string) []string {
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(part, `\`, `\\`)
	}
	return parts
}
