package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

// TestNodeOfAClosedNetwork reaches a node by a name that only the resolvers of MIR_RESOLVERS know.
func TestNodeOfAClosedNetwork(t *testing.T) {
	node := httptest.NewServer(http.NotFoundHandler())
	defer node.Close()
	dir := t.TempDir()
	served, err := cluster.StartNames(dir, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := cluster.UpdatePublished(dir, func(p *cluster.Published) error {
		p.Domain("a.test").Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(node.URL, "http://"), ":")
	get := func(host string) (int, string) {
		code, _, errors := runHere(t, "claim", "get", noClaim, "--node", "http://"+host+":"+port)
		return code, errors
	}
	if code, errors := get("a.test"); code != exitUnreachable || !strings.Contains(errors, "MIR_RESOLVERS") {
		t.Errorf("without resolvers: %d, %s", code, errors)
	}
	t.Setenv(envResolvers, "udp://"+served.DNS().String())
	for _, host := range []string{"a.test", "127.0.0.1", "localhost"} {
		if code, errors := get(host); code != exitRejected || !strings.Contains(errors, "404") {
			t.Errorf("%s: %d, %s", host, code, errors)
		}
	}
	if code, errors := get("nobody.test"); code != exitUnreachable || !strings.Contains(errors, "nobody.test") {
		t.Errorf("a name that nobody knows: %d, %s", code, errors)
	}
	t.Setenv(envResolvers, "nonsense")
	if code, _ := get("a.test"); code != exitMisuse {
		t.Errorf("no resolver: %d", code)
	}
}
