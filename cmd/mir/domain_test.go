package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/discovery"
	"mirnode/protocol"
)

// names is a pretended internet for the tests of `mir domain check`.
type names struct {
	t    *testing.T
	dir  string
	args []string // the flags that make the program see it
}

func newNames(t *testing.T) *names {
	t.Helper()
	dir := t.TempDir()
	served, err := cluster.StartNames(dir, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	})
	return &names{t: t, dir: dir, args: []string{"--resolver", "udp://" + served.DNS().String(), "--ca-file", served.CAFile(),
		"--allow-range", "127.0.0.0/8", "--well-known-port", fmt.Sprint(served.WellKnown().Port())}}
}

func (n *names) publish(domain string, change func(*cluster.Domain)) {
	n.t.Helper()
	err := cluster.UpdatePublished(n.dir, func(p *cluster.Published) error {
		change(p.Domain(domain))
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// check runs `mir domain check` and returns its exit code and all that it printed.
func (n *names) check(args ...string) (code int, output string) {
	var out bytes.Buffer
	code = run(context.Background(), append(append([]string{"domain", "check"}, args...), n.args...), streams{strings.NewReader(""), &out, &out})
	return code, out.String()
}

func seededKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func everywhere(key ed25519.PrivateKey) cluster.Key {
	return cluster.Key{Public: protocol.EncodePublicKey(publicOf(key)), Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown}}
}

func TestDomainCheckFindsWhatIsWrong(t *testing.T) {
	internet := newNames(t)
	key := seededKey(7)
	public := publicOf(key)
	text := protocol.EncodePublicKey(public)
	record := protocol.KeyRecord(public)
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	identity := make([]byte, 32)
	identity[0] = 1
	right := `_mir-key TXT "%s"`
	fix := fmt.Sprintf("_mir-key.DOMAIN. 3600 IN TXT %q", record)

	for i, test := range []struct {
		name   string
		record string // with %s for the value
		value  string
		want   []string
	}{
		{"nothing at all", "", "", []string{"no key was found", "mir key new", "mir key publish DOMAIN"}},
		{"at the bare domain", `@ TXT "%s"`, record, []string{"fail  a key stands at DOMAIN (the bare domain)", fix}},
		{"without the underscore", `mir-key TXT "%s"`, record, []string{"fail  a key stands at mir-key.DOMAIN", fix}},
		{"an underscore for the hyphen", `_mir_key TXT "%s"`, record, []string{"fail  a key stands at _mir_key.DOMAIN", fix}},
		{"the zone doubled", `_mir-key.DOMAIN TXT "%s"`, record, []string{"fail  a key stands at _mir-key.DOMAIN.DOMAIN", "by itself", fix}},
		{"quotes inside", right, `\"` + record + `\"`, []string{"quotes", fix}},
		{"no prefix", right, text, []string{"does not start with mir-key=", fix}},
		{"another prefix", right, "MIR-KEY: " + text, []string{"does not start with mir-key=", fix}},
		{"standard base64", right, "mir-key=" + base64.StdEncoding.EncodeToString(public), []string{"base64", fix}},
		{"padding", right, record + "=", []string{"padding", fix}},
		{"hexadecimal", right, "mir-key=" + hex.EncodeToString(public), []string{"hexadecimal", fix}},
		{"two keys in one", right, record + "," + protocol.KeyRecord(publicOf(seededKey(8))), []string{"several keys", fix}},
		{"DER", right, "mir-key=" + base64.StdEncoding.EncodeToString(spki), []string{"DER form", fix}},
		{"PEM", right, "-----BEGIN PUBLIC KEY-----" + base64.StdEncoding.EncodeToString(spki) + "-----END PUBLIC KEY-----", []string{"DER form", fix}},
		{"a small-order key", right, "mir-key=" + base64.RawURLEncoding.EncodeToString(identity), []string{"small order"}},
		{"the private key, 64 bytes", right, "mir-key=" + base64.RawURLEncoding.EncodeToString(key), []string{"PRIVATE KEY away", "never sign"}},
		{"the private key, hex", right, "mir-key=" + hex.EncodeToString(key), []string{"PRIVATE KEY away"}},
		{"the private key, DER", right, "mir-key=" + base64.StdEncoding.EncodeToString(pkcs8), []string{"PRIVATE KEY away"}},
		{"the private key, PEM", right, string(bytes.ReplaceAll(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), []byte("\n"), nil)), []string{"PRIVATE KEY away"}},
		{"cut off", right, record[:len(record)-1], []string{"has 42 characters, and a key has 43: some were cut off", "fix: copy the whole record again", "mir key publish --format dns DOMAIN"}},
		{"garbled", right, "mir-key=?", []string{"is no key: ", "fix: copy the whole record again"}},
		{"something else", right, "hello", []string{"warn  the TXT record \"hello\" has nothing to do with keys"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			domain := fmt.Sprintf("d%d.test", i)
			internet.publish(domain, func(d *cluster.Domain) {
				if test.record != "" {
					d.Records = []string{strings.ReplaceAll(fmt.Sprintf(test.record, test.value), "DOMAIN", domain)}
				}
			})
			code, output := internet.check(domain)
			if code != exitRejected {
				t.Errorf("exit code %d", code)
			}
			for _, want := range test.want {
				if want = strings.ReplaceAll(want, "DOMAIN", domain); !strings.Contains(output, want) {
					t.Errorf("lacks %q:\n%s", want, output)
				}
			}
			if strings.Contains(output, "fix: copy") && strings.Contains(output, "mir key new") {
				t.Errorf("speaks of a new key where the old one is good:\n%s", output)
			}
			if strings.Contains(output, "PRIVATE KEY away") && strings.Contains(output, base64.RawURLEncoding.EncodeToString(key)) {
				t.Errorf("shows the private key once more:\n%s", output)
			}
		})
	}
}

func TestDomainCheckOfDocuments(t *testing.T) {
	internet := newNames(t)
	key := seededKey(7)
	public := publicOf(key)
	good := string(protocol.KeyDocument{Keys: []protocol.DomainKey{{Public: public, Fingerprint: protocol.Fingerprint(public)}}}.JSON())
	for i, test := range []struct {
		name     string
		document cluster.Document
		code     int
		want     string
	}{
		{"not JSON's type", cluster.Document{Status: 200, ContentType: "text/plain", Body: good}, 1, "with Content-Type: application/json"},
		{"a redirect to plain HTTP", cluster.Document{Status: 302, ContentType: "text/plain", Location: "http://b.test/"}, 1, "only https"},
		{"another key's fingerprint", cluster.Document{Status: 200, ContentType: "application/json",
			Body: strings.ReplaceAll(good, protocol.Fingerprint(public), strings.Repeat("0", 64))}, 1, `"fingerprint": "` + protocol.Fingerprint(public)},
		{"hexadecimal", cluster.Document{Status: 200, ContentType: "application/json",
			Body: strings.ReplaceAll(good, protocol.EncodePublicKey(public), hex.EncodeToString(public))}, 1, `"pub": "` + protocol.EncodePublicKey(public)},
		{"the private key", cluster.Document{Status: 200, ContentType: "application/json",
			Body: strings.ReplaceAll(good, protocol.EncodePublicKey(public), base64.RawURLEncoding.EncodeToString(key))}, 1, "PRIVATE KEY away"},
		{"an outage", cluster.Document{Status: 503, ContentType: "text/plain"}, 3, "fix: mend the web server"},
		{"a key that was cut off", cluster.Document{Status: 200, ContentType: "application/json",
			Body: strings.ReplaceAll(good, protocol.EncodePublicKey(public), protocol.EncodePublicKey(public)[1:])}, 1, "fix: copy the whole document again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			domain := fmt.Sprintf("d%d.test", i)
			internet.publish(domain, func(d *cluster.Domain) { d.Document = &test.document })
			code, output := internet.check(domain)
			if code != test.code || !strings.Contains(output, test.want) {
				t.Errorf("exit code %d; lacks %q:\n%s", code, test.want, output)
			}
		})
	}
}

