package strictjson_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mirnode/internal/strictjson"
)

var limits = strictjson.Limits{Depth: 32, Values: 1000}

func TestParseRefuses(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := func(last string) string {
		var b strings.Builder
		for c := 'a'; c <= 'z'; c++ {
			b.WriteString(`"` + string(c) + `":1,`)
		}
		return `{` + b.String() + last + `:2}`
	}
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"%d":%d,`, i, i)
		}
		return `{` + strings.TrimSuffix(b.String(), ",") + `}`
	}
	tests := []struct {
		name, doc string
		want      error // nil: accepted
	}{
		{"empty", "", strictjson.ErrSyntax},
		{"white space", " \n\t\r", strictjson.ErrSyntax},
		{"object", `{"a":[1,2.5,"x",true,false,null,{}]}`, nil},
		{"space around", " \r\n{ } \t", nil},
		{"scalar", `7`, nil},
		{"byte order mark", "\xef\xbb\xbf{}", strictjson.ErrSyntax},
		{"byte order mark inside", "{\xef\xbb\xbf}", strictjson.ErrSyntax},
		{"byte order mark behind", "{}\xef\xbb\xbf", strictjson.ErrTrailingData},
		{"cut off", `{"a":`, strictjson.ErrSyntax},
		{"cut off after comma", `{"a":1,`, strictjson.ErrSyntax},
		{"comma at the end", `{"a":1,}`, strictjson.ErrSyntax},
		{"comma at the end of an array", `[1,]`, strictjson.ErrSyntax},
		{"wrong bracket", `[1}`, strictjson.ErrSyntax},
		{"name without quotes", `{a:1}`, strictjson.ErrSyntax},
		{"number as a name", `{1:1}`, strictjson.ErrSyntax},
		{"single quotes", `{'a':1}`, strictjson.ErrSyntax},
		{"comment", `{/*a*/}`, strictjson.ErrSyntax},
		{"NaN", `NaN`, strictjson.ErrSyntax},
		{"leading zero", `[01]`, strictjson.ErrSyntax},
		{"plus sign", `+1`, strictjson.ErrSyntax},
		{"point without digits", `1.`, strictjson.ErrSyntax},
		{"control character in a string", "\"a\nb\"", strictjson.ErrSyntax},
		{"other white space", "\u00a0{}", strictjson.ErrSyntax},
		{"second value", `{} {}`, strictjson.ErrTrailingData},
		{"bracket behind", `{}}`, strictjson.ErrTrailingData},
		{"comma behind", `{},`, strictjson.ErrTrailingData},
		{"zero byte behind", "{}\x00", strictjson.ErrTrailingData},
		{"duplicate", `{"a":1,"a":1}`, strictjson.ErrDuplicateName},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, strictjson.ErrDuplicateName},
		{"duplicate deep down", `[{"b":{"a":1,"a":1}}]`, strictjson.ErrDuplicateName},
		{"duplicate bad name", `{"\ud800":1,"\ud800":1}`, strictjson.ErrDuplicateName},
		{"different bad names", `{"\ud800":1,"\ud801":1,"\ufffd":1}`, nil},
		{"duplicate among many", many(`"k"`), strictjson.ErrDuplicateName},
		{"no duplicate among many", many(`"K"`), nil},
		{"same name at different levels", `{"a":{"a":{"a":[]}}}`, nil},
		{"32 levels", nested(32), nil},
		{"33 levels", nested(33), strictjson.ErrTooDeep},
		{"very many levels", nested(100_000), strictjson.ErrTooDeep},
		{"1000 values", "[" + strings.Repeat("1,", 998) + "{}]", nil},
		{"1001 values", "[" + strings.Repeat("1,", 998) + `{"a":1}]`, strictjson.ErrTooMany},
		{"999 members", members(999), nil},
		{"1000 members", members(1000), strictjson.ErrTooMany},
		{"very many values, cut off", "[" + strings.Repeat("[],", 100_000), strictjson.ErrTooMany},
		{"depth counts levels, not containers", `[` + strings.Repeat(`[],`, 100) + `{}]`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := strictjson.Parse([]byte(tt.doc), limits)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err != nil {
				if e, ok := errors.AsType[*strictjson.Error](err); !ok || e.Detail == "" {
					t.Errorf("error %#v is no *Error with a text", err)
				}
			}
		})
	}
}

func TestParseKeepsSpelling(t *testing.T) {
	doc := ` {"z" : 1.50e+01, "\u0061":"\u00e9é\/\ud83d\ude00" ,"list":[ -0 , null,true ]}`
	v, err := strictjson.Parse([]byte(doc), limits)
	if err != nil {
		t.Fatal(err)
	}
	if v.Kind() != strictjson.Object || v.Len() != 3 || v.Literal() != strings.TrimSpace(doc) {
		t.Fatalf("got %v of %d members spelled %s", v.Kind(), v.Len(), v.Literal())
	}
	if m := v.Member(0); m.Name.Text != "z" || m.Value.Literal() != "1.50e+01" || m.Value.Kind() != strictjson.Number {
		t.Errorf("first member %+v", m)
	}
	if m := v.Member(1); m.Name.Text != "a" || m.Name.Literal != `"\u0061"` || m.Value.Text() != "éé/😀" {
		t.Errorf("second member %+v", m)
	}
	list, ok := v.Lookup("list")
	if !ok || list.Len() != 3 || list.Element(0).Literal() != "-0" || list.Element(2).Kind() != strictjson.Bool {
		t.Errorf("list %+v", list)
	}
	if _, ok := v.Lookup("b"); ok {
		t.Error("found a member that is not there")
	}
}

func TestParseFlagsBadText(t *testing.T) {
	for literal, bad := range map[string]bool{
		`"\ud800"`:             true,
		`"\udc00\ud800"`:       true,
		`"\ud800x"`:            true,
		`"\ud800\u0041"`:       true,
		"\"\xff\"":             true,
		"\"\xc0\xaf\"":         true,
		"\"\xed\xa0\x80\"":     true, // a surrogate in UTF-8's shape
		"\"\xf4\x90\x80\x80\"": true, // past U+10FFFF
		"\"\xe2\x82\"":         true,
		`"\ud83d\ude00"`:       false,
		`"\ufffd"`:             false,
		"\"\ufffd\"":           false,
		`"\u0000\u007f"`:       false,
		`"\\ud800"`:            false,
	} {
		v, err := strictjson.Parse([]byte(`{"k":`+literal+`,`+literal+`:0}`), limits)
		if err != nil {
			t.Errorf("%q: %v", literal, err)
			continue
		}
		if v.Member(0).Value.Bad() != bad || v.Member(1).Name.Bad != bad {
			t.Errorf("%q: flagged %v and %v, want %v", literal, v.Member(0).Value.Bad(), v.Member(1).Name.Bad, bad)
		}
	}
}

func TestParseDoesNotAlias(t *testing.T) {
	data := []byte(`{"name":"value"}`)
	v, err := strictjson.Parse(data, limits)
	if err != nil {
		t.Fatal(err)
	}
	copy(data, bytes.Repeat([]byte("x"), len(data)))
	if m := v.Member(0); m.Name.Text != "name" || m.Value.Text() != "value" {
		t.Errorf("the tree changed with its input: %+v", m)
	}
}

func TestUnmarshal(t *testing.T) {
	type inner struct {
		Count int `json:"count"`
	}
	type target struct {
		Name  string  `json:"name"`
		Inner inner   `json:"inner"`
		List  []inner `json:"list"`
	}
	tests := []struct {
		name, doc string
		want      error
		text      string // part of the error's text
	}{
		{"good", `{"name":"n","inner":{"count":3},"list":[{"count":1}]}`, nil, ""},
		{"unknown member", `{"nam":"n"}`, strictjson.ErrUnknownName, "nam"},
		{"unknown member inside", `{"inner":{"counts":3}}`, strictjson.ErrUnknownName, "/inner/counts"},
		{"other case", `{"Name":"n"}`, strictjson.ErrUnknownName, "Name"},
		{"duplicate", `{"name":"n","name":"n"}`, strictjson.ErrDuplicateName, "/name"},
		{"wrong type", `{"list":[{"count":"1"}]}`, strictjson.ErrWrongType, "found a string, want an integer at /list/0/count"},
		{"wrong container", `{"inner":[]}`, strictjson.ErrWrongType, "found an array, want an object"},
		{"null", ` null `, strictjson.ErrWrongType, "found null, want an object"},
		{"trailing data", `{} {}`, strictjson.ErrSyntax, ""},
		{"empty", ``, strictjson.ErrSyntax, ""},
		{"bad text", `{"name":"\ud800"}`, strictjson.ErrSyntax, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v target
			err := strictjson.Unmarshal([]byte(tt.doc), &v)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q does not say %q", err, tt.text)
			}
			for _, leak := range []string{"Go ", "strictjson_test", "jsontext"} {
				if err != nil && strings.Contains(err.Error(), leak) {
					t.Errorf("error %q speaks of the program's inside", err)
				}
			}
		})
	}
}

func TestMarshal(t *testing.T) {
	got, err := strictjson.Marshal(map[string]any{"b": "<&>é", "a": []string{}})
	if want := `{"a":[],"b":"<&>é"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
