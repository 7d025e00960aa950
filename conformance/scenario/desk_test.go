package scenario_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/scenario"
)

// desk plays as much of a node as making issuers needs, and keeps what else it is sent. Its challenges are counted, so that each is another.
type desk struct {
	t      *testing.T
	server *httptest.Server

	mu         sync.Mutex
	issuers    int
	challenges map[string]string // to the issuer
	keys       map[string][]crypto.PublicKey
	sent       map[string][]byte // the last body that came to each path
	asked      map[string]string // the last API key that came to each path
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, challenges: map[string]string{}, keys: map[string][]crypto.PublicKey{}, sent: map[string][]byte{}, asked: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /admin/issuers", d.makeIssuer)
	mux.HandleFunc("GET /issuers/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":{"id":%q,"name":"the given one"}}`, r.PathValue("id"))
	})
	mux.HandleFunc("POST /issuers/{id}/keys/challenge", d.challenge)
	mux.HandleFunc("POST /issuers/{id}/keys", d.register)
	mux.HandleFunc("/", d.keep)
	d.server = httptest.NewServer(mux)
	t.Cleanup(d.server.Close)
	return d
}

func (d *desk) makeIssuer(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.issuers++
	fmt.Fprintf(w, `{"issuer":{"id":"issuer_%032d","name":"x"},"apiKey":"mir_secret_%d"}`, d.issuers, d.issuers)
}

func (d *desk) challenge(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := fmt.Sprintf("%064d", len(d.challenges))
	d.challenges[text] = r.PathValue("id")
	d.asked["challenge"] = r.Header.Get("x-api-key")
	fmt.Fprintf(w, `{"challenge":%q}`, text)
}

// register takes a key whose owner signed the challenge, as a node does.
func (d *desk) register(w http.ResponseWriter, r *http.Request) {
	var body struct{ PublicKey, Challenge, Signature string }
	err := json.NewDecoder(r.Body).Decode(&body)
	der, _ := base64.StdEncoding.DecodeString(body.PublicKey)
	public, keyErr := x509.ParsePKIXPublicKey(der)
	signature, _ := base64.StdEncoding.DecodeString(body.Signature)
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.PathValue("id")
	if err != nil || keyErr != nil || d.challenges[body.Challenge] != id || !verifies(public, []byte("mir-key-possession:1:"+id+":"+body.Challenge), signature) {
		http.Error(w, `{"error":"no"}`, http.StatusBadRequest)
		return
	}
	delete(d.challenges, body.Challenge)
	d.keys[id] = append(d.keys[id], public)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprint(w, `{"key":{}}`)
}

func (d *desk) keep(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Error(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent[r.URL.Path], d.asked[r.URL.Path] = body, r.Header.Get("x-api-key")
	fmt.Fprint(w, `{}`)
}

// world is one node, with the desk for its operator.
func (d *desk) world() *scenario.World {
	w := &scenario.World{Nodes: []scenario.NodeAddress{{URL: d.server.URL, Operator: d.server.URL}}, Suffix: "conformance.test", Seed: "1"}
	d.t.Cleanup(w.Close)
	return w
}

// play plays steps, which are checked first.
func play(t *testing.T, w *scenario.World, steps ...string) cases.Finding {
	t.Helper()
	c := &cases.Case{ID: "assertions/test", Kind: cases.KindScenario}
	for _, s := range steps {
		c.Steps = append(c.Steps, json.RawMessage(s))
	}
	if err := scenario.Check(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // far more than any of these needs
	defer cancel()
	return w.Play(ctx, c)
}

// verifies is the standard library's opinion: of ES256, over r and s of 32 bytes each.
func verifies(public crypto.PublicKey, message, signature []byte) bool {
	switch key := public.(type) {
	case ed25519.PublicKey:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(key, message, signature)
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		sum := sha256.Sum256(message)
		return ecdsa.Verify(key, sum[:], number(signature[:32]), number(signature[32:]))
	}
	return false
}
