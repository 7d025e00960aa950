package accounts_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/accounts"
	"mirnode/protocol"
)

// pair is a key pair of an issuer's owner.
type pair struct {
	public string
	sign   func(message []byte) string
}

func ed25519Pair(n int) pair {
	seed := binary.BigEndian.AppendUint64(bytes.Repeat([]byte{1}, 24), uint64(n))
	private := ed25519.NewKeyFromSeed(seed)
	return pair{
		public: base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)),
		sign:   func(m []byte) string { return base64.StdEncoding.EncodeToString(ed25519.Sign(private, m)) },
	}
}

func es256Pair(t *testing.T) pair {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		public: base64.RawURLEncoding.EncodeToString(point),
		sign: func(m []byte) string {
			digest := sha256.Sum256(m)
			sig, err := ecdsa.SignASN1(rand.Reader, private, digest[:]) // DER, as OpenSSL makes it
			if err != nil {
				t.Fatal(err)
			}
			return base64.StdEncoding.EncodeToString(sig)
		},
	}
}

func challenge(t *testing.T, a *accounts.Accounts, id string) string {
	t.Helper()
	text, expires, err := a.Challenge(t.Context(), id)
	if err != nil || len(text) != 64 || !expires.After(time.Now()) {
		t.Fatalf("%q until %v, %v", text, expires, err)
	}
	return text
}

// addKey adds a pair's key to an issuer, as its owner would.
func addKey(t *testing.T, a *accounts.Accounts, id string, p pair) (protocol.IssuerKey, error) {
	t.Helper()
	text := challenge(t, a, id)
	return a.AddKey(t.Context(), id, "", p.public, text, p.sign(protocol.PossessionText(id, text)))
}

// TestKeys adds keys of both algorithms and revokes them.
func TestKeys(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	first, err := addKey(t, a, id, ed25519Pair(1))
	if err != nil || first.Algorithm != protocol.Ed25519 {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := addKey(t, a, id, es256Pair(t))
	if err != nil || second.Algorithm != protocol.ES256 {
		t.Fatalf("%+v, %v", second, err)
	}
	record := account(t, a, id).Record
	if len(record.Keys) != 2 || record.Keys[0].Fingerprint != first.Fingerprint || !record.Keys[1].ValidAt(time.Now()) || record.Sequence != 3 {
		t.Errorf("the record has %+v", record.Keys)
	}
	_, err = addKey(t, a, id, ed25519Pair(1))
	wantKind(t, "the same key again", err, accounts.Invalid)

	_, err = a.RevokeKey(t.Context(), id, first.Fingerprint, now().Add(time.Hour))
	wantKind(t, "compromised tomorrow", err, accounts.Invalid)
	_, err = a.RevokeKey(t.Context(), id, strings.Repeat("0", 64), time.Time{})
	wantKind(t, "no such key", err, accounts.NotFound)
	since := now().Add(-48 * time.Hour)
	revoked, err := a.RevokeKey(t.Context(), id, first.Fingerprint, since)
	if err != nil || revoked.RevokedAt.IsZero() || !revoked.CompromisedAt.Equal(since.Truncate(time.Millisecond)) || revoked.ValidAt(revoked.RevokedAt) {
		t.Errorf("%+v, %v", revoked, err)
	}
	records := len(w.log)
	if again, err := a.RevokeKey(t.Context(), id, first.Fingerprint, time.Time{}); err != nil || !again.RevokedAt.Equal(revoked.RevokedAt) || len(w.log) != records {
		t.Errorf("a second revocation: %+v, %v, %d records", again, err, len(w.log)-records)
	}
	_, err = addKey(t, a, id, ed25519Pair(1))
	wantKind(t, "a revoked key again", err, accounts.Invalid)
	if _, err := addKey(t, a, mustOther(t, a), ed25519Pair(1)); err != nil {
		t.Errorf("another issuer with the same key: %v", err)
	}
}

func mustOther(t *testing.T, a *accounts.Accounts) string {
	t.Helper()
	id, _ := create(t, a, "Other")
	return id
}

// TestPossession refuses keys whose owner does not show that it has the private half.
func TestPossession(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	other := mustOther(t, a)
	p, thief := ed25519Pair(1), ed25519Pair(2)
	mine, others := challenge(t, a, id), challenge(t, a, other)
	text := func(c string) []byte { return protocol.PossessionText(id, c) }
	for _, c := range []struct{ name, algorithm, public, challenge, signature string }{
		{"no challenge", "", p.public, "", p.sign(text(""))},
		{"made up", "", p.public, strings.Repeat("0", 64), p.sign(text(strings.Repeat("0", 64)))},
		{"another issuer's challenge", "", p.public, others, p.sign(text(others))},
		{"another key's signature", "", p.public, challenge(t, a, id), thief.sign(text(mine))},
		{"the challenge alone is signed", "", p.public, challenge(t, a, id), ""},
		{"another algorithm", "ES256", p.public, mine, p.sign(text(mine))},
		{"no key", "", "AAAA", mine, p.sign(text(mine))},
		{"a private key", "", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----", mine, p.sign(text(mine))},
	} {
		if c.signature == "" {
			c.signature = p.sign([]byte(c.challenge))
		}
		_, err := a.AddKey(t.Context(), id, c.algorithm, c.public, c.challenge, c.signature)
		wantKind(t, c.name, err, accounts.Invalid)
	}
	// The form was wrong so far, and no signature was checked: the challenge is still good, once.
	if _, err := a.AddKey(t.Context(), id, "Ed25519", p.public, mine, p.sign(text(mine))); err != nil {
		t.Error(err)
	}
	_, err := a.AddKey(t.Context(), id, "", thief.public, mine, thief.sign(text(mine)))
	wantKind(t, "a challenge used twice", err, accounts.Invalid)
	if keys := account(t, a, id).Record.Keys; len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
}

// TestChallenges ends them by time and by number, and by the badge.
func TestChallenges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		id, _ := create(t, a, "News")
		p := ed25519Pair(1)
		try := func(c string) error {
			_, err := a.AddKey(t.Context(), id, "", p.public, c, p.sign(protocol.PossessionText(id, c)))
			return err
		}
		old := challenge(t, a, id)
		time.Sleep(10 * time.Minute)
		wantKind(t, "after ten minutes", try(old), accounts.Invalid)
		first := challenge(t, a, id)
		for range accounts.MaxChallenges {
			challenge(t, a, id)
		}
		wantKind(t, "with eight later ones", try(first), accounts.Invalid)
		last := challenge(t, a, id)
		if _, err := a.SetStatus(t.Context(), id, protocol.IssuerRestricted, ""); err != nil {
			t.Fatal(err)
		}
		wantKind(t, "under review", try(last), accounts.Forbidden)
		_, _, err := a.Challenge(t.Context(), id)
		wantKind(t, "a challenge under review", err, accounts.Forbidden)
	})
}

// TestMostKeys fills an issuer's record.
func TestMostKeys(t *testing.T) {
	a := newWorld(t).accounts(t)
	id, _ := create(t, a, strings.Repeat("\U0001f4f0", 200))
	for i := range protocol.MaxIssuerKeys {
		key, err := addKey(t, a, id, es256Pair(t))
		if err != nil {
			t.Fatalf("key %d: %v", i+1, err)
		}
		if _, err := a.RevokeKey(t.Context(), id, key.Fingerprint, now().Add(-time.Hour)); err != nil {
			t.Fatalf("revoking key %d: %v", i+1, err)
		}
	}
	_, err := addKey(t, a, id, ed25519Pair(1))
	wantKind(t, "a 33rd key", err, accounts.Invalid)
}
