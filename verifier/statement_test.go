package verifier_test

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/verifier"
)

const node = "node1.test"

func descriptorOf(t *testing.T, key ed25519.PrivateKey, issued time.Time) *protocol.Descriptor {
	t.Helper()
	d, err := protocol.DescriptorDraft{
		Origin: protocol.Origin{Domain: node, Network: protocol.Development, Epoch: 1}, URL: "https://" + node,
		LogKey: key.Public().(ed25519.PublicKey), Sequence: 1, Issued: issued, ExpiresAt: issued.Add(time.Hour),
	}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// altered is a statement whose signature is another one's.
type altered struct {
	protocol.Statement
	signature []byte
}

func (a altered) Signature() []byte { return a.signature }

func TestStatements(t *testing.T) {
	private := newKey(1)
	other := descriptorOf(t, private, at(-1)).Signature()
	for _, c := range []struct {
		name             string
		issued           time.Duration // from now
		created, expires time.Duration // from now; 0 is not said
		signature        []byte        // nil: its own
		key              ed25519.PrivateKey
		want             protocol.Code
		flags            []string
	}{
		{name: "now"},
		{name: "old", issued: -10_000 * time.Hour},
		{name: "future within the skew", issued: 5 * time.Minute},
		{name: "future", issued: 5*time.Minute + time.Second, want: protocol.ClaimExpired},
		{name: "key expired before", issued: -time.Hour, expires: -2 * time.Hour, want: protocol.KeyExpired},
		{name: "key expired since", issued: -3 * time.Hour, expires: -2 * time.Hour, flags: []string{verifier.FlagKeyExpiredSince}},
		{name: "before the key", issued: -3 * time.Hour, created: -2 * time.Hour, flags: []string{verifier.FlagBeforeKeyCreated}},
		{name: "another key", key: newKey(2), want: protocol.KeyNotFound},
		{name: "another statement's signature", signature: other, want: protocol.InvalidSignature},
		{name: "no signature", signature: make([]byte, 64), want: protocol.InvalidSignature},
		{name: "expired and no signature", expires: -time.Hour, signature: make([]byte, 64), want: protocol.KeyExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := published(private)
			if c.created != 0 {
				key.Created = clock().Add(c.created)
			}
			if c.expires != 0 {
				key.Expires = clock().Add(c.expires)
			}
			signer := private
			if c.key != nil {
				signer = c.key
			}
			var statement protocol.Statement = descriptorOf(t, signer, clock().Add(c.issued))
			if c.signature != nil {
				statement = altered{statement, c.signature}
			}
			v := verifier.New(verifier.StaticKeys(key), verifier.Options{Now: clock})
			got, err := v.VerifyStatement(t.Context(), statement)
			if err != nil || got.Code != c.want || !slices.Equal(got.Flags, c.flags) {
				t.Errorf("code %q, flags %q, error %v; want %q, %q", got.Code, got.Flags, err, c.want, c.flags)
			}
			if got.Accepted() && (got.Key == nil || got.Key.Domain != node || got.Form != verifier.FormText) || !got.Accepted() && (got.Reason == "" || got.Hint == "") {
				t.Errorf("verdict %+v", got)
			}
		})
	}
}

func TestStatementOfAnUnreachableDomain(t *testing.T) {
	silent := &protocol.UnreachableError{Domain: node, RetryAfter: time.Second, Err: errors.New("SERVFAIL")}
	v := verifier.New(&source{err: silent}, verifier.Options{Now: clock})
	verdict, err := v.VerifyStatement(t.Context(), descriptorOf(t, newKey(1), clock()))
	if !errors.Is(err, silent) || verdict.Code != "" {
		t.Errorf("verdict %+v, error %v", verdict, err)
	}
}

// TestAccepted wants the hook called for claims that are accepted, and for nothing else.
func TestAccepted(t *testing.T) {
	private := newKey(1)
	var domains []string
	v := verifier.New(verifier.StaticKeys(published(private)), verifier.Options{Now: clock, Accepted: func(found *protocol.FoundKey) {
		domains = append(domains, found.Domain)
	}})
	good := claimOf(t, private, clock())
	for _, claim := range []*protocol.Claim{
		good, claimOf(t, newKey(2), clock()), claimOf(t, private, at(1)),
		signed(t, private, document(private, shop, clock(), `{}`), func(*protocol.Claim) []byte { return nil }),
	} {
		if _, err := v.VerifyClaim(t.Context(), claim, verifier.Policy{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.VerifyClaim(t.Context(), good, verifier.Policy{ExpectDomain: "example.org"}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.VerifyStatement(t.Context(), descriptorOf(t, private, clock())); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(domains, []string{shop}) {
		t.Errorf("called for %q", domains)
	}
}
