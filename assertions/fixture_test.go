package assertions_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

const (
	home  = "node1.test"
	other = "node2.test"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
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

// silent is a DNS and a source of keys that know nothing.
type silent struct{}

func (silent) TXT(context.Context, string) ([]string, error) { return nil, nil }

func (silent) FindKey(context.Context, string, string) (protocol.FoundKey, error) {
	return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound, Message: "none"}
}

// permissive lets everybody do everything, but those it has a refusal for.
type permissive map[string]error

func (p permissive) May(id string, _ accounts.Action) error { return p[id] }

func (permissive) Steady(context.Context, string) (func(), error) { return func() {}, nil }

// world is a home node's assertions over a store of their own.
type world struct {
	t         testing.TB
	clock     *clock
	store     *store.Store
	directory *issuers.Directory
	service   *assertions.Service
	refusals  permissive
	batch     []protocol.Record // see flush
	nodeKey   ed25519.PrivateKey
	made      int
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, clock: &clock{now: noon}, refusals: permissive{}, nodeKey: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	origin := protocol.Origin{Domain: home, Network: protocol.Development, Epoch: 1}
	signer, err := translog.NewSigner(origin.String(), w.nodeKey)
	must(t, err)
	var directory *issuers.Directory
	w.store, err = store.Open(t.TempDir(), store.Options{
		Log: &store.LogOptions{Origin: origin, Signer: signer}, Now: w.clock.Now,
		Learned: func(r protocol.Record) { directory.Learned(r) },
	})
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	directory, err = issuers.New(issuers.Options{Store: w.store, DNS: silent{}, Keys: silent{}, Home: home, Now: w.clock.Now})
	must(t, err)
	w.directory = directory
	w.service = w.serviceWith(w.refusals)
	return w
}

func (w *world) serviceWith(a assertions.Accounts) *assertions.Service {
	w.t.Helper()
	s, err := assertions.New(assertions.Options{
		Store: w.store, Issuers: w.directory, Accounts: a, Home: home, Network: protocol.Development,
		Sign:    func(d protocol.MetadataEditDraft) (*protocol.MetadataEdit, error) { return d.Sign(w.nodeKey) },
		NodeURL: func(domain string) string { return "https://" + domain }, LookupURL: "https://mir.example", Now: w.clock.Now,
	})
	must(w.t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signer is a private key of an issuer's.
type signer struct {
	key  protocol.IssuerKey
	sign func(message []byte) []byte // as the client's library gives it
}

func newEd25519(t testing.TB, seed byte) *signer {
	private := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed))
	key, err := protocol.NewIssuerKey(protocol.Ed25519, private.Public().(ed25519.PublicKey))
	must(t, err)
	return &signer{key, func(m []byte) []byte { return ed25519.Sign(private, m) }}
}

// newES256 signs in DER, as OpenSSL does.
func newES256(t testing.TB) *signer {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	public, err := private.PublicKey.Bytes()
	must(t, err)
	key, err := protocol.NewIssuerKey(protocol.ES256, public)
	must(t, err)
	return &signer{key, func(m []byte) []byte {
		sum := sha256.Sum256(m)
		der, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
		must(t, err)
		return der
	}}
}

type pair struct{ R, S *big.Int }

// raw makes r and s of 32 bytes each of DER, as WebCrypto does; with s replaced by n−s, which verifies alike, where asked.
func raw(t testing.TB, der []byte, flip bool) []byte {
	var p pair
	_, err := asn1.Unmarshal(der, &p)
	must(t, err)
	if flip {
		p.S.Sub(elliptic.P256().Params().N, p.S)
	}
	b := make([]byte, 64)
	p.R.FillBytes(b[:32])
	p.S.FillBytes(b[32:])
	return b
}

// flipped is DER with n−s in place of s.
func flipped(t testing.TB, der []byte) []byte {
	b := raw(t, der, true)
	again, err := asn1.Marshal(pair{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])})
	must(t, err)
	return again
}

// issuer is an issuer and its first key.
type issuer struct {
	w      *world
	draft  protocol.IssuerDraft
	id     string
	signer *signer
}

// issuer makes an issuer of this node with a key of its own.
func (w *world) issuer(keys ...*signer) *issuer { return w.issuerOf(home, keys...) }

func (w *world) issuerOf(node string, keys ...*signer) *issuer {
	w.t.Helper()
	w.made++
	if len(keys) == 0 {
		keys = []*signer{newEd25519(w.t, byte(w.made))}
	}
	i := &issuer{w: w, signer: keys[0], draft: protocol.IssuerDraft{
		Home: node, Nonce: fmt.Sprintf("%032x", w.made), Network: protocol.Development, Name: fmt.Sprintf("Issuer %d", w.made),
		Status: protocol.IssuerUnverified, Issued: w.clock.Now(),
	}}
	for _, k := range keys {
		key := k.key
		key.Created = w.clock.Now()
		i.draft.Keys = append(i.draft.Keys, key)
	}
	i.publish()
	return i
}

// publish signs the issuer's next record.
func (i *issuer) publish() {
	i.w.t.Helper()
	i.draft.Sequence++
	i.draft.Issued = i.w.clock.Now()
	record, err := i.draft.Sign(i.w.nodeKey)
	must(i.w.t, err)
	i.id = record.ID
	_, err = i.w.store.AppendRecords(context.Background(), []store.RecordToAppend{{Record: record}})
	must(i.w.t, err)
}

func (i *issuer) caller() accounts.Caller {
	return accounts.Caller{Issuer: i.id, Scopes: []accounts.Scope{accounts.ScopeWrite}}
}

