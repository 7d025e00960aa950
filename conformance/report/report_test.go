package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newCase(id string, level cases.Level, title, words, source, why string) *cases.Case {
	return &cases.Case{
		ID: id, Title: title, Requirement: cases.Requirement{Words: words, Level: level, Section: source}, Why: why, Kind: cases.KindScenario, Refused: true,
		Steps: []json.RawMessage{json.RawMessage(`{"note":"a step"}`)},
	}
}

// sample is a result with an outcome of each kind, and a target that means harm.
func sample() *conformance.Result {
	hostile := "\x1b]0;owned\x07\x1b[2J</pre><script>alert(1)</script>]]>&amp;\x00\xff\u202e\u200b\u2028\U000e0041 and so on"
	expiry := newCase("time/key-expired", cases.Must, "A claim is dated after its key expired", "A key's validity is judged at the claim's timestamp", "Protocol, Verification", "Who steals a retired key could sign for ever.")
	expiry.Kind, expiry.Steps = cases.KindVerdict, nil
	expiry.Verdict = &cases.VerdictInput{Domain: "shop.conformance.test", Claim: `{"mir":1}`, Keys: json.RawMessage(`{"keys":[]}`), Expect: cases.Verdict{Result: cases.Reject, Codes: []string{"KEY_EXPIRED", "KEY_NOT_FOUND"}}}
	return &conformance.Result{
		Target: "a cluster of 3 nodes", Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Took: 151_300 * time.Millisecond, Seed: "1", Suffix: "conformance.test", Version: "v0.5.0",
		Outcomes: []conformance.Outcome{
			{Case: newCase("claim-schema/version-1", cases.Must, "A claim of version 1 is sent", "mir: integer, 1", "Claim format, Fields: mir", "Nothing else works."), Status: conformance.Pass, Finding: cases.Finding{
				Passed: true, Duration: 12 * time.Millisecond, Exchanges: []cases.Exchange{{What: "POST http://127.0.0.1:1/claims", Sent: []byte("POST /claims HTTP/1.1\r\n\r\n{\"mir\":1}"), Received: []byte("HTTP/1.1 201 Created\r\n\r\n{}"), At: time.Millisecond}}}},
			{Case: newCase("claim-schema/version-2", cases.Must, "A claim of version 2 is sent", "mir: integer, 1. Anything else is refused, so that a later version cannot be read as this one.", "Claim format, Fields: mir",
				"A node that takes it keeps a record whose rules it does not know, and other nodes refuse what it vouched for."), Status: conformance.Fail, Finding: cases.Finding{
				Message: "expected 400 with INVALID_SCHEMA; the answer was 201 with " + hostile, Duration: 31 * time.Millisecond, Exchanges: []cases.Exchange{
					{What: "POST http://127.0.0.1:1/claims", Sent: []byte(`{"mir":2,"type":"mir.transaction.completed"}`), Received: []byte("HTTP/1.1 201 Created\r\nX-Evil: \x1b[31m\r\n\r\n" + hostile), At: 2 * time.Millisecond},
					{What: "GET http://127.0.0.1:1/claims/claim_" + hostile, Received: bytes.Repeat([]byte("long\n"), 900), At: 9 * time.Millisecond}}}},
			{Case: expiry, Status: conformance.ExpectedFailure, Reason: "to be mended by May", Finding: cases.Finding{Message: "expected REJECT; the target said ACCEPT", Duration: time.Millisecond}},
			{Case: newCase("registry/erased-gone", cases.Should, "An erased claim is looked up", "Erasure: a look-up answers 410", "Protocol, What a registry owes", "A reader cannot tell erased from never there."), Status: conformance.Fail, Finding: cases.Finding{Message: "expected 410; it was 404", Duration: 4 * time.Millisecond}},
			{Case: newCase("registry/head-requests", cases.May, "A claim is asked for with HEAD", "HEAD may be answered", "API, Get a claim", "Caches ask so."), Status: conformance.Choice, Finding: cases.Finding{Passed: true, Choice: "answers 405 " + hostile, Duration: time.Millisecond}},
			{Case: newCase("limits/flood", cases.Should, "A client floods the node", "Rate limits", "API, Limits", "One client could starve all others."), Status: conformance.UnexpectedPass, Reason: "was not bounded", Finding: cases.Finding{Passed: true, Duration: time.Second}},
			{Case: newCase("log/consistency", cases.Must, "The log is read twice", "append-only", "C2SP tlog-tiles", "History could be rewritten."), Status: conformance.Skip, Finding: cases.Finding{Skipped: "the target does not offer nodes-3"}},
			{Case: newCase("log/tiles", cases.Must, "The tiles are read", "tiles", "C2SP tlog-tiles", "Nobody could check."), Status: conformance.Skip, Finding: cases.Finding{Skipped: "the target does not offer nodes-3"}},
			{Case: newCase("chaos/acknowledged-claims-kept", cases.Must, "Nodes are killed", "When the answer is there the claim is on disk.", "API, Submit a claim", "Somebody relies on it."), Status: conformance.Pass, Finding: cases.Finding{Passed: true, Duration: time.Minute}},
		},
	}
}

