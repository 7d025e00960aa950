package clients_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// lookedUp is the answer about an artifact, as far as the tests look.
type lookedUp struct {
	Assertions []shownAssertion `json:"assertions"`
}

// lookUp reads what the i-th node shows of an artifact.
func (w *world) lookUp(ctx context.Context, i int, artifact string) (found lookedUp, err error) {
	answer, err := w.call(ctx, http.MethodGet, w.node(i).URL+"/assertions?hash="+artifact, "", nil, http.StatusOK)
	if err == nil {
		err = json.Unmarshal(answer, &found)
	}
	return found, err
}

// artifactOf is the hash of a file that holds the text.
func artifactOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestSignaturesOfOthers: keys and signatures that OpenSSL and WebCrypto made are taken as they made them; and no other spelling of a signature or a payload, nor a
// second signature of the same one, makes a second assertion.
func TestSignaturesOfOthers(t *testing.T) {
	w := startWorld(t, 1)
	for name, c := range map[string]struct {
		algorithm string
		keys      func(t *testing.T) keyPair
	}{
		"OpenSSL Ed25519":         {ed25519Name, func(t *testing.T) keyPair { return openSSL(t, ed25519Name) }},
		"OpenSSL ES256":           {es256Name, func(t *testing.T) keyPair { return openSSL(t, es256Name) }},
		"WebCrypto Ed25519, JWK":  {ed25519Name, func(t *testing.T) keyPair { return webCrypto(t, ed25519Name, "jwk") }},
		"WebCrypto Ed25519, SPKI": {ed25519Name, func(t *testing.T) keyPair { return webCrypto(t, ed25519Name, "spki") }},
		"WebCrypto Ed25519, raw":  {ed25519Name, func(t *testing.T) keyPair { return webCrypto(t, ed25519Name, "raw") }},
		"WebCrypto ES256, JWK":    {es256Name, func(t *testing.T) keyPair { return webCrypto(t, es256Name, "jwk") }},
		"WebCrypto ES256, SPKI":   {es256Name, func(t *testing.T) keyPair { return webCrypto(t, es256Name, "spki") }},
		"WebCrypto ES256, raw":    {es256Name, func(t *testing.T) keyPair { return webCrypto(t, es256Name, "raw") }},
	} {
		t.Run(name, func(t *testing.T) {
			w, keys := w.in(t), c.keys(t)
			i := w.newIssuer(0, name, keys)
			artifact := artifactOf(name)
			payload := i.payload(artifact, "ISSUED_BY")
			signature := keys.sign([]byte(payload))
			kept := i.mustAssert(submission([]byte(payload), signature))
			before := w.record(kept.ID)

			for _, f := range formsOf(t, c.algorithm, signature) {
				i.wantNoSecond(f.name, kept.ID, f.good, submission([]byte(payload), f.signature))
			}
			i.wantNoSecond("the payload as a string", kept.ID, true, submission(text(payload), signature))
			spaced := " " + payload[:1] + "\n  " + payload[1:]
			i.wantNoSecond("another spelling, signed", kept.ID, true, submission(text(spaced), keys.sign([]byte(spaced))))
			i.wantNoSecond("another spelling, not signed", kept.ID, false, submission(text(spaced), signature))
			i.wantNoSecond("signed again", kept.ID, true, submission([]byte(payload), keys.sign([]byte(payload))))

			found, err := w.lookUp(t.Context(), 0, artifact)
			if err != nil || len(found.Assertions) != 1 || found.Assertions[0].ID != kept.ID || found.Assertions[0].Issuer.ID != i.ID {
				t.Errorf("%v: the look-up shows %+v, want %s alone", err, found.Assertions, kept.ID)
			}
			if after := w.record(kept.ID); after != before {
				t.Errorf("the record was %s and is %s", before, after)
			}
		})
	}
}