// payload is what the issuer says about an artifact now.
func (i *issuer) payload(typ protocol.AssertionType, artifact [32]byte) *protocol.AssertionPayload {
	return &protocol.AssertionPayload{Artifact: artifact, Type: typ, IssuerID: i.id, Timestamp: millis(i.w.clock.Now())}
}

// submission is a payload in canonical form, signed.
func (i *issuer) submission(p *protocol.AssertionPayload) assertions.Submission {
	signed := p.Encode()
	return assertions.Submission{Payload: signed, Signature: base64.StdEncoding.EncodeToString(i.signer.sign(signed))}
}

func (i *issuer) create(p *protocol.AssertionPayload) (*assertions.Written, error) {
	return i.w.service.Create(context.Background(), i.caller(), i.submission(p))
}

// say creates an assertion, which must go well.
func (i *issuer) say(typ protocol.AssertionType, artifact [32]byte) *assertions.Written {
	i.w.t.Helper()
	w, err := i.create(i.payload(typ, artifact))
	must(i.w.t, err)
	if w.Duplicate {
		i.w.t.Fatal("a duplicate")
	}
	return w
}

func (i *issuer) revocation(id [32]byte, action protocol.RevocationAction) assertions.Signed {
	p := protocol.RevocationPayload{Action: action, AssertionID: protocol.AssertionID(id), IssuerID: i.id, Timestamp: millis(i.w.clock.Now())}
	return i.sealed(p.Encode())
}

// sealed is a payload that the issuer signed.
func (i *issuer) sealed(payload []byte) assertions.Signed {
	return assertions.Signed{Payload: payload, Signature: base64.StdEncoding.EncodeToString(i.signer.sign(payload))}
}

func (i *issuer) revoke(id [32]byte) (*assertions.Written, error) {
	return i.w.service.Revoke(context.Background(), i.caller(), id, i.revocation(id, protocol.ActionRevoke))
}

func (i *issuer) supersede(id [32]byte, p *protocol.AssertionPayload) (*assertions.Written, error) {
	p.Supersedes = protocol.AssertionID(id)
	return i.w.service.Supersede(context.Background(), i.caller(), id, i.revocation(id, protocol.ActionSupersede), i.submission(p))
}

// artifact is the hash of a file that no other test has.
func artifact(n int) [32]byte { return sha256.Sum256(fmt.Appendf(nil, "file %d", n)) }

func millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// answer is what a look-up answers, as a reader sees it.
type answer struct {
	ArtifactHash string  `json:"artifactHash"`
	Assertions   []shown `json:"assertions"`
	Conflicts    bool    `json:"conflicts"`
	HasConflicts *bool   `json:"hasConflicts"`
	Guidance     string  `json:"guidance"`
	Truncated    bool    `json:"truncated"`
	Cursor       string  `json:"cursor"`
}

type shown struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Issuer struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Status   string `json:"status"`
		Verified bool   `json:"verified"`
	} `json:"issuer"`
	Scope          *string         `json:"scope"`
	Context        *string         `json:"context"`
	CreatedAt      string          `json:"createdAt"`
	Revoked        bool            `json:"revoked"`
	ContextSigned  *bool           `json:"contextSigned"`
	Signed         map[string]any  `json:"signed"`
	Metadata       json.RawMessage `json:"metadata"`
	KeyFingerprint string          `json:"keyFingerprint"`
	Anchor         string          `json:"anchor"`
	RevokedAt      string          `json:"revokedAt"`
	Revocation     string          `json:"revocation"`

	KeyRevokedAt     string `json:"keyRevokedAt"`
	KeyCompromisedAt string `json:"keyCompromisedAt"`
	RevocationReason string `json:"revocationReason"`

	SupersededBy string `json:"supersededBy"`
	ArtifactHash string `json:"artifactHash"`
	Note         string `json:"note"`
}

func (w *world) lookup(artifact [32]byte) answer {
	w.t.Helper()
	b, err := w.service.AppendLookup(context.Background(), nil, artifact, "")
	must(w.t, err)
	a := decode[answer](w.t, b)
	if a.ArtifactHash != hex.EncodeToString(artifact[:]) {
		w.t.Fatalf("the answer is about %s", a.ArtifactHash)
	}
	return a
}

func decode[T any](t testing.TB, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// wantRefusal checks that an error is a refusal of the kind whose texts, message and hint, hold all the words.
func wantRefusal(t testing.TB, err error, kind assertions.Kind, words ...string) {
	t.Helper()
	var refusal *assertions.Refusal
	var parser *protocol.Error
	var text string
	switch {
	case errors.As(err, &refusal) && refusal.Kind == kind:
		text = string(refusal.Code) + " " + refusal.Message + "\n" + refusal.Hint
		if refusal.Hint == "" && kind != assertions.Invalid {
			t.Errorf("no hint: %v", err)
		}
	case errors.As(err, &parser) && kind == assertions.Invalid:
		text = string(parser.Code) + " " + parser.Message + "\n" + parser.Hint
	default:
		t.Errorf("the error %v (%T) is no refusal of the kind %d", err, err, kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in: %s", word, text)
		}
	}
}

// flush appends what waits, many records at a time.
func (w *world) flush() {
	w.t.Helper()
	for chunk := range slices.Chunk(w.batch, store.MaxAppendRecords) {
		records := make([]store.RecordToAppend, len(chunk))
		for i, record := range chunk {
			records[i].Record = record
		}
		_, err := w.store.AppendRecords(context.Background(), records)
		must(w.t, err)
	}
	w.batch = nil
}
