package protocol_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"mirnode/protocol"
)

// metadataSeeds are metadata in which the two forms, or two opinions, differ.
var metadataSeeds = []string{
	`{}`, `{"count":1,"currency":"USD"}`, `{"10":1,"9":2,"":3,"-1":4,"4294967295":5,"4294967294":6}`, `{"😀":1,"\ue000":2,"～":3}`,
	`{"a":1e21,"b":1e-7,"c":-0,"d":0.10,"e":1.0,"f":9007199254740993,"g":1152921504606847000}`, `{"__proto__":{"x":1},"a":1}`,
	`{"s":"\u0000\u001f\"\\\/\u00e9\ud83d\ude00"}`, `{"sig":"x","a":[[],{},null,true]}`, `{"n":1e400}`, `{"s":"\ud800"}`, `{"a":1,"a":1}`,
}

// mustBeRefusal fails unless err is an *Error with one of the codes, and fit to be shown.
func mustBeRefusal(t *testing.T, err error, codes ...protocol.Code) {
	t.Helper()
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || refusal.Message == "" || !utf8.ValidString(refusal.Message) || len(refusal.Message) > 4096 {
		t.Fatalf("error %#v", err)
	}
	for _, code := range codes {
		if refusal.Code == code {
			return
		}
	}
	t.Fatalf("code %s, want one of %v", refusal.Code, codes)
}

func FuzzParseClaim(f *testing.F) {
	for _, metadata := range metadataSeeds {
		f.Add(document(metadata))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := protocol.ParseClaim(data)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema, protocol.CanonicalizationError)
			return
		}
		stableForm(t, c)
		oneSpelling(t, c)
		if id, err := protocol.ParseClaimID(c.ID()); err != nil || id != c.SigHash() {
			t.Fatalf("ID %s: %v", c.ID(), err)
		}
	})
}

// stableForm parses a claim's forms, with the sig added again, and wants the same claim.
func stableForm(t *testing.T, c *protocol.Claim) {
	t.Helper()
	sdk, err := c.CanonicalSDK()
	if err != nil {
		mustBeRefusal(t, err, protocol.CanonicalizationError)
		sdk = c.Canonical()
	}
	for _, form := range [][]byte{c.Canonical(), sdk} {
		again, err := protocol.ParseClaim(withSig(form, c.Sig))
		if err != nil {
			t.Fatalf("form %s: %v", form, err)
		}
		if string(again.Canonical()) != string(c.Canonical()) || again.RecordHash() != c.RecordHash() || again.ID() != c.ID() {
			t.Fatalf("form %s became %s", form, again.Canonical())
		}
		if againSDK, err := again.CanonicalSDK(); err == nil && string(againSDK) != string(sdk) {
			t.Fatalf("SDK form %s became %s", sdk, againSDK)
		}
	}
}

func withSig(form []byte, sig string) []byte {
	return fmt.Appendf(nil, `%s,"sig":"%s"}`, form[:len(form)-1], sig)
}

// oneSpelling tries every other spelling of the sig that a careless decoder takes.
func oneSpelling(t *testing.T, c *protocol.Claim) {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	others := []string{c.Sig + "=", c.Sig + "==", c.Sig + `\n`, c.Sig[:40] + `\r\n` + c.Sig[40:], " " + c.Sig}
	if standard := strings.NewReplacer("-", "+", "_", "/").Replace(c.Sig); standard != c.Sig {
		others = append(others, standard)
	}
	for _, last := range alphabet {
		other := c.Sig[:85] + string(last)
		decoded, err := base64.RawURLEncoding.DecodeString(other) // lenient with trailing bits
		if err == nil && other != c.Sig && string(decoded) == string(c.Signature()) {
			others = append(others, other)
		}
	}
	if len(others) < 20 {
		t.Fatalf("only %d other spellings of %s", len(others), c.Sig)
	}
	for _, other := range others {
		if _, err := protocol.ParseClaim(withSig(c.Canonical(), other)); err == nil {
			t.Fatalf("accepted %s for %s", other, c.Sig)
		}
	}
}

