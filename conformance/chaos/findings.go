package chaos

import (
	"fmt"
	"strings"
	"sync"

	"mirnode/conformance/cases"
)

// mostTold is how many of a promise's breaches are told in full: the first ones, since the others mostly follow from them.
const mostTold = 10

// findings gather what went wrong, by promise. Safe for concurrent use.
type findings struct {
	mu    sync.Mutex
	wrong map[string][]wrong // guarded by mu; at most mostTold each
	count map[string]int     // guarded by mu
}

func newFindings() *findings {
	return &findings{wrong: make(map[string][]wrong), count: make(map[string]int)}
}

func (f *findings) fail(w wrong) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[w.promise]++
	if len(f.wrong[w.promise]) < mostTold {
		f.wrong[w.promise] = append(f.wrong[w.promise], w)
	}
}

// report makes a finding of every promise.
func (c *checking) report() *Report {
	report := &Report{Plan: c.Plan, Counts: c.counts, findings: make(map[string]*cases.Finding)}
	for _, p := range promises {
		report.findings[p.id] = c.finding(p.id)
	}
	return report
}

func (c *checking) finding(id string) *cases.Finding {
	finding := &cases.Finding{Passed: c.findings.count[id] == 0, Duration: c.at()}
	if finding.Passed {
		finding.Message, finding.Skipped = c.held(id)
		return finding
	}
	var said []string
	for _, w := range c.findings.wrong[id] {
		said = append(said, w.what)
		if len(w.sent)+len(w.got) > 0 {
			finding.Exchanges = append(finding.Exchanges, cases.Exchange{What: w.what, Sent: cases.Cut(w.sent), Received: cases.Cut(w.got), At: w.at})
		}
	}
	finding.Message = strings.Join(said, ".\n") + "."
	if more := c.findings.count[id] - len(said); more > 0 {
		finding.Message += fmt.Sprintf("\nAnd %d more.", more)
	}
	finding.Exchanges = append(finding.Exchanges, cases.Exchange{
		What: fmt.Sprintf("what happened, by the seed %q", c.Plan.Settings.Seed), Received: cases.Cut([]byte(strings.Join(c.happened, "\n"))),
	})
	return finding
}

// held says on what it rests that a promise was kept, or why that could not be seen.
func (c *checking) held(id string) (message, skipped string) {
	sorts := make(map[string]int)
	for _, b := range c.bad {
		sorts[b.promise]++
	}
	logs, ahead := 0, ""
	for i := range c.Nodes {
		if c.known(i).key != nil {
			logs++
		}
		if c.wasAhead(i) {
			ahead = fmt.Sprintf(". The log of node %d counts only at that node: its clock was far ahead, and its peers wait until the times in it have come", i+1)
		}
	}
	switch id {
	case kept, spread, receipts:
		if len(c.acks) == 0 {
			return "", "no claim was acknowledged"
		}
		if id == spread && len(c.Nodes) == 1 {
			return "", "needs two nodes"
		}
		return fmt.Sprintf("%d claims were acknowledged, of %d submissions, while %d events happened", len(c.acks), c.counts.Submitted, c.counts.Events) + ahead, ""
	case invented:
		heard := 0
		for _, liar := range c.Liars {
			heard += liar.Heard()
		}
		if sorts[id] == 0 || heard == 0 {
			return "", "no node listened to a peer that lies"
		}
		return fmt.Sprintf("%d claims were invented, and nodes asked the peers that lie %d times about their logs and records", sorts[id], heard), ""
	case forged, future:
		if sorts[id] == 0 {
			return "", "nobody tried"
		}
		return fmt.Sprintf("%d such claims were tried", sorts[id]), ""
	case onlyGrow, oneStory, agree, accused:
		if logs == 0 {
			return "", "no node has a log"
		}
		return fmt.Sprintf("%d heads were seen on the way, of %d nodes' logs", c.counts.Heads, logs) + ahead, ""
	case taken:
		if c.counts.Acknowledged == 0 {
			return "", "no claim was acknowledged"
		}
		return fmt.Sprintf("of %d submissions %d were acknowledged, %d refused as they had to be, and %d had no answer", c.counts.Submitted, c.counts.Acknowledged, c.counts.Refused, c.counts.Unanswered), ""
	}
	return fmt.Sprintf("all %d nodes take claims again", len(c.Nodes)), ""
}
