package scenario

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mirnode/conformance/cases"
	"mirnode/internal/nearest"
	"mirnode/internal/strictjson"
)

// Bounds of a step.
const (
	maxWithin = 60 * time.Second // of a "within" in a case
	// untilForgotten as a "within" is World.KeysKept, and some time more.
	untilForgotten = "forgotten"
	// defaultKeysKept is the least time for which nodes of this program keep keys, unless they are told otherwise.
	defaultKeysKept = time.Minute
	forgottenGrace  = 15 * time.Second
	maxTimes        = 20000
	maxDepth        = 64
	maxValues       = 50_000
)

// step is one step as the case's file has it, before templates are replaced.
type step struct {
	verb   string
	args   json.RawMessage
	common common
}

// common are the members that every step may have.
type common struct {
	Within  string            `json:"within,omitzero"`
	Each    string            `json:"each,omitzero"`
	Times   int               `json:"times,omitzero"`
	Save    map[string]string `json:"save,omitzero"`
	Expect  *expectation      `json:"expect,omitzero"`
	Limited bool              `json:"limited,omitzero"`
	Note    string            `json:"note,omitzero"` // not where note is the verb
}

// commonMembers are their names.
func commonMembers() []string {
	return []string{"within", "each", "times", "save", "expect", "limited", "note"}
}

// parseStep reads a step, and finds its one verb. A step that has nothing but a note is one: "note" is a verb, too.
func parseStep(raw json.RawMessage) (step, error) {
	var members map[string]json.RawMessage
	if _, err := strictjson.Parse(raw, strictjson.Limits{Depth: maxDepth, Values: maxValues}); err != nil {
		return step{}, err
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		return step{}, fmt.Errorf("a step is an object: %w", err)
	}
	var s step
	table := verbs()
	beside := map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		_, isVerb := table[name]
		switch {
		case isVerb && (name != "note" || len(members) == 1):
			if s.verb != "" {
				return step{}, fmt.Errorf("a step has one verb, and this has %q and %q", s.verb, name)
			}
			s.verb, s.args = name, members[name]
		case slices.Contains(commonMembers(), name):
			beside[name] = members[name]
		default:
			return step{}, unknown("verb or member", name, append(slices.Sorted(maps.Keys(table)), commonMembers()...))
		}
	}
	if s.verb == "" {
		return step{}, errors.New("a step needs a verb: one of " + strings.Join(slices.Sorted(maps.Keys(table)), ", "))
	}
	if err := decode(beside, &s.common); err != nil {
		return step{}, err
	}
	return s, s.check(table[s.verb])
}

// check judges what stands beside the verb.
func (s *step) check(v verb) error {
	if s.common.Within != "" && s.common.Within != untilForgotten {
		d, err := time.ParseDuration(s.common.Within)
		if err != nil || d <= 0 || d > maxWithin {
			return fmt.Errorf("within: %q is no time of at most %v", s.common.Within, maxWithin)
		}
	}
	if s.common.Each != "" && s.common.Each != "nodes" {
		return fmt.Errorf("each: %q: only \"nodes\" is known", s.common.Each)
	}
	if s.common.Times < 0 || s.common.Times > maxTimes {
		return fmt.Errorf("times: from 1 to %d", maxTimes)
	}
	if !v.answers && (s.common.Expect != nil || s.common.Save != nil) {
		return fmt.Errorf("%s gives no answer: expect and save belong to verbs that do", s.verb)
	}
	return nil
}

// Check reads all steps of a case without playing them: every verb and every member must be known, and every template well-formed. The error names the
// case and the step. Cases that are no scenarios have no steps, and are fine.
func Check(c *cases.Case) error {
	for i, raw := range c.Steps {
		s, err := parseStep(raw)
		if err == nil {
			err = checkTemplates(raw)
		}
		if err == nil {
			err = verbs()[s.verb].check(s.args)
		}
		if err != nil {
			return fmt.Errorf("%s: step %d: %w", c.ID, i+1, err)
		}
	}
	return nil
}

// unknown is the error for a name that nobody knows, with the one that was likely meant.
func unknown(what, name string, known []string) error {
	if meant := nearest.Name(name, known); meant != "" {
		return fmt.Errorf("unknown %s %q: did you mean %q?", what, name, meant)
	}
	return fmt.Errorf("unknown %s %q: known are %s", what, name, strings.Join(known, ", "))
}

// limit is how long a step with a "within" is repeated.
func (c *common) limit(w *World) (time.Duration, error) {
	if c.Within == untilForgotten {
		return cmp.Or(w.KeysKept, defaultKeysKept) + forgottenGrace, nil
	}
	return time.ParseDuration(c.Within)
}
