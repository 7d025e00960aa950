package issuers_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/protocol"
)

// newKey makes an issuer's key out of a seed.
func newKey(t *testing.T, seed byte) protocol.IssuerKey {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	key, err := protocol.NewIssuerKey(protocol.Ed25519, private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	key.Created = time.Now().UTC().Truncate(time.Millisecond)
	return key
}

func p256Key(t *testing.T) protocol.IssuerKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.NewIssuerKey(protocol.ES256, point)
	if err != nil {
		t.Fatal(err)
	}
	key.Created = time.Now().UTC().Truncate(time.Millisecond)
	return key
}

// TestAnchors follows the keys that a domain publishes, of an issuer with four.
func TestAnchors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.directory(t)
		published, expired, unknown, p256 := newKey(t, 1), newKey(t, 2), newKey(t, 3), p256Key(t)
		draft := draft("home.test", 1, "news.example")
		draft.Keys = []protocol.IssuerKey{published, expired, unknown, p256}
		r := w.add(t, draft)
		w.keys["news.example"] = map[string]protocol.DomainKey{
			published.Fingerprint: {}, p256.Fingerprint: {}, expired.Fingerprint: {Expires: time.Now().Add(-time.Hour)},
		}
		s := settled(t, d, r.ID)
		if s.Anchored(published.Fingerprint) || w.sought != 0 {
			t.Error("a key is anchored by a domain that was not shown to be the issuer's")
		}
		w.publish(r)
		time.Sleep(2 * time.Minute)
		s = standing(t, d, r.ID)
		for _, c := range []struct {
			name string
			key  protocol.IssuerKey
			want bool
		}{{"published", published, true}, {"expired", expired, false}, {"not published", unknown, false}, {"ES256", p256, false}} {
			if s.Anchored(c.key.Fingerprint) != c.want {
				t.Errorf("%s: anchored is %v", c.name, !c.want)
			}
		}

		w.set(func() { w.keys["news.example"] = nil }) // silent: what it said stands
		time.Sleep(48 * time.Hour)
		if s := standing(t, d, r.ID); !s.Anchored(published.Fingerprint) {
			t.Error("silence took the anchor away")
		}
		w.set(func() { w.keys["news.example"] = map[string]protocol.DomainKey{unknown.Fingerprint: {}} })
		time.Sleep(2 * time.Hour)
		if s := standing(t, d, r.ID); s.Anchored(published.Fingerprint) || !s.Anchored(unknown.Fingerprint) || !s.Verified {
			t.Error("the anchors are not those that the domain publishes now")
		}
	})
}

// TestNewKeyIsLookedFor looks for a key as soon as the record has it, without asking for the token again; the token's loss ends all anchors.
func TestNewKeyIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.directory(t)
		r := w.add(t, draft("home.test", 1, "news.example"))
		w.publish(r)
		settled(t, d, r.ID)
		key := newKey(t, 1)
		w.set(func() { w.keys["news.example"] = map[string]protocol.DomainKey{key.Fingerprint: {}} })
		next := r.Draft()
		next.Sequence, next.Keys = 2, []protocol.IssuerKey{key}
		d.Learned(w.add(t, next))
		synctest.Wait()
		if s := standing(t, d, r.ID); !s.Anchored(key.Fingerprint) {
			t.Error("the new key is not anchored")
		}
		if n := w.count("_mir-verify.news.example"); n != 1 {
			t.Errorf("the token was asked for %d times", n)
		}
		if s := standing(t, w.directory(t), r.ID); !s.Anchored(key.Fingerprint) {
			t.Error("a restart forgot the anchor")
		}
		w.set(func() { clear(w.txt) })
		time.Sleep(27 * time.Hour)
		if s := standing(t, d, r.ID); s.Anchored(key.Fingerprint) {
			t.Error("a lost domain still anchors keys")
		}
	})
}
