package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// expectation is what an answer must be.
type expectation struct {
	Status   json.RawMessage            `json:"status,omitzero"`   // a matcher; a list is any of its members
	Headers  map[string]json.RawMessage `json:"headers,omitzero"`  // name to matcher
	Body     map[string]json.RawMessage `json:"body,omitzero"`     // path to matcher; "." is all
	Contains texts                      `json:"contains,omitzero"` // texts that must stand in the body as it came
	Lacks    texts                      `json:"lacks,omitzero"`    // texts that must not
	Absent   []string                   `json:"absent,omitzero"`   // paths at which nothing may stand
}

// holds says what is wrong with an answer, or nil.
func (e *expectation) holds(a *answer) error {
	wrong := e.faults(a)
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; ") + a.tail())
}

// tail shows the beginning of an answer behind what is wrong with it.
func (a *answer) tail() string {
	const most = 240
	body := strings.ToValidUTF8(string(a.body[:min(len(a.body), most)]), "�")
	if len(a.body) > most {
		body += "…"
	}
	if a.limited {
		body += " — the node limits how often it is asked, and the case is over before it may be asked again"
	}
	return fmt.Sprintf(" (the answer: %d %s)", a.status, strings.TrimSpace(body))
}

func (e *expectation) faults(a *answer) []string {
	var wrong []string
	add := func(where string, err error) {
		if err != nil {
			wrong = append(wrong, where+": "+err.Error())
		}
	}
	if e.Status != nil {
		add("status", matchStatus(e.Status, a.status))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		values, present := a.header[canonicalHeader(name)]
		var got any
		if present {
			got = strings.Join(values, ", ")
		}
		add("header "+name, match(e.Headers[name], got, present))
	}
	fault := errors.New("not looked at")
	if len(e.Body)+len(e.Absent) > 0 {
		fault = a.read()
	}
	if len(e.Body) > 0 && fault != nil {
		return append(wrong, fault.Error())
	}
	for _, path := range slices.Sorted(maps.Keys(e.Body)) {
		got, present := lookUp(a.parsed, path)
		add(path, match(e.Body[path], got, present))
	}
	for _, want := range e.Contains {
		if !strings.Contains(string(a.body), want) {
			wrong = append(wrong, "the body does not hold, as they stand, the bytes "+clip(want))
		}
	}
	for _, unwanted := range e.Lacks {
		if strings.Contains(string(a.body), unwanted) {
			wrong = append(wrong, "the body holds "+clip(unwanted))
		}
	}
	for _, path := range e.Absent {
		if got, present := lookUp(a.parsed, path); present && fault == nil {
			wrong = append(wrong, path+": should be absent, and is "+show(got))
		}
	}
	return wrong
}

// matchStatus takes a number, a list of numbers, or a matcher.
func matchStatus(want json.RawMessage, status int) error {
	v, err := parseJSON(want)
	if err != nil {
		return err
	}
	got := json.Number(strconv.Itoa(status))
	if list, ok := v.([]any); ok {
		v = map[string]any{"oneOf": list}
	}
	return matchValue(v, got, true)
}

// part gives the part of an answer that "save" names: a path in the body, "header:NAME", "status", "body" (its text as it came), or "." (all of it as JSON).
func (a *answer) part(path string) (any, error) {
	switch name, isHeader := strings.CutPrefix(path, "header:"); {
	case isHeader:
		values := a.header[canonicalHeader(name)]
		if len(values) == 0 {
			return nil, fmt.Errorf("the answer has no header %s", name)
		}
		return values[0], nil
	case path == "status":
		return json.Number(strconv.Itoa(a.status)), nil
	case path == "body":
		return string(a.body), nil
	}
	if err := a.read(); err != nil {
		return nil, fmt.Errorf("%w%s", err, a.tail())
	}
	v, ok := lookUp(a.parsed, path)
	if !ok {
		return nil, fmt.Errorf("the answer has nothing at %q%s", path, a.tail())
	}
	return v, nil
}

// lookUp follows a path of members' names and list indexes; "." or "" is the value itself. A negative index counts from the end. A dot in a name is written \. .
func lookUp(v any, path string) (any, bool) {
	if path == "." || path == "" {
		return v, true
	}
	const escaped = "\x00"
	for name := range strings.SplitSeq(strings.ReplaceAll(path, `\.`, escaped), ".") {
		name = strings.ReplaceAll(name, escaped, ".")
		switch inside := v.(type) {
		case map[string]any:
			next, ok := inside[name]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(name)
			if i < 0 {
				i += len(inside)
			}
			if err != nil || i < 0 || i >= len(inside) {
				return nil, false
			}
			v = inside[i]
		default:
			return nil, false
		}
	}
	return v, true
}
