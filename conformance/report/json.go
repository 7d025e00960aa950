package report

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
	"unicode/utf8"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// Shape names the shape of the JSON report. It changes when a member's meaning does; members may be added under the same name.
//
// The document is one object: report (this name), target, suite, seed, suffix, started (RFC 3339), tookMs, interrupted, stopped (why it was), broke (how the target broke down by itself, which ended the run), repeat (the command that runs a case again, with --only ID behind it),
// selection {only, skip (patterns), chosen, all (cases for this kind of target), ran, partial (ran is less than all)}, verdict {conforms (what is listed as an expected failure is one), code (the program's exit code, in which it is none), text}, counts {total, pass, fail, skip,
// expectedFailure, unexpectedPass, choice, byLevel {MUST…: counts}, bySection {name: counts}}, and outcomes in the order of the sections. An outcome is status ("pass", "fail", "skip", "expected-failure",
// "unexpected-pass", "choice"), section, case (the case as it stands in its file, whole), message, skipped, choice, reason (of an expected failure), tookMs, and exchanges. An exchange is what, atMs, unanswered, and sent and
// received as text, or as sentBase64 and receivedBase64 where they are not UTF-8.
const Shape = "mir-conformance-report/1"

type jsonReport struct {
	Report      string        `json:"report"`
	Target      string        `json:"target"`
	Suite       string        `json:"suite"`
	Seed        string        `json:"seed"`
	Suffix      string        `json:"suffix"`
	Started     time.Time     `json:"started"`
	TookMs      float64       `json:"tookMs"`
	Interrupted bool          `json:"interrupted"`
	Stopped     string        `json:"stopped,omitempty"`
	Broke       string        `json:"broke,omitempty"`
	Repeat      string        `json:"repeat,omitempty"`
	Selection   jsonSelection `json:"selection"`
	Verdict     jsonVerdict   `json:"verdict"`
	Counts      jsonAllCounts `json:"counts"`
	Outcomes    []jsonOutcome `json:"outcomes"`
}

type jsonSelection struct {
	Only    []string `json:"only,omitempty"`
	Skip    []string `json:"skip,omitempty"`
	Chosen  int      `json:"chosen"`
	All     int      `json:"all"`
	Ran     int      `json:"ran"`
	Partial bool     `json:"partial"`
}

type jsonVerdict struct {
	Conforms bool   `json:"conforms"` // every MUST and SHOULD that was tested holds, listed or not, something was, and the run came to its end: of a part, where selection.partial says so
	Code     int    `json:"code"`
	Text     string `json:"text"`
}

type jsonCounts struct {
	Total           int `json:"total"`
	Pass            int `json:"pass"`
	Fail            int `json:"fail"`
	Skip            int `json:"skip"`
	ExpectedFailure int `json:"expectedFailure"`
	UnexpectedPass  int `json:"unexpectedPass"`
	Choice          int `json:"choice"`
}

type jsonAllCounts struct {
	jsonCounts
	ByLevel   map[cases.Level]jsonCounts `json:"byLevel"`
	BySection map[string]jsonCounts      `json:"bySection"`
}

type jsonOutcome struct {
	Status    conformance.Status `json:"status"`
	Section   string             `json:"section"`
	Case      *cases.Case        `json:"case"`
	Message   string             `json:"message,omitempty"`
	Skipped   string             `json:"skipped,omitempty"`
	Choice    string             `json:"choice,omitempty"`
	Reason    string             `json:"reason,omitempty"`
	TookMs    float64            `json:"tookMs"`
	Exchanges []jsonExchange     `json:"exchanges,omitempty"`
}

type jsonExchange struct {
	What           string  `json:"what"`
	AtMs           float64 `json:"atMs"`
	Unanswered     bool    `json:"unanswered,omitempty"`
	Sent           string  `json:"sent,omitempty"`
	SentBase64     []byte  `json:"sentBase64,omitempty"`
	Received       string  `json:"received,omitempty"`
	ReceivedBase64 []byte  `json:"receivedBase64,omitempty"`
}

func writeJSON(w io.Writer, r *conformance.Result) error {
	report := jsonReport{
		Report: Shape, Target: r.Target, Suite: r.Version, Seed: r.Seed, Suffix: r.Suffix, Started: r.Started.UTC(), TookMs: milliseconds(r.Took), Interrupted: r.Interrupted, Stopped: r.Stopped, Broke: r.Broke,
		Repeat: r.Repeat, Selection: selectionJSON(r),
		Verdict:  jsonVerdict{Conforms: r.Conforms(), Code: r.Code(), Text: Verdict(r)},
		Counts:   jsonAllCounts{jsonCounts: inJSON(r.Counts()), ByLevel: make(map[cases.Level]jsonCounts), BySection: make(map[string]jsonCounts)},
		Outcomes: make([]jsonOutcome, 0, len(r.Outcomes)),
	}
	for _, l := range r.CountsByLevel() {
		report.Counts.ByLevel[l.Level] = inJSON(l.Counts)
	}
	for _, s := range sections(r) {
		report.Counts.BySection[s.Name] = inJSON(s.Counts)
	}
	for i := range r.Outcomes {
		report.Outcomes = append(report.Outcomes, outcomeJSON(&r.Outcomes[i]))
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	_, err := w.Write(tamed(b.Bytes()))
	return err
}

func selectionJSON(r *conformance.Result) jsonSelection {
	ran, all := r.Extent()
	chosen := r.Selection.Chosen
	if r.Selection.All == 0 { // not counted: all that the run had
		chosen = all
	}
	return jsonSelection{Only: r.Selection.Only, Skip: r.Selection.Skip, Chosen: chosen, All: all, Ran: ran, Partial: ran < all}
}

func outcomeJSON(o *conformance.Outcome) jsonOutcome {
	f := &o.Finding
	out := jsonOutcome{
		Status: o.Status, Section: o.Case.Section(), Case: o.Case, Message: f.Message, Skipped: f.Skipped, Choice: f.Choice, Reason: o.Reason, TookMs: milliseconds(f.Duration),
	}
	for i := range f.Exchanges {
		e := &f.Exchanges[i]
		x := jsonExchange{What: e.What, AtMs: milliseconds(e.At), Unanswered: e.Unanswered}
		x.Sent, x.SentBase64 = textOrBytes(e.Sent)
		x.Received, x.ReceivedBase64 = textOrBytes(e.Received)
		out.Exchanges = append(out.Exchanges, x)
	}
	return out
}

func textOrBytes(b []byte) (string, []byte) {
	if utf8.Valid(b) {
		return string(b), nil
	}
	return "", b
}

func inJSON(c conformance.Counts) jsonCounts {
	return jsonCounts{c.Total(), c.Pass, c.Fail, c.Skip, c.ExpectedFailure, c.UnexpectedPass, c.Choice}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tamed writes what acts on a terminal as escapes, which means the same in JSON: outside strings there is none of it but line breaks, which stay.
func tamed(document []byte) []byte {
	out := make([]byte, 0, len(document))
	for _, r := range string(document) {
		if acts(r) && r != '\n' {
			out = append(out, escape(r)...)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
