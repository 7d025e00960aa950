package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"mirnode/protocol"
)

// fakeHome is the home of one issuer, in the shapes of a node's HTTP interface: it verifies signatures and keeps assertions in memory, without a log. The tests of the
// program's client need a node that is busy, that lies, and that says dangerous things.
type fakeHome struct {
	mu        sync.Mutex
	keys      []protocol.IssuerKey
	challenge string
	said      []*fakeSaid
	apiKey    string
	busy      int // how many writes are still answered with 429
	looks     int // how often the domain was looked at

	seen func(line string) // is told of each request: the host that it is for, the method and the path, and the API key
}

// fakeSaid is an assertion there.
type fakeSaid struct {
	*protocol.Assertion
	metadata metadataPart
	revoked  bool
}

const (
	fakeIssuer = "issuer_0123456789abcdef0123456789abcdef"
	fakeAPIKey = "mir_dev_goodgoodgoodgoodgoodgoodgoodgoodgoodgood"
	fakeTime   = "2026-11-01T00:00:00.000Z"
)

// startFakeHome starts such a node, on the port PORT; the file "seen" gets a line for each request. The name of its issuer holds an escape sequence. It is busy at its first write; of a file with the display name "liar" it answers
// with another assertion, and of one with "moved" that it belongs elsewhere.
func startFakeHome(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: fakehome")
	}
	h := &fakeHome{busy: 1, apiKey: fakeAPIKey, challenge: strings.Repeat("c0ffee", 8)}
	seen, err := os.Create(ts.MkAbs("seen"))
	ts.Check(err)
	ts.Defer(func() { ts.Check(seen.Close()) })
	h.seen = func(line string) { _, _ = fmt.Fprintln(seen, line) } // a line that is missing fails the script
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(r *http.Request, body []byte) (int, string){
		"POST /admin/issuers":     h.create,
		"GET /issuers/{id}":       h.issuer,
		"POST /issuers/{id}/keys": h.register,
		"POST /assertions":        h.assert,
		"GET /assertions/{id}":    h.get,
		"GET /assertions":         h.lookup,
		"POST /assertions/lookup": h.batch,
		"PATCH /assertions/{id}":  h.edit,
		"POST /issuers/{id}/keys/challenge": func(*http.Request, []byte) (int, string) {
			return 200, fmt.Sprintf(`{"challenge":%q,"text":"sign this instead","expiresAt":%q}`, h.challenge, fakeTime)
		},
		"POST /assertions/{id}/revoke":    h.revoke,
		"POST /assertions/{id}/supersede": h.supersede,
		"GET /issuers/{id}/assertions":    h.list,
		"POST /issuers/{id}/domain/check": h.check,
		"GET /issuers/{id}/api-keys": func(r *http.Request, _ []byte) (int, string) {
			if r.Header.Get("X-API-Key") != h.apiKey {
				return 401, `{"error":"this API key is none","hint":"the operator makes one"}`
			}
			return 200, `{"apiKeys":[]}`
		},
		"POST /issuers/{id}/api-keys/{key}/rotate": h.rotate,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.answer(w, r, answer) })
	}
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv(envNode, server.URL)
	ts.Setenv(envOperator, server.URL)
	ts.Setenv("ISSUER", fakeIssuer)
	ts.Setenv("PORT", server.URL[strings.LastIndex(server.URL, ":")+1:])
}

