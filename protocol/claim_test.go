package protocol_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/protocol"
)

func wantCode(t *testing.T, err error, code protocol.Code) *protocol.Error {
	t.Helper()
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Message == "" {
		t.Fatalf("error %v, want an *Error with %s", err, code)
	}
	return refusal
}

func TestClaimAccessors(t *testing.T) {
	d := testDraft(`{ "b":1, "a":[true] }`)
	d.Domain, d.Timestamp = "Market.Example.COM", "2026-02-16T16:30:00.5+01:00"
	signed, err := d.Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	spaced := "\n " + strings.ReplaceAll(string(signed.Raw()), `,"`, " ,\n\t\"") + "\r\n"
	c, err := protocol.ParseClaim([]byte(spaced))
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Raw()) != strings.TrimSpace(spaced) {
		t.Errorf("raw %q is not verbatim", c.Raw())
	}
	if c.Domain != "Market.Example.COM" || c.Host() != "market.example.com" {
		t.Errorf("domain %s, host %s", c.Domain, c.Host())
	}
	if want := time.Date(2026, 2, 16, 15, 30, 0, 500_000_000, time.UTC); !c.Time().Equal(want) || c.Time().Location() != time.UTC {
		t.Errorf("time %v, want %v", c.Time(), want)
	}
	if string(c.Metadata()) != `{"a":[true],"b":1}` {
		t.Errorf("metadata %s", c.Metadata())
	}
	hash := sha256.Sum256([]byte(c.Sig))
	if c.SigHash() != hash || c.ID() != "claim_"+hex.EncodeToString(hash[:]) {
		t.Errorf("sigHash %x, ID %s", c.SigHash(), c.ID())
	}
	if c.RecordHash() != sha256.Sum256(signed.Raw()) || c.RecordHash() != signed.RecordHash() {
		t.Error("the record's hash depends on spelling, or is not that of the canonical bytes with sig")
	}
	if string(c.Canonical()) != strings.Replace(string(signed.Raw()), `"sig":"`+c.Sig+`",`, "", 1) {
		t.Errorf("canonical form %s", c.Canonical())
	}
}

func TestClaimDoesNotAliasItsInput(t *testing.T) {
	data := document(`{"a":"x"}`)
	c, err := protocol.ParseClaim(data)
	if err != nil {
		t.Fatal(err)
	}
	before := string(c.Raw()) + c.Type + string(c.Canonical())
	clear(data)
	if string(c.Raw())+c.Type+string(c.Canonical()) != before {
		t.Error("the claim changed with its input")
	}
}

