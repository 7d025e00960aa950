package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/node"
)

// Check finds what a start would stumble over, and names the setting.
func TestCheckedSettings(t *testing.T) {
	text := writeFile(t, "text", "not PEM, not JSON")
	for _, test := range []struct {
		name, yaml string
		want       []string
	}{
		{"nothing", "", nil},
		{"certificates that are not there", "tls: {cert: /none/cert.pem, key: /none/key.pem}", []string{"tls.cert: stat /none/cert.pem"}},
		{"no certificate", "tls: {cert: " + text + ", key: " + text + "}", []string{"tls.cert, tls.key: failed to find any PEM data"}},
		{"a key document that is not there", "publish: {shop.example: /none/mir.json}", []string{"publish: shop.example: ", "/none/mir.json"}},
		{"two bad key documents", "publish: {a.example: " + text + ", b.example: [x, y]}", []string{"publish: a.example: ", "publish: b.example: "}},
		{"a resolver without a scheme", "discovery: {resolvers: [dns.google]}", []string{`discovery.resolvers: resolver "dns.google"`}},
		{"authorities that are none", "discovery: {extra_ca_file: " + text + "}", []string{"discovery.extra_ca_file: "}},
		{"a resolver's address alone", "discovery: {resolvers: [192.0.2.53]}", nil},
		{"a folder that cannot be made", "data_dir: /proc/x/y", []string{"data_dir: ", "cannot be written by this user"}},
		{"a folder that is not there yet", "data_dir: " + filepath.Join(t.TempDir(), "a", "b"), nil},
		{"a folder below a file", "data_dir: " + filepath.Join(text, "x"), []string{"data_dir: ", "not a directory"}},
		{"a file as the folder", "data_dir: " + text, []string{"data_dir: ", "is no folder"}},
		{"several", "tls: {cert: /none, key: /none}\ndiscovery: {resolvers: [x]}", []string{"tls.cert: ", "discovery.resolvers: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := node.Load(node.Sources{File: writeFile(t, "c.yaml", test.yaml)})
			if err != nil {
				t.Fatal(err)
			}
			err = c.Check()
			if (err != nil) != (len(test.want) > 0) {
				t.Fatalf("the error is %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v, want %q", err, want)
				}
			}
		})
	}
}

// A check leaves nothing in the folder that it tries.
func TestCheckLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	c, err := node.Load(node.Sources{File: writeFile(t, "c.yaml", "data_dir: "+dir)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}

// One mistake is told once.
func TestNetworkWithASlip(t *testing.T) {
	_, err := node.Load(node.Sources{File: writeFile(t, "c.yaml", "network: prod")})
	if err == nil || strings.Contains(err.Error(), "domain") {
		t.Error(err)
	}
}

func TestDurationsInJSONLogs(t *testing.T) {
	var b bytes.Buffer
	node.NewLogger(&b, node.Log{Level: "info", Format: "json"}).Info("request", "took", 1500*time.Microsecond)
	if !strings.Contains(b.String(), `"tookMs":1.5`) {
		t.Error(b.String())
	}
}
