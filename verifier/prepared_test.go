package verifier_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"sync"
	"testing"

	"mirnode/protocol"
	"mirnode/verifier"
)

// many is well above the number of uses after which a key gets its table.
const many = 40

// TestManyUsesChangeNoVerdict verifies good and forged claims by the same key until it has its table, and after.
func TestManyUsesChangeNoVerdict(t *testing.T) {
	private := newKey(1)
	good := claimOf(t, private, clock())
	forged, err := protocol.ParseClaim([]byte(strings.Replace(string(good.Raw()), `"count":1`, `"count":2`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	v := verifier.New(verifier.StaticKeys(published(private)), verifier.Options{Now: clock})
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for i := range many {
				if verdict, err := v.VerifyClaim(t.Context(), good, verifier.Policy{}); err != nil || !verdict.Accepted() {
					t.Errorf("use %d of the good claim: %q, %v", i, verdict.Code, err)
				}
				if verdict, err := v.VerifyClaim(t.Context(), forged, verifier.Policy{}); err != nil || verdict.Code != protocol.InvalidSignature {
					t.Errorf("use %d of the forged claim: %q, %v", i, verdict.Code, err)
				}
			}
		})
	}
	users.Wait()
}

// TestMoreKeysThanTables goes round more keys than may be held ready.
func TestMoreKeysThanTables(t *testing.T) {
	var keys []protocol.DomainKey
	var claims []*protocol.Claim
	for seed := range byte(5) {
		private := newKey(seed)
		keys = append(keys, published(private))
		claims = append(claims, claimOf(t, private, clock()))
	}
	v := verifier.New(verifier.StaticKeys(keys...), verifier.Options{Now: clock, ExpandedKeys: 2})
	for range many {
		for i, claim := range claims {
			if verdict, err := v.VerifyClaim(t.Context(), claim, verifier.Policy{}); err != nil || !verdict.Accepted() {
				t.Fatalf("key %d: %q, %v", i, verdict.Code, err)
			}
		}
	}
}

// TestBadKeysOfASource hands out keys that no source should: whatever the signature, they are no keys.
func TestBadKeysOfASource(t *testing.T) {
	private := newKey(1)
	claim := claimOf(t, private, clock())
	identity, err := hex.DecodeString("01" + strings.Repeat("00", 31))
	if err != nil {
		t.Fatal(err)
	}
	for name, public := range map[string]ed25519.PublicKey{
		"another key":       newKey(2).Public().(ed25519.PublicKey),
		"the identity":      identity,
		"not on the curve":  append([]byte{2}, make([]byte, 31)...),
		"31 bytes":          make([]byte, 31),
		"nothing":           nil,
		"another hot key":   newKey(3).Public().(ed25519.PublicKey),
		"an unreduced zero": append(append([]byte{0xee}, bytesOf(0xff, 30)...), 0x7f),
	} {
		t.Run(name, func(t *testing.T) {
			keys := &source{key: protocol.DomainKey{Public: public, Fingerprint: claim.KeyFingerprint}}
			v := verifier.New(keys, verifier.Options{Now: clock})
			if name == "another hot key" {
				heat(t, v, keys, newKey(3))
				keys.key = protocol.DomainKey{Public: public, Fingerprint: claim.KeyFingerprint}
			}
			verdict, err := v.VerifyClaim(t.Context(), claim, verifier.Policy{})
			if err != nil || verdict.Code != protocol.KeyNotFound {
				t.Errorf("%q, %v", verdict.Code, err)
			}
			wellFormed(t, verdict)
		})
	}
}

// heat uses a key until it has its table.
func heat(t *testing.T, v *verifier.Verifier, keys *source, private ed25519.PrivateKey) {
	t.Helper()
	keys.key = published(private)
	claim := claimOf(t, private, clock())
	for range many {
		if verdict, err := v.VerifyClaim(t.Context(), claim, verifier.Policy{}); err != nil || !verdict.Accepted() {
			t.Fatalf("%q, %v", verdict.Code, err)
		}
	}
}

func bytesOf(b byte, n int) []byte {
	s := make([]byte, n)
	for i := range s {
		s[i] = b
	}
	return s
}

func TestStaticKeysTakeTheWidestValidity(t *testing.T) {
	private := newKey(1)
	entry := func(created, expires int) protocol.DomainKey {
		key := published(private)
		if created != 0 {
			key.Created = at(created)
		}
		if expires != 0 {
			key.Expires = at(expires)
		}
		return key
	}
	for name, c := range map[string]struct {
		keys             []protocol.DomainKey
		created, expires int
	}{
		"one":             {[]protocol.DomainKey{entry(-5, -1)}, -5, -1},
		"earlier, later":  {[]protocol.DomainKey{entry(-5, -3), entry(-4, -1)}, -5, -1},
		"later, earlier":  {[]protocol.DomainKey{entry(-4, -1), entry(-5, -3)}, -5, -1},
		"without an end":  {[]protocol.DomainKey{entry(-4, -1), entry(-5, 0)}, -5, 0},
		"without any":     {[]protocol.DomainKey{entry(0, 0), entry(-5, -3)}, 0, 0},
		"of two, without": {[]protocol.DomainKey{entry(-5, 0), entry(0, -3)}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			want := entry(c.created, c.expires)
			found, err := verifier.StaticKeys(c.keys...).FindKey(t.Context(), shop, want.Fingerprint)
			if err != nil || !found.Key.Created.Equal(want.Created) || !found.Key.Expires.Equal(want.Expires) || found.Domain != shop {
				t.Errorf("%+v, %v; want %v to %v", found, err, want.Created, want.Expires)
			}
		})
	}
}
