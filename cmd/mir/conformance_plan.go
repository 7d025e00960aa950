package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/scenario"
)

// conformancePlan is what a run is going to do.
type conformancePlan struct {
	target    string
	chosen    []cases.Case // that the target takes
	all       int          // cases that there are
	forTarget int          // cases that there are for this kind of target
	other     int          // chosen cases that are for other kinds
	offers    []cases.Need
	expected  map[string]string
}

// plan chooses the cases and reads what is expected to fail.
func (r *conformanceRun) plan(target conformanceTarget, out io.Writer) (*conformancePlan, error) {
	all, err := cases.Embedded()
	if err != nil {
		return nil, err
	}
	drafts, err := r.draftVectors(out)
	if err != nil {
		return nil, err
	}
	all = append(all, drafts...)
	chosen, err := r.choose(all)
	if err != nil {
		return nil, err
	}
	p := &conformancePlan{target: target.name(), all: len(all), offers: target.offers()}
	for i := range all {
		if takenBy(target, &all[i]) {
			p.forTarget++
		}
	}
	for i := range chosen {
		if takenBy(target, &chosen[i]) {
			p.chosen = append(p.chosen, chosen[i])
		} else {
			p.other++
		}
	}
	if len(p.chosen) == 0 {
		return nil, withHint(fmt.Sprintf("none of the chosen cases can be put to %s", p.target),
			fmt.Sprintf("It takes cases of the kind %s; `mir conformance list --only kind=%s` shows them.", listed(target.kinds(), " and "), target.kinds()[0]))
	}
	if err := soundCases(p.chosen); err != nil {
		return nil, err
	}
	if _, onNodes := target.(nodeCases); onNodes && !r.static {
		for i := range p.chosen {
			if v := p.chosen[i].Verdict; v != nil && v.Domain != "" { // the node must find the domain's keys
				p.chosen[i].Needs = []cases.Need{cases.NeedNames}
			}
		}
	}
	p.expected, err = r.expectedFailures(all)
	return p, err
}

// soundCases tells of a case that is wrong in itself: played, it would be held against the target.
func soundCases(chosen []cases.Case) error {
	for i := range chosen {
		if err := scenario.Check(&chosen[i]); err != nil {
			return withHint("the case is broken: "+printable(err.Error()), "That is the suite's fault, not the target's. --skip leaves it out.")
		}
	}
	return nil
}

// nodeCases is a target that finds a claim's keys by itself, as nodes do.
type nodeCases interface{ findsKeys() }

// expectedFailures reads the file of expected failures.
func (r *conformanceRun) expectedFailures(all []cases.Case) (map[string]string, error) {
	if r.expected == "" {
		return nil, nil
	}
	data, err := readRegular(r.expected, conformance.MaxExpected)
	if err != nil {
		return nil, fmt.Errorf("--expected-failures %q: %w", r.expected, err)
	}
	expected, err := conformance.ParseExpected(data)
	if err != nil {
		return nil, fmt.Errorf("--expected-failures %q: %w", r.expected, err)
	}
	for _, id := range slices.Sorted(maps.Keys(expected)) {
		if !slices.ContainsFunc(all, func(c cases.Case) bool { return c.ID == id }) {
			return nil, fmt.Errorf("--expected-failures %q: %w", r.expected, unknownCase(id, all))
		}
	}
	return expected, nil
}

// readRegular reads a file of at most max bytes. What is no regular file may have no end, or keep us waiting for one. The error does not name the file, whose
// name may hold what acts on a terminal.
func readRegular(path string, max int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	var data []byte
	if err == nil {
		data, err = readFile(path, max)
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	if errors.Is(err, errTooLarge) {
		err = fmt.Errorf("%w: more than %d bytes", errTooLarge, max)
	}
	return data, err
}

// offer says how a target comes to offer what cases need.
var offerHints = map[cases.Need]string{
	cases.NeedNames:     "let the suite serve the node's names: --dns-listen and --https-listen, or --static; --cluster does it by itself",
	cases.NeedNodes2:    "name two nodes of one federation, or --cluster 2",
	cases.NeedNodes3:    "name three nodes of one federation, or --cluster 3",
	cases.NeedOperator:  "give the operator's URL with --operator",
	cases.NeedIssuer:    "give --operator, or an issuer's --issuer and --api-key-file",
	cases.NeedPeer:      "only with --cluster of 2 nodes or more: the suite's peers must be among peers.domains",
	cases.NeedFaults:    "only with --cluster: the suite kills and cuts off nodes",
	cases.NeedAddresses: "nodes on a loopback address of a Linux machine",
}

// tell says what is going to happen, and what is not and why.
func (p *conformancePlan) tell(out io.Writer) {
	skipped := map[string]int{}
	runs := 0
	for i := range p.chosen {
		unmet := conformance.Unmet(&p.chosen[i], p.offers)
		if len(unmet) == 0 {
			runs++
		}
		for _, need := range unmet {
			skipped[need]++
		}
	}
	fmt.Fprintf(out, "Testing %s with %s of %d.\n", printable(p.target), plural(runs, "case"), p.all)
	if p.other > 0 {
		fmt.Fprintf(out, "  %s are for other kinds of targets.\n", plural(p.other, "case"))
	}
	if len(p.chosen) > runs {
		fmt.Fprintf(out, "  %s will be skipped, for what the target does not offer:\n", plural(len(p.chosen)-runs, "case"))
	}
	for _, need := range cases.Needs() {
		if n := skipped[string(need)]; n > 0 {
			fmt.Fprintf(out, "  %5d need %-10s %s\n", n, string(need)+":", offerHints[need])
		}
	}
	if len(p.expected) > 0 {
		fmt.Fprintf(out, "  %s expected to fail.\n", plural(len(p.expected), "case"))
	}
}

// listed is a list of words in words.
func listed[T ~string](list []T, with string) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, with)
}
