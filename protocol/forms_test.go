package protocol_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"mirnode/protocol"

	"pgregory.net/rapid"
)

// document returns a well-formed claim document with the given metadata, and a sig that signs nothing.
func document(metadata string) []byte {
	if metadata != "" {
		metadata = `"metadata":` + metadata + `,`
	}
	return []byte(`{"mir":1,"type":"mir.account.created","domain":"example.com","subject":"` + strings.Repeat("ab", 32) +
		`","timestamp":"2026-03-01T12:00:00Z","keyFingerprint":"` + strings.Repeat("cd", 32) + `",` + metadata +
		`"sig":"` + strings.Repeat("A", 86) + `"}`)
}

// forms returns the metadata in both forms; "" where there is none, and the codes.
func forms(t *testing.T, metadata string) (text, sdk string, textCode, sdkCode protocol.Code) {
	t.Helper()
	c, err := protocol.ParseClaim(document(metadata))
	var refusal *protocol.Error
	if errors.As(err, &refusal) {
		return "", "", refusal.Code, refusal.Code
	}
	cut := func(form []byte) string {
		_, after, _ := strings.Cut(string(form), `"metadata":`)
		inner, _, _ := strings.Cut(after, `,"mir":1,`)
		return inner
	}
	form, err := c.CanonicalSDK()
	if errors.As(err, &refusal) {
		return cut(c.Canonical()), "", "", refusal.Code
	}
	return cut(c.Canonical()), cut(form), "", ""
}

// TestNumbers compares with what JSON.stringify(JSON.parse(x)) gives in V8, where that
// keeps the value.
func TestNumbers(t *testing.T) {
	const none = protocol.CanonicalizationError
	tests := []struct {
		literal, text, sdk string
		textCode, sdkCode  protocol.Code
	}{
		{literal: "0", text: "0", sdk: "0"},
		{literal: "-0", text: "0", sdk: "0"},
		{literal: "-0.0", text: "0", sdk: "0"},
		{literal: "0e400", text: "0", sdk: "0"},
		{literal: "1.0", text: "1", sdk: "1"},
		{literal: "100", text: "100", sdk: "100"},
		{literal: "1e3", text: "1000", sdk: "1000"},
		{literal: "1E+3", text: "1000", sdk: "1000"},
		{literal: "1000e-3", text: "1", sdk: "1"},
		{literal: "123456.789e3", text: "123456789", sdk: "123456789"},
		{literal: "1.10", text: "1.1", sdk: "1.1"},
		{literal: "2.5", text: "2.5", sdk: "2.5"},
		{literal: "4.35", text: "4.35", sdk: "4.35"},
		{literal: "0.1", text: "0.1", sdk: "0.1"},
		{literal: "-149.99", text: "-149.99", sdk: "-149.99"},
		{literal: "0.10000000000000000001", textCode: none, sdkCode: none}, // V8: 0.1
		{literal: "0.1000000000000000055511151231257827", textCode: none, sdkCode: none},
		{literal: "999999999999999", text: "999999999999999", sdk: "999999999999999"},
		{literal: "9007199254740991", text: "9007199254740991", sdk: "9007199254740991"},
		{literal: "9007199254740993", text: "9007199254740993", sdkCode: none}, // V8: 9007199254740992
		{literal: "1152921504606847000", text: "1152921504606847000", sdk: "1152921504606847000"},
		{literal: "1152921504606846976", text: "1152921504606846976", sdkCode: none}, // V8: 1152921504606847000
		{literal: "1e20", text: "100000000000000000000", sdk: "100000000000000000000"},
		{literal: "123456789012345680000", text: "123456789012345680000", sdk: "123456789012345680000"},
		{literal: "999999999999999900000", text: "999999999999999900000", sdk: "999999999999999900000"},
		{literal: "1e21", text: "1000000000000000000000", sdk: "1e+21"},
		{literal: "-1e21", text: "-1000000000000000000000", sdk: "-1e+21"},
		{literal: "1.2e21", text: "1200000000000000000000", sdk: "1.2e+21"},
		{literal: "1e23", text: "100000000000000000000000", sdk: "1e+23"},
		{literal: "12345678901234567890123", text: "12345678901234567890123", sdkCode: none}, // V8: 1.2345678901234568e+22
		{literal: "1.7976931348623157e308", text: "17976931348623157" + strings.Repeat("0", 292), sdk: "1.7976931348623157e+308"},
		{literal: "0.000001", text: "0.000001", sdk: "0.000001"},
		{literal: "1e-6", text: "0.000001", sdk: "0.000001"},
		{literal: "1e-7", text: "0.0000001", sdk: "1e-7"},
		{literal: "1.5e-7", text: "0.00000015", sdk: "1.5e-7"},
		{literal: "123e-20", text: "0.00000000000000000123", sdk: "1.23e-18"},
		{literal: "-1.25e-9", text: "-0.00000000125", sdk: "-1.25e-9"},
		{literal: "5e-324", text: "0." + strings.Repeat("0", 323) + "5", sdk: "5e-324"},
		{literal: "4e-324", textCode: none, sdkCode: none}, // V8: 5e-324
		{literal: "1e-400", textCode: none, sdkCode: none}, // V8: 0
		{literal: "1e400", textCode: none, sdkCode: none},  // V8: null
		{literal: "-1e400", textCode: none, sdkCode: none},
		{literal: "1" + strings.Repeat("0", 309), textCode: none, sdkCode: none},
		{literal: "1e9999999999999999999", textCode: none, sdkCode: none},
		{literal: "1e-9999999999999999999", textCode: none, sdkCode: none},
		{literal: "1" + strings.Repeat("0", 3000) + "e-3000", text: "1", sdk: "1"},
		{literal: "0." + strings.Repeat("0", 3000) + "1e3001", text: "1", sdk: "1"},
	}
	for _, tt := range tests {
		text, sdk, textCode, sdkCode := forms(t, `{"n":`+tt.literal+`}`)
		want := func(number string) string {
			if number == "" {
				return ""
			}
			return `{"n":` + number + `}`
		}
		if text != want(tt.text) || textCode != tt.textCode {
			t.Errorf("%.40s: text form %q (%s), want %q (%s)", tt.literal, text, textCode, want(tt.text), tt.textCode)
		}
		if sdk != want(tt.sdk) || sdkCode != tt.sdkCode {
			t.Errorf("%.40s: SDK form %q (%s), want %q (%s)", tt.literal, sdk, sdkCode, want(tt.sdk), tt.sdkCode)
		}
	}
}

