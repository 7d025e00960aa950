package conformance

import (
	"fmt"
	"path"
	"strings"

	"mirnode/conformance/cases"
	"mirnode/internal/nearest"
)

// PatternError is a pattern that fits no case: most likely it is misspelt, and a run without it would test less than was meant.
type PatternError struct {
	Pattern string
	Near    string // what was most likely meant; "": nothing is near
}

// Error names the pattern.
func (e *PatternError) Error() string { return fmt.Sprintf("no case fits %q", e.Pattern) }

// Choose gives the cases that fit any of only (none: all) and none of skip, in their order. A pattern is
//
//   - a section ("keys"), an ID ("keys/rotation"), or a glob of one of these ("*/version-*", as [path.Match] has it);
//   - "level=MUST", "kind=verdict" or "need=faults" (without regard to case).
//
// A pattern that fits none of the cases is a [*PatternError].
func Choose(all []cases.Case, only, skip []string) ([]cases.Case, error) {
	for _, patterns := range [][]string{only, skip} {
		for _, p := range patterns {
			if !fitsAny(p, all) {
				return nil, &PatternError{Pattern: p, Near: nearestPattern(p, all)}
			}
		}
	}
	var chosen []cases.Case
	for i := range all {
		if (len(only) == 0 || anyFits(only, &all[i])) && !anyFits(skip, &all[i]) {
			chosen = append(chosen, all[i])
		}
	}
	return chosen, nil
}

func fitsAny(pattern string, all []cases.Case) bool {
	for i := range all {
		if fits(pattern, &all[i]) {
			return true
		}
	}
	return false
}

func anyFits(patterns []string, c *cases.Case) bool {
	for _, p := range patterns {
		if fits(p, c) {
			return true
		}
	}
	return false
}

// fits tells whether the case is one of those that the pattern names. A malformed glob names none.
func fits(pattern string, c *cases.Case) bool {
	if key, value, ok := strings.Cut(pattern, "="); ok {
		switch strings.ToLower(key) {
		case "level":
			return strings.EqualFold(value, string(c.Requirement.Level))
		case "kind":
			return strings.EqualFold(value, string(c.Kind))
		case "need":
			for _, n := range c.Needs {
				if strings.EqualFold(value, string(n)) {
					return true
				}
			}
		}
		return false
	}
	for _, name := range []string{c.ID, c.Section()} {
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}

func nearestPattern(pattern string, all []cases.Case) string {
	var known []string
	for _, l := range cases.Levels() {
		known = append(known, "level="+string(l))
	}
	for _, k := range []cases.Kind{cases.KindVerdict, cases.KindSigner, cases.KindScenario} {
		known = append(known, "kind="+string(k))
	}
	for _, n := range cases.Needs() {
		known = append(known, "need="+string(n))
	}
	known = append(known, cases.Sections()...)
	for i := range all {
		known = append(known, all[i].ID)
	}
	return nearest.Name(pattern, known)
}
