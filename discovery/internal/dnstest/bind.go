package dnstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// NegativeTTL is what the zones' SOA records say about absence, in seconds.
const NegativeTTL = 120

// Zone is what an authoritative server serves.
type Zone struct {
	Name    string // without trailing dot
	Records string // lines of a zone file; SOA and NS are added
	Sign    bool   // with ECDSAP256SHA256
	// Spoil alters the signed zone's text, so that signatures no longer fit.
	Spoil func(string) string
}

// Bind is a running bind9.
type Bind struct {
	Port    int      // on 127.0.0.1, UDP and TCP
	Zones   []Zone   // as given
	Anchors []string // the signed zones' DNSKEY records, for a validator
}

// Address is host:port.
func (b *Bind) Address() string { return fmt.Sprintf("127.0.0.1:%d", b.Port) }

// StartBind serves the zones with bind9's named, without recursion, until the test ends.
func StartBind(t testing.TB, zones ...Zone) *Bind {
	t.Helper()
	named := binary(t, "named", "bind9")
	dir := t.TempDir()
	b := &Bind{Zones: zones}
	var conf strings.Builder
	for _, z := range zones {
		file := filepath.Join(dir, z.Name+".zone")
		text := fmt.Sprintf("$TTL 300\n@ %d IN SOA ns hostmaster 1 3600 600 86400 %d\n@ IN NS ns\nns IN A 127.0.0.1\n%s\n",
			NegativeTTL, NegativeTTL, z.Records)
		write(t, file, text)
		if z.Sign {
			b.Anchors = append(b.Anchors, sign(t, file, z))
		}
		fmt.Fprintf(&conf, "zone %q { type primary; file %q; check-names ignore; };\n", z.Name, file)
	}
	start(t, "all zones loaded", named, func() []string {
		b.Port = freePort(t)
		write(t, filepath.Join(dir, "named.conf"), fmt.Sprintf(`options {
	directory %q; pid-file none; session-keyfile none; lock-file none;
	listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; minimal-responses yes; check-integrity no;
};
controls { };
%s`, dir, b.Port, conf.String()))
		return []string{"-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")}
	})
	return b
}

// sign replaces the zone file by a signed one, and returns the zone's key.
func sign(t testing.TB, file string, z Zone) (anchor string) {
	t.Helper()
	keys := t.TempDir()
	name := run(t, binary(t, "dnssec-keygen", "bind9-dnsutils"), "-q", "-K", keys, "-a", "ECDSAP256SHA256", "-f", "KSK", z.Name)
	run(t, binary(t, "dnssec-signzone", "bind9-utils"), "-q", "-S", "-z", "-O", "full", "-K", keys, "-d", keys, "-o", z.Name, "-f", file, file)
	if z.Spoil != nil {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		spoiled := z.Spoil(string(text))
		if spoiled == string(text) {
			t.Fatalf("the zone %s was not altered:\n%s", z.Name, text)
		}
		write(t, file, spoiled)
	}
	key, err := os.ReadFile(filepath.Join(keys, strings.TrimSpace(name)+".key"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(key)) {
		if !strings.HasPrefix(line, ";") {
			anchor = strings.TrimSpace(line)
		}
	}
	return anchor
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
