package cluster_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/internal/pemfile"
	"mirnode/protocol"
)

// service starts the names for two nodes that run elsewhere.
func service(t *testing.T, dir string, now func() time.Time) *cluster.Service {
	t.Helper()
	s, err := cluster.StartService(cluster.NamesOptions{Dir: dir, Address: netip.MustParseAddr("127.0.0.7"), Now: now}, []cluster.Outsider{
		{Domain: "node1.test", At: netip.MustParseAddrPort("127.0.0.11:8443")}, {Domain: "node2.test", At: netip.MustParseAddrPort("127.0.0.12:9443")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestServiceMakesWhatNodesNeed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "names")
	s := service(t, dir, nil)
	for question, want := range map[string]string{
		"node2.test. A":                      "127.0.0.12",
		"_mir-node._tcp.node2.test. SRV":     "0 0 9443 node2.test.",
		"_mir-key.node1.test. TXT":           "mir-key=" + publicKey(t, filepath.Join(dir, "node1.test", "node-key.pem")),
		"ns.mir-cluster.test. A":             "127.0.0.7",
		"_mir-node._tcp.nobody.example. SRV": "",
	} {
		name, kind, _ := strings.Cut(question, " ")
		got := ""
		if answer := ask(t, s.Names(), "udp", name, kind).Answer; len(answer) > 0 {
			got = answer[0].String()
		}
		if !strings.Contains(strings.ReplaceAll(got, `"`, ""), want) || want == "" && got != "" {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
	if read(t, dir, "node1.test", "gossip.key") != read(t, dir, "node2.test", "gossip.key") {
		t.Error("two keys of gossip")
	}
	document, err := protocol.ParseKeyDocument([]byte(read(t, dir, "node1.test", "mir.json")))
	if err != nil || len(document.Keys) != 1 || protocol.EncodePublicKey(document.Keys[0].Public) != publicKey(t, filepath.Join(dir, "node1.test", "node-key.pem")) {
		t.Errorf("%+v %v", document, err)
	}
	state, err := cluster.ReadState(dir)
	if err != nil || len(state.Nodes) != 2 || state.Nodes[1].PublicURL != "https://node2.test:9443" || state.Nodes[1].Status != cluster.Elsewhere {
		t.Errorf("%+v %v", state, err)
	}
	for _, file := range []string{"ca-key.pem", "node1.test/node-key.pem", "node1.test/tls-key.pem", "node1.test/gossip.key"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	if _, err := cluster.StartService(cluster.NamesOptions{Dir: dir}, nil); err == nil || !strings.Contains(err.Error(), "another cluster") {
		t.Errorf("two services on one folder: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(s.Run(ctx), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := cluster.ReadState(dir); !errors.Is(err, cluster.ErrNotRunning) {
		t.Errorf("%v", err)
	}
}

func publicKey(t *testing.T, path string) string {
	t.Helper()
	public, err := pemfile.ReadPublicKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.EncodePublicKey(public)
}

// verifyBy are the terms of a client that trusts the authority of a file.
func verifyBy(t *testing.T, caFile, name string, at time.Time) x509.VerifyOptions {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(read(t, caFile))) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: at}
}

func TestServiceKeepsWhatIsBelievedAndRenewsCertificates(t *testing.T) {
	dir, clock := t.TempDir(), time.Now()
	now := func() time.Time { return clock }
	certificate := func() *tls.Certificate {
		t.Helper()
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "node1.test", "tls-cert.pem"), filepath.Join(dir, "node1.test", "tls-key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pair.Leaf.Verify(verifyBy(t, filepath.Join(dir, "node1.test", "ca.pem"), "node1.test", clock)); err != nil {
			t.Error(err)
		}
		return &pair
	}
	s := service(t, dir, now)
	first, ca, key := certificate().Leaf.SerialNumber, read(t, dir, "ca.pem"), read(t, dir, "node1.test", "node-key.pem")
	if err := s.Renew(); err != nil || certificate().Leaf.SerialNumber.Cmp(first) != 0 {
		t.Errorf("renewed at once: %v", err)
	}
	clock = clock.Add(18 * time.Hour)
	if err := s.Renew(); err != nil || certificate().Leaf.SerialNumber.Cmp(first) == 0 {
		t.Errorf("not renewed: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = service(t, dir, now)
	if read(t, dir, "ca.pem") != ca || read(t, dir, "node1.test", "node-key.pem") != key {
		t.Error("a restart changed the authority or a node's key")
	}
	certificate()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(60 * 24 * time.Hour) // past half of the authority's life
	service(t, dir, now)
	if read(t, dir, "ca.pem") == ca {
		t.Error("an authority that is old stays")
	}
	certificate()
}
