package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"mirnode/discovery"
	"mirnode/protocol"
)

const (
	maxDNSName   = 253 // characters of a name in text form (RFC 1035, 2.3.4)
	maxShown     = 60  // characters of a foreign value that are shown
	shortLife    = time.Minute
	longLife     = 24 * time.Hour
	expiresSoon  = 30 * 24 * time.Hour
	keptAfterEnd = 365 * 24 * time.Hour // how long a retired key stays listed (protocol, section 2)
)

// strayName is a name at which keys stand by mistake.
type strayName struct{ name, why string }

// strayNames are the names to look at beside the right one. parent is the domain above, which has keys of its own.
func strayNames(domain string) []strayName {
	names := []strayName{
		{domain, "the bare domain"},
		{"mir-key." + domain, "a name without its underscore"},
		{"_mir_key." + domain, "a name with an underscore for the hyphen"},
		{"_mir-key._mir-key." + domain, "a name with its first label doubled"},
	}
	for zone := domain; strings.Contains(zone, "."); _, zone, _ = strings.Cut(zone, ".") {
		names = append(names, strayName{"_mir-key." + domain + "." + zone,
			"a name with the zone doubled: your DNS form adds ." + zone + " by itself"})
	}
	return slices.DeleteFunc(names, func(n strayName) bool { return len(n.name) > maxDNSName })
}

// strayRecords looks at the TXT records at the right name that are no keys, and at keys at wrong names.
func (c *domainCheck) strayRecords(ctx context.Context, d *discovery.Discoverer, report *discovery.Report) []finding {
	if report.DNS.Status == discovery.StatusUnreachable {
		return nil // said already, and no name would be answered
	}
	var list []finding
	if answer, err := d.TXT(ctx, report.DNS.Where); err == nil {
		for _, value := range answer.Values {
			list = append(list, c.recordMistake(value, report.Keys)...)
		}
	}
	names := strayNames(c.domain)
	found := make([][]finding, len(names))
	var looking sync.WaitGroup
	for i, n := range names {
		looking.Go(func() {
			answer, err := d.TXT(ctx, n.name)
			if err != nil {
				return // a wrong name that nobody answers for holds nothing
			}
			for _, value := range answer.Values {
				found[i] = append(found[i], c.misplaced(n, value, len(report.DNS.Keys) > 0)...)
			}
		})
	}
	looking.Wait()
	return append(list, slices.Concat(found...)...)
}

// recordMistake judges a TXT value at the right name. known are the keys that the domain does publish.
func (c *domainCheck) recordMistake(value string, known []protocol.DomainKey) []finding {
	_, ours, err := protocol.ParseKeyRecord(value)
	replaces := fmt.Sprintf("_mir-key.%s: the record %q is ignored", c.domain, value)
	if c.isSeed(value) {
		return privateKeyFinding(protocol.DNS, "a TXT record", "it is the private key that you named with --key", replaces)
	}
	if ours && err == nil {
		return nil
	}
	meant, named := meantAsKey(value)
	if !named {
		meant = value
	}
	f := finding{discovery.Finding{Channel: protocol.DNS, Level: discovery.Fail}, replaces}
	if public, err := protocol.ParsePublicKey(meant); err == nil {
		f.Message = fmt.Sprintf("the TXT record %s holds a key, but does not start with mir-key= in exactly these letters", shown(value))
		f.Fix = discovery.TXTRecord(c.domain, protocol.KeyRecord(public))
		return []finding{f}
	}
	if public := c.withFingerprint(meant, known); public != nil {
		f.Message = fmt.Sprintf("the TXT record %s is no key: it is the key's fingerprint; the key itself is wanted", shown(value))
		f.Fix = c.records([]ed25519.PublicKey{public})
		return []finding{f}
	}
	m, found := keyMistake(meant)
	switch {
	case m.private:
		return privateKeyFinding(protocol.DNS, "a TXT record", m.what, replaces)
	case found:
		f.Message = fmt.Sprintf("the TXT record %s is no key: %s", shown(value), m.what)
		f.Fix = c.recordOf(m)
		return []finding{f}
	case named || ours:
		if !ours {
			_, err = protocol.ParsePublicKey(meant)
		}
		f.Message = fmt.Sprintf("the TXT record %s is no key: %s", shown(value), reason(err))
		f.Fix = c.recordOf(m)
		return []finding{f}
	}
	f.Level, f.Message = discovery.Warn, fmt.Sprintf("the TXT record %s has nothing to do with keys, and is ignored", shown(value))
	return []finding{f}
}

// recordOf is the record that was meant, or how to come by it.
func (c *domainCheck) recordOf(m mistake) string {
	switch {
	case len(m.keys) > 0:
		return c.records(m.keys)
	case c.public != nil:
		return c.records([]ed25519.PublicKey{c.public})
	case m.useless:
		return c.newKey()
	}
	return "copy the whole record again, as this prints it:\nmir key publish --format dns " + c.domain
}

// newKey is how to begin afresh.
func (c *domainCheck) newKey() string { return "mir key new\nmir key publish " + c.domain }

// reason is why something was refused, without the code.
func reason(err error) string {
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return refusal.Message
	}
	return err.Error()
}

// withFingerprint finds the key whose fingerprint the text is, among those that we know of.
func (c *domainCheck) withFingerprint(text string, known []protocol.DomainKey) ed25519.PublicKey {
	text = strings.ToLower(strings.TrimSpace(text))
	if c.public != nil && text == protocol.Fingerprint(c.public) {
		return c.public
	}
	for _, key := range known {
		if text == key.Fingerprint {
			return key.Public
		}
	}
	return nil
}

