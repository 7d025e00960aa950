package federation_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"mirnode/protocol"
)

// publisher is an issuer of one of the nodes, with an API key and a key of its own.
type publisher struct {
	w           *world
	home        int
	id, apiKey  string
	key         ed25519.PrivateKey
	fingerprint string
}

// newPublisher has the i-th node's operator make an issuer, which registers a key.
func (w *world) newPublisher(i int, name string) *publisher {
	w.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	w.must(err)
	p := &publisher{w: w, home: i, key: key}
	var made struct {
		Issuer struct{ ID string }
		APIKey string
	}
	status, answer, err := w.fetch(w.t.Context(), http.MethodPost, w.node(i).Operator+"/admin/issuers", encoded(map[string]any{"name": name}))
	if err != nil || status != http.StatusOK {
		w.t.Fatalf("making an issuer: %d %v %.300s", status, err, answer)
	}
	w.must(json.Unmarshal(answer, &made))
	p.id, p.apiKey = made.Issuer.ID, made.APIKey
	var challenge struct{ Challenge, Text string }
	p.mustSend(http.MethodPost, "/issuers/"+p.id+"/keys/challenge", nil, http.StatusOK, &challenge)
	var added struct{ Key struct{ Fingerprint string } }
	p.mustSend(http.MethodPost, "/issuers/"+p.id+"/keys", map[string]any{
		"publicKey": base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), "challenge": challenge.Challenge, "signature": p.sign([]byte(challenge.Text)),
	}, http.StatusCreated, &added)
	p.fingerprint = added.Key.Fingerprint
	return p
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of maps and strings
	}
	return b
}

func (p *publisher) sign(message []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(p.key, message))
}

// send makes a request with the issuer's API key to the i-th node.
func (p *publisher) send(i int, method, path string, body any) (status int, answer []byte, err error) {
	var document io.Reader = http.NoBody
	if body != nil {
		document = bytes.NewReader(encoded(body))
	}
	request, err := http.NewRequestWithContext(p.w.t.Context(), method, p.w.node(i).URL+path, document)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("X-Api-Key", p.apiKey)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := p.w.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, answer, errors.Join(err, response.Body.Close())
}

// mustSend is send to the issuer's home, which answers so.
func (p *publisher) mustSend(method, path string, body any, want int, into any) {
	p.w.t.Helper()
	status, answer, err := p.send(p.home, method, path, body)
	if err != nil || status != want {
		p.w.t.Fatalf("%s %s: %d %v %.500s", method, path, status, err, answer)
	}
	if into != nil {
		p.w.must(json.Unmarshal(answer, into))
	}
}

// payload is what the issuer signs about a file.
func (p *publisher) payload(file string, typ protocol.AssertionType) *protocol.AssertionPayload {
	return &protocol.AssertionPayload{Artifact: sha256.Sum256([]byte(file)), Type: typ, IssuerID: p.id, Timestamp: time.Now().UTC().Format(time.RFC3339Nano)}
}

// submission is a payload as it is sent.
func (p *publisher) submission(payload []byte) map[string]any {
	return map[string]any{"payload": string(payload), "signature": p.sign(payload), "keyFingerprint": p.fingerprint}
}

// asserts has the home take an assertion, and gives its ID.
func (p *publisher) asserts(payload *protocol.AssertionPayload) string {
	p.w.t.Helper()
	var made struct{ Assertion struct{ ID string } }
	p.mustSend(http.MethodPost, "/assertions", p.submission(payload.Encode()), http.StatusCreated, &made)
	return made.Assertion.ID
}

// withdrawal is what the issuer signs to take an assertion back.
func (p *publisher) withdrawal(id string, action protocol.RevocationAction) *protocol.RevocationPayload {
	return &protocol.RevocationPayload{Action: action, AssertionID: id, IssuerID: p.id, Timestamp: time.Now().UTC().Format(time.RFC3339Nano)}
}

// assertionsOn is the i-th node's answer about a file, byte for byte.
func (w *world) assertionsOn(ctx context.Context, i int, file string) ([]byte, error) {
	hash := sha256.Sum256([]byte(file))
	status, answer, err := w.do(ctx, http.MethodGet, i, "/assertions?hash="+hex.EncodeToString(hash[:]), nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %.300s", w.node(i).Name, status, answer)
	}
	return answer, err
}

// awaitAgreed waits until all nodes answer as the issuer's home does about a file, and gives that answer.
func (p *publisher) awaitAgreed(file string) []byte {
	p.w.t.Helper()
	home, err := p.w.assertionsOn(p.w.t.Context(), p.home, file)
	p.w.must(err)
	for _, i := range p.w.running() {
		p.w.await("all answer alike about "+file, func(ctx context.Context) error {
			there, err := p.w.assertionsOn(ctx, i, file)
			if err == nil && !bytes.Equal(there, home) {
				err = fmt.Errorf("the home answers %s and %s %s", home, p.w.node(i).Name, there)
			}
			return err
		})
	}
	return home
}
