package conformance_test

import (
	"errors"
	"strings"
	"testing"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

func TestChoose(t *testing.T) {
	all := []cases.Case{
		scenario("keys/rotation", cases.Must), scenario("keys/ttl", cases.Should, cases.NeedNames),
		scenario("log/rotation", cases.May), {ID: "time/now", Kind: cases.KindVerdict, Requirement: cases.Requirement{Level: cases.Must}},
	}
	for _, test := range []struct{ only, skip, want string }{
		{"", "", "keys/rotation keys/ttl log/rotation time/now"},
		{"keys", "", "keys/rotation keys/ttl"},
		{"keys/ttl", "", "keys/ttl"},
		{"*/rot*", "", "keys/rotation log/rotation"},
		{"l*", "", "log/rotation"},
		{"level=must", "", "keys/rotation time/now"},
		{"kind=verdict", "", "time/now"},
		{"need=names", "", "keys/ttl"},
		{"keys log", "level=MAY", "keys/rotation keys/ttl"},
		{"", "keys */now", "log/rotation"},
	} {
		chosen, err := conformance.Choose(all, strings.Fields(test.only), strings.Fields(test.skip))
		if err != nil {
			t.Errorf("only %q, skip %q: %v", test.only, test.skip, err)
			continue
		}
		var ids []string
		for _, c := range chosen {
			ids = append(ids, c.ID)
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("only %q, skip %q: chose %s, want %s", test.only, test.skip, got, test.want)
		}
	}
	for _, test := range []struct{ pattern, near string }{
		{"keys/rotatoin", "keys/rotation"}, {"kyes", "keys"}, {"level=MUSTT", "level=MUST"}, {"xyzzy/xyzzy", ""}, {"[", ""}, {"colour=red", ""},
	} {
		for _, as := range []struct{ only, skip []string }{{only: []string{test.pattern}}, {skip: []string{test.pattern}}} {
			_, err := conformance.Choose(all, as.only, as.skip)
			wrong, ok := errors.AsType[*conformance.PatternError](err)
			if !ok || wrong.Pattern != test.pattern || wrong.Near != test.near {
				t.Errorf("%q: %#v, want one near %q", test.pattern, err, test.near)
			}
		}
	}
}

func TestParseExpected(t *testing.T) {
	got, err := conformance.ParseExpected([]byte("# why\n\nkeys/a: we do it later: in spring\n log/b :no disk \r\n"))
	if err != nil || len(got) != 2 || got["keys/a"] != "we do it later: in spring" || got["log/b"] != "no disk" {
		t.Errorf("%v, %v", got, err)
	}
	for name, test := range map[string]struct{ data, want string }{
		"no reason":    {"keys/a\n", "line 1"},
		"empty reason": {"# x\nkeys/a:  \n", "line 2"},
		"twice":        {"keys/a: x\nkeys/a: y\n", "line 2"},
		"too large":    {strings.Repeat("#\n", conformance.MaxExpected), "larger"},
	} {
		if _, err := conformance.ParseExpected([]byte(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseExpected(f *testing.F) {
	f.Add([]byte("keys/a: later\n# x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		expected, err := conformance.ParseExpected(data)
		for id, reason := range expected {
			if err == nil && (reason == "" || strings.ContainsAny(id+reason, "\n")) {
				t.Errorf("%q: %q", id, reason)
			}
		}
	})
}
