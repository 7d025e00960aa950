package verifier_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/verifier"
)

const shop = "shop.example.com"

func newKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func published(private ed25519.PrivateKey) protocol.DomainKey {
	public := private.Public().(ed25519.PublicKey)
	return protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public), Channels: []protocol.Channel{protocol.DNS}}
}

func at(hour int) time.Time { return clock().Add(time.Duration(hour) * time.Hour) }

// document is a claim with the given fields, without a signature that verifies.
func document(private ed25519.PrivateKey, domain string, timestamp time.Time, metadata string) string {
	return fmt.Sprintf(`{"mir":1,"type":"mir.account.created","domain":%q,"subject":%q,"timestamp":%q,"metadata":%s,"keyFingerprint":%q,"sig":%q}`,
		domain, strings.Repeat("a", 64), timestamp.Format(time.RFC3339), metadata, published(private).Fingerprint, strings.Repeat("A", 86))
}

// signed signs a document over the bytes that form picks: for claims that the project's own signer would refuse to make.
func signed(t testing.TB, private ed25519.PrivateKey, unsigned string, form func(*protocol.Claim) []byte) *protocol.Claim {
	t.Helper()
	draft, err := protocol.ParseClaim([]byte(unsigned))
	if err != nil {
		t.Fatal(err)
	}
	sig := base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, form(draft)))
	claim, err := protocol.ParseClaim([]byte(strings.Replace(unsigned, draft.Sig, sig, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return claim
}

func claimOf(t testing.TB, private ed25519.PrivateKey, timestamp time.Time) *protocol.Claim {
	t.Helper()
	return signed(t, private, document(private, shop, timestamp, `{"count":1}`), (*protocol.Claim).Canonical)
}

// source answers with a fixed key or error, and counts how often it was asked. It is safe for concurrent use, as a key source must be.
type source struct {
	key   protocol.DomainKey
	found protocol.FoundKey
	err   error
	asked atomic.Int64
}

func (s *source) FindKey(context.Context, string, string) (protocol.FoundKey, error) {
	s.asked.Add(1)
	found := s.found
	found.Key = s.key
	return found, s.err
}

func TestPolicies(t *testing.T) {
	private := newKey(1)
	for _, c := range []struct {
		name             string
		claimed          int // hours from now
		created, expires int // hours from now; 0 is not said
		policy           verifier.Policy
		want             protocol.Code
		flags            []string
	}{
		{name: "now"},
		{name: "old", claimed: -100_000},
		{name: "within the age", claimed: -23, policy: verifier.Policy{MaxAge: 24 * time.Hour}},
		{name: "too old", claimed: -25, policy: verifier.Policy{MaxAge: 24 * time.Hour}, want: protocol.ClaimExpired},
		{name: "future", claimed: 1, want: protocol.ClaimExpired},
		{name: "expected domain", policy: verifier.Policy{ExpectDomain: shop}},
		{name: "expected domain in capitals", policy: verifier.Policy{ExpectDomain: "Shop.Example.COM"}},
		{name: "its parent expected", policy: verifier.Policy{ExpectDomain: "example.com"}, want: protocol.DomainMismatch},
		{name: "its child expected", policy: verifier.Policy{ExpectDomain: "a." + shop}, want: protocol.DomainMismatch},
		{name: "key expired before", claimed: -1, expires: -2, want: protocol.KeyExpired},
		{name: "key expired since", claimed: -3, expires: -2, flags: []string{verifier.FlagKeyExpiredSince}},
		{name: "no expired keys", claimed: -3, expires: -2, policy: verifier.Policy{NoExpiredKeys: true}, want: protocol.KeyExpired},
		{name: "no expired keys, and it is not", claimed: -3, expires: 2, policy: verifier.Policy{NoExpiredKeys: true}},
		{name: "before the key was created", claimed: -3, created: -2, flags: []string{verifier.FlagBeforeKeyCreated}},
		{name: "after the key was created", claimed: -3, created: -4},
		{name: "expired key and too old", claimed: -25, expires: -26, policy: verifier.Policy{MaxAge: 24 * time.Hour}, want: protocol.KeyExpired},
		{name: "future and expired then", claimed: 3, expires: 2, want: protocol.KeyExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := published(private)
			if c.created != 0 {
				key.Created = at(c.created)
			}
			if c.expires != 0 {
				key.Expires = at(c.expires)
			}
			v := verifier.New(verifier.StaticKeys(key), verifier.Options{Now: clock})
			got, err := v.VerifyClaim(t.Context(), claimOf(t, private, at(c.claimed)), c.policy)
			if err != nil || got.Code != c.want || !slices.Equal(got.Flags, c.flags) {
				t.Errorf("code %q, flags %q, error %v; want %q, %q", got.Code, got.Flags, err, c.want, c.flags)
			}
			wellFormed(t, got)
		})
	}
}

// TestSkew looks at both sides of the five minutes that clocks may differ by.
func TestSkew(t *testing.T) {
	private := newKey(1)
	for _, c := range []struct {
		name             string
		claimed          time.Duration // from now
		created, expires time.Duration // from now; 0 is not said
		want             protocol.Code
		flag             bool
	}{
		{name: "future within", claimed: 5 * time.Minute},
		{name: "future beyond", claimed: 5*time.Minute + time.Second, want: protocol.ClaimExpired},
		{name: "expiry within", claimed: -time.Hour, expires: -65 * time.Minute, flag: true},
		{name: "expiry beyond", claimed: -time.Hour, expires: -65*time.Minute - time.Second, want: protocol.KeyExpired},
		{name: "creation within", claimed: -time.Hour, created: -55 * time.Minute},
		{name: "creation beyond", claimed: -time.Hour, created: -55*time.Minute + time.Second, flag: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := published(private)
			if c.created != 0 {
				key.Created = clock().Add(c.created)
			}
			if c.expires != 0 {
				key.Expires = clock().Add(c.expires)
			}
			v := verifier.New(verifier.StaticKeys(key), verifier.Options{Now: clock})
			got, err := v.VerifyClaim(t.Context(), claimOf(t, private, clock().Add(c.claimed)), verifier.Policy{})
			if err != nil || got.Code != c.want || (len(got.Flags) > 0) != c.flag {
				t.Errorf("code %q, flags %q, error %v; want %q, flags %v", got.Code, got.Flags, err, c.want, c.flag)
			}
		})
	}
}

