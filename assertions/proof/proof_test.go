package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mirnode/assertions/proof"
	"mirnode/protocol"
)

const home = "node1.test"

var (
	homeKey  = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	otherKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
)

// of are options with keys, for the network that the tests' home is of.
func of(keys proof.Keys) proof.Options {
	return proof.Options{Keys: keys, Network: protocol.Development}
}

func bundle(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/superseded.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeys(t *testing.T) {
	unreachable := &protocol.UnreachableError{Domain: home, Err: errors.New("no answer")}
	for _, c := range []struct {
		name string
		keys proof.Keys
		code protocol.Code // empty: good
	}{
		{"the home's", proof.Of(home, homeKey), ""},
		{"the home's among others", proof.Of(home, otherKey, homeKey), ""},
		{"another's", proof.Of(home, otherKey), protocol.InvalidSignature},
		{"another domain's", proof.Of("node2.test", homeKey), protocol.KeyNotFound},
	} {
		_, err := proof.VerifyProof(bundle(t), of(c.keys))
		var verdict *protocol.Error
		if errors.As(err, &verdict) {
			if verdict.Code != c.code || verdict.Hint == "" {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if err != nil || c.code != "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	_, err := proof.VerifyProof(bundle(t), of(func(string) ([]ed25519.PublicKey, error) { return nil, unreachable }))
	if !errors.Is(err, unreachable) {
		t.Errorf("a source that fails: %v", err)
	}
}

// TestEveryMemberCounts changes one member of the answer after the other: what is shown must be what was proved.
func TestEveryMemberCounts(t *testing.T) {
	free := map[string]bool{ // what only the answering node can say
		"/assertion/anchor": true,
	}
	var whole map[string]any
	if err := json.Unmarshal(bundle(t), &whole); err != nil {
		t.Fatal(err)
	}
	seen := 0
	each("", whole, func(path string, put func(any), value any) {
		if free[path] {
			return
		}
		seen++
		for _, changed := range []any{"changed", nil, !reflect.DeepEqual(value, true), 7.0} {
			if reflect.DeepEqual(changed, value) {
				continue
			}
			put(changed)
			b, err := json.Marshal(whole)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := proof.VerifyProof(b, of(proof.Of(home, homeKey))); err == nil {
				t.Errorf("%s is %v, and verifies: %+v", path, changed, v)
			}
			put(value)
		}
	})
	if seen < 30 {
		t.Errorf("only %d members were tried", seen)
	}
}

// each walks the values that are no objects.
func each(path string, object map[string]any, visit func(path string, put func(any), value any)) {
	for name, value := range object {
		if inner, ok := value.(map[string]any); ok {
			each(path+"/"+name, inner, visit)
			continue
		}
		visit(path+"/"+name, func(v any) { object[name] = v }, value)
	}
}

// TestChangedBytes flips bytes anywhere: nothing else is ever proved than what the good answer proves.
func TestChangedBytes(t *testing.T) {
	good := bundle(t)
	want, err := proof.VerifyProof(good, of(proof.Of(home, homeKey)))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(good)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		got, err := proof.VerifyProof(b, of(proof.Of(home, homeKey)))
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("proves %+v", got)
		}
	})
}

func TestMalformed(t *testing.T) {
	for _, b := range []string{
		"", "null", "{}", `{"assertion":{},"proof":[]}`, `{"assertion":{},"proof":{}}`, `{"assertion":{},"assertion":{},"proof":{}}`,
		`{"assertion":{},"proof":{"record":"","receipt":null}}`, strings.Repeat("[", 100), strings.Repeat(" ", proof.MaxBundleBytes+1),
	} {
		_, err := proof.VerifyProof([]byte(b), of(proof.Of(home, homeKey)))
		var verdict *protocol.Error
		if !errors.As(err, &verdict) || verdict.Code != protocol.InvalidSchema || verdict.Hint == "" {
			t.Errorf("%.40q: %v", b, err)
		}
	}
}

func FuzzVerifyProof(f *testing.F) {
	f.Add(bundle(f))
	f.Add([]byte(`{"assertion":{"id":""},"proof":{"record":"{}","receipt":"","issuer":"","issuerReceipt":"","revocation":{"record":"","receipt":""}}}`))
	want, err := proof.VerifyProof(bundle(f), of(proof.Of(home, homeKey)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := proof.VerifyProof(b, of(proof.Of(home, homeKey)))
		if err == nil && v.Assertion.ID() != want.Assertion.ID() {
			t.Errorf("%s is proved out of nothing", v.Assertion.ID())
		}
	})
}