func TestClaimConcurrentReads(t *testing.T) {
	c, err := protocol.ParseClaim(document(`{"10":1,"9":2}`))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c.Raw()
			c.ID()
			c.RecordHash()
			if _, err := c.CanonicalSDK(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestRefusalsSayWhatAndHow(t *testing.T) {
	good := string(document(`{"a":{"b":[0]}}`))
	tests := []struct {
		name, old, new string
		code           protocol.Code
		message, hint  string // parts
	}{
		{"missing", `"mir":1,`, ``, protocol.InvalidSchema, "missing: mir", "add"},
		{"several missing", `"mir":1,"type":"mir.account.created",`, ``, protocol.InvalidSchema, "missing: mir, type", "add"},
		{"near name", `"domain"`, `"Domain"`, protocol.InvalidSchema, `"Domain"`, "did you mean domain?"},
		{"unknown name", `"mir":1`, `"mir":1,"score":9`, protocol.InvalidSchema, `"score"`, "metadata"},
		{"version", `"mir":1`, `"mir":2`, protocol.InvalidSchema, "mir is 2", "number 1"},
		{"kind", `"type":"mir.account.created"`, `"type":7`, protocol.InvalidSchema, "type is a number", ""},
		{"duplicate", `"mir":1`, `"mir":1,"mir":1`, protocol.InvalidSchema, "twice", ""},
		{"number", `[0]`, `[1e999]`, protocol.CanonicalizationError, "metadata.a.b[0]: a number", "string"},
		{"surrogate", `[0]`, `["\ud800"]`, protocol.CanonicalizationError, "metadata.a.b[0]: a string", "UTF-8"},
		{"surrogate in a name", `"b"`, `"\ud800"`, protocol.CanonicalizationError, "a member's name", "UTF-8"},
		{"fault and size", `[0]`, `[1e999,"` + strings.Repeat("x", 5000) + `"]`, protocol.InvalidSchema, "4096", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := protocol.ParseClaim([]byte(strings.Replace(good, tt.old, tt.new, 1)))
			refusal := wantCode(t, err, tt.code)
			if !strings.Contains(refusal.Message, tt.message) || !strings.Contains(refusal.Hint, tt.hint) {
				t.Errorf("message %q, hint %q", refusal.Message, refusal.Hint)
			}
		})
	}
}

func TestParseClaimID(t *testing.T) {
	digits := strings.Repeat("0aB", 21) + "f"
	hash, err := protocol.ParseClaimID("claim_" + digits)
	if err != nil || hex.EncodeToString(hash[:]) != strings.ToLower(digits) {
		t.Errorf("got %x, %v", hash, err)
	}
	for _, s := range []string{"", "claim_", digits, "Claim_" + digits, "claim_" + digits[1:], "claim_" + digits + "0", "claim_" + digits[1:] + "g", " claim_" + digits} {
		_, err := protocol.ParseClaimID(s)
		wantCode(t, err, protocol.InvalidSchema)
	}
}

func TestTimestamps(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	parse := func(s string) (*protocol.Claim, error) {
		return protocol.ParseClaim([]byte(strings.Replace(string(document("")), "2026-03-01T12:00:00Z", s, 1)))
	}
	for s, want := range map[string]time.Time{
		"2026-03-01T12:00:00Z":               at("2026-03-01T12:00:00Z"),
		"2026-03-01T12:00:00.1234567890123Z": at("2026-03-01T12:00:00.123456789Z"),
		"2026-03-01T00:30:00+23:59":          at("2026-02-28T00:31:00Z"),
		"2026-03-01T12:00:00-00:00":          at("2026-03-01T12:00:00Z"),
		"2024-02-29T12:00:00Z":               at("2024-02-29T12:00:00Z"),
		"0000-01-01T00:00:00Z":               at("0000-01-01T00:00:00Z"),
		"9999-12-31T23:59:59Z":               at("9999-12-31T23:59:59Z"),
		"2016-12-31T23:59:60Z":               at("2017-01-01T00:00:00Z"),
		"2016-12-31T23:59:60.5Z":             at("2017-01-01T00:00:00.5Z"),
		"2017-01-01T01:29:60+01:30":          at("2017-01-01T00:00:00Z"),
		"2016-12-31T18:59:60-05:00":          at("2017-01-01T00:00:00Z"),
	} {
		if c, err := parse(s); err != nil || !c.Time().Equal(want) {
			t.Errorf("%s: %v, want %v", s, err, want)
		}
	}
	for _, s := range []string{
		"", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01t12:00:00Z", "2026-03-01T12:00:00z", "2026-03-01 12:00:00Z", "2026-3-1T12:00:00Z",
		"2026-03-01T12:00:00.Z", "2026-03-01T12:00:00,5Z", "2026-03-01T12:00:00+1:00", "2026-03-01T12:00:00+0100", "2026-03-01T12:00:00+24:00",
		"2026-03-01T12:00:00+01:60", "2026-03-01T12:00:00+01:00Z", "2026-03-01T12:00:00ZZ", "2026-03-01T12:00:00 Z", "2026-00-01T12:00:00Z",
		"2026-13-01T12:00:00Z", "2026-03-00T12:00:00Z", "2026-02-29T12:00:00Z", "2026-04-31T12:00:00Z", "2026-03-01T24:00:00Z",
		"2026-03-01T12:60:00Z", "2026-03-01T12:00:61Z", "2026-03-01T12:00:60Z", "2016-12-31T23:59:60+01:00", "2017-01-01T00:59:60Z",
		"+2026-03-01T12:00:00Z", "-026-03-01T12:00:00Z", "2026-03-01T12:0x:00Z", "２０26-03-01T12:00:00Z", "2026-03-01T12:00:00\u22121:00",
	} {
		if _, err := parse(s); err == nil {
			t.Errorf("accepted the timestamp %q", s)
		}
	}
}

func TestDomainsAndTypes(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	longest := strings.Repeat(label63+".", 3) + strings.Repeat("b", 57) + ".com" // 253 octets
	for s, ok := range map[string]bool{
		"example.com": true, "EXAMPLE.Com": true, "a.b-c.d--e.example.com": true, "1.2.example": true, "xn--exmple-cua.com": true,
		"example.xn--p1ai": true, "example.XN--P1AI": true, label63 + ".com": true, longest: true, "a.co": true,
		"": false, "com": false, "localhost": false, ".": false, ".com": false, "a..com": false, "example.com.": false, "example.c": false,
		"example.c0m": false, "example.com1": false, "192.0.2.1": false, "::1": false, "[::1]": false, "-a.com": false, "a-.com": false, "*.com": false,
		"a_b.com": false, "a b.com": false, "exämple.com": false, "example.com:443": false, "example.com/x": false, "example.xn--": false, "example.xn--a-": false,
		"a" + label63 + ".com": false, "b" + longest: false, "example.com\n": false, "example。com": false,
	} {
		host, err := protocol.ParseDomain(s)
		if (err == nil) != ok || ok && host != strings.ToLower(s) {
			t.Errorf("domain %q: %q, %v", s, host, err)
		}
		typed := []byte(strings.Replace(string(document("")), "mir.account.created", s+":a.b", 1))
		if _, err := protocol.ParseClaim(typed); (err == nil) != ok {
			t.Errorf("type %q: %v", s+":a.b", err)
		}
	}
	for s, ok := range map[string]bool{
		"mir.a.b": true, "mir.a1.b_2": true, "mir.com:a.b": true, "mir.transaction.escrowed": true, "Shop.Example.com:x.y_z": true,
		"mir.a": false, "mir.a.b.c": false, "mir..b": false, "mir.a.": false, "mir.A.b": false, "mir.a.B": false, "mir.a_b.c": false, "mir.1a.b": false,
		"mir.a._b": false, "mir.a.b-c": false, "MIR.a.b": false, "mirx.a.b": false, "a.b": false, ":a.b": false, "shop.com:a": false, "shop.com:a.b:c": false,
		"shop.com:a.b.c": false, "mir:a.b": false, "mir.a.b\n": false, "": false,
	} {
		_, err := protocol.ParseClaim([]byte(strings.Replace(string(document("")), "mir.account.created", s, 1)))
		if (err == nil) != ok {
			t.Errorf("type %q: %v", s, err)
		}
	}
}

// What is past the bound of values is what is past the bound of bytes: no claim is refused for its values alone.
func TestManyValues(t *testing.T) {
	const most = (protocol.MaxMetadataBytes - len(`{"":[]}`) + 1) / 2
	ones := func(n int) string { return `{"":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `]}` }
	objects := func(n int) string { return `{"":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}` }
	for _, tt := range []struct {
		name, metadata string
		refused        bool
	}{
		{"as many as fit", ones(most), false},
		{"one more", ones(most + 1), true},
		{"as many as fit into a document", ones(7000), true},
		{"empty objects", objects(1362), false},
		{"more empty objects", objects(5000), true},
	} {
		c, err := protocol.ParseClaim(document(tt.metadata))
		refusal, ok := errors.AsType[*protocol.Error](err)
		if ok != tt.refused || ok && refusal.Code != protocol.InvalidSchema {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && len(c.Metadata()) != len(tt.metadata) {
			t.Errorf("%s: %d bytes of metadata", tt.name, len(c.Metadata()))
		}
	}
}
