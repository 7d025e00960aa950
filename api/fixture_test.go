package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"mirnode/accounts"
	"mirnode/api"
	"mirnode/discovery"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
	"mirnode/verifier"
)

// start is the fixture clock's first time.
var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// clock is a clock that moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// domains stand in for discovery: what each domain publishes, in memory.
type domains struct {
	mu          sync.Mutex
	keys        map[string][]protocol.DomainKey
	unreachable map[string]bool
	cold        map[string]bool // not in the cache
	lookups     int
	forgotten   []string
	block       chan struct{} // look-ups wait for it, where it is set
	blocked     chan string   // tells each that begins to wait
}

func (d *domains) FindKey(ctx context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	d.mu.Lock()
	if d.cold[domain] {
		d.lookups++
	}
	keys, gone, block := d.keys[domain], d.unreachable[domain], d.block
	d.mu.Unlock()
	if block != nil {
		d.blocked <- domain
		select {
		case <-block:
		case <-ctx.Done():
			return protocol.FoundKey{}, ctx.Err()
		}
	}
	if gone {
		return protocol.FoundKey{}, &protocol.UnreachableError{Domain: domain, RetryAfter: 7 * time.Second, Err: errors.New("dial 10.0.0.1: secret of the inside")}
	}
	for _, k := range keys {
		if k.Fingerprint == fingerprint {
			return protocol.FoundKey{Domain: domain, Key: k, FetchedAt: start, Cached: true}, nil
		}
	}
	return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound, Message: domain + " publishes no key with this fingerprint", Hint: "publish it"}
}

func (d *domains) Known(domain, _ string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.cold[domain]
}

func (d *domains) Keys(_ context.Context, domain string) (*discovery.Report, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unreachable[domain] {
		return nil, &protocol.UnreachableError{Domain: domain, Err: errors.New("busy")}
	}
	fetched := start.Add(-time.Minute)
	if d.cold[domain] {
		d.lookups++
		fetched = start.Add(time.Hour)
	}
	keys := d.keys[domain]
	return &discovery.Report{
		Domain: domain, Keys: keys, Agreement: discovery.OneAlone, FetchedAt: fetched, ExpiresAt: start.Add(time.Hour),
		WellKnown: discovery.ChannelReport{Status: discovery.StatusOK, Where: "https://" + domain + "/.well-known/mir.json", Detail: "read", Keys: keys, TTL: time.Hour},
		DNS:       discovery.ChannelReport{Status: discovery.StatusAbsent, Where: "_mir-key." + domain, Detail: "no TXT record holds a key"},
		Findings:  []discovery.Finding{{Level: discovery.Warn, Message: "the key is in one channel only", Fix: "a record"}},
	}, nil
}

func (d *domains) Stats() discovery.Stats { return discovery.Stats{Lookups: int64(d.lookups)} }

func (d *domains) Forget(domain string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forgotten = append(d.forgotten, domain)
}

// signer signs claims of one domain.
type signer struct {
	domain string
	key    ed25519.PrivateKey
	count  int
}

func newSigner(domain string) *signer {
	seed := sha256.Sum256([]byte(domain))
	return &signer{domain: domain, key: ed25519.NewKeyFromSeed(seed[:])}
}

func (s *signer) published() protocol.DomainKey {
	public := s.key.Public().(ed25519.PublicKey)
	return protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public), Created: start.AddDate(-1, 0, 0), Channels: []protocol.Channel{protocol.WellKnown}}
}

// claim signs a new claim, each with another timestamp.
func (s *signer) claim(t testing.TB) *protocol.Claim {
	t.Helper()
	s.count++
	at := start.Add(-time.Hour + time.Duration(s.count)*time.Second)
	return s.sign(t, fmt.Sprintf(`{"mir":1,"type":"mir.transaction.completed","domain":%q,"subject":%q,"timestamp":%q,"metadata":{"currency":"EUR","count":%d}}`,
		s.domain, protocol.Subject(s.domain, "4711"), at.Format(time.RFC3339), s.count))
}

