package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mirnode/node"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	file := writeFile(t, "c.yaml", "listen: 127.0.0.1:1\nlog:\n  level: warn\n  format: json\nlimits:\n  read_burst: 7\ndiscovery:\n  resolvers: [udp://192.0.2.1:53]\n  well_known_port: 1\n")
	c, err := node.Load(node.Sources{
		File:    file,
		Environ: []string{"MIR_LISTEN=127.0.0.1:2", "MIR_LOG_LEVEL=debug", "MIR_RESOLVERS=udp://192.0.2.2:53, tcp://192.0.2.3:53", "MIR_NODE=http://x", "HOME=/", "MIR_DOMAIN="},
		Foreign: []string{"MIR_NODE"},
		Flags:   map[string][]string{"listen": {"127.0.0.1:3"}, "operator_allow_remote": {"true"}, "discovery.allow_ranges": {"10.0.0.0/8", "fd00::/8"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := node.Default()
	want.Listen, want.Log.Level, want.Log.Format, want.Limits.ReadBurst, want.OperatorAllowRemote = "127.0.0.1:3", "debug", "json", 7, true
	want.Discovery.Resolvers, want.Discovery.WellKnownPort = []string{"udp://192.0.2.2:53", "tcp://192.0.2.3:53"}, 1
	want.Discovery.AllowRanges = []string{"10.0.0.0/8", "fd00::/8"}
	for i, setting := range c.Settings() {
		if expected := want.Settings()[i]; setting.Value() != expected.Value() {
			t.Errorf("%s is %q, want %q", setting.Key, setting.Value(), expected.Value())
		}
	}
}

// What is wrong is told with what to write instead.
func TestRefusedSettings(t *testing.T) {
	key := "nDCfp4jp9ApqzOqLkMu4iaNyefVyEJZcJSdD6Ys2P5Y"
	for _, test := range []struct{ name, yaml, env, want string }{
		{"unknown key", "lisen: x", "", "line 1: unknown setting lisen: did you mean listen?"},
		{"unknown key in a group", "tls:\n  certificate: x", "", "unknown setting tls.certificate"},
		{"unknown key in a group, near", "limits:\n  read_brust: 1", "", "did you mean limits.read_burst?"},
		{"a group's name", "discovry: {}", "", "did you mean discovery?"},
		{"unknown variable", "", "MIR_LISTN=x", "did you mean MIR_LISTEN?"},
		{"twice", "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", "", "listen stands twice"},
		{"second document", "listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2", "", "second document"},
		{"not YAML", "a: b: c", "", "mapping values"},
		{"a list at the top", "- a", "", "must hold settings"},
		{"a group as a value", "tls: yes", "", "tls must hold settings"},
		{"a list for one value", "listen: [a]", "", "write one value"},
		{"a mapping for a list", "trusted_proxies: {a: b}", "", "write a list"},
		{"an alias", "domain: &a node.example\ndata_dir: *a", "", "anchors and aliases"},
		{"not a domain", "domain: 127.0.0.1", "", "is no domain"},
		{"unknown network", "network: prod", "", "none of production, staging, development"},
		{"production without a domain", "network: production", "", "belongs to a domain"},
		{"a wrong clock in earnest", "network: production\ndomain: node.example\nclock_offset: -1s", "", "has the right time"},
		{"no port", "listen: localhost", "", "write ADDR:PORT"},
		{"a name to listen on", "listen: node.example:80", "", "an address of this machine"},
		{"half of TLS", "tls: {cert: x}", "", "set both"},
		{"operator for all", "operator_listen: :9090", "", "no log-in"},
		{"operator on no socket", "operator_listen: 'unix:'", "", "name the socket"},
		{"no number", "limits: {read_burst: many}", "", `"many" is no whole number`},
		{"negative", "limits: {read_burst: -1}", "", "write a number above zero"},
		{"negative rate", "limits: {read_per_second: -1}", "", "or 0 for no limit"},
		{"no rate", "limits: {read_per_second: .nan}", "", "no number"},
		{"no unit", "shutdown_timeout: 10", "", "write a number with its unit"},
		{"no time", "shutdown_timeout: 0s", "", "write a time above zero"},
		{"times in the wrong order", "discovery: {min_ttl: 2h}", "", "must hold"},
		{"neither true nor false", "operator_allow_remote: maybe", "", "neither true nor false"},
		{"no range", "discovery: {allow_ranges: [inside]}", "", "is no address range"},
		{"no port for others", "discovery: {well_known_port: 70000}", "", "from 1 to 65535"},
		{"peers without a domain", "peers: {domains: [node.example]}", "", "cannot have peers"},
		{"a peer that is no domain", "domain: a.example\npeers: {domains: [192.0.2.1]}", "", "write it like node.example"},
		{"a peer in clear text", "domain: a.example\npeers: {addresses: ['http://node.example']}", "", "write https://"},
		{"unknown admission", "peers: {admission: all}", "", "none of allowlist, open"},
		{"too many peers", "peers: {max: 5000}", "", "from 1 to 1000"},
		{"no quorum", "peers: {quorum: 0}", "", "write a number above zero"},
		{"no outgoing address", "peers: {outgoing_address: eth0}", "", "write one of this machine's"},
		{"a public URL with a path", "public_url: https://node.example/api", "", "write https:// and a host"},
		{"gossip without a domain", "gossip: {listen: '127.0.0.1:7946'}", "", "nobody to gossip with"},
		{"advertised without gossip", "gossip: {advertise: '192.0.2.1:7946'}", "", "nothing to advertise"},
		{"advertised everywhere", "domain: a.example\ngossip: {listen: ':7946', advertise: '0.0.0.0:7946'}", "", "no address that others can send to"},
		{"epoch 0", "origin: {epoch: 0}", "", "write a number above zero"},
		{"publish for no domain", "publish: {x: mir.json}", "", "is no domain"},
		{"publish a list", "publish: [mir.json]", "", "write a mapping"},
		{"every unknown key, the last", "lisen: x\nlog: {lebel: x, format: json}\nnetwrk: x", "", "line 3: unknown setting netwrk: did you mean network?"},
		{"every unknown key, in a group", "lisen: x\nlog: {lebel: x, format: json}\nnetwrk: x", "", "unknown setting log.lebel"},
		{"operator where the API is", "operator_listen: 127.0.0.1:8080", "", "is where listen is"},
		{"operator where all is", "listen: ':8080'\noperator_listen: localhost:8080", "", "is where listen is"},
		{"few claims to merge", "store: {merge_claims: 1}", "", "from 1000 to 1000000"},
		{"many claims to merge", "store: {merge_claims: 2000000000}", "", "from 1000 to 1000000"},
		{"no number of connections", "limits: {connections_per_client: -1}", "", "or 0 for no limit"},
		{"publish a mapping", "publish: {shop.example: {a: b}}", "", "list of public keys"},
		{"publish without a file", "", "MIR_PUBLISH=shop.example", "write DOMAIN=FILE"},
		{"log level", "log: {level: loud}", "", "none of debug"},
		{"all at once", "network: x\nlisten: y\nlog: {format: z}", "", "log.format"},
		{"keys are fine", "publish: {shop.example: [" + key + "], b.example: mir.json}", "MIR_LOG_LEVEL=loud", "log.level"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sources := node.Sources{File: writeFile(t, "c.yaml", test.yaml)}
			if test.env != "" {
				sources.Environ = []string{test.env}
			}
			_, err := node.Load(sources)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestEmptyFilesSetNothing(t *testing.T) {
	for _, text := range []string{"", "# only a comment\n", "tls:\n# all of it commented out\n", "listen:\n"} {
		if _, err := node.Load(node.Sources{File: writeFile(t, "c.yaml", text)}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := node.Load(node.Sources{File: filepath.Join(t.TempDir(), "none.yaml")}); err == nil {
		t.Error("a file that is not there was read")
	}
}

// The examples load, and every key in them is one that exists.
func TestExampleConfigurations(t *testing.T) {
	examples, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(examples) < 3 {
		t.Fatal(examples, err)
	}
	for _, path := range examples {
		if _, err := node.Load(node.Sources{File: path}); err != nil {
			t.Error(err)
		}
	}
}

// docs/operators.md lists every setting as it is: name, variable, flag, default.
func TestDocumentedSettings(t *testing.T) {
	page, err := os.ReadFile("../docs/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	c := node.Default()
	if table := settingsTable(&c); !strings.Contains(string(page), table) {
		t.Errorf("docs/operators.md does not hold this table:\n%s", table)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\npublish: {a.example: [b, c]}\n")
	f.Add("a: &x [*x]\n? [b]\n: c\n")
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := node.Load(node.Sources{File: path})
		if err == nil {
			if again := c.Validate(); again != nil {
				t.Errorf("loaded, and not valid: %v", again)
			}
		}
	})
}

// settingsTable writes the table of docs/operators.md, with c's values as the defaults.
func settingsTable(c *node.Config) string {
	var b strings.Builder
	b.WriteString("| setting | default | variable, flag | meaning |\n|---|---|---|---|\n")
	for _, s := range c.Settings() {
		value := s.Value()
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` `--%s` | %s |\n", s.Key, value, s.Env(), s.Flag(), strings.ReplaceAll(s.Help, "|", "\\|"))
	}
	return b.String()
}

// The settings that docs/federation.md shows are ones that a node takes.
func TestFederationPageSettings(t *testing.T) {
	page, err := os.ReadFile("../docs/federation.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) < 2 {
		t.Fatalf("%d examples on the page", len(examples))
	}
	for _, example := range examples {
		settings := example[1]
		if !strings.Contains(settings, "\ndomain:") { // an excerpt, indented below a list item
			settings = "domain: node.example\n" + strings.ReplaceAll("\n"+settings, "\n   ", "\n")
		}
		if _, err := node.Load(node.Sources{File: writeFile(t, "example.yaml", settings)}); err != nil {
			t.Errorf("%v\n%s", err, settings)
		}
	}
}