// answer reads the request, checks the API key of all that needs one, and writes the answer.
func (h *fakeHome) answer(w http.ResponseWriter, r *http.Request, do func(*http.Request, []byte) (int, string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	h.seen(fmt.Sprintf("%s %s %s %s", r.Host, r.Method, r.URL.Path, r.Header.Get("X-API-Key")))
	key, open := r.Header.Get("X-API-Key"), r.Method == http.MethodGet || strings.HasPrefix(r.URL.Path, "/admin/")
	var status int
	var text string
	switch {
	case r.Method != http.MethodGet && r.Header.Get("Content-Type") != "application/json":
		status, text = 415, `{"error":"not labelled as JSON"}`
	case !open && key != h.apiKey:
		status, text = 401, `{"error":"this API key is none","hint":"the operator makes one"}`
	case !open && h.busy > 0:
		h.busy--
		w.Header().Set("Retry-After", "1")
		status, text = 429, `{"error":"too many requests","hint":"come again"}`
	default:
		status, text = do(r, body)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

func (h *fakeHome) create(_ *http.Request, body []byte) (int, string) {
	var asked struct{ Name string }
	if json.Unmarshal(body, &asked) != nil || asked.Name == "" {
		return 400, `{"error":"an issuer has a name"}`
	}
	return 201, fmt.Sprintf(`{"issuer":%s,"apiKey":%q}`, fakeIssuerObject(), fakeAPIKey)
}

// fakeIssuerObject has a name that would colour a terminal.
func fakeIssuerObject() string {
	return fmt.Sprintf(`{"id":%q,"name":"News \u001b[31mOrganization","status":"VERIFIED","verified":true,"home":"node1.test",`+
		`"verification":{"by":"domain","domain":"news.test","since":"2026-11-01T00:00:00Z"}}`, fakeIssuer)
}

// rotate replaces the API key where key_1 is named, which is the one that this node takes, and any other without a word about it.
func (h *fakeHome) rotate(r *http.Request, _ []byte) (int, string) {
	fresh := strings.ReplaceAll(fakeAPIKey, "good", "nice")
	if r.PathValue("key") == "key_1" {
		h.apiKey = fresh
	}
	return 201, fmt.Sprintf(`{"apiKey":%q,"key":{"id":"key_2","label":"desk","scopes":["lookup","write","manage"],"createdAt":"2026-11-01T00:00:00Z"}}`, fresh)
}

func (h *fakeHome) issuer(*http.Request, []byte) (int, string) {
	var keys []string
	for _, k := range h.keys {
		keys = append(keys, fmt.Sprintf(`{"algorithm":%q,"created":"2026-11-01T00:00:00Z","fingerprint":%q}`, k.Algorithm, k.Fingerprint))
	}
	return 200, fmt.Sprintf(`{"issuer":%s,"keys":[%s],"newer":1}`, fakeIssuerObject(), strings.Join(keys, ","))
}

// register takes a key whose owner signed the challenge's real text.
func (h *fakeHome) register(r *http.Request, body []byte) (int, string) {
	var asked struct{ Algorithm, PublicKey, Challenge, Signature string }
	if err := json.Unmarshal(body, &asked); err != nil || asked.Challenge != h.challenge {
		return 400, `{"error":"no such challenge"}`
	}
	key, err := protocol.ParseIssuerKey(asked.Algorithm, asked.PublicKey)
	if err != nil {
		return 400, `{"error":"no key"}`
	}
	sig, err := protocol.ParseSignature(key.Algorithm, asked.Signature)
	if err != nil || !key.Verify(protocol.PossessionText(r.PathValue("id"), h.challenge), sig) {
		return 400, `{"error":"the signature does not show that you hold the key","code":"INVALID_SIGNATURE"}`
	}
	h.keys = append(h.keys, key)
	return 201, fmt.Sprintf(`{"key":{"algorithm":%q,"created":"2026-11-01T00:00:00Z","fingerprint":%q}}`, key.Algorithm, key.Fingerprint)
}

// verified tells whether one of the keys signed the payload.
func (h *fakeHome) verified(part signedPart) (*protocol.IssuerKey, []byte) {
	for i := range h.keys {
		key := &h.keys[i]
		sig, err := protocol.ParseSignature(key.Algorithm, part.Signature)
		if err == nil && key.Fingerprint == part.KeyFingerprint && key.Verify(part.Payload, sig) {
			return key, sig
		}
	}
	return nil, nil
}

// take verifies and keeps an assertion.
func (h *fakeHome) take(request assertionRequest) (int, string) {
	key, sig := h.verified(request.signedPart)
	if key == nil {
		return 400, `{"error":"the signature is not one of this payload by a key of the issuer","hint":"sign exactly the bytes that you send","code":"INVALID_SIGNATURE"}`
	}
	if request.DisplayName == "moved" {
		return 403, `{"error":"the issuer's home is another node, other.test","hint":"send the request to https://other.test"}`
	}
	a, err := protocol.NewAssertion(request.Payload, key.Fingerprint, sig, nil)
	if err != nil {
		return 400, `{"error":"no assertion","code":"INVALID_SCHEMA"}`
	}
	for _, s := range h.said {
		if s.Payload.Artifact == a.Payload.Artifact && s.Payload.Type == a.Payload.Type && !s.revoked {
			return 400, fmt.Sprintf(`{"error":"the issuer has an active assertion of this type on this file already: %s","hint":"revoke it, or supersede it"}`, s.ID())
		}
	}
	s := &fakeSaid{Assertion: a, metadata: request.metadataPart}
	h.said = append(h.said, s)
	if request.DisplayName == "liar" {
		s = h.said[0]
	}
	return 201, fmt.Sprintf(`{"assertion":%s,"note":%q,"receipt":"a receipt","origin":"node1.test/mir","index":1,"lookup":"https://look.test/assertions?hash=%x"}`, s.object(), request.Note, a.Payload.Artifact)
}

// object is the assertion in an answer.
func (s *fakeSaid) object() string {
	p := &s.Payload
	public := s.metadata
	public.Note = ""
	metadata, err := json.Marshal(public)
	if err != nil {
		panic(err)
	}
	context, signed := p.Context, true
	if context == "" {
		context, signed = s.metadata.Context, false
	}
	size, ending := "", ""
	if p.ByteSize != nil {
		size = fmt.Sprintf(`,"artifactByteSize":%d`, *p.ByteSize)
	}
	if s.revoked {
		ending = `,"revokedAt":"2026-11-02T00:00:00Z","revocation":"REVOKED","revocationReason":"a \u001b[5mslip"`
	}
	return fmt.Sprintf(`{"id":%q,"type":%q,"issuer":%s,"scope":%q,"context":%q,"createdAt":%q,"revoked":%v,"contextSigned":%v,"signed":{"timestamp":%q,"artifactMimeType":%q%s},`+
		`"metadata":%s,"keyFingerprint":%q,"anchor":"home","artifactHash":"%x"%s}`, s.ID(), p.Type, fakeIssuerObject(), p.Scope, context, fakeTime, s.revoked, signed, p.Timestamp, p.MimeType, size,
		metadata, s.KeyFingerprint, p.Artifact, ending)
}

func (h *fakeHome) assert(_ *http.Request, body []byte) (int, string) {
	var request assertionRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return 400, `{"error":"no JSON"}`
	}
	return h.take(request)
}

// find gives the assertion that the path names, or nil.
func (h *fakeHome) find(r *http.Request) *fakeSaid {
	i := slices.IndexFunc(h.said, func(s *fakeSaid) bool { return s.ID() == r.PathValue("id") })
	if i < 0 {
		return nil
	}
	return h.said[i]
}

const fakeNotFound = `{"error":"no assertion with this ID is kept here","hint":"another node may have it"}`

func (h *fakeHome) get(r *http.Request, _ []byte) (int, string) {
	s := h.find(r)
	if s == nil {
		return 404, fakeNotFound
	}
	note := "" // for the issuer alone
	if r.Header.Get("X-API-Key") == h.apiKey && s.metadata.Note != "" {
		note = fmt.Sprintf(`,"note":%q`, s.metadata.Note)
	}
	return 200, fmt.Sprintf(`{"assertion":%s,"proof":{"record":%q,"receipt":"x","issuer":"y","issuerReceipt":"z"}%s}`, s.object(), s.Raw(), note)
}

func (h *fakeHome) revoke(r *http.Request, body []byte) (int, string) {
	var part signedPart
	s := h.find(r)
	if s == nil {
		return 404, fakeNotFound
	}
	if err := json.Unmarshal(body, &part); err != nil {
		return 400, `{"error":"no JSON"}`
	}
	key, _ := h.verified(part)
	payload, err := protocol.ParseRevocationPayload(part.Payload)
	if key == nil || err != nil || payload.AssertionID != s.ID() {
		return 400, `{"error":"no revocation of this"}`
	}
	s.revoked = true
	return 200, fmt.Sprintf(`{"assertion":%s}`, s.object())
}

func (h *fakeHome) supersede(r *http.Request, body []byte) (int, string) {
	var request supersession
	if err := json.Unmarshal(body, &request); err != nil {
		return 400, `{"error":"no JSON"}`
	}
	revocation, err := json.Marshal(request.Revocation)
	if err != nil {
		panic(err)
	}
	if status, text := h.revoke(r, revocation); status != 200 {
		return status, text
	}
	return h.take(request.assertionRequest)
}

func (h *fakeHome) edit(r *http.Request, body []byte) (int, string) {
	s := h.find(r)
	if s == nil {
		return 404, fakeNotFound
	}
	var all, patch map[string]any // null takes a member away, as in RFC 7396
	before, err := json.Marshal(s.metadata)
	if err != nil || json.Unmarshal(before, &all) != nil || json.Unmarshal(body, &patch) != nil {
		return 400, `{"error":"no JSON"}`
	}
	maps.Copy(all, patch)
	after, err := json.Marshal(all)
	s.metadata = metadataPart{}
	if err != nil || json.Unmarshal(after, &s.metadata) != nil {
		return 400, `{"error":"no such metadata"}`
	}
	return 200, fmt.Sprintf(`{"assertion":%s}`, s.object())
}

// about is the answer about one file.
func (h *fakeHome) about(hash string) string {
	var objects []string
	for _, s := range slices.Backward(h.said) {
		if hex.EncodeToString(s.Payload.Artifact[:]) == hash {
			objects = append(objects, s.object())
		}
	}
	guidance := "MIR records who made each assertion."
	if len(objects) == 0 {
		guidance = "No assertions found for this artifact."
	}
	return fmt.Sprintf(`{"artifactHash":%q,"assertions":[%s],"conflicts":%v,"guidance":%q}`, hash, strings.Join(objects, ","), len(objects) > 1, guidance)
}

func (h *fakeHome) lookup(r *http.Request, _ []byte) (int, string) {
	return 200, h.about(r.FormValue("hash"))
}

func (h *fakeHome) batch(_ *http.Request, body []byte) (int, string) {
	var asked struct{ Hashes []string }
	if json.Unmarshal(body, &asked) != nil || len(asked.Hashes) > 100 {
		return 400, `{"error":"1 to 100 hashes"}`
	}
	var results []string
	for _, hash := range asked.Hashes {
		results = append(results, fmt.Sprintf("%q:%s", hash, h.about(hash)))
	}
	return 200, fmt.Sprintf(`{"results":{%s},"meta":{"hashesRequested":%d,"hashesQueried":%d}}`, strings.Join(results, ","), len(asked.Hashes), len(results))
}

// list answers in pages of two.
func (h *fakeHome) list(r *http.Request, _ []byte) (int, string) {
	from := 0
	if _, err := fmt.Sscanf(r.FormValue("cursor"), "from-%d", &from); err != nil {
		from = 0
	}
	var objects []string
	for _, s := range slices.Backward(h.said) {
		objects = append(objects, s.object())
	}
	page, next := objects[min(from, len(objects)):], "null"
	if len(page) > 2 {
		page, next = page[:2], fmt.Sprintf(`"from-%d"`, from+2)
	}
	return 200, fmt.Sprintf(`{"assertions":[%s],"nextCursor":%s}`, strings.Join(page, ","), next)
}

// check sees the domain's record at the second look.
func (h *fakeHome) check(*http.Request, []byte) (int, string) {
	if h.looks++; h.looks == 2 {
		return 200, `{"verified":true,"detail":"the token is there","found":["mir-verify=1"]}`
	}
	return 200, `{"verified":false,"detail":"no TXT record","hint":"set it","found":["v=spf1 \u001b[31m"]}`
}
