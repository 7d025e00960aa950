package cases_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"mirnode/conformance/cases"
)

func TestEmbeddedLoad(t *testing.T) {
	all, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no case is embedded")
	}
	if !slices.IsSortedFunc(all, func(a, b cases.Case) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the cases are not sorted by ID")
	}
}

const (
	head     = `{"id":"keys/a","title":"t","requirement":{"words":"w","level":"MUST","section":"s"},"why":"y",`
	scenario = head + `"kind":"scenario","refused":false,"steps":[{"note":"x"}]}`
)

func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ file, data, want string }{
		"an unknown member":          {"keys/a.json", strings.Replace(scenario, `"why"`, `"wy":"","why"`, 1), "wy"},
		"a duplicate member":         {"keys/a.json", strings.Replace(scenario, `"why"`, `"why":"","why"`, 1), "why"},
		"another path":               {"keys/b.json", scenario, "keys/b"},
		"an unknown section":         {"kees/a.json", strings.Replace(scenario, "keys/a", "kees/a", 1), "kees"},
		"a letter that IDs lack":     {"keys/A.json", strings.Replace(scenario, "keys/a", "keys/A", 1), "keys/A"},
		"no words":                   {"keys/a.json", strings.Replace(scenario, `"w"`, `""`, 1), "requirement.words"},
		"no why":                     {"keys/a.json", strings.Replace(scenario, `"y"`, `""`, 1), "why"},
		"no level":                   {"keys/a.json", strings.Replace(scenario, "MUST", "", 1), "requirement.level"},
		"an unknown need":            {"keys/a.json", strings.Replace(scenario, `"steps"`, `"needs":["moon"],"steps"`, 1), "moon"},
		"an unknown kind":            {"keys/a.json", strings.Replace(scenario, "scenario", "drama", 1), "drama"},
		"a scenario without steps":   {"keys/a.json", head + `"kind":"scenario","refused":false}`, "steps"},
		"a verdict without input":    {"keys/a.json", head + `"kind":"verdict","refused":false}`, "verdict"},
		"a refusal that is accepted": {"keys/a.json", head + `"kind":"verdict","refused":true,"verdict":{"claim":"{}","keys":{},"expect":{"result":"ACCEPT"}}}`, "refused"},
		"a refusal without a code":   {"keys/a.json", head + `"kind":"verdict","refused":true,"verdict":{"claim":"{}","keys":{},"expect":{"result":"REJECT"}}}`, "codes"},
		"live without now":           {"keys/a.json", head + `"kind":"verdict","refused":false,"verdict":{"live":true,"keys":{},"expect":{"result":"ACCEPT"}}}`, "now"},
		"a signer that may do all":   {"keys/a.json", head + `"kind":"signer","refused":false,"signer":{"draft":"{}","key":{},"expect":{"result":""}}}`, "expect.result"},
		"trailing data":              {"keys/a.json", scenario + "{}", "byte"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cases.Load(fstest.MapFS{test.file: {Data: []byte(test.data)}})
			if err == nil {
				t.Fatal("it was loaded")
			}
			if !strings.Contains(err.Error(), test.file) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error names not both %s and %q: %v", test.file, test.want, err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	loaded, err := cases.Load(fstest.MapFS{"keys/a.json": {Data: []byte(scenario)}, "keys/README.md": {Data: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded) != 1 || loaded[0].Section() != "keys" || string(loaded[0].Steps[0]) != `{"note":"x"}` {
		t.Errorf("loaded %+v", loaded)
	}
}

func TestCut(t *testing.T) {
	for _, n := range []int{0, 1, cases.MaxExchange, cases.MaxExchange + 1, 3 * cases.MaxExchange} {
		got := cases.Cut(slices.Repeat([]byte("x"), n))
		if len(got) != min(n, cases.MaxExchange) {
			t.Errorf("of %d bytes %d are kept", n, len(got))
		}
		if strings.HasSuffix(string(got), "(cut)") != (n > cases.MaxExchange) {
			t.Errorf("of %d bytes the mark is wrong", n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(scenario))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := cases.Parse(data)
		if err == nil && c.Check() != nil {
			t.Error("a case that was parsed does not pass its own check")
		}
	})
}

// TestSuite holds the suite to its size: enough cases, more than half of which send what must be refused, in every section.
func TestSuite(t *testing.T) {
	all, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	refused, sections, sent := 0, map[string]int{}, map[string]string{}
	for i := range all {
		c := &all[i]
		sections[c.Section()]++
		if c.Refused {
			refused++
		}
		if c.Verdict != nil {
			input := string(c.Verdict.Bytes()) + string(c.Verdict.Keys)
			if c.Verdict.Options != nil {
				input += c.Verdict.Options.MaxAge + c.Verdict.Options.ExpectDomain + strconv.FormatBool(c.Verdict.Options.NoExpiredKeys)
			}
			if other := sent[input]; other != "" {
				t.Errorf("%s and %s send the same", c.ID, other)
			}
			sent[input] = c.ID
		}
	}
	if len(all) < 250 || refused*2 <= len(all) {
		t.Errorf("%d cases, %d of which are refused", len(all), refused)
	}
	for _, section := range cases.Sections() {
		if sections[section] < 10 {
			t.Errorf("the section %s has %d cases", section, sections[section])
		}
	}
}