func TestDomainCheckOfTimesAndKeys(t *testing.T) {
	internet := newNames(t)
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := writeKeyFile(path, seededKey(7)); err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) *time.Time { t := time.Now().Add(d); return &t }
	const day = 24 * time.Hour
	expiring := func(d time.Duration) func(*cluster.Domain) {
		return func(domain *cluster.Domain) {
			k := everywhere(seededKey(7))
			k.Expires = at(d)
			domain.SetKey(k)
		}
	}
	onlyIn := func(channel protocol.Channel) func(*cluster.Domain) {
		return func(d *cluster.Domain) {
			k := everywhere(seededKey(7))
			k.Channels = []protocol.Channel{channel}
			d.SetKey(k)
		}
	}
	for i, test := range []struct {
		name   string
		change func(*cluster.Domain)
		args   []string
		code   int
		want   []string
	}{
		{"a good one", func(d *cluster.Domain) { d.SetKey(everywhere(seededKey(7))) }, []string{"--key", path}, 0,
			[]string{"pass  your key is in DNS", "pass  your key is in the well-known document", ".test: pass\n"}},
		{"another's key", func(d *cluster.Domain) { d.SetKey(everywhere(seededKey(8))) }, []string{"--key", path}, 1,
			[]string{"fail  your key is not in DNS", "fail  your key is not in the well-known document"}},
		{"in DNS alone", onlyIn(protocol.DNS), []string{"--key", path}, 0, []string{"pass  your key is in DNS", "warn  your key is not in the well-known document",
			"fix: serve at https://d2.test/.well-known/mir.json, as application/json:", `"created": "20`, ".test: warn"}},
		{"in the document alone", onlyIn(protocol.WellKnown), nil, 0, []string{"warn  _mir-key.d", "fix: _mir-key.d"}},
		{"retired", func(d *cluster.Domain) { expiring(-10 * day)(d); d.SetKey(everywhere(seededKey(8))) }, nil, 0, []string{"is retired since"}},
		{"all retired", expiring(-10 * day), nil, 1, []string{"every key has expired"}},
		{"long retired", expiring(-400 * day), nil, 1, []string{"over a year"}},
		{"soon over", expiring(10 * day), nil, 0, []string{"warn", "expires soon"}},
		{"an alias", func(d *cluster.Domain) {
			d.Records = []string{"_mir-key CNAME keys", `keys TXT "` + protocol.KeyRecord(publicOf(seededKey(7))) + `"`}
		}, nil, 0, []string{"an alias (CNAME)"}},
		{"a long life", func(d *cluster.Domain) {
			d.Records = []string{`_mir-key 604800 TXT "` + protocol.KeyRecord(publicOf(seededKey(7))) + `"`}
		}, nil, 0, []string{"the TTL of the TXT records is 168h0m0s"}},
		{"the seed as the key", func(d *cluster.Domain) {
			d.Records = []string{`_mir-key TXT "mir-key=` + base64.RawURLEncoding.EncodeToString(seededKey(7).Seed()) + `"`}
		}, []string{"--key", path}, 1, []string{"PRIVATE KEY away"}},
		{"the fingerprint as the key", func(d *cluster.Domain) {
			d.Records = []string{`_mir-key TXT "mir-key=` + protocol.Fingerprint(publicOf(seededKey(7))) + `"`}
		}, []string{"--key", path}, 1, []string{"it is the key's fingerprint", `"` + protocol.KeyRecord(publicOf(seededKey(7))) + `"`}},
		{"a server that fails, beside a good record", func(d *cluster.Domain) {
			onlyIn(protocol.DNS)(d)
			d.Document = &cluster.Document{Status: 503}
		}, []string{"--key", path}, 0, []string{"warn  https://", "503", "claims verify by DNS alone", "--wait 5m", ".test: warn"}},
		{"a server that fails, beside another's record", func(d *cluster.Domain) {
			d.SetKey(everywhere(seededKey(8)))
			d.Document = &cluster.Document{Status: 503}
		}, []string{"--key", path}, 1, []string{"fail  https://", "your key is not in DNS"}},
		{"a private address", func(d *cluster.Domain) {
			onlyIn(protocol.DNS)(d)
			d.Addresses = []netip.Addr{netip.MustParseAddr("10.0.0.1")}
		}, nil, 1, []string{"--allow-range 10.0.0.0/8"}},
		{"a short life", func(d *cluster.Domain) {
			d.Records = []string{`_mir-key 1 TXT "` + protocol.KeyRecord(publicOf(seededKey(7))) + `"`}
		}, nil, 0, []string{"the TTL of the TXT records is 1s", "fix: _mir-key.d", " 3600 IN TXT "}},
		{"a DNS that fails", func(d *cluster.Domain) { d.Rcode = "SERVFAIL" }, nil, 3, []string{"SERVFAIL", "fix: mend", ": unreachable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			domain := fmt.Sprintf("d%d.test", i)
			internet.publish(domain, test.change)
			code, output := internet.check(append([]string{domain}, test.args...)...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(output, want) {
					t.Errorf("lacks %q:\n%s", want, output)
				}
			}
		})
	}
}

