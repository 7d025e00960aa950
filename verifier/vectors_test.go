package verifier_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/protocol"
	"mirnode/verifier"
)

// vectorsDir names the folder of test vectors: that of MIR_VECTORS, such as the protocol's normative ones, or the conformance suite's sample.
func vectorsDir() string {
	if dir := os.Getenv("MIR_VECTORS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "conformance", "vectors", "testdata", "layout")
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decode(t testing.TB, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// only is a verifier whose source has the one key of that name, or none if the name is not a usable key's.
func only(t testing.TB, keyFile []byte, name string) *verifier.Verifier {
	t.Helper()
	file, err := protocol.ParseKeyFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var keys []protocol.DomainKey
	for _, k := range file.Keys {
		if k.Name == name {
			keys = append(keys, k.Key)
		}
	}
	return verifier.New(verifier.StaticKeys(keys...), verifier.Options{Now: clock})
}

// clock stands later than all vectors.
func clock() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

// expected is a vector's expected.json.
type expected struct {
	Result string
	Code   protocol.Code
	Form   verifier.Form
}

func (want expected) check(t *testing.T, v *verifier.Verifier, document []byte) {
	t.Helper()
	got, err := v.Verify(t.Context(), document, verifier.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Result() != want.Result || got.Code != want.Code {
		t.Errorf("%s %q (%s), want %s %q", got.Result(), got.Code, got.Reason, want.Result, want.Code)
	}
	if got.Accepted() && want.Form != "" && got.Form != want.Form {
		t.Errorf("signed in the form %s, want %s", got.Form, want.Form)
	}
	wellFormed(t, got)
}

// wellFormed holds what is true of every verdict.
func wellFormed(t *testing.T, v verifier.Verdict) {
	t.Helper()
	if v.Accepted() {
		if v.Reason != "" || v.Hint != "" || v.Claim == nil || v.Key == nil || v.Form == "" {
			t.Errorf("an accepted claim with reason %q, hint %q, claim %v, key %v, form %q", v.Reason, v.Hint, v.Claim, v.Key, v.Form)
		}
		return
	}
	if v.Reason == "" || v.Hint == "" || v.Form != "" || v.Flags != nil {
		t.Errorf("%s with reason %q, hint %q, form %q, flags %q", v.Code, v.Reason, v.Hint, v.Form, v.Flags)
	}
}

func TestVectors(t *testing.T) {
	dir := vectorsDir()
	keys := readFile(t, filepath.Join(dir, "keys.json"))
	claims, err := filepath.Glob(filepath.Join(dir, "*", "claim.json"))
	if err != nil || len(claims) < 6 {
		t.Fatalf("%d vectors in %s (%v), want at least 6", len(claims), dir, err)
	}
	for _, path := range claims {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			var members map[string]json.RawMessage
			answer := readFile(t, filepath.Join(filepath.Dir(path), "expected.json"))
			decode(t, answer, &members)
			checked := 0
			for name, value := range members {
				var want expected
				key, several := strings.CutPrefix(name, "verifyWith_")
				switch {
				case several:
					decode(t, value, &want)
				case name == "verifyWith":
					decode(t, value, &key)
					decode(t, answer, &want)
				default:
					continue
				}
				want.check(t, only(t, keys, key), readFile(t, path))
				checked++
			}
			if checked == 0 {
				t.Error("the vector expects nothing")
			}
		})
	}
}

// TestCases holds the verifier to the conformance suite's verdicts.
func TestCases(t *testing.T) {
	all, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for i := range all {
		c := &all[i]
		if c.Verdict == nil {
			continue
		}
		judged++
		t.Run(c.ID, func(t *testing.T) { checkCase(t, c) })
	}
	if judged < 300 {
		t.Errorf("%d cases were judged", judged)
	}
}

func checkCase(t *testing.T, c *cases.Case) {
	t.Helper()
	doc, err := protocol.ParseKeyDocument(c.Verdict.Keys)
	if err != nil {
		t.Fatal(err)
	}
	var policy verifier.Policy
	if o := c.Verdict.Options; o != nil {
		policy.ExpectDomain, policy.NoExpiredKeys = o.ExpectDomain, o.NoExpiredKeys
		if o.MaxAge != "" {
			if policy.MaxAge, err = time.ParseDuration(o.MaxAge); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := clock
	if c.Verdict.Now != nil {
		now = func() time.Time { return *c.Verdict.Now }
	}
	got, err := verifier.New(verifier.StaticKeys(doc.Keys...), verifier.Options{Now: now}).Verify(t.Context(), c.Verdict.Bytes(), policy)
	if err != nil {
		t.Fatal(err)
	}
	want := c.Verdict.Expect
	if got.Result() != want.Result || c.Refused && !slices.Contains(want.Codes, string(got.Code)) {
		t.Errorf("%s %q (%s), want %s %q", got.Result(), got.Code, got.Reason, want.Result, want.Codes)
	}
	if form := verifier.Form(c.Verdict.Form); got.Accepted() && form != "" && got.Form != form {
		t.Errorf("signed in the form %s, want %s", got.Form, form)
	}
}
