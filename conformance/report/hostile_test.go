package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/report"
)

// evil is a result in which the target had its say wherever a target has one.
func evil(said string) *conformance.Result {
	r := sample()
	r.Target += said
	r.Repeat, r.Selection = "mir conformance "+said, conformance.Selection{Only: []string{said}, Skip: []string{said}, Chosen: 1, All: 2}
	for i := range r.Outcomes {
		f := &r.Outcomes[i].Finding
		f.Message += said
		f.Exchanges = append(f.Exchanges, cases.Exchange{What: said, Sent: []byte(said), Received: []byte(said), At: time.Second})
		if f.Skipped != "" {
			f.Skipped += said
		}
		if f.Choice != "" {
			f.Choice += said
		}
	}
	return r
}

// FuzzHostileTarget lets a target say anything: no report may do anything by it.
func FuzzHostileTarget(f *testing.F) {
	for _, said := range []string{
		"", "\x1b[2J\x1b]0;title\x07", "</pre></details><script>alert(1)</script>", "<!--", "]]>", "&#0;&nosuch;", "\" onload=\"x", "' style='", "javascript:x", "\x00\x7f\u0085\u009b31m", "\xff\xfe\xc0\x80",
		"\u202e\u2066\ufeff\u200d\ufffe\uffff", "\U000e0001\U0010ffff", "{{.}}", "{\"a\":1}\n\n\n", "\r\n\r\n", "\t", "<svg/onload=x>", "%s%d%!", strings.Repeat("x", 20000),
	} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		r := evil(said)
		for _, format := range report.Formats() {
			wantHarmless(t, string(format), write(t, format, r))
		}
		wantHarmless(t, "badge", badge(t, r))
		wantXML(t, write(t, report.JUnit, r))
		wantXML(t, badge(t, r))
		wantJSON(t, write(t, report.JSON, r), said)
		wantPage(t, write(t, report.HTML, r))
	})
}

// wantHarmless wants text that does nothing to a terminal, each line of which is one.
func wantHarmless(t *testing.T, name string, b []byte) {
	t.Helper()
	if !utf8.Valid(b) {
		t.Errorf("%s is no UTF-8", name)
	}
	for i, r := range string(b) {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)) {
			t.Fatalf("%s has %U at %d", name, r, i)
		}
	}
}

func wantXML(t *testing.T, b []byte) {
	t.Helper()
	known := map[string]bool{
		"testsuites": true, "testsuite": true, "properties": true, "property": true, "testcase": true, "skipped": true, "failure": true, "system-out": true,
		"svg": true, "title": true, "clipPath": true, "rect": true, "g": true, "text": true,
	}
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the XML is none: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok && !known[start.Name.Local] {
			t.Fatalf("the XML has an element %s", start.Name.Local)
		}
	}
}

func wantJSON(t *testing.T, b []byte, said string) {
	t.Helper()
	var read struct {
		Outcomes []struct {
			Exchanges []struct {
				Received       string
				ReceivedBase64 []byte
			}
		}
	}
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatalf("the JSON is none: %v", err)
	}
	for _, o := range read.Outcomes {
		if last := o.Exchanges[len(o.Exchanges)-1]; last.Received+string(last.ReceivedBase64) != said {
			t.Fatalf("%q became %q", said, last.Received+string(last.ReceivedBase64))
		}
	}
}

// wantPage wants a page of the template's own elements and attributes alone.
func wantPage(t *testing.T, b []byte) {
	t.Helper()
	const elements = " html head meta title style body header h1 h2 h3 h4 p ul li b main section a span i details summary div dl dt dd pre footer "
	const attributes = " lang charset http-equiv content name class id href style aria-hidden open tabindex "
	details := 0
	for z := html.NewTokenizer(bytes.NewReader(b)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			if details != 0 {
				t.Fatalf("%d details are not closed", details)
			}
			return
		case html.CommentToken:
			t.Fatal("the page has a comment")
		case html.EndTagToken:
			if z.Token().Data == "details" {
				details--
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			if !strings.Contains(elements, " "+token.Data+" ") {
				t.Fatalf("the page has an element %s", token.Data)
			}
			if token.Data == "details" {
				details++
			}
			for _, a := range token.Attr {
				if !strings.Contains(attributes, " "+a.Key+" ") || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
					t.Fatalf("the page has an attribute %s=%q", a.Key, a.Val)
				}
			}
		}
	}
}

// TestPageLoadsNothing: self-contained, and the browser is told to keep it so.
func TestPageLoadsNothing(t *testing.T) {
	page := string(write(t, report.HTML, only(conformance.Pass)))
	for _, never := range []string{"<script", "<img", "<link", "<iframe", "@import", "url(", "src="} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %s", never)
		}
	}
	if !strings.Contains(page, `content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"`) {
		t.Error("the page has no policy")
	}
}

// TestJUnit holds the file to what the schemas of Jenkins and Ant demand.
func TestJUnit(t *testing.T) {
	type testCase struct {
		Name      string `xml:"name,attr"`
		ClassName string `xml:"classname,attr"`
		Skipped   []struct {
			Message string `xml:"message,attr"`
		} `xml:"skipped"`
		Failure []struct {
			Type string `xml:"type,attr"`
			Text string `xml:",chardata"`
		} `xml:"failure"`
	}
	var read struct {
		XMLName  xml.Name
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			ID        int        `xml:"id,attr"`
			Name      string     `xml:"name,attr"`
			Tests     int        `xml:"tests,attr"`
			Failures  int        `xml:"failures,attr"`
			Skipped   int        `xml:"skipped,attr"`
			Time      float64    `xml:"time,attr"`
			Timestamp string     `xml:"timestamp,attr"`
			Cases     []testCase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(write(t, report.JUnit, sample()), &read); err != nil || read.XMLName.Local != "testsuites" {
		t.Fatal(read.XMLName, err)
	}
	var tests, failures, skips int
	for i, s := range read.Suites {
		if _, err := time.Parse("2006-01-02T15:04:05", s.Timestamp); err != nil || s.ID != i || s.Name == "" {
			t.Errorf("suite %d: %+v, %v", i, s, err)
		}
		var failed, skipped int
		for _, c := range s.Cases {
			failed, skipped = failed+len(c.Failure), skipped+len(c.Skipped)
			if len(c.Failure)+len(c.Skipped) > 1 || c.Name == "" || c.ClassName != s.Name {
				t.Errorf("a case is %+v", c)
			}
			for _, f := range c.Failure {
				if f.Type == "" || !strings.Contains(f.Text, "why: ") {
					t.Errorf("%s fails with %+v", c.Name, f)
				}
			}
		}
		if failed != s.Failures || skipped != s.Skipped || len(s.Cases) != s.Tests {
			t.Errorf("%s counts %d tests, %d failures, %d skipped, and has %d, %d, %d", s.Name, s.Tests, s.Failures, s.Skipped, len(s.Cases), failed, skipped)
		}
		tests, failures, skips = tests+s.Tests, failures+s.Failures, skips+s.Skipped
	}
	if tests != read.Tests || failures != read.Failures || skips != read.Skipped || tests != 9 || failures != 3 || skips != 3 {
		t.Errorf("%d tests, %d failures, %d skipped, of %d, %d, %d", tests, failures, skips, read.Tests, read.Failures, read.Skipped)
	}
}