// misplaced judges a TXT value at a wrong name. Beside keys at the right one it may be on purpose.
func (c *domainCheck) misplaced(at strayName, value string, harmless bool) []finding {
	public, ours, err := protocol.ParseKeyRecord(value)
	meant, named := meantAsKey(value)
	if !ours && !named {
		return nil
	}
	f := finding{Finding: discovery.Finding{Channel: protocol.DNS, Level: discovery.Fail,
		Message: fmt.Sprintf("a key stands at %s (%s), where nobody looks: it belongs to _mir-key.%s", at.name, at.why, c.domain)}}
	if harmless {
		f.Level = discovery.Warn
	}
	if err == nil && ours {
		f.Fix = discovery.TXTRecord(c.domain, protocol.KeyRecord(public))
		return []finding{f}
	}
	if m, _ := keyMistake(meant); m.private {
		return privateKeyFinding(protocol.DNS, "a TXT record at "+at.name, m.what, "")
	} else if len(m.keys) > 0 {
		f.Fix = c.records(m.keys)
	}
	return []finding{f}
}

// privateKeyFinding is the worst one: the secret is out, and no change of the record takes it back.
func privateKeyFinding(channel protocol.Channel, where, what, replaces string) []finding {
	return []finding{{discovery.Finding{Channel: channel, Level: discovery.Fail,
		Message: where + " gives a PRIVATE KEY away: " + what + ". Whoever has read it can sign in your name",
		Fix:     "remove it now, make a new key (mir key new), publish that one's public key, and never sign with the old one again"}, replaces}}
}

// isSeed tells whether the value shows the secret half of the key that we were asked about.
func (c *domainCheck) isSeed(value string) bool {
	if c.private == nil {
		return false
	}
	seed := c.private.Seed()
	for _, spelling := range []string{base64.RawURLEncoding.EncodeToString(seed), base64.RawStdEncoding.EncodeToString(seed), hex.EncodeToString(seed)} {
		if strings.Contains(value, spelling) {
			return true
		}
	}
	return false
}

func (c *domainCheck) records(keys []ed25519.PublicKey) string {
	lines := make([]string, len(keys))
	for i, public := range keys {
		lines[i] = discovery.TXTRecord(c.domain, protocol.KeyRecord(public))
	}
	return strings.Join(lines, "\n")
}

// documentMistakes reads a document that holds no good keys once more, for what was meant.
func (c *domainCheck) documentMistakes(ctx context.Context, url string) []finding {
	client, err := discovery.NewHTTPClient(c.settings)
	if err != nil {
		return nil
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil
	}
	response, err := client.Do(request)
	if err != nil {
		return nil // the report has said what is wrong
	}
	defer func() { _ = response.Body.Close() }() // read to its end or given up
	body, err := io.ReadAll(io.LimitReader(response.Body, discovery.MaxBody))
	if err != nil {
		return nil
	}
	if strings.Contains(string(body), "PRIVATE KEY") || c.isSeed(string(body)) {
		return privateKeyFinding(protocol.WellKnown, url, "it is there in PEM form, or is the one that you named with --key", url+": keys[")
	}
	var document struct {
		Keys []struct {
			Public      string `json:"pub"`
			Fingerprint string `json:"fingerprint"`
		} `json:"keys"`
	}
	if json.Unmarshal(body, &document) != nil {
		return nil
	}
	var list []finding
	for i, entry := range document.Keys {
		list = append(list, c.entryMistake(i, entry.Public, entry.Fingerprint, fmt.Sprintf("%s: keys[%d] is ignored", url, i))...)
	}
	return list
}

// entryMistake judges the i-th entry of a document.
func (c *domainCheck) entryMistake(i int, text, fingerprint, replaces string) []finding {
	f := finding{discovery.Finding{Channel: protocol.WellKnown, Level: discovery.Fail}, replaces}
	if public, err := protocol.ParsePublicKey(text); err == nil {
		if fingerprint == protocol.Fingerprint(public) {
			return nil
		}
		f.Message = fmt.Sprintf("keys[%d].fingerprint %s is not its key's: it is the SHA-256 of the 32 raw bytes, in lower-case hex", i, shown(fingerprint))
		f.Fix = entries([]ed25519.PublicKey{public})
		return []finding{f}
	}
	m, found := keyMistake(text)
	switch {
	case m.private:
		return privateKeyFinding(protocol.WellKnown, fmt.Sprintf("keys[%d].pub", i), m.what, replaces)
	case text == "":
		return nil // the report says what is wrong with the entry
	case !found:
		_, err := protocol.ParsePublicKey(text)
		m.what = reason(err)
	}
	f.Message, f.Fix = fmt.Sprintf("keys[%d].pub %s is no key: %s", i, shown(text), m.what), entries(m.keys)
	switch {
	case f.Fix != "":
	case m.useless:
		f.Fix = c.newKey()
	default:
		f.Fix = "copy the whole document again, as this prints it:\nmir key publish --format well-known " + c.domain
	}
	return []finding{f}
}

// entries are the members that each key's entry in the document should have.
func entries(keys []ed25519.PublicKey) string {
	lines := make([]string, len(keys))
	for i, public := range keys {
		lines[i] = fmt.Sprintf(`"pub": %q, "fingerprint": %q`, protocol.EncodePublicKey(public), protocol.Fingerprint(public))
	}
	return strings.Join(lines, "\n")
}

// shown is a foreign value, made fit for a terminal.
func shown(value string) string {
	if len(value) > maxShown {
		return fmt.Sprintf("%q…", value[:maxShown])
	}
	return fmt.Sprintf("%q", value)
}
