package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mirnode/cluster"
	"mirnode/internal/pemfile"
	"mirnode/protocol"
)

// history is a folder with what a fake node tells of domains' keys: a file for each domain, a line of JSON for each observation, newest last.
// A line that is a string is the public key that the node says is published now.
type history string

// observe adds an observation. how is "", gone, forged (the signature is another's) or now (published now, signed by nobody).
func (h history) observe(domain string, key ed25519.PublicKey, observer string, signer ed25519.PrivateKey, how string) error {
	if err := os.MkdirAll(string(h), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(string(h), domain), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if how == "now" {
		return json.NewEncoder(file).Encode(protocol.EncodePublicKey(key))
	}
	seen := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(-24 * 365 * time.Hour)
	draft := protocol.ObservationDraft{
		Observer: observer, Network: protocol.Development, Domain: domain, FirstSeen: seen, LastSeen: seen.Add(time.Hour), Gone: how == "gone",
		Key: protocol.DomainKey{Public: key, Channels: []protocol.Channel{protocol.DNS}},
	}
	o, err := draft.Sign(signer)
	if err != nil {
		return err
	}
	document := string(o.Raw())
	if how == "forged" {
		document = strings.Replace(document, `"dnssec":false`, `"dnssec":true`, 1)
	}
	return json.NewEncoder(file).Encode(map[string]any{"log": observer + "/mir-dev", "index": 7, "observation": document})
}

// serve answers in pages of two. About the domain old.example.com it answers as nodes did that had no history.
func (h history) serve(w http.ResponseWriter, r *http.Request) {
	domain := r.PathValue("domain")
	if domain == "old.example.com" {
		fmt.Fprint(w, `{"keys":[]}`)
		return
	}
	data, _ := os.ReadFile(filepath.Join(string(h), filepath.Base(domain))) // none: no history
	keys, all := []string{}, []string{}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line[0] == '"' {
			keys = append(keys, fmt.Sprintf(`{"pub":%s}`, line))
		} else {
			all = append([]string{line}, all...)
		}
	}
	from := 0
	if _, err := fmt.Sscanf(r.FormValue("history"), "from-%d", &from); err != nil {
		from = 0
	}
	next := ""
	if all = all[min(from, len(all)):]; len(all) > 2 {
		all, next = all[:2], fmt.Sprintf(`,"historyNext":"from-%d"`, from+2)
	}
	fmt.Fprintf(w, `{"domain":%q,"keys":[%s],"history":[%s]%s}`, domain, strings.Join(keys, ","), strings.Join(all, ","), next)
}

func addObservation(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: observed DOMAIN KEY OBSERVER OBSERVERKEY [gone|forged|now]")
	}
	key, err := readPublicKey(ts.MkAbs(args[1]))
	ts.Check(err)
	signer, err := pemfile.ReadPrivateKey(ts.MkAbs(args[3]))
	ts.Check(err)
	how := ""
	if len(args) == 5 {
		how = args[4]
	}
	ts.Check(history(ts.MkAbs(".history")).observe(args[0], key, args[2], signer, how))
}

func seedKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// TestKeyMonitorWebhook watches a domain while strange keys come up, with a webhook that fails at first: each key is told once, to the person
// and to the webhook.
func TestKeyMonitorWebhook(t *testing.T) {
	dir := t.TempDir()
	names, err := cluster.StartNames(dir, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	observer := seedKey(1)
	if err := cluster.UpdatePublished(dir, func(p *cluster.Published) error {
		p.Domain("node1.test").SetKey(cluster.Key{
			Public: protocol.EncodePublicKey(observer.Public().(ed25519.PublicKey)), Channels: []protocol.Channel{protocol.DNS},
		})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	past := history(filepath.Join(dir, "history"))
	strange := func(seed byte) {
		if err := past.observe("shop.example.com", seedKey(seed).Public().(ed25519.PublicKey), "node1.test", observer, ""); err != nil {
			t.Error(err)
		}
	}
	strange(2)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /domains/{domain}/keys", past.serve)
	node := httptest.NewServer(mux)
	defer node.Close()

	var posts atomic.Int64
	told := make(chan webhookBody, 16)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if n := posts.Add(1); n == 1 || err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		var body webhookBody
		if err := json.Unmarshal(data, &body); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("posted %s: %v", data, err)
		}
		told <- body
	}))
	defer hook.Close()
	authority := filepath.Join(dir, "hook.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(hook.URL)
	if err != nil {
		t.Fatal(err)
	}

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, talk bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{
			"key", "monitor", "shop.example.com", "--json", "--node", node.URL, "--fingerprint", protocol.Fingerprint(seedKey(9).Public().(ed25519.PublicKey)),
			"--webhook", hook.URL, "--watch", "1s", "--resolver", "udp://" + names.DNS().String(), "--allow-range", "127.0.0.0/8",
			"--well-known-port", at.Port(), "--ca-file", authority,
		}, streams{strings.NewReader(""), &out, &talk})
	}()
	first := <-told
	strange(3)
	second := <-told
	strange(2) // seen once more
	strange(4)
	third := <-told
	interrupt()
	if got := <-code; got != exitRejected {
		t.Errorf("exit code %d: %s", got, talk.String())
	}
	for i, body := range []webhookBody{first, second, third} {
		want := protocol.Fingerprint(seedKey(byte(2 + i)).Public().(ed25519.PublicKey))
		if len(body.Strange) != 1 || body.Strange[0].Fingerprint != want || body.Domain != "shop.example.com" || body.Strange[0].Sightings[0].Check != checkGood {
			t.Errorf("call %d told %+v", i, body)
		}
	}
	if posts.Load() != 4 {
		t.Errorf("%d posts, want one more than the three that got through", posts.Load())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	for i, line := range lines {
		if n := strings.Count(line, `"new":true`); n != 1 || !strings.Contains(line, `"result":"strange"`) {
			t.Errorf("line %d has %d new keys: %s", i, n, line)
		}
	}
}
