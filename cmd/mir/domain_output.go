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
	checkWarned     = "warn"
	checkFailed     = "fail"
	checkUnanswered = "unreachable"
)

// checkResult is what a look at a domain brought.
type checkResult struct {
	Domain   string              `json:"domain"`
	Result   string              `json:"result"` // pass, warn, fail or unreachable: that of the gravest finding
	Findings []discovery.Finding `json:"findings"`
	Report   *discovery.Report   `json:"report"` // without its own findings, which are among ours

	outage bool // a channel gave no answer
}

// settled tells whether all is as well as it gets by waiting.
func (r *checkResult) settled() bool {
	return r.Result == checkPassed || r.Result == checkWarned && !r.outage
}

// finding is one of ours. replaces is the beginning of the report's message that it says better; "": none.
type finding struct {
	discovery.Finding
	replaces string
}

// result joins the report's findings and ours.
func (c *domainCheck) result(report *discovery.Report, ours []finding) *checkResult {
	bare := *report
	bare.Findings = nil
	r := &checkResult{Domain: report.Domain, Report: &bare}
	for _, theirs := range report.Findings {
		if !isReplaced(theirs, ours) {
			r.Findings = append(r.Findings, c.forPerson(theirs, report, ours))
		}
	}
	for _, f := range ours {
		r.Findings = append(r.Findings, f.Finding)
	}
	warned, failed, unanswered := false, false, false
	for _, f := range r.Findings {
		outage := f.Level != discovery.Pass && isOutage(f, report)
		r.outage = r.outage || outage
		warned = warned || f.Level == discovery.Warn
		failed = failed || f.Level == discovery.Fail && !outage
		unanswered = unanswered || f.Level == discovery.Fail && outage
	}
	switch {
	case failed:
		r.Result = checkFailed
	case unanswered:
		r.Result = checkUnanswered
	case warned:
		r.Result = checkWarned
	default:
		r.Result = checkPassed
	}
	return r
}

// forPerson makes a finding of the report one for the person at this program.
func (c *domainCheck) forPerson(f discovery.Finding, report *discovery.Report, ours []finding) discovery.Finding {
	switch {
	case f.Level == discovery.Fail && isOutage(f, report):
		by := ""
		if f.Channel == protocol.WellKnown && c.served(report.DNS) {
			by = "DNS"
		} else if f.Channel == protocol.DNS && c.served(report.WellKnown) {
			by = "the well-known document"
		}
		if by != "" {
			f.Level = discovery.Warn
			f.Message += "; until it does, claims verify by " + by + " alone"
		}
		return f
	case f.Level == discovery.Fail && f.Channel == protocol.WellKnown && report.WellKnown.Status == discovery.StatusRefused:
		f.Fix = "point the domain to a public address; in a closed network, allow its range: --" + flagAllowRange + " 10.0.0.0/8, for example"
		return f
	}
	return withoutBlanks(f, report, ours)
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
		f.Fix = "answer 200, with Content-Type: application/json and the document of\nmir key publish --format well-known " + report.Domain
	case f.Channel == "" && report.Missing && known:
		f.Fix = "is the name spelt right, and registered?"
	case f.Channel == "" && report.Missing:
		f.Fix = "is the name spelt right, and registered? Then publish a key:\nmir key new\nmir key publish " + report.Domain
	case f.Channel == "" && !known:
		f.Fix = "mir key new\nmir key publish " + report.Domain
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
	fmt.Fprintf(out, "  %s  %s\n", colour(string(f.Level)), printable(f.Message))
	for i, line := range strings.Split(strings.TrimSpace(f.Fix), "\n") {
		lead := "    "
		if i == 0 {
			lead = "fix:"
		}
		if line != "" {
			fmt.Fprintf(out, "        %s %s\n", lead, printable(line))
		}
	}
}