// TestOrderOfNames has the order in which V8 lists the names, once sorted, but for
// __proto__, which V8 drops.
func TestOrderOfNames(t *testing.T) {
	names := []string{"b", "a", "10", "9", "4294967294", "4294967295", "4294967296", "00", "01", "-1", "1.5", "1e3", "", "0", "é",
		"\U0001F600", "\uE000", "\uFFFF", "constructor", "9007199254740991", "+1", " 1", "18446744073709551615", "\U0010FFFF", "\uD7FF"}
	v8 := []string{"0", "9", "10", "4294967294", "", " 1", "+1", "-1", "00", "01", "1.5", "18446744073709551615", "1e3", "4294967295",
		"4294967296", "9007199254740991", "a", "b", "constructor", "é", "\uD7FF", "\U0001F600", "\U0010FFFF", "\uE000", "\uFFFF"}
	codePoints := []string{"", " 1", "+1", "-1", "0", "00", "01", "1.5", "10", "18446744073709551615", "1e3", "4294967294", "4294967295",
		"4294967296", "9", "9007199254740991", "a", "b", "constructor", "é", "\uD7FF", "\uE000", "\uFFFF", "\U0001F600", "\U0010FFFF"}
	object := func(names []string) string {
		members := make([]string, len(names))
		for i, name := range names {
			members[i] = asJSON(t, name) + ":1"
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	text, sdk, _, _ := forms(t, object(names))
	if want := object(codePoints); text != want {
		t.Errorf("text form\n%s, want\n%s", text, want)
	}
	if want := object(v8); sdk != want {
		t.Errorf("SDK form\n%s, want\n%s", sdk, want)
	}
}

func TestStrings(t *testing.T) {
	// What V8 writes for the same string.
	const want = `{"s":"\b\t\n\f\r\u0000\u001f` + "\x7f\u2028\u2029" + `/\"\\é😀"}`
	for _, literal := range []string{
		`"\u0008\u0009\u000A\u000c\u000D\u0000\u001F\u007f\u2028\u2029\u002f\u0022\u005c\u00e9\uD83D\ude00"`,
		`"\b\t\n\f\r\u0000\u001f` + "\x7f\u2028\u2029" + `\/\"\\é😀"`,
	} {
		text, sdk, _, _ := forms(t, `{ "\u0073" : `+literal+` }`)
		if text != want || sdk != want {
			t.Errorf("%s: forms %s and %s, want %s", literal, text, sdk, want)
		}
	}
}

// TestFormsAgreeWithoutCopy holds CanonicalSDK to its word for claims as they usually are.
func TestFormsAgreeWithoutCopy(t *testing.T) {
	c, err := protocol.ParseClaim(document(`{"b":[1,"2",{"c":null}],"a":-3,"é":true}`))
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := c.CanonicalSDK()
	if err != nil || &sdk[0] != &c.Canonical()[0] {
		t.Errorf("the SDK's form is a copy (%v)", err)
	}
}

// TestNumberProperties draws float64s and decimals, and compares with strconv and math/big.
func TestNumberProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(rt, "bits"))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return
		}
		literal := strconv.FormatFloat(f, 'e', -1, 64)
		text, sdk, textCode, sdkCode := forms(t, `{"n":`+literal+`}`)
		if textCode != "" || sdkCode != "" {
			rt.Fatalf("%s: %s, %s", literal, textCode, sdkCode)
		}
		want := strconv.FormatFloat(f, 'f', -1, 64)
		if f == 0 {
			want = "0"
		}
		if text != `{"n":`+want+`}` {
			rt.Fatalf("%s: text form %s, want %s", literal, text, want)
		}
		// encoding/json writes numbers as JavaScript does, but for -0.
		if js, err := json.Marshal(f); err != nil || f != 0 && sdk != `{"n":`+string(js)+`}` {
			rt.Fatalf("%s: SDK form %s, want %s (%v)", literal, sdk, js, err)
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		literal := rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?`).Draw(rt, "literal")
		text, sdk, _, _ := forms(t, `{"n":`+literal+`}`)
		want, _ := new(big.Rat).SetString(literal)
		for _, form := range []string{text, sdk} {
			if form == "" {
				continue
			}
			got, ok := new(big.Rat).SetString(strings.TrimSuffix(strings.TrimPrefix(form, `{"n":`), "}"))
			if !ok || got.Cmp(want) != 0 {
				rt.Fatalf("%s became %s", literal, form)
			}
		}
	})
}
