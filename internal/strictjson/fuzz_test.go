package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"mirnode/internal/strictjson"
)

func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		`{}`, `[]`, `""`, `0`, ` {"a":[1,-0.5e+3,{"b":null}],"c":"\u00e9\ud83d\ude00"} `,
		`{"a":1,"\u0061":2}`, `"\ud800"`, "\"\xff\"", `[[[[[[[[[]]]]]]]]]`, "\xef\xbb\xbf{}", `{} {}`,
	} {
		f.Add([]byte(doc))
	}
	const depth, values = 8, 64
	small := strictjson.Limits{Depth: depth, Values: values}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := strictjson.Parse(data, small)
		if err != nil {
			if e, ok := errors.AsType[*strictjson.Error](err); !ok || !utf8.ValidString(e.Error()) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted what encoding/json does not: %q", data)
		}
		if deep, many := levels(t, v), count(v); deep > depth || many > values {
			t.Fatalf("accepted %d levels, %d values", deep, many)
		}
		if strings.TrimSpace(string(data)) != v.Literal() {
			t.Fatalf("literal %q of %q", v.Literal(), data)
		}
		again, err := strictjson.Parse([]byte(v.Literal()), small)
		if err != nil || again.Literal() != v.Literal() {
			t.Fatalf("second reading differs: %v", err)
		}
	})
}

// levels walks the tree, checks each name and string against encoding/json, and counts levels.
func levels(t *testing.T, v strictjson.Value) int {
	deepest := 0
	switch v.Kind() {
	case strictjson.String:
		sameText(t, v.Literal(), v.Text())
		return 0
	case strictjson.Object:
		names := map[string]bool{}
		for i := range v.Len() {
			m := v.Member(i)
			sameText(t, m.Name.Literal, m.Name.Text)
			if names[m.Name.Text] && !m.Name.Bad {
				t.Fatalf("accepted the name %q twice", m.Name.Text)
			}
			names[m.Name.Text] = true
			deepest = max(deepest, levels(t, m.Value))
		}
		return deepest + 1
	case strictjson.Array:
		for i := range v.Len() {
			deepest = max(deepest, levels(t, v.Element(i)))
		}
		return deepest + 1
	default:
		return 0
	}
}

func count(v strictjson.Value) int {
	n := 1
	for i := range v.Len() {
		n += count(v.Member(i).Value)
	}
	return n
}

func sameText(t *testing.T, literal, text string) {
	var want string
	if err := json.Unmarshal([]byte(literal), &want); err != nil || want != text {
		t.Fatalf("%q decodes to %q, encoding/json says %q (%v)", literal, text, want, err)
	}
}
