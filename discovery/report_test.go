package discovery_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mirnode/discovery"
	"mirnode/protocol"
)

func TestChannels(t *testing.T) {
	w := newWorld(t)
	a, b := newKey(t), newKey(t)
	d := w.discoverer(t, nil)
	w.publishDNS("dns.example", a)
	w.publishDocument("web.example", a)
	w.publishDNS("both.example", a, b)
	w.publishDocument("both.example", b, a)
	w.publishDNS("differ.example", a)
	w.publishDocument("differ.example", b)
	w.Set("none.example", "300 IN A 127.0.0.1")
	w.publishDNS("refused.example", a)
	w.Set("refused.example", "300 IN A 10.0.0.1")
	dnsOnly, webOnly := []protocol.Channel{protocol.DNS}, []protocol.Channel{protocol.WellKnown}
	for _, c := range []struct {
		domain    string
		agreement discovery.Agreement
		channels  []protocol.Channel // of a; nil: not found
		warnings  int
		level     discovery.Level
		says      string
	}{
		{"dns.example", discovery.OneAlone, dnsOnly, 0, discovery.Warn, "is not there"},
		{"web.example", discovery.OneAlone, webOnly, 0, discovery.Warn, "is not there"},
		{"both.example", discovery.Agree, []protocol.Channel{protocol.WellKnown, protocol.DNS}, 0, discovery.Pass, "the same keys"},
		{"differ.example", discovery.Disagree, dnsOnly, 1, discovery.Warn, "in DNS but not in the well-known document"},
		{"none.example", discovery.NoKeys, nil, 0, discovery.Fail, "no key was found"},
		{"refused.example", discovery.Uncertain, dnsOnly, 1, discovery.Fail, "not public"},
		{"nothing.example", discovery.NoKeys, nil, 0, discovery.Fail, "the domain does not exist in DNS"},
	} {
		report, err := d.Keys(t.Context(), c.domain)
		if err != nil {
			t.Fatal(err)
		}
		if report.Agreement != c.agreement || !reported(report, c.level, c.says) {
			t.Errorf("%s: %s, want %s and a %s about %q in %+v", c.domain, report.Agreement, c.agreement, c.level, c.says, report.Findings)
		}
		found, err := d.FindKey(t.Context(), c.domain, protocol.Fingerprint(a))
		if c.channels == nil {
			if outcome(err) != "KEY_NOT_FOUND" {
				t.Errorf("%s: %v", c.domain, err)
			}
			continue
		}
		if err != nil || !slices.Equal(found.Key.Channels, c.channels) || len(found.Warnings) != c.warnings || !found.Cached || found.Domain != c.domain {
			t.Errorf("%s: %+v, %v; want channels %v and %d warnings", c.domain, found, err, c.channels, c.warnings)
		}
	}
	if _, err := d.FindKey(t.Context(), "not a domain", "x"); outcome(err) != "INVALID_SCHEMA" {
		t.Errorf("malformed domain: %v", err)
	}
}

// TestFixesAreExact publishes what the findings of a half-configured domain propose, and asks again.
func TestFixesAreExact(t *testing.T) {
	w := newWorld(t)
	a, b := newKey(t), newKey(t)
	w.publishDNS("shop.example", a)
	w.publishDocument("shop.example", b)
	d := w.discoverer(t, nil)
	report, err := d.Keys(t.Context(), "shop.example")
	if err != nil {
		t.Fatal(err)
	}
	records := []string{`300 IN TXT "` + protocol.KeyRecord(a) + `"`}
	for _, f := range report.Findings {
		if record, ok := strings.CutPrefix(f.Fix, "_mir-key.shop.example. "); ok {
			records = append(records, record)
		}
		if _, body, ok := strings.Cut(f.Fix, "as application/json:\n"); ok {
			w.web.handle("shop.example", serveJSON(body))
		}
	}
	w.Set("_mir-key.shop.example", records...)
	if report, err = d.Refresh(t.Context(), "shop.example"); err != nil || report.Agreement != discovery.Agree || len(report.Keys) != 2 {
		t.Errorf("after the fixes: %+v, %v", report, err)
	}
}

