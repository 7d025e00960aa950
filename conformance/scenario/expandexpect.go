package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// expandExpectation replaces the templates in an expectation. What they stand for may have come from the node under test: it is always a value to compare with, and never a matcher,
// a pattern, or an empty text that stands everywhere.
func (p *play) expandExpectation(e *expectation) (*expectation, error) {
	expanded := &expectation{}
	var err error
	if expanded.Status, err = p.expandStatus(e.Status); err != nil {
		return nil, err
	}
	if expanded.Headers, err = p.expandMatchers(e.Headers); err != nil {
		return nil, err
	}
	if expanded.Body, err = p.expandMatchers(e.Body); err != nil {
		return nil, err
	}
	for _, one := range []struct{ from, to *texts }{{&e.Contains, &expanded.Contains}, {&e.Lacks, &expanded.Lacks}, {(*texts)(&e.Absent), (*texts)(&expanded.Absent)}} {
		for _, s := range *one.from {
			s, err := p.expandText(s, 0)
			if err != nil {
				return nil, err
			}
			if s == "" && one.from == &e.Contains {
				return nil, errEmpty
			}
			*one.to = append(*one.to, s)
		}
	}
	return expanded, nil
}

var errEmpty = errors.New("the text that must stand there is empty")

// expandStatus is expandMatcher for a status, of which a list is any of its members.
func (p *play) expandStatus(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	v, err := parseJSON(raw)
	if err != nil {
		return nil, err
	}
	if list, ok := v.([]any); ok {
		v, err = p.expandList(list)
	} else {
		v, err = p.expandMatcher(v)
	}
	if err != nil {
		return nil, err
	}
	return writeJSON(v)
}

func (p *play) expandMatchers(of map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	expanded := make(map[string]json.RawMessage, len(of))
	for name, raw := range of {
		name, err := p.expandText(name, 0)
		if err != nil {
			return nil, err
		}
		v, err := parseJSON(raw)
		if err != nil {
			return nil, err
		}
		if v, err = p.expandMatcher(v); err != nil {
			return nil, err
		}
		if expanded[name], err = writeJSON(v); err != nil {
			return nil, err
		}
	}
	return expanded, nil
}

// expandMatcher replaces the templates in a matcher.
func (p *play) expandMatcher(v any) (any, error) {
	members, isObject := v.(map[string]any)
	if !isObject || !isMatcher(members) {
		v, err := p.expandValue(v)
		return literally(v), err
	}
	expanded := make(map[string]any, len(members))
	for name, want := range members {
		var err error
		if expanded[name], err = p.expandMember(name, want); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return expanded, nil
}

// literally makes a matcher of a value that is to be compared with: one that is equal to it, whatever it looks like.
func literally(v any) any {
	switch v.(type) {
	case map[string]any, []any:
		return map[string]any{"equals": v}
	}
	return v
}

var errListed = errors.New("a list, or of has an object, which stands in the case itself")

// expandMember replaces the templates in a matcher's member.
func (p *play) expandMember(name string, want any) (any, error) {
	switch name {
	case "not", "each", "any", "length":
		return p.expandMatcher(want)
	case "contains":
		v, err := p.expandMatcher(want)
		if v == "" {
			return nil, errEmpty
		}
		return v, err
	case "oneOf", "all":
		list, ok := want.([]any)
		if !ok {
			return nil, errListed
		}
		return p.expandList(list)
	case "has":
		paths, ok := want.(map[string]any)
		if !ok {
			return nil, errListed
		}
		expanded := make(map[string]any, len(paths))
		for path, matcher := range paths {
			path, err := p.expandText(path, 0)
			if err != nil {
				return nil, err
			}
			if expanded[path], err = p.expandMatcher(matcher); err != nil {
				return nil, err
			}
		}
		return expanded, nil
	case "matches":
		pattern, ok := want.(string)
		if !ok {
			return want, nil
		}
		return p.expandPattern(pattern)
	}
	return p.expandValue(want) // equals; and those that take no matcher
}

func (p *play) expandList(list []any) (any, error) {
	expanded := make([]any, len(list))
	for i, v := range list {
		var err error
		if expanded[i], err = p.expandMatcher(v); err != nil {
			return nil, err
		}
	}
	return expanded, nil
}

// expandPattern replaces the templates in a regular expression, by expressions of nothing but what they stand for.
func (p *play) expandPattern(pattern string) (string, error) {
	parts, err := splitTemplates(pattern)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, part := range parts {
		if !part.template {
			b.WriteString(part.text)
			continue
		}
		v, err := p.value(part.text, 0)
		if err != nil {
			return "", err
		}
		t, err := textOf(v)
		if err == nil && t == "" {
			err = errEmpty
		}
		if err != nil {
			return "", fmt.Errorf("${%s}: %w", part.text, err)
		}
		b.WriteString(regexp.QuoteMeta(t))
	}
	return b.String(), nil
}