func FuzzParseDraft(f *testing.F) {
	for _, metadata := range metadataSeeds {
		f.Add([]byte(strings.Replace(string(document(metadata)), `,"sig":"`+strings.Repeat("A", 86)+`"`, "", 1)))
	}
	key := testKey(1)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := protocol.ParseDraft(data)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema, protocol.CanonicalizationError)
			return
		}
		d.KeyFingerprint = ""
		c, err := d.Sign(key)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema, protocol.CanonicalizationError)
			return
		}
		if sdk, err := c.CanonicalSDK(); err != nil || string(sdk) != string(c.Canonical()) {
			t.Fatalf("signed a claim with two forms: %s", c.Raw())
		}
		if !ed25519.Verify(key.Public().(ed25519.PublicKey), c.Canonical(), c.Signature()) {
			t.Fatalf("the signature of %s does not verify", c.Raw())
		}
	})
}

func FuzzParseClaimID(f *testing.F) {
	f.Add("claim_" + strings.Repeat("0", 64))
	f.Add("claim_" + strings.Repeat("F", 63))
	f.Fuzz(func(t *testing.T, s string) {
		if hash, err := protocol.ParseClaimID(s); err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
		} else if want := fmt.Sprintf("claim_%x", hash); !strings.EqualFold(s, want) {
			t.Fatalf("%q became %s", s, want)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(protocol.EncodePublicKey(testKey(1).Public().(ed25519.PublicKey)))
	f.Add(strings.Repeat("A", 43))
	f.Add("7v" + strings.Repeat("_", 40) + "8")
	f.Fuzz(func(t *testing.T, s string) {
		pub, err := protocol.ParsePublicKey(s)
		if err != nil {
			mustBeRefusal(t, err, protocol.KeyNotFound)
			return
		}
		if protocol.EncodePublicKey(pub) != s {
			t.Fatalf("%q is a second spelling of %x", s, pub)
		}
	})
}

func FuzzParseKeyRecord(f *testing.F) {
	f.Add(protocol.KeyRecord(testKey(1).Public().(ed25519.PublicKey)))
	f.Add("v=spf1 -all")
	f.Add(` "MIR-KEY = x"`)
	f.Fuzz(func(t *testing.T, txt string) {
		pub, meant, err := protocol.ParseKeyRecord(txt)
		switch {
		case err != nil:
			mustBeRefusal(t, err, protocol.KeyNotFound)
			if !meant {
				t.Fatal("an error for a record of another kind")
			}
		case meant && protocol.KeyRecord(pub) != txt:
			t.Fatalf("%q is a second spelling of %x", txt, pub)
		case !meant && pub != nil:
			t.Fatal("a key out of a record of another kind")
		}
	})
}

func FuzzParseKeyDocument(f *testing.F) {
	f.Add([]byte(`{"keys":[` + entryJSON(1) + `,` + entryJSON(2, "null", `"2027-01-01T00:00:00.5+01:00"`) + `]}`))
	f.Add([]byte(`{"keys":[{},7,null]}`))
	f.Add([]byte(`{"new":` + entryJSON(1) + `}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, fileErr := protocol.ParseKeyFile(data)
		if fileErr != nil {
			mustBeRefusal(t, fileErr, protocol.KeyNotFound)
		}
		doc, err := protocol.ParseKeyDocument(data)
		if err != nil {
			mustBeRefusal(t, err, protocol.KeyNotFound)
			return
		}
		if fileErr != nil || len(file.Keys) != len(doc.Keys) {
			t.Fatalf("as a file: %v, %d keys instead of %d", fileErr, len(file.Keys), len(doc.Keys))
		}
		again, err := protocol.ParseKeyDocument(doc.JSON())
		if err != nil || len(again.Keys) != len(doc.Keys) || len(again.Problems) != 0 {
			t.Fatalf("written and read again: %v, %q", err, again.Problems)
		}
		for i, k := range doc.Keys {
			if err := protocol.CheckPublicKey(k.Public); err != nil || k.Fingerprint != again.Keys[i].Fingerprint || !k.Expires.Equal(again.Keys[i].Expires) {
				t.Fatalf("key %d: %v", i, err)
			}
		}
	})
}