// TestReportJSON pins the form that the API and the CLI show.
func TestReportJSON(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.publishDNS("shop.example", key)
	w.Set("shop.example", "60 IN A 127.0.0.1")
	w.web.handle("shop.example", serveJSON(fmt.Sprintf(
		`{"keys":[{"pub":%q,"fingerprint":%q,"alg":"Ed25519","created":"2026-01-01T00:00:00Z","expires":"2027-01-01T00:00:00+01:00"}]}`,
		protocol.EncodePublicKey(key), protocol.Fingerprint(key))))
	report, err := w.discoverer(t, nil).Keys(t.Context(), "shop.example")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"domain":"shop.example","keys":[{"pub":%q,"fingerprint":%q,"alg":"Ed25519","created":"2026-01-01T00:00:00Z",`+
		`"expires":"2026-12-31T23:00:00Z","channels":["well-known","dns"]}],"agreement":"agree","wellKnown":{"status":"ok"`,
		protocol.EncodePublicKey(key), protocol.Fingerprint(key))
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("got  %s\nwant %s…", text, want)
	}
	for _, part := range []string{`"dns":{"status":"ok","where":"_mir-key.shop.example","detail":"1 key"`, `"ttlSeconds":300`, `"fetchedAt":"2026-03-01T12:00:00Z"`, `"findings":[{"channel":"well-known","level":"pass"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s is not in %s", part, text)
		}
	}
}

// TestFaultsInOneLine asks a resolver that is not there: its name and the cause are told, our own ports and line breaks are not.
func TestFaultsInOneLine(t *testing.T) {
	w := newWorld(t)
	d := w.discoverer(t, func(c *discovery.Config) { c.Resolvers = []string{"udp://127.0.0.1:1"} })
	_, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(newKey(t)))
	if outcome(err) != "unreachable" || !strings.Contains(err.Error(), "udp://127.0.0.1:1: connection refused") || strings.ContainsAny(err.Error(), "\n>") {
		t.Errorf("%v", err)
	}
	report, err := d.Keys(t.Context(), "shop.example")
	if err != nil || !reported(report, discovery.Fail, "connection refused") {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, f := range report.Findings {
		if f.Level == discovery.Fail && !strings.Contains(f.Fix, "mir domain check shop.example --wait") {
			t.Errorf("no way out of %q: %q", f.Message, f.Fix)
		}
	}
}

// TestMissingKeyHint tells first what to do.
func TestMissingKeyHint(t *testing.T) {
	w := newWorld(t)
	w.publishDNS("shop.example", newKey(t))
	_, err := w.discoverer(t, nil).FindKey(t.Context(), "shop.example", protocol.Fingerprint(newKey(t)))
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Hint, "publish this key") || !strings.Contains(refusal.Hint, "_mir-key.shop.example: 1 key") {
		t.Errorf("%#v", refusal)
	}
}

// TestHostileDomain holds a report in bounds, whatever a domain publishes.
func TestHostileDomain(t *testing.T) {
	w := newWorld(t)
	var entries, records []string
	for i := range discovery.MaxKeys + 10 {
		key := newKey(t)
		entries = append(entries, fmt.Sprintf(`{"pub":%q,"fingerprint":%q,"alg":"Ed25519"}`, protocol.EncodePublicKey(key), protocol.Fingerprint(key)))
		records = append(records, fmt.Sprintf(`60 IN TXT "mir-key=\027[31m%d%s"`, i, strings.Repeat("x", 200)))
	}
	w.Set("shop.example", "60 IN A 127.0.0.1")
	w.web.handle("shop.example", serveJSON(`{"keys":[`+strings.Join(entries, ",")+strings.Repeat(",0", 1000)+`]}`))
	w.Set("_mir-key.shop.example", records...)
	d := w.discoverer(t, nil)
	report, err := d.Keys(t.Context(), "shop.example")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Keys) != discovery.MaxKeys || len(report.WellKnown.Problems) > 20 || len(report.DNS.Problems) > 20 || len(report.Findings) > 50 {
		t.Errorf("%d keys, %d and %d problems, %d findings", len(report.Keys), len(report.WellKnown.Problems), len(report.DNS.Problems), len(report.Findings))
	}
	for _, f := range report.Findings {
		if strings.Contains(f.Message, "\x1b") || len(f.Message) > 1000 {
			t.Errorf("unfit for a terminal: %q", f.Message)
		}
	}
	// Too long for the label: an absence, not a fault.
	long := strings.Repeat(strings.Repeat("a", 49)+".", 5) + "com"
	w.Set(long)
	if report, err := d.Keys(t.Context(), long); err != nil || report.DNS.Status != discovery.StatusAbsent {
		t.Errorf("%+v, %v", report, err)
	}
}
