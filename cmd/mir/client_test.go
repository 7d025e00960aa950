package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const noClaim = "claim_0000000000000000000000000000000000000000000000000000000000000000"

// silent keeps a test server from telling what the client did wrong.
func silent(server *httptest.Server) *httptest.Server {
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	return server
}

// runHere executes a command line in this process.
func runHere(t *testing.T, args ...string) (code int, out, errors string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(""), &o, &e})
	return code, o.String(), e.String()
}

// TestTLSFaultsAreNamed speaks to nodes in the wrong way.
func TestTLSFaultsAreNamed(t *testing.T) {
	handler := http.NotFoundHandler()
	plain := httptest.NewServer(handler)
	defer plain.Close()
	secure := silent(httptest.NewUnstartedServer(handler))
	secure.StartTLS()
	defer secure.Close()
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	writeCertificate(t, caFile, secure.Certificate())
	host := strings.TrimPrefix(secure.URL, "https://")
	_, port, _ := strings.Cut(host, ":")
	for _, test := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"an authority that nobody knows", []string{"--node", secure.URL}, exitUnreachable, []string{"authority", "--ca-file"}},
		{"HTTPS to HTTP", []string{"--node", strings.Replace(plain.URL, "http:", "https:", 1)}, exitUnreachable, []string{"speaks HTTP", "http://"}},
		{"HTTP to HTTPS", []string{"--node", "http://" + host}, exitMisuse, []string{"https://"}},
		{"another name", []string{"--node", "https://localhost:" + port, "--ca-file", caFile}, exitUnreachable, []string{"another name"}},
		{"a good way", []string{"--node", secure.URL, "--ca-file", caFile}, exitRejected, []string{"404"}},
	} {
		code, _, errors := runHere(t, append([]string{"claim", "get", noClaim}, test.args...)...)
		for _, want := range test.want {
			if code != test.code || !strings.Contains(errors, want) || strings.Contains(errors, "Is it running") {
				t.Errorf("%s: exit code %d (want %d), %s; want %q in it", test.name, code, test.code, errors, want)
			}
		}
	}
}

func writeCertificate(t *testing.T, path string, certificate *x509.Certificate) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTheNextStepGoesOnWithTheSameNode checks that what is printed to be called carries the flags.
func TestTheNextStepGoesOnWithTheSameNode(t *testing.T) {
	node := &fakeNode{busy: map[string]int{}}
	secure := silent(httptest.NewUnstartedServer(http.HandlerFunc(node.submit)))
	secure.StartTLS()
	defer secure.Close()
	caFile := filepath.Join(t.TempDir(), "my ca.pem")
	writeCertificate(t, caFile, secure.Certificate())
	claim := filepath.Join("..", "..", "conformance", "vectors", "testdata", "layout", "01-valid-claim", "claim.json")
	code, _, errors := runHere(t, "claim", "submit", claim, "--node", secure.URL, "--ca-file", caFile)
	if code != 0 || !strings.Contains(errors, fmt.Sprintf("--node %s --ca-file '%s'\n", secure.URL, caFile)) {
		t.Errorf("exit code %d: %s", code, errors)
	}
}

// TestNodesWordsAreHarmless lets a node answer with escape sequences and line breaks.
func TestNodesWordsAreHarmless(t *testing.T) {
	const bad = "x\x1b[2J\nACCEPT  all\u009b1m"
	document, err := os.ReadFile(filepath.Join("..", "..", "conformance", "vectors", "testdata", "layout", "01-valid-claim", "claim.json"))
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(bad)
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{
		"an error":       fmt.Sprintf(`{"error":%s,"hint":%s,"reason":%s,"code":%s}`, quoted, quoted, quoted, quoted),
		"a claim":        fmt.Sprintf(`{"claimId":%s,"ingestedAt":%s,"verified":{"channels":[%s]},"claim":%s}`, quoted, quoted, quoted, document),
		"a list":         fmt.Sprintf(`{"claims":[{"claimId":%s,"claim":%s}],"nextCursor":%s}`, quoted, document, quoted),
		"no claims":      fmt.Sprintf(`{"claims":[{"claimId":%s,"claim":{}}],"nextCursor":%s}`, quoted, quoted),
		"a claim's ID":   fmt.Sprintf(`{"claimId":%s,"ingestedAt":%s}`, quoted, quoted),
		"no JSON at all": bad,
	}
	for name, answer := range answers {
		for _, status := range []int{http.StatusOK, http.StatusGone, http.StatusServiceUnavailable} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprint(w, answer)
			}))
			claim := filepath.Join("..", "..", "conformance", "vectors", "testdata", "layout", "01-valid-claim", "claim.json")
			for _, args := range [][]string{{"claim", "get", noClaim}, {"claim", "list", "--domain", "a.test"}, {"claim", "submit", "--retry-for", "0s", claim}} {
				_, out, errors := runHere(t, append(args, "--node", server.URL)...)
				for line := range strings.Lines(out + errors) {
					if line = strings.TrimSuffix(line, "\n"); printable(line) != line || strings.HasPrefix(line, "ACCEPT") {
						t.Errorf("%s, %d, %q: %q", name, status, args, line)
					}
				}
			}
			server.Close()
		}
	}
}
