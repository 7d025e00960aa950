package main

import (
	"fmt"
	"io"
	"strings"

	"mirnode/discovery"
	"mirnode/protocol"
)

// The results of a check, as --json shows them.
const (
	checkPassed     = "pass"
	checkFailed     = "fail"
	checkUnanswered = "unreachable"
)

// checkResult is what a look at a domain brought.
type checkResult struct {
	Domain   string              `json:"domain"`
	Result   string              `json:"result"` // pass, fail or unreachable
	Findings []discovery.Finding `json:"findings"`
	Report   *discovery.Report   `json:"report"`
}

// finding is one of ours. replaces is the beginning of the report's message that it says better; "": none.
type finding struct {
	discovery.Finding
	replaces string
}

// newCheckResult joins the report's findings and ours.
func newCheckResult(report *discovery.Report, ours []finding) *checkResult {
	r := &checkResult{Domain: report.Domain, Result: checkPassed, Report: report}
	for _, theirs := range report.Findings {
		if !isReplaced(theirs, ours) {
			r.Findings = append(r.Findings, withoutBlanks(theirs, report, ours))
		}
	}
	for _, f := range ours {
		r.Findings = append(r.Findings, f.Finding)
	}
	for _, f := range r.Findings {
		switch {
		case f.Level != discovery.Fail:
		case isOutage(f, report):
			if r.Result == checkPassed {
				r.Result = checkUnanswered
			}
		default:
			r.Result = checkFailed
		}
	}
	return r
}

func isReplaced(theirs discovery.Finding, ours []finding) bool {
	for _, f := range ours {
		if f.replaces != "" && strings.HasPrefix(theirs.Message, f.replaces) {
			return true
		}
	}
	return false
}

// withoutBlanks takes a fix out that has a blank in the place of the key, and says once how to get a key, unless one of ours knows the key.
func withoutBlanks(f discovery.Finding, report *discovery.Report, ours []finding) discovery.Finding {
	if len(report.Keys) > 0 || f.Level == discovery.Pass || isOutage(f, report) {
		return f
	}
	known := false
	for _, one := range ours {
		known = known || one.Fix != ""
	}
	switch f.Fix = ""; {
	case f.Channel == protocol.WellKnown && report.WellKnown.Status == discovery.StatusInvalid:
		f.Fix = "answer 200, with Content-Type: application/json and the document of\nmir key publish --format well-known --domain " + report.Domain
	case f.Channel == "" && !known:
		f.Fix = "mir key new\nmir key publish --domain " + report.Domain
	}
	return f
}

// isOutage tells whether a failure is that of a channel that did not answer, which may pass by itself.
func isOutage(f discovery.Finding, report *discovery.Report) bool {
	return f.Channel == protocol.DNS && report.DNS.Status == discovery.StatusUnreachable ||
		f.Channel == protocol.WellKnown && report.WellKnown.Status == discovery.StatusUnreachable
}

// summary is the result in a few words.
func (r *checkResult) summary() string {
	failures, warnings := 0, 0
	for _, f := range r.Findings {
		switch f.Level {
		case discovery.Fail:
			failures++
		case discovery.Warn:
			warnings++
		}
	}
	words := []string{r.Result}
	if failures > 0 {
		words = append(words, plural(failures, "failure"))
	}
	if warnings > 0 {
		words = append(words, plural(warnings, "warning"))
	}
	return strings.Join(words, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// print shows the findings by what the person has to edit.
func (r *checkResult) print(out io.Writer, p paint) {
	for _, group := range []struct {
		channel protocol.Channel
		title   string
	}{{protocol.DNS, "DNS"}, {protocol.WellKnown, "Well-known document"}, {"", "The domain"}} {
		titled := false
		for _, f := range r.Findings {
			if f.Channel != group.channel {
				continue
			}
			if !titled {
				fmt.Fprintln(out, p.bold(group.title))
				titled = true
			}
			printFinding(out, p, f)
		}
	}
	fmt.Fprintln(out, p.bold(r.Domain+": "+r.summary()))
}

func printFinding(out io.Writer, p paint, f discovery.Finding) {
	colour := map[discovery.Level]func(string) string{discovery.Pass: p.green, discovery.Warn: p.yellow, discovery.Fail: p.red}[f.Level]
	fmt.Fprintf(out, "  %s  %s\n", colour(string(f.Level)), f.Message)
	for i, line := range strings.Split(strings.TrimSpace(f.Fix), "\n") {
		lead := "    "
		if i == 0 {
			lead = "fix:"
		}
		if line != "" {
			fmt.Fprintf(out, "        %s %s\n", lead, line)
		}
	}
}