// wantNoSecond sends an assertion once more. A form that is good is answered with the one that is held, any other is refused.
func (i *issuer) wantNoSecond(name, id string, good bool, body []byte) {
	i.w.t.Helper()
	again, status, answer := i.submit(body)
	switch {
	case good && (status != http.StatusOK || !again.Duplicate || again.Assertion.ID != id):
		i.w.t.Errorf("%s was answered %d, want the first one as a duplicate: %s", name, status, answer)
	case !good && status != http.StatusBadRequest:
		i.w.t.Errorf("%s was answered %d, want a refusal: %s", name, status, answer)
	}
}

// record is the record that is kept of an assertion.
func (w *world) record(id string) string {
	w.t.Helper()
	var bundle struct {
		Proof struct {
			Record json.RawMessage `json:"record"`
		} `json:"proof"`
	}
	w.mustCall(http.MethodGet, w.node(0).URL+"/assertions/"+id, "", nil, &bundle, http.StatusOK)
	if len(bundle.Proof.Record) == 0 {
		w.t.Fatalf("%s comes without its record", id)
	}
	return string(bundle.Proof.Record)
}

// TestRevocationReachesTheOtherNode: what an issuer revokes at home is revoked on the other node, which shows the same but for what each saw of the domain itself.
func TestRevocationReachesTheOtherNode(t *testing.T) {
	w := startWorld(t, 2)
	keys := webCrypto(t, es256Name, "jwk")
	i := w.newIssuer(0, "Newsroom", keys)
	artifact := artifactOf("revoked")
	payload := i.payload(artifact, "ISSUED_BY")
	kept := i.mustAssert(submission([]byte(payload), keys.sign([]byte(payload))))
	shows := func(node int, revoked bool) func(context.Context) error {
		return func(ctx context.Context) error {
			found, err := w.lookUp(ctx, node, artifact)
			if err == nil && (len(found.Assertions) != 1 || found.Assertions[0].ID != kept.ID || found.Assertions[0].Revoked != revoked) {
				err = fmt.Errorf("it shows %+v", found.Assertions)
			}
			return err
		}
	}
	w.await("node2 shows the assertion", shows(1, false))

	// The other node takes neither assertions nor revocations of the issuer: it names its home.
	revocation := fmt.Sprintf(`{"version":1,"action":"REVOKE","assertionId":%q,"issuerId":%q,"timestamp":%q,"reason":"wrong file"}`, kept.ID, i.ID, now())
	body := submission([]byte(revocation), keys.sign([]byte(revocation)))
	for path, body := range map[string][]byte{"/assertions/" + kept.ID + "/revoke": body, "/assertions": submission([]byte(payload), keys.sign([]byte(payload)))} {
		answer, err := w.call(t.Context(), http.MethodPost, w.node(1).URL+path, i.apiKey, body, http.StatusForbidden)
		var refusal struct {
			Error string `json:"error"`
			Hint  string `json:"hint"`
		}
		if err == nil {
			err = json.Unmarshal(answer, &refusal)
		}
		if err != nil || refusal.Error == "" || !strings.Contains(refusal.Hint, w.node(0).Domain) {
			t.Errorf("%s at the wrong node: %v %s", path, err, answer)
		}
	}
	if err := shows(0, false)(t.Context()); err != nil {
		t.Errorf("after what the wrong node refused: %v", err)
	}

	if _, err := w.call(t.Context(), http.MethodPost, w.node(0).URL+"/assertions/"+kept.ID+"/revoke", i.apiKey, body, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	if err := shows(0, true)(t.Context()); err != nil {
		t.Errorf("at home: %v", err)
	}
	w.await("node2 shows that it is revoked", shows(1, true))
	home, err := w.call(t.Context(), http.MethodGet, w.node(0).URL+"/assertions?hash="+artifact, "", nil, http.StatusOK)
	if err != nil {
		t.Fatal(err)
	}
	w.await("both answers are the same", func(ctx context.Context) error {
		other, err := w.call(ctx, http.MethodGet, w.node(1).URL+"/assertions?hash="+artifact, "", nil, http.StatusOK)
		if err == nil && string(other) != string(home) {
			err = fmt.Errorf("node2 says %s, node1 %s", other, home)
		}
		return err
	})
}
