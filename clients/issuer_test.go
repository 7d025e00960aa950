package clients_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"mirnode/cluster"
)

// issuer is one that the operator of a node made, with one registered key.
type issuer struct {
	w           *world
	home        int
	ID          string
	apiKey      string
	fingerprint string // of its key
	keys        keyPair
}

// newIssuer makes an issuer at the i-th node, and registers the key with a proof that its owner holds it.
func (w *world) newIssuer(home int, name string, keys keyPair) *issuer {
	w.t.Helper()
	var made struct {
		Issuer struct {
			ID string `json:"id"`
		} `json:"issuer"`
		APIKey string `json:"apiKey"`
	}
	w.mustCall(http.MethodPost, w.node(home).Operator+"/admin/issuers", "", map[string]any{"name": name}, &made, http.StatusOK)
	i := &issuer{w: w, home: home, ID: made.Issuer.ID, apiKey: made.APIKey, keys: keys}
	var challenge struct {
		Challenge string `json:"challenge"`
		Text      string `json:"text"`
	}
	i.call(http.MethodPost, i.path("/keys/challenge"), nil, &challenge, http.StatusOK)
	var key struct {
		Fingerprint string `json:"fingerprint"`
	}
	i.call(http.MethodPost, i.path("/keys"), map[string]any{
		"publicKey": keys.public, "challenge": challenge.Challenge, "signature": keys.sign([]byte(challenge.Text)),
	}, &key, http.StatusCreated)
	i.fingerprint = key.Fingerprint
	return i
}

func (i *issuer) path(rest string) string { return "/issuers/" + i.ID + rest }

// call makes one request to the issuer's home with its API key.
func (i *issuer) call(method, path string, body, into any, want int) {
	i.w.t.Helper()
	i.w.mustCall(method, i.w.node(i.home).URL+path, i.apiKey, body, into, want)
}

// verifyDomain shows that the issuer holds a domain.
func (i *issuer) verifyDomain(domain string) {
	i.w.t.Helper()
	var task struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	i.call(http.MethodPost, i.path("/domain"), map[string]any{"domain": domain}, &task, http.StatusOK)
	name, err := cluster.TextName(domain, task.Name)
	if err == nil {
		err = cluster.UpdatePublished(i.w.c.State().Dir, func(p *cluster.Published) error {
			p.Domain(domain).SetText(name, task.Value)
			return nil
		})
	}
	if err != nil {
		i.w.t.Fatal(err)
	}
	var check struct {
		Verified bool   `json:"verified"`
		Detail   string `json:"detail"`
	}
	i.call(http.MethodPost, i.path("/domain/check"), nil, &check, http.StatusOK)
	if !check.Verified {
		i.w.t.Fatalf("%s is not verified: %s", domain, check.Detail)
	}
}

// now is the time in the form that the documentation prints.
func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// payload is what JSON.stringify makes of the signed object.
func (i *issuer) payload(artifact, kind string) string {
	return fmt.Sprintf(`{"version":1,"artifactHash":%q,"type":%q,"issuerId":%q,"timestamp":%q}`, artifact, kind, i.ID, now())
}

// created is the answer to an assertion.
type created struct {
	Assertion shownAssertion `json:"assertion"`
	Duplicate bool           `json:"duplicate"`
}

// shownAssertion is an assertion in answers, as far as the tests look.
type shownAssertion struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	CreatedAt string `json:"createdAt"`
	Revoked   bool   `json:"revoked"`
	Anchor    string `json:"anchor"`
	Issuer    struct {
		ID       string `json:"id"`
		Status   string `json:"status"`
		Verified bool   `json:"verified"`
	} `json:"issuer"`
}

// submission is the body of POST /assertions, with the payload's bytes as they are.
func submission(payload json.RawMessage, signature string) []byte {
	return fmt.Appendf(nil, `{"payload":%s,"signature":%q}`, payload, signature)
}

// text is a payload that is sent as a string.
func text(payload string) json.RawMessage {
	quoted, err := json.Marshal(payload)
	if err != nil {
		panic(err) // strings always encode
	}
	return quoted
}

// submit sends an assertion to the issuer's home.
func (i *issuer) submit(body []byte) (c created, status int, answer string) {
	i.w.t.Helper()
	status, raw, err := i.w.send(i.w.t.Context(), http.MethodPost, i.w.node(i.home).URL+"/assertions", i.apiKey, body)
	if err == nil && status < http.StatusBadRequest {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		i.w.t.Fatal(err)
	}
	return c, status, string(raw)
}

// mustAssert sends an assertion that must be taken as new.
func (i *issuer) mustAssert(body []byte) shownAssertion {
	i.w.t.Helper()
	c, status, answer := i.submit(body)
	if status != http.StatusCreated || c.Duplicate {
		i.w.t.Fatalf("POST /assertions was answered %d: %s", status, answer)
	}
	return c.Assertion
}