func (s *signer) sign(t testing.TB, draft string) *protocol.Claim {
	t.Helper()
	d, err := protocol.ParseDraft([]byte(draft))
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Sign(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fixture is an API over a real store and a real verifier; the domains are in memory.
type fixture struct {
	api     *api.API
	store   *store.Store
	domains *domains
	clock   *clock
	shop    *signer
	log     *syncBuffer
	router  routers.Router
	dns     *texts
}

// unlimited has no budgets, as most tests want it.
func unlimited(s *setup) { s.api.Limits = api.Limits{} }

// setup is what a fixture is made of. The fixture's store has the node's own log, and a domain of the node's.
type setup struct {
	api   api.Options
	store store.Options
	wrap  func(*store.Store) api.Store // nil: the store itself
	// homeless leaves out the accounts, as on a node without a domain; policy is that of the accounts.
	homeless bool
	policy   accounts.Policy
}

// with changes the API's options.
func with(change func(*api.Options)) func(*setup) { return func(s *setup) { change(&s.api) } }

// logless has neither an own log nor peers.
func logless(s *setup) {
	s.store.Log, s.api.Origin, s.api.LogKey, s.homeless = nil, protocol.Origin{}, "", true
}

var (
	nodeOrigin = protocol.Origin{Domain: "node.example", Network: protocol.Development, Epoch: 1}
	nodeKey    = newSigner("node.example").key
)

// ownLog gives the store's settings for a node's own log.
func ownLog(t testing.TB, origin protocol.Origin) *store.LogOptions {
	t.Helper()
	signer, err := translog.NewSigner(origin.String(), nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	return &store.LogOptions{Origin: origin, Signer: signer}
}

func newFixture(t testing.TB, change ...func(*setup)) *fixture {
	t.Helper()
	f := &fixture{clock: &clock{now: start}, shop: newSigner("shop.example"), log: &syncBuffer{}}
	f.domains = &domains{
		keys:        map[string][]protocol.DomainKey{"shop.example": {f.shop.published()}},
		unreachable: map[string]bool{"gone.example": true},
		cold:        map[string]bool{},
	}
	var err error
	settings := setup{store: store.Options{Now: f.clock.Now, Log: ownLog(t, nodeOrigin)}}
	settings.api = api.Options{
		Keys: f.domains, Verifier: verifier.New(f.domains, verifier.Options{Now: f.clock.Now}),
		Logger: slog.New(slog.NewTextHandler(f.log, nil)), Now: f.clock.Now, Domain: "node.example", Network: "development", Version: api.BuildVersion(), Requests: api.LogAll,
		Published: map[string]protocol.KeyDocument{"shop.example": {Keys: []protocol.DomainKey{f.shop.published()}}},
		Origin:    nodeOrigin, LogKey: translog.VerifierKey(nodeOrigin.String(), nodeKey.Public().(ed25519.PublicKey)),
	}
	for _, c := range change {
		c(&settings)
	}
	var directory *issuers.Directory
	settings.store.Learned = func(r protocol.Record) { directory.Learned(r) }
	if f.store, err = store.Open(t.TempDir(), settings.store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
	})
	directory = f.addIssuing(t, &settings)
	settings.api.Store = f.store
	if settings.wrap != nil {
		settings.api.Store = settings.wrap(f.store)
	}
	if f.api, err = api.New(settings.api); err != nil {
		t.Fatal(err)
	}
	if f.router, err = documentRouter(string(f.api.OpenAPIJSON())); err != nil {
		t.Fatal(err)
	}
	return f
}

// documentRouter finds a request's operation; the document is the same for all tests, and reading it takes a while.
func documentRouter(document string) (routers.Router, error) {
	routerOnce.Do(func() {
		parsed, err := openapi3.NewLoader().LoadFromData([]byte(document))
		if err != nil {
			routerErr = err
			return
		}
		schemas = parsed.Components.Schemas
		router, routerErr = legacy.NewRouter(parsed)
	})
	return router, routerErr
}

var (
	routerOnce sync.Once
	router     routers.Router
	routerErr  error
	schemas    openapi3.Schemas
)

// request makes a request from one client; body may be "".
func request(method, target, body string, headers ...string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

// do sends a request, and holds it and its answer against the document.
func (f *fixture) do(t testing.TB, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	body := []byte{}
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	w := httptest.NewRecorder()
	f.api.Handler().ServeHTTP(w, r)
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.check(t, r, w)
	return w
}

func (f *fixture) get(t testing.TB, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return f.do(t, request("GET", target, "", headers...))
}

func (f *fixture) post(t testing.TB, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return f.do(t, request("POST", target, body, headers...))
}

// check holds an answer against the document, and the request too where it was accepted.
func (f *fixture) check(t testing.TB, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	if text := strings.HasPrefix(w.Header().Get("Content-Type"), "text/") && strings.HasPrefix(r.URL.Path, "/witness/"); w.Code >= 400 && !text {
		checkError(t, w)
	}
	route, parameters, err := f.router.FindRoute(r)
	if err != nil || r.Method == http.MethodHead || strings.Contains(w.Body.String(), "no such route") {
		return // no route; HEAD is answered wherever GET is
	}
	input := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: parameters,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
			if in.RequestValidationInput.Request.Header.Get("x-api-key") == "" {
				return errors.New("the document asks for an API key")
			}
			return nil
		}}}
	if kind := r.Header.Get("Content-Type"); kind != "" && kind != "application/json" {
		input.Options.ExcludeRequestBody = true // the validator reads JSON alone
	}
	if w.Code < 300 {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s was accepted, but is not what the document says: %v", r.Method, r.URL, err)
		}
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: w.Code, Header: w.Header(), Options: input.Options}
	answer.SetBodyBytes(w.Body.Bytes())
	if kind := w.Header().Get("Content-Type"); strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "image/") {
		answer.Options.ExcludeResponseBody = true // no format to check
	} else if kind == "application/x-ndjson" && r.URL.Path != "/claims/batch" {
		answer.Options.ExcludeResponseBody = true
		checkLines(t, r.URL.Path, w.Body.String())
	} else if kind == "application/x-ndjson" {
		answer.Header = w.Header().Clone()
		answer.Header.Set("Content-Type", "application/json")
		lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
		answer.SetBodyBytes([]byte(`{"results":[` + strings.Join(lines, ",") + `]}`)) // each line is an item
	}
	if err := openapi3filter.ValidateResponse(t.Context(), answer); err != nil {
		t.Errorf("%s %s: the answer %d is not what the document says: %v\n%s", r.Method, r.URL, w.Code, err, w.Body)
	}
}

// checkLines holds each line of an answer against the schema that the document names for it.
func checkLines(t testing.TB, path, body string) {
	t.Helper()
	schema := schemas["Entry"].Value
	if path == "/records/fetch" {
		schema = schemas["FetchedRecord"].Value
	}
	for line := range strings.Lines(body) {
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			t.Fatalf("%s: %v: %q", path, err, line)
		}
		if err := schema.VisitJSON(value, openapi3.EnableFormatValidation()); err != nil {
			t.Errorf("%s: %v: %s", path, err, line)
		}
	}
}

// checkError holds the shape that every error has.
func checkError(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	var e struct{ Error, Hint string }
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error == "" || e.Hint == "" {
		t.Errorf("status %d without error and hint: %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "inside") {
		t.Errorf("the inside of an error came out: %s", w.Body)
	}
	if w.Header().Get("X-Request-Id") == "" || w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("status %d without the headers that every answer has: %v", w.Code, w.Header())
	}
}

// members decodes an answer.
func members(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return m
}

// syncBuffer is a buffer that several goroutines may write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// operate sends a request to the operator's routes.
func (f *fixture) operate(t testing.TB, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.api.Operator().ServeHTTP(w, r)
	return w
}
