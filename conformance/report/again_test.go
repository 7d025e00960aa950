package report_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/report"
)

// TestFindingsCanBeRepeated wants in every format what is gone after the run: the domain's keys, and the command.
func TestFindingsCanBeRepeated(t *testing.T) {
	for _, status := range []conformance.Status{conformance.Fail, conformance.ExpectedFailure} {
		r := only(conformance.ExpectedFailure)
		r.Outcomes[0].Status, r.Repeat = status, "mir conformance --verifier mine"
		keys := strings.Repeat("k", 20_000)
		r.Outcomes[0].Case.Verdict.Keys = json.RawMessage(`{"keys": [ "` + keys + `" ]}`)
		for _, f := range []report.Format{report.Text, report.JUnit, report.HTML} {
			got := string(write(t, f, r))
			if !strings.Contains(got, "mir conformance --verifier mine --only time/key-expired") {
				t.Errorf("%s, %s: no command", f, status)
			}
			if !strings.Contains(got, `keys&#34;:[&#34;kkk`) && !strings.Contains(got, `{"keys":["kkk`) || strings.Contains(got, keys) {
				t.Errorf("%s, %s: the keys are not there, or not bounded", f, status)
			}
			if !strings.Contains(got, "the target said ACCEPT") || !strings.Contains(got, "validity is judged") {
				t.Errorf("%s, %s: not the whole finding", f, status)
			}
		}
		r.Repeat = ""
		if got := write(t, report.Text, r); strings.Contains(string(got), "repeat:") {
			t.Errorf("%s: a command that there is none", status)
		}
	}
}

// TestPageIsReadByRule wants an overview before many failures, and most of them folded.
func TestPageIsReadByRule(t *testing.T) {
	r := &conformance.Result{Target: "a target"}
	for i := range 8 {
		c := newCase(fmt.Sprintf("limits/n-%d", i), cases.Must, "t", fmt.Sprintf("rule %d", i%2), "s", "y")
		r.Outcomes = append(r.Outcomes, conformance.Outcome{Case: c, Status: conformance.Fail, Finding: cases.Finding{Message: "m"}})
	}
	page := string(write(t, report.HTML, r))
	if got := strings.Count(page, "<details open>"); got != 5 {
		t.Errorf("%d failures stand open", got)
	}
	overview := page[strings.Index(page, `<ul class="rules">`):strings.Index(page, "<details")]
	if rules, links := strings.Count(overview, "<li>"), strings.Count(overview, `<a href="#case-limits.n-`); rules != 2 || links != 8 {
		t.Errorf("the overview has %d rules and %d links", rules, links)
	}
	if strings.Index(page, `id="overview"`) > strings.Index(page, `id="failed"`) {
		t.Error("the sections come after the failures")
	}
}

// TestNotReached parts the cases to which a run did not come from those that were skipped.
func TestNotReached(t *testing.T) {
	r := only(conformance.Pass, conformance.Skip)
	r.Interrupted, r.Stopped = true, "the run was interrupted"
	r.Outcomes[2].Finding.Skipped = r.Stopped
	for f, want := range map[report.Format][]string{
		report.Text: {"\nNot run (1)\n", "\nSkipped (1)\n"},
		report.HTML: {`<h2 id="not-run">Not run</h2>`, `<h2 id="skipped">Skipped</h2>`},
	} {
		got := string(write(t, f, r))
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s has no %q", f, w)
			}
		}
		if strings.Contains(got, "conforms") {
			t.Errorf("%s says that it conforms", f)
		}
	}
}
