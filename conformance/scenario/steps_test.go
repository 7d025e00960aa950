package scenario_test

import (
	"encoding/json"
	"strings"
	"testing"

	"mirnode/conformance/cases"
	"mirnode/conformance/scenario"
)

// scene is a case of these steps.
func scene(steps ...string) *cases.Case {
	c := &cases.Case{ID: "test/" + strings.Repeat("x", len(steps)), Kind: cases.KindScenario}
	for _, s := range steps {
		c.Steps = append(c.Steps, json.RawMessage(s))
	}
	return c
}

// Every case that comes with the program can be played: no step has a verb or a member that nobody knows.
func TestShippedCases(t *testing.T) {
	all, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for i := range all {
		if err := scenario.Check(&all[i]); err != nil {
			t.Error(err)
		}
		if played += len(all[i].Steps); all[i].Kind == cases.KindScenario && len(all[i].Steps) == 0 {
			t.Errorf("%s has no steps", all[i].ID)
		}
	}
	if played < 500 {
		t.Errorf("only %d steps", played)
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, test := range []struct{ step, want string }{
		{`{"requets":{}}`, `did you mean "request"`},
		{`{"request":{"pth":"/"}}`, `did you mean "path"`},
		{`{"request":{},"expekt":{}}`, `did you mean "expect"`},
		{`{"request":{},"expect":{"boddy":{}}}`, `did you mean "body"`},
		{`{"publish":{"domain":"d1","keys":[{"kye":"alpha"}]}}`, `did you mean "key"`},
		{`{"request":{},"claim":{}}`, "one verb"},
		{`{"within":"1s"}`, "needs a verb"},
		{`{"request":{},"within":"5m"}`, "within"},
		{`{"request":{},"within":"soon"}`, "within"},
		{`{"request":{},"each":"domains"}`, "each"},
		{`{"request":{},"times":-1}`, "times"},
		{`{"note":"x","expect":{}}`, "verb"},
		{`{"claim":{"as":"c1"},"expect":{"status":200}}`, "no answer"},
		{`{"request":{"path":"/${oops:1}"}}`, "unknown template"},
		{`{"request":{"path":"/${unique"}}`, "without its }"},
		{`{"request":{"path":"/","path":"/"}}`, "stands twice"},
		{`{"request":{"node":"1"}}`, "integer"},
		{`[]`, "object"},
		{`{"request":{"path":"/"}} {}`, "there is more"},
	} {
		err := scenario.Check(scene(test.step))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "step 1") {
			t.Errorf("%s: got %v, want something with %q", test.step, err, test.want)
		}
	}
	if err := scenario.Check(scene(`{"note":"only a note"}`, `{"request":{"path":"/${hash:{\"a\":1}}"},"note":"beside","save":{"x":"."}}`)); err != nil {
		t.Error(err)
	}
}

// No text of a step ends the suite.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"request":{"path":"/${hash:${unique}}"},"expect":{"status":[200],"body":{"a.b":{"min":1}}},"within":"1s"}`, `{"claim":{"as":"c","set":{"a":[]}}}`, `{"note":"$${"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, step string) { _ = scenario.Check(scene(step)) })
}
