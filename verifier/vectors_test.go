package verifier_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/verifier"
)

// vectorsDir names the folder of test vectors: that of MIR_VECTORS, such as the protocol's normative ones, or the project's own.
func vectorsDir() string {
	if dir := os.Getenv("MIR_VECTORS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "protocol", "testdata", "vectors")
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

// clock stands later than all vectors and traps.
func clock() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

// expected is a vector's expected.json, or a trap's end.
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

// TestTraps holds every line of the protocol's table of traps to its last column.
func TestTraps(t *testing.T) {
	var file struct {
		Keys  json.RawMessage
		Traps []struct {
			Name, Row, Document, Key string
			DocumentBase64           []byte
			expected
		}
	}
	decode(t, readFile(t, filepath.Join("..", "protocol", "testdata", "traps.json")), &file)
	rows := map[string]bool{}
	for _, trap := range file.Traps {
		rows[trap.Row] = true
		t.Run(trap.Name, func(t *testing.T) {
			document := []byte(trap.Document)
			if trap.DocumentBase64 != nil {
				document = trap.DocumentBase64
			}
			if trap.Code != "" {
				trap.Form = ""
			}
			trap.check(t, only(t, file.Keys, trap.Key), document)
		})
	}
	if len(rows) < 11 {
		t.Errorf("the traps cover %d rows of the table", len(rows))
	}
}