func TestUnreachableIsNoVerdict(t *testing.T) {
	private := newKey(1)
	claim := claimOf(t, private, clock())
	silent := &protocol.UnreachableError{Domain: shop, RetryAfter: time.Second, Err: errors.New("SERVFAIL")}
	v := verifier.New(&source{err: silent}, verifier.Options{Now: clock})
	verdict, err := v.VerifyClaim(t.Context(), claim, verifier.Policy{})
	if !errors.Is(err, silent) || verdict.Code != "" {
		t.Errorf("verdict %+v, error %v", verdict, err)
	}
	for _, outcome := range v.VerifyBatch(t.Context(), []*protocol.Claim{claim, claim}, verifier.Policy{}) {
		if !errors.Is(outcome.Err, silent) {
			t.Errorf("in a batch: %+v", outcome)
		}
	}

	absent := &protocol.Error{Code: protocol.KeyNotFound, Message: "no such key", Hint: "publish it"}
	verdict, err = verifier.New(&source{err: absent}, verifier.Options{Now: clock}).VerifyClaim(t.Context(), claim, verifier.Policy{})
	if err != nil || verdict.Code != protocol.KeyNotFound || verdict.Reason != "no such key" {
		t.Errorf("verdict %+v, error %v", verdict, err)
	}
	wellFormed(t, verdict)
}

// TestOtherDomainCostsNoLookUp holds the expected domain to be looked at first.
func TestOtherDomainCostsNoLookUp(t *testing.T) {
	keys := &source{}
	claim := claimOf(t, newKey(1), clock())
	verdict, err := verifier.New(keys, verifier.Options{Now: clock}).VerifyClaim(t.Context(), claim, verifier.Policy{ExpectDomain: "example.org"})
	if err != nil || verdict.Code != protocol.DomainMismatch || keys.asked.Load() != 0 {
		t.Errorf("verdict %+v, error %v, %d look-ups", verdict, err, keys.asked.Load())
	}
}

