package store_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// made describes a claim to make. Its signature is random bytes: the store does not verify.
type made struct {
	id      uint64 // makes the signature, and so the claim's identity
	subject int
	domain  string
	typ     string
	at      time.Time
	padding int // bytes of metadata
}

func (m made) document() []byte {
	var sig [64]byte
	random := rand.New(rand.NewPCG(m.id, 42))
	for i := 0; i < len(sig); i += 8 {
		binary.LittleEndian.PutUint64(sig[i:], random.Uint64())
	}
	if m.domain == "" {
		m.domain = "shop.example.com"
	}
	if m.typ == "" {
		m.typ = "mir.transaction.completed"
	}
	if m.at.IsZero() {
		m.at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return fmt.Appendf(nil, `{"mir":1,"type":%q,"domain":%q,"subject":"%064x","timestamp":%q,"metadata":{"order":"%0*d"},"keyFingerprint":"%064x","sig":%q}`,
		m.typ, m.domain, m.subject, m.at.Format(time.RFC3339Nano), m.padding+1, m.id, 7, base64.RawURLEncoding.EncodeToString(sig[:]))
}

func (m made) claim(t testing.TB) *protocol.Claim {
	t.Helper()
	claim, err := protocol.ParseClaim(m.document())
	if err != nil {
		t.Fatalf("%+v: %v", m, err)
	}
	return claim
}

func subject(n int) string { return fmt.Sprintf("%064x", n) }

func open(t testing.TB, dir string, options store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(dir, options)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func mustAppend(t testing.TB, s *store.Store, claims ...*protocol.Claim) []store.Appended {
	t.Helper()
	batch := make([]store.ClaimToAppend, len(claims))
	for i, claim := range claims {
		batch[i].Claim = claim
	}
	appended, err := s.AppendClaims(context.Background(), batch)
	if err != nil {
		t.Fatalf("AppendClaims: %v", err)
	}
	return appended
}

// findAll follows a query's cursors to the end.
func findAll(t testing.TB, s *store.Store, q store.Query) (records []store.Record) {
	t.Helper()
	for {
		page, err := s.Find(context.Background(), q)
		if err != nil {
			t.Fatalf("Find(%+v): %v", q, err)
		}
		records = append(records, page.Records...)
		if page.Cursor == "" {
			return records
		}
		q.Cursor = page.Cursor
	}
}
