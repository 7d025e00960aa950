package protocol_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mirnode/protocol"

	"pgregory.net/rapid"
)

// meaning writes what a JSON document says, whatever its spelling, by encoding/json and
// math/big alone: equal strings mean equal documents. The top-level sig is left out.
func meaning(t *testing.T, doc []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("an accepted claim is no JSON to encoding/json: %v", err)
	}
	delete(v, "sig")
	var b strings.Builder
	writeMeaning(t, &b, v)
	return b.String()
}

func writeMeaning(t *testing.T, b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null ")
	case bool:
		b.WriteString(strconv.FormatBool(v) + " ")
	case string:
		b.WriteString(strconv.Quote(v) + " ")
	case json.Number:
		mantissa, _, _ := strings.Cut(strings.ToLower(string(v)), "e")
		if strings.Trim(mantissa, "-0.") == "" {
			v = "0" // math/big does not take every exponent of it
		}
		n, ok := new(big.Rat).SetString(string(v))
		if !ok {
			t.Fatalf("an accepted number is none to math/big: %s", v)
		}
		b.WriteString(n.RatString() + " ")
	case []any:
		b.WriteString("[")
		for _, e := range v {
			writeMeaning(t, b, e)
		}
		b.WriteString("]")
	case map[string]any:
		b.WriteString("{")
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			b.WriteString(strconv.Quote(name) + ":")
			writeMeaning(t, b, v[name])
		}
		b.WriteString("}")
	}
}

// signable returns the bytes under which a verifier accepts a signature of the claim.
func signable(c *protocol.Claim) []string {
	all := []string{string(c.Canonical())}
	if sdk, err := c.CanonicalSDK(); err == nil {
		all = append(all, string(sdk))
	}
	return all
}

// neverShared fails if two accepted documents that differ in meaning have signed bytes
// in common, in either form and across forms, or if two that mean the same have
// different canonical bytes. It reports whether both were accepted.
func neverShared(t *testing.T, a, b []byte) bool {
	t.Helper()
	ca, errA := protocol.ParseClaim(a)
	cb, errB := protocol.ParseClaim(b)
	if errA != nil || errB != nil {
		return false
	}
	same := meaning(t, a) == meaning(t, b)
	if same != (string(ca.Canonical()) == string(cb.Canonical())) {
		t.Fatalf("same meaning: %v, but the canonical forms are\n%s\n%s", same, ca.Canonical(), cb.Canonical())
	}
	for _, x := range signable(ca) {
		for _, y := range signable(cb) {
			if x == y && !same {
				t.Fatalf("two claims share the signed bytes\n%s\n%s\n%s", x, a, b)
			}
		}
	}
	return true
}

// FuzzMutatedClaim changes one place of a claim.
func FuzzMutatedClaim(f *testing.F) {
	for i, metadata := range metadataSeeds {
		doc := document(metadata)
		at := bytes.Index(doc, []byte(`metadata`)) + 12 + i
		f.Add(doc, uint16(at), uint8(1), []byte("0"))
		f.Add(doc, uint16(at), uint8(0), []byte(`"__proto__":1,`))
	}
	f.Add(document(`{"n":9007199254740993}`), uint16(len(document(""))-10), uint8(1), []byte("2"))
	f.Fuzz(func(t *testing.T, doc []byte, at uint16, cut uint8, insert []byte) {
		i := min(int(at), len(doc))
		j := min(i+int(cut), len(doc))
		neverShared(t, doc, slices.Concat(doc[:i], insert, doc[j:]))
	})
}

// names and numbers are few and close to each other, so that collisions would be found.
var (
	drawName        = rapid.SampledFrom([]string{"9", "10", "0", "00", "-1", "a", "A", "é", "e\u0301", "", "😀", "\ue000", "～", "__proto__", "sig", "4294967294", "4294967295"})
	numberSpellings = []string{
		"0", "-0", "0.0", "0e5", "1", "1.0", "10e-1", "-1", "1e21", "1000000000000000000000", "1e+21", "1.0e21", "1e-7", "0.0000001", "1e-8",
		"9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "1152921504606846976", "1152921504606847000",
		"0.1", "0.10", "0.10000000000000000001", "0.1000000000000000055511151231257827", "1e400", "1e-400", "4.9e-324", "5e-324",
		"1.7976931348623157e308", "1.7976931348623158e308", "123456789012345678", "123456789012345680", "1e22", "1e23", "99999999999999990000000",
	}
	drawNumber = rapid.SampledFrom(numberSpellings)
	drawText   = rapid.SampledFrom([]string{`""`, `"0"`, `"1"`, `"null"`, `"é"`, `"\u00e9"`, `"/"`, `"\/"`, `"\ufffd"`, `"\ud800"`, `"\u0000"`, `"\n"`, `"\\n"`, `"\ud83d\ude00"`, `"😀"`})
)

func drawValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind = min(kind, 2)
	}
	switch kind {
	case 0:
		return drawNumber.Draw(t, "number")
	case 1:
		return drawText.Draw(t, "text")
	case 2:
		return rapid.SampledFrom([]string{"null", "true", "false", "[]", "{}"}).Draw(t, "word")
	case 3:
		elements := make([]string, rapid.IntRange(0, 3).Draw(t, "elements"))
		for i := range elements {
			elements[i] = drawValue(t, depth-1)
		}
		return "[" + strings.Join(elements, ",") + "]"
	default:
		return drawObject(t, depth)
	}
}

func drawObject(t *rapid.T, depth int) string {
	members := rapid.SliceOfNDistinct(drawName, 0, 4, rapid.ID).Draw(t, "names")
	for i, name := range members {
		members[i] = strconv.Quote(name) + ":" + drawValue(t, depth-1)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// TestSignedBytesAreNeverShared draws claims that are alike.
func TestSignedBytesAreNeverShared(t *testing.T) {
	both := 0
	rapid.Check(t, func(rt *rapid.T) {
		a := `{"v":` + drawValue(rt, 2) + `}`
		b := `{"v":` + drawValue(rt, 2) + `}`
		if neverShared(t, document(a), document(b)) {
			both++
		}
	})
	if both == 0 {
		t.Error("no two claims were accepted")
	}
	for _, a := range numberSpellings {
		for _, b := range numberSpellings {
			neverShared(t, document(`{"v":`+a+`}`), document(`{"v":`+b+`}`))
		}
	}
}
