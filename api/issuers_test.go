package api_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

func TestIssuer(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	unknown := "issuer_" + strings.Repeat("0", 32)
	for _, test := range []struct {
		name, target string
		status       int
		want         string
	}{
		{"an issuer", "/issuers/" + news.id, 200, `{"issuer":{"id":"` + news.id + `","name":"Harbour News","status":"UNVERIFIED","verified":false,`},
		{"its keys", "/issuers/" + news.id, 200, `"fingerprint":"` + news.fingerprint},
		{"its proof", "/issuers/" + news.id, 200, `"receipt":"c2sp.org/tlog-proof@v1`},
		{"unknown", "/issuers/" + unknown, 404, "no issuer " + unknown},
		{"no ID", "/issuers/7", 400, "issuer_"},
		{"with a parameter", "/issuers/" + news.id + "?x=1", 400, "unknown query"},
		{"its assertions", "/issuers/" + news.id + "/assertions", 200, `{"issuerId":"` + news.id + `","assertions":[],"nextCursor":null}`},
		{"of the unknown", "/issuers/" + unknown + "/assertions", 404, "no issuer"},
		{"of no ID", "/issuers/7/assertions", 400, "issuer_"},
		{"too many", "/issuers/" + news.id + "/assertions?limit=201", 400, "limit"},
		{"a bad cursor", "/issuers/" + news.id + "/assertions?cursor=x", 400, "cursor"},
		{"a slip", "/issuers/" + news.id + "/assertions?limt=2", 400, `did you mean \"limit\"?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.get(t, test.target)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
	var answer struct{ Record string }
	must(t, json.Unmarshal(f.get(t, "/issuers/"+news.id).Body.Bytes(), &answer))
	if record, err := protocol.ParseIssuer([]byte(answer.Record)); err != nil || record.ID != news.id || len(record.Keys) != 1 {
		t.Errorf("the record: %v %s", err, answer.Record)
	}
}

// es256Key is a request to register a P-256 key as a browser makes it: a JWK, and a raw signature.
func es256Key(t *testing.T, p *publisher) map[string]any {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	public, err := private.PublicKey.Bytes()
	must(t, err)
	challenge := members(t, p.post(t, "/issuers/"+p.id+"/keys/challenge", ""))
	digest := sha256.Sum256([]byte(challenge["text"].(string)))
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	must(t, err)
	if half := new(big.Int).Rsh(elliptic.P256().Params().N, 1); s.Cmp(half) > 0 {
		s.Sub(elliptic.P256().Params().N, s)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	url := base64.RawURLEncoding
	return map[string]any{
		"algorithm": "ES256", "challenge": challenge["challenge"], "signature": url.EncodeToString(signature),
		"publicKey": map[string]any{"kty": "EC", "crv": "P-256", "x": url.EncodeToString(public[1:33]), "y": url.EncodeToString(public[33:]), "ext": true, "key_ops": []string{"verify"}},
	}
}

func TestKeys(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	path := "/issuers/" + news.id + "/keys"
	seed := sha256.Sum256([]byte("another"))
	another := news.newKey(t, ed25519.NewKeyFromSeed(seed[:]))
	for _, test := range []struct {
		name, target string
		body         any
		status       int
		want         string
	}{
		{"another", path, another, 201, `{"key":{"algorithm":"Ed25519"`},
		{"with a challenge that was used", path, another, 400, "challenge"},
		{"of a browser", path, es256Key(t, news), 201, `{"key":{"algorithm":"ES256"`},
		{"the same key again", path, news.newKey(t, news.key), 400, "already"},
		{"no key", path, map[string]any{"publicKey": "x", "challenge": "x", "signature": "x"}, 400, "hint"},
		{"a slip", path, map[string]any{"publickey": "x", "challenge": "x", "signature": "x"}, 400, `did you mean \"publicKey\"?`},
		{"a number", path, map[string]any{"publicKey": 1, "challenge": "x", "signature": "x"}, 400, "publicKey is a number"},
		{"nothing", path, " ", 400, "publicKey"},
		{"a challenge with a body", path + "/challenge", map[string]any{"x": 1}, 400, "unknown member"},
		{"a challenge with an empty body", path + "/challenge", map[string]any{}, 200, `"text":"mir-key-possession:1:` + news.id},
		{"revoke what is no fingerprint", path + "/7/revoke", "", 400, "fingerprint"},
		{"revoke what is not there", path + "/" + strings.Repeat("0", 64) + "/revoke", "", 404, "no key"},
		{"revoke since when it is not yet", path + "/" + news.fingerprint + "/revoke", `{"compromisedAt":"2027-01-01T00:00:00Z"}`, 400, "compromisedAt"},
		{"revoke since no time", path + "/" + news.fingerprint + "/revoke", `{"compromisedAt":"yesterday"}`, 400, "RFC 3339"},
		{"revoke", path + "/" + strings.ToUpper(news.fingerprint) + "/revoke", `{"compromisedAt":"2026-11-22T09:00:00Z"}`, 200, `"revokedAt":"2026-11-22T10:00:00.000Z","compromisedAt":"2026-11-22T09:00:00.000Z"`},
		{"revoke again", path + "/" + news.fingerprint + "/revoke", "", 200, `"compromisedAt":"2026-11-22T09:00:00.000Z"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, text := test.body.(string)
			if !text {
				body = encoded(test.body)
			}
			w := news.post(t, test.target, body)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
	if w := news.post(t, "/assertions", encoded(news.signed(news.payload("ISSUED_BY", file("a picture"))))); w.Code != 400 {
		t.Errorf("signed with a revoked key: %d %s", w.Code, w.Body)
	}
}

func TestDomain(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	path := "/issuers/" + news.id + "/domain"
	for _, test := range []struct {
		name, target, body string
		status             int
		want               string
	}{
		{"check before", path + "/check", "", 400, "POST /issuers/"},
		{"no domain", path, `{"domain":"127.0.0.1"}`, 400, "hint"},
		{"a slip", path, `{"domian":"news.example"}`, 400, `did you mean \"domain\"?`},
		{"nothing", path, `{}`, 400, "domain is missing"},
		{"begin", path, `{"domain":"News.example"}`, 200, `{"domain":"news.example","name":"_mir-verify.news.example","value":"mir-verify=`},
		{"check too early", path + "/check", "", 200, `{"verified":false,"answered":true,`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if w := news.post(t, test.target, test.body); w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
	task := members(t, news.post(t, path, `{"domain":"news.example"}`))
	f.dns.set(task["name"].(string), task["value"].(string))
	if w := news.post(t, path+"/check", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `{"verified":true`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	news.asserts(t, "ISSUED_BY", file("a picture"))
	if w := f.get(t, "/assertions?hash="+file("a picture")); !strings.Contains(w.Body.String(), `"status":"VERIFIED","verified":true,"home":"node.example","verification":{"by":"domain","domain":"news.example","since":"2026-11-22T10:00:00.000Z"}`) {
		t.Errorf("%s", w.Body)
	}
	for i := range 10 { // live checks ask others' servers: they are counted
		w := news.post(t, path+"/check", "")
		if w.Code == 429 {
			if w.Header().Get("Retry-After") == "" {
				t.Errorf("%v", w.Header())
			}
			break
		}
		if i == 9 {
			t.Error("checks without end")
		}
	}
}

func TestAPIKeyRoutes(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	path := "/issuers/" + news.id + "/api-keys"
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"for all", `{"label":"all"}`, 201, `"scopes":["lookup","write","manage"]`},
		{"for look-ups, for a while", `{"label":"some","scopes":["lookup"],"expires":"2026-12-01T00:00:00Z"}`, 201, `"expiresAt":"2026-12-01T00:00:00.000Z"`},
		{"for nothing", `{"label":"none","scopes":[]}`, 400, "scope"},
		{"for what there is not", `{"label":"x","scopes":["admin"]}`, 400, "scope"},
		{"for yesterday", `{"label":"x","expires":"2026-11-21T00:00:00Z"}`, 400, "expires"},
		{"without a label", `{}`, 400, "label is missing"},
		{"with a slip", `{"label":"x","scope":["lookup"]}`, 400, `did you mean \"scopes\"?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := news.post(t, path, test.body)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%d, want %d with %q: %s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
	f.clock.advance(time.Second)
	fresh := members(t, news.post(t, path, `{"label":"reader","scopes":["lookup"]}`))
	secret, id := fresh["apiKey"].(string), fresh["key"].(map[string]any)["id"].(string)
	lookUp := func(key string) int {
		return f.post(t, "/assertions/lookup", hashes(file("a picture")), "x-api-key", key).Code
	}
	if status := lookUp(secret); status != 200 {
		t.Errorf("the new key: %d", status)
	}
	if w := news.send(t, "GET", path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"lastUsedAt":"2026-11-22T10:00:01.000Z"`) || strings.Contains(w.Body.String(), secret) {
		t.Errorf("the list: %d %s", w.Code, w.Body)
	}
	w := news.post(t, path+"/"+id+"/rotate", "")
	rotated := members(t, w)
	if w.Code != 201 || w.Header().Get("Cache-Control") != "no-store" || lookUp(secret) != 401 || lookUp(rotated["apiKey"].(string)) != 200 {
		t.Errorf("rotated: %d %s", w.Code, w.Body)
	}
	id = rotated["key"].(map[string]any)["id"].(string)
	if w := news.send(t, "DELETE", path+"/"+id, ""); w.Code != 200 || w.Body.String() != `{"revoked":"`+id+`"}` || lookUp(rotated["apiKey"].(string)) != 401 {
		t.Errorf("revoked: %d %s", w.Code, w.Body)
	}
	for _, method := range []string{"DELETE", "POST"} {
		target := path + "/key_none"
		if method == "POST" {
			target += "/rotate"
		}
		if w := news.send(t, method, target, ""); w.Code != 404 {
			t.Errorf("%s of what is not there: %d %s", method, w.Code, w.Body)
		}
	}
	if h := f.do(t, request("OPTIONS", path+"/"+id, "", "Origin", "https://app.example", "Access-Control-Request-Method", "DELETE")).Header(); !strings.Contains(h.Get("Access-Control-Allow-Methods"), "DELETE") ||
		!strings.Contains(strings.ToLower(h.Get("Access-Control-Allow-Headers")), "x-api-key") {
		t.Errorf("preflight: %v", h)
	}
	if h := f.do(t, request("OPTIONS", "/assertions/assertion_"+strings.Repeat("0", 64), "", "Origin", "https://app.example")).Header(); !strings.Contains(h.Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("preflight: %v", h)
	}
}
