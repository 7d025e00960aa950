package protocol_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"mirnode/protocol"
)

func TestOrigins(t *testing.T) {
	for text, want := range map[string]protocol.Origin{
		"node1.test/mir":              {Domain: "node1.test", Network: protocol.Production, Epoch: 1},
		"node1.test/mir-staging":      {Domain: "node1.test", Network: protocol.Staging, Epoch: 1},
		"node1.test/mir-dev":          {Domain: "node1.test", Network: protocol.Development, Epoch: 1},
		"node1.test/mir-dev/2":        {Domain: "node1.test", Network: protocol.Development, Epoch: 2},
		"a.xn--p1ai/mir/1000000":      {Domain: "a.xn--p1ai", Network: protocol.Production, Epoch: protocol.MaxEpoch},
		"mir.mir-dev.test/mir":        {Domain: "mir.mir-dev.test", Network: protocol.Production, Epoch: 1},
		"mir-staging.test/mir/999999": {Domain: "mir-staging.test", Network: protocol.Production, Epoch: 999_999},
	} {
		got, err := protocol.ParseOrigin(text)
		if err != nil || got != want || got.String() != text || got.Hash() != sha256.Sum256([]byte(text)) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "/", "node1.test", "node1.test/", "node1/mir", "Node1.test/mir", "node1.test/mir-production", "node1.test/mir-development", "node1.test/MIR",
		"node1.test/mir/", "node1.test/mir/0", "node1.test/mir/1", "node1.test/mir/02", "node1.test/mir/+2", "node1.test/mir/2/", "node1.test/mir/2/3",
		"node1.test/mir/1000001", "node1.test/mir/99999999999999999999", "node1.test/mir/2 ", "node1.test/mir\n", " node1.test/mir", "node1.test+a/mir",
		"127.0.0.1/mir", strings.Repeat("a.", 200) + "test/mir",
	} {
		if got, err := protocol.ParseOrigin(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
}

func TestNetworks(t *testing.T) {
	for s, want := range map[string]bool{"production": true, "staging": true, "development": true, "": false, "dev": false, "Production": false} {
		if n, err := protocol.ParseNetwork(s); (err == nil) != want || want && string(n) != s {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzParseOrigin(f *testing.F) {
	f.Add("node1.test/mir")
	f.Add("node1.test/mir-dev/2")
	f.Add("node1.test/mir/+2")
	f.Fuzz(func(t *testing.T, s string) {
		o, err := protocol.ParseOrigin(s)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
			return
		}
		if o.String() != s || strings.ContainsAny(s, " +\n") || o.Epoch < 1 || o.Epoch > protocol.MaxEpoch {
			t.Fatalf("%q became %+v", s, o)
		}
	})
}