func TestForms(t *testing.T) {
	private := newKey(1)
	sdk := func(c *protocol.Claim) []byte {
		form, err := c.CanonicalSDK()
		if err != nil {
			t.Fatal(err)
		}
		return form
	}
	other := func(*protocol.Claim) []byte { return []byte("something else") }
	for _, c := range []struct {
		name, metadata string
		sign           func(*protocol.Claim) []byte
		form           verifier.Form
		want           protocol.Code
	}{
		{"one form for both", `{"count":1}`, sdk, verifier.FormText, ""},
		{"the text's form", `{"10":1,"9":2}`, (*protocol.Claim).Canonical, verifier.FormText, ""},
		{"the SDK's form", `{"10":1,"9":2}`, sdk, verifier.FormSDK, ""},
		{"neither", `{"10":1,"9":2}`, other, "", protocol.InvalidSignature},
		{"neither, and they are one", `{"count":1}`, other, "", protocol.InvalidSignature},
		{"no SDK's form, and the text's was signed", `{"n":9007199254740993}`, (*protocol.Claim).Canonical, verifier.FormText, ""},
		{"no SDK's form, and another was signed", `{"n":9007199254740993}`, other, "", protocol.CanonicalizationError},
	} {
		t.Run(c.name, func(t *testing.T) {
			claim := signed(t, private, document(private, shop, clock(), c.metadata), c.sign)
			v := verifier.New(verifier.StaticKeys(published(private)), verifier.Options{Now: clock})
			got, err := v.VerifyClaim(t.Context(), claim, verifier.Policy{})
			if err != nil || got.Code != c.want || got.Form != c.form || slices.Contains(got.Flags, verifier.FlagSDKForm) != (c.form == verifier.FormSDK) {
				t.Errorf("code %q, form %q, flags %q, error %v; want %q, %q", got.Code, got.Form, got.Flags, err, c.want, c.form)
			}
			wellFormed(t, got)
		})
	}
}

// TestFlags has the flags that the tables above do not.
func TestFlags(t *testing.T) {
	private := newKey(1)
	for _, c := range []struct {
		name, claimType string
		channels        []protocol.Channel
		warnings        []string
		want            []string
	}{
		{"unlisted core type", "mir.account.renamed", []protocol.Channel{protocol.DNS}, nil, []string{verifier.FlagUnlistedCoreType}},
		{"extension type", "shop.example.com:loyalty.earned", []protocol.Channel{protocol.DNS}, nil, nil},
		{"extension type of mir.com", "mir.com:loyalty.earned", []protocol.Channel{protocol.DNS}, nil, nil},
		{"in one channel of two", "mir.account.created", []protocol.Channel{protocol.DNS}, []string{"not in the other"}, []string{verifier.FlagOneChannelOnly}},
		{"in both channels", "mir.account.created", []protocol.Channel{protocol.DNS, protocol.WellKnown}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			unsigned := strings.Replace(document(private, shop, clock(), `{}`), "mir.account.created", c.claimType, 1)
			keys := &source{key: published(private), found: protocol.FoundKey{Domain: shop, Warnings: c.warnings}}
			keys.key.Channels = c.channels
			got, err := verifier.New(keys, verifier.Options{Now: clock}).
				VerifyClaim(t.Context(), signed(t, private, unsigned, (*protocol.Claim).Canonical), verifier.Policy{})
			if err != nil || !got.Accepted() || !slices.Equal(got.Flags, c.want) {
				t.Errorf("code %q, flags %q, error %v; want flags %q", got.Code, got.Flags, err, c.want)
			}
		})
	}
}

func TestBatchIsManySingles(t *testing.T) {
	keys := []ed25519.PrivateKey{newKey(1), newKey(2), newKey(3)}
	v := verifier.New(verifier.StaticKeys(published(keys[0]), published(keys[1])), verifier.Options{Now: clock, Parallel: 3})
	var claims []*protocol.Claim
	for i := range 60 {
		claim := claimOf(t, keys[i%3], at(-i))
		if i%5 == 0 {
			forged := strings.Replace(string(claim.Raw()), `"count":1`, `"count":2`, 1)
			var err error
			if claim, err = protocol.ParseClaim([]byte(forged)); err != nil {
				t.Fatal(err)
			}
		}
		claims = append(claims, claim)
	}
	for i, got := range v.VerifyBatch(t.Context(), claims, verifier.Policy{}) {
		want, err := v.VerifyClaim(t.Context(), claims[i], verifier.Policy{})
		if got.Err != nil || err != nil || got.Verdict.Code != want.Code || got.Verdict.Claim != claims[i] {
			t.Errorf("claim %d: %q (%v) in the batch, %q (%v) alone", i, got.Verdict.Code, got.Err, want.Code, err)
		}
	}
	if len(v.VerifyBatch(t.Context(), nil, verifier.Policy{})) != 0 {
		t.Error("an empty batch has outcomes")
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, outcome := range v.VerifyBatch(ended, claims, verifier.Policy{}) {
		if !errors.Is(outcome.Err, context.Canceled) {
			t.Fatalf("after the end: %+v", outcome)
		}
	}
}
