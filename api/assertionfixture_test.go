package api_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/api"
	"mirnode/assertions"
	"mirnode/issuers"
	"mirnode/protocol"
)

// texts are the TXT records of the world, in memory.
type texts struct {
	mu      sync.Mutex
	records map[string][]string
}

func (d *texts) TXT(_ context.Context, name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.records[name], nil
}

func (d *texts) set(name, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records[name] = append(d.records[name], value)
}

// addIssuing gives the API the real rooms for issuers and assertions, over the fixture's store.
func (f *fixture) addIssuing(t testing.TB, s *setup) *issuers.Directory {
	t.Helper()
	f.dns = &texts{records: map[string][]string{}}
	directory, err := issuers.New(issuers.Options{Store: f.store, DNS: f.dns, Keys: f.domains, Home: "node.example", Now: s.api.Now})
	must(t, err)
	options := assertions.Options{
		Store: f.store, Issuers: directory, Home: "node.example", Network: protocol.Development, LookupURL: "https://mir.example", Now: s.api.Now,
		NodeURL: func(home string) string { return "https://" + home },
	}
	if !s.homeless {
		own, err := accounts.New(t.Context(), accounts.Options{
			Store: f.store, Directory: directory, DNS: f.dns, Home: "node.example", Network: protocol.Development, Policy: s.policy, Now: s.api.Now,
			Sign: func(d protocol.IssuerDraft) (*protocol.Issuer, error) { return d.Sign(nodeKey) },
		})
		must(t, err)
		options.Accounts = own
		options.Sign = func(d protocol.MetadataEditDraft) (*protocol.MetadataEdit, error) { return d.Sign(nodeKey) }
		s.api.Accounts = own
	} else {
		options.Home = ""
	}
	service, err := assertions.New(options)
	must(t, err)
	s.api.Assertions, s.api.Issuers, s.api.Policy = service, directory, s.policy
	return directory
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publisher is an issuer of the fixture's node, with a key and an API key of all scopes.
type publisher struct {
	f           *fixture
	id, apiKey  string
	key         ed25519.PrivateKey
	fingerprint string
}

// publisher has the operator make an issuer, which then registers a key.
func (f *fixture) publisher(t testing.TB, name string) *publisher {
	t.Helper()
	answer := members(t, f.operated(t, "POST", "/admin/issuers", fmt.Sprintf(`{"name":%q}`, name), 200))
	seed := sha256.Sum256([]byte(name))
	p := &publisher{f: f, id: answer["issuer"].(map[string]any)["id"].(string), apiKey: answer["apiKey"].(string), key: ed25519.NewKeyFromSeed(seed[:])}
	w := p.post(t, "/issuers/"+p.id+"/keys", p.newKey(t, p.key))
	if w.Code != 201 {
		t.Fatalf("registering a key: %d %s", w.Code, w.Body)
	}
	p.fingerprint = members(t, w)["key"].(map[string]any)["fingerprint"].(string)
	return p
}

// newKey is a request to register a key, with the signature over a challenge.
func (p *publisher) newKey(t testing.TB, key ed25519.PrivateKey) string {
	t.Helper()
	challenge := members(t, p.post(t, "/issuers/"+p.id+"/keys/challenge", ""))
	text, ok := challenge["text"].(string)
	if !ok {
		t.Fatal(challenge)
	}
	return encoded(map[string]any{
		"publicKey": base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), "challenge": challenge["challenge"],
		"signature": base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(text))),
	})
}

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// operated is an order on the operator's routes that has this answer.
func (f *fixture) operated(t testing.TB, method, path, body string, status int) *httptest.ResponseRecorder {
	t.Helper()
	w := f.operate(t, method, path, body)
	if w.Code != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	return w
}

// send makes a request with the issuer's API key.
func (p *publisher) send(t testing.TB, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	return p.f.do(t, request(method, target, body, "x-api-key", p.apiKey))
}

func (p *publisher) post(t testing.TB, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	return p.send(t, "POST", target, body)
}

// file is the hash of a file with this content.
func file(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// payload is what the issuer says of a file; more members may replace those that it has.
func (p *publisher) payload(kind, hash string, more ...any) map[string]any {
	payload := map[string]any{"version": 1, "artifactHash": hash, "type": kind, "issuerId": p.id, "timestamp": p.f.clock.Now().UTC().Format(time.RFC3339Nano)}
	for i := 0; i+1 < len(more); i += 2 {
		payload[more[i].(string)] = more[i+1]
	}
	return payload
}

// signed is a payload with its signature, and what stands beside it.
func (p *publisher) signed(payload map[string]any, beside ...any) map[string]any {
	text := encoded(payload) // its names are sorted: it is canonical
	body := map[string]any{"payload": payload, "signature": base64.StdEncoding.EncodeToString(ed25519.Sign(p.key, []byte(text)))}
	for i := 0; i+1 < len(beside); i += 2 {
		body[beside[i].(string)] = beside[i+1]
	}
	return body
}

// asserts has the issuer say something of a file, and gives the assertion's ID.
func (p *publisher) asserts(t testing.TB, kind, hash string, beside ...any) string {
	t.Helper()
	w := p.post(t, "/assertions", encoded(p.signed(p.payload(kind, hash), beside...)))
	if w.Code != 201 {
		t.Fatalf("%s: %d %s", kind, w.Code, w.Body)
	}
	return members(t, w)["assertion"].(map[string]any)["id"].(string)
}

// revocation says that the issuer no longer stands by an assertion.
func (p *publisher) revocation(id, action string) map[string]any {
	return p.signed(map[string]any{"version": 1, "action": action, "assertionId": id, "issuerId": p.id, "timestamp": p.f.clock.Now().UTC().Format(time.RFC3339Nano)})
}

// policy changes the terms for issuers.
func policy(change func(*accounts.Policy)) func(*setup) { return func(s *setup) { change(&s.policy) } }

// badge gives the issuer a badge.
func (p *publisher) badge(t testing.TB, status string) {
	t.Helper()
	p.f.operated(t, "POST", "/admin/issuers/"+p.id+"/status", fmt.Sprintf(`{"status":%q,"reason":"a test"}`, status), 200)
}

var _ api.Assertions = (*assertions.Service)(nil)
