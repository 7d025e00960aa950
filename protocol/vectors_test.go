package protocol_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mirnode/conformance/cases"
	"mirnode/protocol"
)

// vectorsDir names the folder of test vectors: that of MIR_VECTORS, such as the
// protocol's normative ones, or the conformance suite's sample.
func vectorsDir() string {
	if dir := os.Getenv("MIR_VECTORS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "conformance", "vectors", "testdata", "layout")
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// namedKeys reads a key file.
func namedKeys(t *testing.T, data []byte) map[string]protocol.DomainKey {
	t.Helper()
	file, err := protocol.ParseKeyFile(data)
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]protocol.DomainKey)
	for _, k := range file.Keys {
		keys[k.Name] = k.Key
	}
	return keys
}

// judge decides as much as the formats alone decide, for a domain that publishes one key
// (or none: the zero key): the code, "" for ACCEPT, and the form that was signed.
func judge(document []byte, key protocol.DomainKey) (code protocol.Code, form string) {
	c, err := protocol.ParseClaim(document)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return refusal.Code, ""
	}
	if c.KeyFingerprint != key.Fingerprint {
		return protocol.KeyNotFound, ""
	}
	if !key.Expires.IsZero() && c.Time().After(key.Expires.Add(protocol.ClockSkew)) {
		return protocol.KeyExpired, ""
	}
	if ed25519.Verify(key.Public, c.Canonical(), c.Signature()) {
		return "", "text"
	}
	sdk, err := c.CanonicalSDK()
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return refusal.Code, ""
	}
	if ed25519.Verify(key.Public, sdk, c.Signature()) {
		return "", "sdk"
	}
	return protocol.InvalidSignature, ""
}

type vectorVerdict struct {
	Result, Form string
	Code         protocol.Code
}

func TestVectors(t *testing.T) {
	dir := vectorsDir()
	data, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	keys := namedKeys(t, data)
	claims, err := filepath.Glob(filepath.Join(dir, "*", "claim.json"))
	if err != nil || len(claims) < 6 {
		t.Fatalf("found %d vectors in %s (%v), want 6 or more", len(claims), dir, err)
	}
	for _, path := range claims {
		vector := filepath.Dir(path)
		t.Run(filepath.Base(vector), func(t *testing.T) {
			document, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			compareForms(t, vector, document)
			for name, want := range verdicts(t, vector) {
				code, form := judge(document, keys[name])
				if code != want.Code || (code == "") != (want.Result == "ACCEPT") {
					t.Errorf("with %s: code %q, want %s %q", name, code, want.Result, want.Code)
				}
				if code == "" && want.Form != "" && form != want.Form {
					t.Errorf("with %s: signed in the form %s, want %s", name, form, want.Form)
				}
			}
		})
	}
}

// compareForms holds a claim against the vector's canonical.txt and signature.txt, byte for byte.
func compareForms(t *testing.T, vector string, document []byte) {
	canonical, err := os.ReadFile(filepath.Join(vector, "canonical.txt"))
	if errors.Is(err, os.ErrNotExist) {
		return // the claim has none
	}
	if err != nil {
		t.Fatal(err)
	}
	sig, err := os.ReadFile(filepath.Join(vector, "signature.txt"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := protocol.ParseClaim(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Canonical()) != string(canonical) {
		t.Errorf("canonical form\n%s, want\n%s", c.Canonical(), canonical)
	}
	if c.Sig != string(sig) {
		t.Errorf("sig %s, want %s", c.Sig, sig)
	}
	if decoded, err := base64.RawURLEncoding.DecodeString(string(sig)); err != nil || string(decoded) != string(c.Signature()) {
		t.Errorf("signature %x, want %x (%v)", c.Signature(), decoded, err)
	}
	if strings.TrimSpace(string(document)) != string(c.Raw()) {
		t.Errorf("raw %s, want the document", c.Raw())
	}
}

// verdicts reads expected.json: one verdict, or one for each of several keys.
func verdicts(t *testing.T, vector string) map[string]vectorVerdict {
	t.Helper()
	path := filepath.Join(vector, "expected.json")
	var one struct {
		vectorVerdict
		VerifyWith string
	}
	readJSON(t, path, &one)
	if one.VerifyWith != "" {
		return map[string]vectorVerdict{one.VerifyWith: one.vectorVerdict}
	}
	var members map[string]json.RawMessage
	readJSON(t, path, &members)
	verdicts := make(map[string]vectorVerdict)
	for name, data := range members {
		if key, ok := strings.CutPrefix(name, "verifyWith_"); ok {
			var v vectorVerdict
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			verdicts[key] = v
		}
	}
	if len(verdicts) == 0 {
		t.Fatalf("%s expects nothing", path)
	}
	return verdicts
}

// TestCases holds the package to the conformance suite's verdicts, as far as they are about formats and signatures.
func TestCases(t *testing.T) {
	all, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for i := range all {
		c := &all[i]
		if c.Verdict == nil || c.Verdict.Options != nil || slices.Contains(c.Verdict.Expect.Codes, string(protocol.ClaimExpired)) {
			continue // what a verifier asks for, and what its clock says, is no matter of formats
		}
		judged++
		t.Run(c.ID, func(t *testing.T) {
			document := c.Verdict.Bytes()
			doc, err := protocol.ParseKeyDocument(c.Verdict.Keys)
			if err != nil {
				t.Fatal(err)
			}
			claim, err := protocol.ParseClaim(document)
			if err == nil && string(claim.Canonical()) != c.Verdict.Canonical {
				t.Errorf("canonical form\n%s, want\n%s", claim.Canonical(), c.Verdict.Canonical)
			}
			var key protocol.DomainKey
			for _, k := range doc.Keys {
				if claim != nil && k.Fingerprint == claim.KeyFingerprint {
					key = k
				}
			}
			code, form := judge(document, key)
			if (code == "") == c.Refused || code != "" && !slices.Contains(c.Verdict.Expect.Codes, string(code)) {
				t.Errorf("code %q, want %s %q: %s", code, c.Verdict.Expect.Result, c.Verdict.Expect.Codes, c.Title)
			}
			if code == "" && c.Verdict.Form != "" && form != c.Verdict.Form {
				t.Errorf("signed in the form %s, want %s", form, c.Verdict.Form)
			}
		})
	}
	if judged < 300 {
		t.Errorf("%d cases were judged", judged)
	}
}