// TestDomainCheckOfMissingDomains tells a name that does not exist from one without keys, and a closed network's name where none was named.
func TestDomainCheckOfMissingDomains(t *testing.T) {
	internet := newNames(t)
	code, output := internet.check("nobody.test")
	if code != exitRejected || !strings.Contains(output, "the domain does not exist in DNS") || strings.Contains(output, "cluster env") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	check := domainCheck{domain: "shop.test", now: time.Now}
	report := &discovery.Report{Domain: "shop.test", Missing: true}
	if f := check.closedNetwork(report); len(f) != 1 || !strings.Contains(f[0].Fix, "mir cluster env --dir DIR") {
		t.Errorf("%+v", f)
	}
	check.domain = "shop.example.com"
	if f := check.closedNetwork(report); len(f) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestDomainCheckJSON(t *testing.T) {
	internet := newNames(t)
	internet.publish("a.test", func(d *cluster.Domain) { d.SetKey(everywhere(seededKey(7))) })
	code, output := internet.check("a.test", "--json")
	var result struct {
		Result   string
		Findings []struct{ Channel, Level, Message string }
		Report   struct {
			Agreement string
			Findings  []any
			FetchedAt string
		}
	}
	if err := json.Unmarshal([]byte(output), &result); err != nil || code != 0 || result.Result != "pass" || len(result.Findings) == 0 || result.Report.Agreement != "agree" {
		t.Errorf("exit code %d, %v:\n%s", code, err, output)
	}
	if at := result.Report.FetchedAt; len(result.Report.Findings) > 0 || len(at) > len("2026-01-01T00:00:00.000Z") {
		t.Errorf("findings twice, or parts of milliseconds:\n%s", output)
	}
}

func TestDomainCheckMisuse(t *testing.T) {
	internet := newNames(t)
	if err := os.WriteFile(filepath.Join(internet.dir, "x.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{}, {"a.test", "--key", "nope"}, {"a.test", "--key", filepath.Join(internet.dir, "x.pem")}, {"a.test", "--wait", "-1s"}, {"a.test", "--wait", "999h"}} {
		if code, output := internet.check(args...); code != exitMisuse {
			t.Errorf("%q: exit code %d: %s", args, code, output)
		}
	}
}

func TestFindingsAreColouredOnRequestAlone(t *testing.T) {
	f := discovery.Finding{Level: discovery.Warn, Message: "so\x1b[31m so", Fix: "one\ntwo"}
	for on, want := range map[bool]string{
		false: "  warn  so\\u001b[31m so\n        fix: one\n             two\n",
		true:  "  \x1b[33mwarn\x1b[0m  so\\u001b[31m so\n        fix: one\n             two\n",
	} {
		var out bytes.Buffer
		printFinding(&out, paint{on: on}, f)
		if out.String() != want {
			t.Errorf("coloured %v: %q", on, out.String())
		}
	}
	if newPaint(new(bytes.Buffer)).on {
		t.Error("what is no terminal is coloured")
	}
}

func FuzzKeyMistake(f *testing.F) {
	key := seededKey(7)
	public := publicOf(key)
	for _, seed := range []string{"", protocol.KeyRecord(public), hex.EncodeToString(public), base64.StdEncoding.EncodeToString(key), "MIR-KEY: x",
		protocol.KeyRecord(public) + " " + protocol.KeyRecord(public), "-----BEGIN PUBLIC KEY-----", "-----BEGIN PRIVATE KEY-----"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		meant, named := meantAsKey(value)
		if !named {
			meant = value
		}
		m, found := keyMistake(meant)
		for _, public := range m.keys {
			if err := protocol.CheckPublicKey(public); err != nil {
				t.Errorf("proposes %x: %v", public, err)
			}
		}
		if found && m.what == "" || m.private && len(m.keys) > 0 {
			t.Errorf("found %v: %+v", found, m)
		}
	})
}
