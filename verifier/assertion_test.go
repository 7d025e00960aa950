package verifier_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/verifier"
)

const nonce = "00112233445566778899aabbccddeeff"

// signer signs for an issuer.
type signer struct {
	key  protocol.IssuerKey
	sign func(message []byte) []byte
}

func edSigner(t testing.TB, seed byte) signer {
	t.Helper()
	private := newKey(seed)
	key, err := protocol.NewIssuerKey(protocol.Ed25519, private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, func(m []byte) []byte { return ed25519.Sign(private, m) }}
}

func ecSigner(t testing.TB, seed byte) signer {
	t.Helper()
	scalar := sha256.Sum256([]byte{seed})
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
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
	return signer{key, func(m []byte) []byte {
		digest := sha256.Sum256(m)
		der, err := ecdsa.SignASN1(nil, private, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		sig, err := protocol.ParseSignature(protocol.ES256, base64.StdEncoding.EncodeToString(der))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}}
}

func issuerOf(t testing.TB, nonce string, keys ...protocol.IssuerKey) *protocol.Issuer {
	t.Helper()
	i, err := protocol.IssuerDraft{
		Home: node, Nonce: nonce, Network: protocol.Development, Name: "News", Status: protocol.IssuerUnverified, Keys: keys, Sequence: 1, Issued: clock(),
	}.Sign(newKey(9))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestIssuersStatements holds assertions and revocations to the issuer's record, each rule at its edge.
func TestIssuersStatements(t *testing.T) {
	const hour, skew = time.Hour, protocol.ClockSkew
	const most = protocol.AssertionSkew + protocol.AssertionSlack
	for _, c := range []struct {
		name             string
		created, revoked time.Duration // of the key, from now; revoked 0: not
		stamp            time.Duration // of the payload, from now
		nonce            string        // of the record that is held; "": the issuer's
		listed           byte          // the key that the record lists; 0: the one that signs
		message          string        // what is signed in place of the payload
		malleate         func(sig []byte)
		want             protocol.Code
	}{
		{name: "now", created: -hour},
		{name: "a timestamp at the edge of the past", created: -hour, stamp: -most},
		{name: "a timestamp past it", created: -hour, stamp: -most - time.Millisecond, want: protocol.ClaimExpired},
		{name: "a timestamp at the edge of the future", created: -hour, stamp: most},
		{name: "a timestamp beyond it", created: -hour, stamp: most + time.Millisecond, want: protocol.ClaimExpired},
		{name: "a timestamp of long ago", created: -hour, stamp: -400 * 24 * hour, want: protocol.ClaimExpired},
		{name: "a key that is created within the skew", created: skew},
		{name: "a key that is created later", created: skew + time.Millisecond, want: protocol.KeyExpired},
		{name: "a key that is revoked later", created: -hour, revoked: time.Millisecond},
		{name: "a key that is revoked now", created: -hour, revoked: time.Nanosecond, want: protocol.KeyExpired}, // the record has milliseconds
		{name: "a key that was revoked", created: -hour, revoked: -time.Minute, want: protocol.KeyExpired},
		{name: "another issuer's record", created: -hour, nonce: strings.Repeat("0", 32), want: protocol.KeyNotFound},
		{name: "a key that is not listed", created: -hour, listed: 77, want: protocol.KeyNotFound},
		{name: "other bytes signed", created: -hour, message: "x", want: protocol.InvalidSignature},
		{name: "a possession signed", created: -hour, message: string(protocol.PossessionText("issuer", "challenge")), want: protocol.InvalidSignature},
		{name: "no signature", created: -hour, malleate: func(sig []byte) { clear(sig) }, want: protocol.InvalidSignature},
		{name: "a bit flipped", created: -hour, malleate: func(sig []byte) { sig[40] ^= 1 }, want: protocol.InvalidSignature},
		{name: "not signed and too old", created: -hour, stamp: -hour, message: "x", want: protocol.ClaimExpired},
	} {
		for _, s := range []signer{edSigner(t, 1), ecSigner(t, 1)} {
			t.Run(c.name+", "+string(s.key.Algorithm), func(t *testing.T) {
				key := s.key
				if c.listed != 0 {
					key = edSigner(t, c.listed).key
				}
				key.Created = clock().Add(c.created)
				if c.revoked != 0 {
					key.RevokedAt = clock().Add(c.revoked)
				}
				held := c.nonce
				if held == "" {
					held = nonce
				}
				issuer := issuerOf(t, held, key)
				sign := func(payload []byte) []byte {
					if c.message != "" {
						payload = []byte(c.message)
					}
					sig := s.sign(payload)
					if c.malleate != nil {
						c.malleate(sig)
					}
					return sig
				}
				a, r := statementsBy(t, s.key.Fingerprint, clock().Add(c.stamp), sign)
				for what, refusal := range map[string]*protocol.Error{
					"assertion": verifier.Assertion(a, issuer, clock()), "revocation": verifier.Revocation(r, issuer, clock()),
				} {
					var got protocol.Code
					if refusal != nil {
						got = refusal.Code
					}
					if got != c.want {
						t.Errorf("%s: %v, want %q", what, refusal, c.want)
					}
					if refusal != nil && !strings.Contains(refusal.Message, what) {
						t.Errorf("%s: %v", what, refusal)
					}
				}
			})
		}
	}
}

// statementsBy returns an assertion and a revocation of the issuer with the nonce.
func statementsBy(t testing.TB, fingerprint string, stamp time.Time, sign func([]byte) []byte) (*protocol.Assertion, *protocol.Revocation) {
	t.Helper()
	id, timestamp := protocol.IssuerID(node, nonce), stamp.UTC().Format("2006-01-02T15:04:05.000Z")
	payload := protocol.AssertionPayload{Type: protocol.NotIssuedBy, IssuerID: id, Timestamp: timestamp}
	signed := payload.Encode()
	a, err := protocol.NewAssertion(signed, fingerprint, sign(signed), nil)
	if err != nil {
		t.Fatal(err)
	}
	revoke := protocol.RevocationPayload{Action: protocol.ActionRevoke, AssertionID: a.ID(), IssuerID: id, Timestamp: timestamp}
	signed = revoke.Encode()
	r, err := protocol.NewRevocation(signed, fingerprint, sign(signed))
	if err != nil {
		t.Fatal(err)
	}
	return a, r
}

// TestAnotherKeyOfTheIssuer: that some key of the issuer signed is not enough.
func TestAnotherKeyOfTheIssuer(t *testing.T) {
	one, two := edSigner(t, 1), edSigner(t, 2)
	for _, k := range []*protocol.IssuerKey{&one.key, &two.key} {
		k.Created = clock()
	}
	issuer := issuerOf(t, nonce, one.key, two.key)
	for _, s := range []signer{one, two} {
		a, r := statementsBy(t, two.key.Fingerprint, clock(), s.sign)
		want := s.key.Fingerprint == two.key.Fingerprint
		if got := verifier.Assertion(a, issuer, clock()); (got == nil) != want {
			t.Errorf("assertion: %v", got)
		}
		if got := verifier.Revocation(r, issuer, clock()); (got == nil) != want {
			t.Errorf("revocation: %v", got)
		}
	}
}

// TestSignedBytesAreTheRecords: a home that changes what an issuer signed is found out.
func TestSignedBytesAreTheRecords(t *testing.T) {
	s := ecSigner(t, 1)
	s.key.Created = clock()
	issuer := issuerOf(t, nonce, s.key)
	a, _ := statementsBy(t, s.key.Fingerprint, clock(), s.sign)
	for name, change := range map[string][2]string{
		"another type": {"NOT_ISSUED_BY", "ISSUED_BY"}, "white space": {`"version":1}`, `"version":1 }`},
		"another artifact": {`"artifactHash":"00`, `"artifactHash":"01`}, "a context": {`,"issuerId"`, `,"context":"x","issuerId"`},
	} {
		signed := []byte(strings.Replace(string(a.Signed), change[0], change[1], 1))
		if slices.Equal(signed, a.Signed) {
			t.Fatalf("%s changes nothing", name)
		}
		forged, err := protocol.NewAssertion(signed, s.key.Fingerprint, a.Signature(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if refusal := verifier.Assertion(forged, issuer, clock()); refusal == nil || refusal.Code != protocol.InvalidSignature {
			t.Errorf("%s: %v", name, refusal)
		}
	}
	other, err := protocol.NewAssertion(a.Signed, s.key.Fingerprint, a.Signature(), &protocol.AssertionMetadata{DisplayName: "x"})
	if err != nil || verifier.Assertion(other, issuer, clock()) != nil {
		t.Errorf("metadata are not signed: %v", err)
	}
}