func write(t interface{ Fatal(...any) }, format report.Format, r *conformance.Result) []byte {
	var b bytes.Buffer
	if err := report.Write(&b, format, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func badge(t interface{ Fatal(...any) }, r *conformance.Result) []byte {
	var b bytes.Buffer
	if err := report.Badge(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGolden holds each format to a file that a person has looked at. After a change: go test ./conformance/report -update, and look again.
func TestGolden(t *testing.T) {
	r := sample()
	r.Selection = conformance.Selection{Only: []string{"time", "log/*"}, Skip: []string{"level=MAY"}, Chosen: 9, All: 456}
	r.Repeat = `mir conformance --cluster 3 --seed "a seed"`
	for name, got := range map[string][]byte{
		"report.txt": write(t, report.Text, r), "report.json": write(t, report.JSON, r), "report.xml": write(t, report.JUnit, r), "report.html": write(t, report.HTML, r), "badge.svg": badge(t, r),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is another now; if that is meant, run this test with -update and look at the file", name)
		}
	}
}

// only gives the sample with the outcomes of these statuses.
func only(statuses ...conformance.Status) *conformance.Result {
	r := sample()
	all := r.Outcomes
	r.Outcomes = nil
	for _, o := range all {
		for _, s := range statuses {
			if o.Status == s {
				r.Outcomes = append(r.Outcomes, o)
			}
		}
	}
	return r
}

func TestVerdictAndBadge(t *testing.T) {
	shouldOnly := only(conformance.Pass, conformance.Fail)
	shouldOnly.Outcomes = append(shouldOnly.Outcomes[:1], shouldOnly.Outcomes[2:]...)
	interrupted := only(conformance.Pass)
	interrupted.Interrupted = true
	stopped := only(conformance.Pass, conformance.Skip)
	stopped.Interrupted, stopped.Stopped = true, "the target gave no answer in 20 cases in a row"
	broke := only(conformance.Pass)
	broke.Interrupted, broke.Stopped, broke.Broke = true, "node 2 died", "node 2 died\nthe end of its log:\npanic"
	selected := only(conformance.Pass, conformance.Choice)
	selected.Selection = conformance.Selection{Only: []string{"time"}, Chosen: 3, All: 1062}
	chosenAndFailed := only(conformance.Fail)
	chosenAndFailed.Selection = selected.Selection
	reached := only(conformance.Pass, conformance.Skip)
	reached.Interrupted, reached.Stopped = true, "the run was interrupted"
	reached.Outcomes[2].Finding.Skipped = reached.Stopped
	listedShould := only(conformance.Pass, conformance.Fail)
	listedShould.Outcomes = append(listedShould.Outcomes[:1], listedShould.Outcomes[2:]...)
	listedShould.Outcomes[1].Status = conformance.ExpectedFailure
	for name, test := range map[string]struct {
		result         *conformance.Result
		verdict, badge string
		conforms       bool
	}{
		"everything":          {sample(), "does not conform: 2 of 4 MUST fail, 1 of them listed as known; 1 of 2 SHOULD fail; 7 of 9 cases were run; 2 skipped; 1 passed though listed: take it off the list of expected failures", "MUST 2 failed", false},
		"all passed":          {only(conformance.Pass, conformance.Choice), "conforms: 2 of 2 passed", "2 of 2", true},
		"some skipped":        {only(conformance.Pass, conformance.Skip), "conforms in what was run: 2 of 4 cases; 2 skipped", "partial, 2 of 4", true},
		"selected":            {selected, "conforms in what was run: 3 of 1062 cases", "partial, 3 of 1062", true},
		"selected and failed": {chosenAndFailed, "does not conform: 1 of 1 MUST fail; 1 of 1 SHOULD fail; 2 of 1062 cases were run", "MUST 1 failed", false},
		"expected":            {only(conformance.Pass, conformance.ExpectedFailure), "does not conform: 1 of 3 MUST fail, listed as known", "MUST 1 failed", false},
		"unexpected":          {only(conformance.Pass, conformance.UnexpectedPass), "conforms: 3 of 3 passed; 1 passed though listed: take it off the list of expected failures", "1 passed though listed", true},
		"a should":            {shouldOnly, "conforms but for 1 of 1 SHOULD: every MUST that was tested holds", "SHOULD 1 failed", false},
		"a listed should":     {listedShould, "conforms but for 1 of 1 SHOULD, listed as known: every MUST that was tested holds", "SHOULD 1 failed", false},
		"nothing":             {only(), "nothing was tested that a target must or should do", "not tested", false},
		"skipped":             {only(conformance.Skip), "nothing was tested that a target must or should do; 2 skipped", "not tested", false},
		"interrupted":         {interrupted, "not finished, the run was interrupted; so far, in 2 of 2 cases, nothing failed", "not finished", false},
		"not reached":         {reached, "not finished, the run was interrupted; so far, in 2 of 4 cases, nothing failed; 1 not run; 1 skipped", "not finished", false},
		"stopped":             {stopped, "not finished, the target gave no answer in 20 cases in a row; so far, in 2 of 4 cases, nothing failed; 2 skipped", "not finished", false},
		"broke down":          {broke, "does not conform: node 2 died; until then, in 2 of 2 cases, nothing failed", "broke down", false},
	} {
		if got := report.Verdict(test.result); got != test.verdict {
			t.Errorf("%s: the verdict is %q", name, got)
		}
		if got := string(badge(t, test.result)); !strings.Contains(got, "<title id=\"t\">MIR conformance: "+test.badge+"</title>") || !strings.Contains(got, ">"+test.badge+"</text>") {
			t.Errorf("%s: the badge is %s", name, got)
		}
		var read struct {
			Verdict struct {
				Conforms bool
				Code     int
			}
		}
		if err := json.Unmarshal(write(t, report.JSON, test.result), &read); err != nil || read.Verdict.Conforms != test.conforms || read.Verdict.Code != test.result.Code() {
			t.Errorf("%s: the JSON says %+v, %v", name, read.Verdict, err)
		}
		said := bytes.Contains(write(t, report.JUnit, test.result), []byte("<error message="))
		if want := test.result.Interrupted || test.result.Counts().Ran() == 0; said != want {
			t.Errorf("%s: JUnit tells of an error: %v", name, said)
		}
		text := strings.TrimRight(string(write(t, report.Text, test.result)), "\n")
		if last := text[strings.LastIndex(text, "\n")+1:]; last != "Verdict: "+test.verdict {
			t.Errorf("%s: the text ends with %q", name, last)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range report.Formats() {
		if got, err := report.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("%s is read as %s, %v", f, got, err)
		}
	}
	if _, err := report.ParseFormat("jnuit"); err == nil || !strings.Contains(err.Error(), "was junit meant?") {
		t.Errorf("jnuit: %v", err)
	}
	if err := report.Write(&bytes.Buffer{}, "pdf", sample()); err == nil {
		t.Error("pdf was written")
	}
}

// full is a writer that has no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWritersErrorIsTold(t *testing.T) {
	for _, f := range report.Formats() {
		if err := report.Write(full{}, f, sample()); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if err := report.Badge(full{}, sample()); !errors.Is(err, errFull) {
		t.Errorf("badge: %v", err)
	}
}

// TestPageIsBounded gives the page more than a browser would like.
func TestPageIsBounded(t *testing.T) {
	r := &conformance.Result{Target: "a torrent"}
	exchanges := make([]cases.Exchange, 60)
	for i := range exchanges {
		exchanges[i] = cases.Exchange{What: "GET /", Received: cases.Cut(bytes.Repeat([]byte{0xff}, cases.MaxExchange+1))}
	}
	for i := range 8 {
		r.Outcomes = append(r.Outcomes, conformance.Outcome{Case: newCase(fmt.Sprintf("limits/n-%d", i), cases.Must, "t", "w", "s", "y"), Status: conformance.Fail, Finding: cases.Finding{Exchanges: exchanges, Message: strings.Repeat("\xff", 1<<17)}})
	}
	page := write(t, report.HTML, r)
	if len(page) > 10<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if !bytes.Contains(page, []byte("more exchanges are left out")) || !bytes.Contains(page, []byte("20 exchanges before these are not shown")) {
		t.Error("the page does not say that it leaves something out")
	}
}
