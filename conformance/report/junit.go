package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// junitExchange bounds what is kept of either side of an exchange, in bytes: CI systems keep these files, and show them in small windows.
const junitExchange = 4 << 10

// The elements are those that Jenkins' junit-10.xsd has, in the order of Ant's JUnit.xsd, which is stricter: a CI system reads one of the two.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	ID         int             `xml:"id,attr"`
	Name       string          `xml:"name,attr"`
	Package    string          `xml:"package,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"` // without a zone, as the schemas want it: UTC
	Hostname   string          `xml:"hostname,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Skipped   *junitSkipped `xml:"skipped"`
	Error     *junitFailure `xml:"error"`
	Failure   *junitFailure `xml:"failure"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"` // the level, "UNEXPECTED-PASS", or of an error "RUN"
	Text    string `xml:",chardata"`
}

// writeJUnit writes a suite for each section. A failure that was expected counts as skipped, one that did not come as a failure, and a choice is a test that passed and says which.
func writeJUnit(w io.Writer, r *conformance.Result) error {
	all := r.Counts()
	report := junitSuites{
		Name: "MIR conformance: " + visibleLine(r.Target), Tests: all.Total(), Failures: all.Fail + all.UnexpectedPass, Skipped: all.Skip + all.ExpectedFailure, Time: seconds(r.Took),
	}
	properties := []junitProperty{{"target", visibleLine(r.Target)}, {"seed", visibleLine(r.Seed)}, {"suite", visibleLine(r.Version)}, {"verdict", visibleLine(Verdict(r))}}
	if selected := extent(r); selected != "" {
		report.Name += ", " + selected
		properties = append(properties, junitProperty{"selection", selected})
	}
	for i, s := range sections(r) {
		suite := junitSuite{
			ID: i, Name: visibleLine(s.Name), Package: "mir.conformance", Tests: s.Counts.Total(), Failures: s.Counts.Fail + s.Counts.UnexpectedPass, Skipped: s.Counts.Skip + s.Counts.ExpectedFailure,
			Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost",
			Properties: properties,
		}
		var took time.Duration
		for _, o := range s.Outcomes {
			suite.Cases = append(suite.Cases, junitOf(r, o))
			took += o.Finding.Duration
		}
		suite.Time = seconds(took)
		report.Suites = append(report.Suites, suite)
	}
	if why := unfinished(r); why != "" {
		report.Tests, report.Errors = report.Tests+1, 1
		report.Suites = append(report.Suites, junitSuite{
			ID: len(report.Suites), Name: "run", Package: "mir.conformance", Tests: 1, Errors: 1, Time: seconds(0), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost",
			Properties: properties,
			Cases:      []junitCase{{Name: "came-to-its-end", ClassName: "run", Time: seconds(0), Error: &junitFailure{Message: visibleLine(shown(why, junitExchange, 1)), Type: "RUN"}}},
		})
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", " ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// unfinished is why the cases alone do not tell what came of the run; "": they do. A CI system looks at nothing else.
func unfinished(r *conformance.Result) string {
	switch {
	case r.Broke != "":
		return "the target broke down: " + r.Broke
	case r.Interrupted:
		return "not finished, " + cmp.Or(r.Stopped, "the run was interrupted")
	case r.Counts().Ran() == 0:
		return "nothing was tested"
	}
	return ""
}

func junitOf(r *conformance.Result, o *conformance.Outcome) junitCase {
	f := &o.Finding
	_, name, _ := strings.Cut(o.Case.ID, "/")
	c := junitCase{Name: visibleLine(name), ClassName: visibleLine(o.Case.Section()), Time: seconds(f.Duration)}
	switch o.Status {
	case conformance.Skip:
		c.Skipped = &junitSkipped{visibleLine(f.Skipped)}
	case conformance.ExpectedFailure:
		c.Skipped = &junitSkipped{"failed, and listed as known: " + visibleLine(o.Reason)}
		c.SystemOut = inFull(r, o)
	case conformance.Fail:
		c.Failure = &junitFailure{visibleLine(shown(f.Message, junitExchange, 1)), string(o.Case.Requirement.Level), inFull(r, o)}
	case conformance.UnexpectedPass:
		c.Failure = &junitFailure{"passed, though listed as an expected failure: " + visibleLine(o.Reason), "UNEXPECTED-PASS", inFull(r, o)}
	case conformance.Choice:
		c.SystemOut = "the target's choice: " + visibleLine(f.Choice)
	}
	return c
}

// inFull is a finding with its rule and its exchanges.
func inFull(result *conformance.Result, o *conformance.Outcome) string {
	var b strings.Builder
	r := &o.Case.Requirement
	fmt.Fprintf(&b, "%s\n%s: %q (%s)\nfound: %s\nwhy: %s\n", visibleLine(o.Case.Title), r.Level, visibleLine(r.Words), visibleLine(r.Section), visibleLine(o.Finding.Message), visibleLine(o.Case.Why))
	if is := keys(o.Case); is != "" {
		fmt.Fprintf(&b, "keys: %s\n", visibleLine(shown(is, junitExchange, 1)))
	}
	if again := repeat(result, o.Case); again != "" {
		fmt.Fprintf(&b, "repeat: %s\n", again)
	}
	for i := range o.Finding.Exchanges {
		writeExchange(&b, &o.Finding.Exchanges[i])
	}
	return b.String()
}

func writeExchange(b *strings.Builder, e *cases.Exchange) {
	fmt.Fprintf(b, "\n%s%s\n", after(e.At, "  "), visibleLine(e.What))
	for _, side := range []struct {
		name string
		is   []byte
	}{{"sent", e.Sent}, {"received", e.Received}} {
		if len(side.is) > 0 {
			fmt.Fprintf(b, "%s:\n%s\n", side.name, shown(string(side.is), junitExchange, junitExchange))
		}
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
