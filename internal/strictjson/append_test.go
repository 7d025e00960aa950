package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/internal/strictjson"
)

func TestAppendStringIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		b := strictjson.AppendString([]byte("before"), s)
		var back string
		if err := json.Unmarshal(b[len("before"):], &back); err != nil || back != strings.ToValidUTF8(s, "\uFFFD") {
			t.Fatalf("%q became %s, read back as %q: %v", s, b, back, err)
		}
	})
	if b := strictjson.AppendString(nil, "a\xffb"); !json.Valid(b) {
		t.Errorf("bytes that are no UTF-8 became %s", b)
	}
}

func TestAppendTimeIsTheFormat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-62_135_596_800_000, 253_402_300_799_999).Draw(t, "ms")).In(time.FixedZone("", rapid.IntRange(-43_200, 43_200).Draw(t, "zone")))
		want := at.UTC().Format(`"2006-01-02T15:04:05.000Z"`)
		if got := string(strictjson.AppendTime(nil, at)); got != want {
			t.Fatalf("%v became %s, not %s", at, got, want)
		}
	})
}
