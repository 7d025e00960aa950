package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A matcher is a value, which must be equal (numbers by what they are, objects without regard to order), or an object whose members are all of these, and must all hold:
//
//	equals    a value; for objects that look like matchers
//	matches   a regular expression (RE2) that finds something in the string
//	contains  a text that stands in the string; or a value that is in the list
//	exists    whether there is anything at all (null is something)
//	type      string, number, boolean, array, object, null; or integer
//	length    a matcher for the number of a list's or an object's members, or of a string's bytes
//	min, max  bounds of a number, or of a string in the order of its bytes (times of one form)
//	oneOf     a list of matchers, one of which holds
//	not       a matcher that does not hold; it does where there is nothing
//	each, any a matcher that all, or some, of a list's members match
//	all       a list of matchers
//	has       an object of paths to matchers, inside this value
type matcher func(want, got any) error

// matchers is the table of them.
func matchers() map[string]matcher {
	return map[string]matcher{
		"equals": func(want, got any) error {
			if !equal(want, got) {
				return fmt.Errorf("should be %s, and is %s", show(want), show(got))
			}
			return nil
		},
		"matches": matchPattern, "contains": matchContains, "type": matchType, "length": matchLength,
		"min": func(want, got any) error {
			return matchBound(want, got, "at least", func(c int) bool { return c >= 0 })
		},
		"max":   func(want, got any) error { return matchBound(want, got, "at most", func(c int) bool { return c <= 0 }) },
		"oneOf": matchOneOf, "each": matchEach, "any": matchAny, "all": matchAll, "has": matchHas,
	}
}

// match holds a value against a matcher's JSON.
func match(want json.RawMessage, got any, present bool) error {
	v, err := parseJSON(want)
	if err != nil {
		return err
	}
	return matchValue(v, got, present)
}

func matchValue(want, got any, present bool) error {
	members, isObject := want.(map[string]any)
	if !isObject || !isMatcher(members) {
		if !present {
			return errors.New("is absent, and should be " + show(want))
		}
		return matchers()["equals"](want, got)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := matchMember(name, members[name], got, present); err != nil {
			return err
		}
	}
	return nil
}

func matchMember(name string, want, got any, present bool) error {
	switch {
	case name == "exists":
		if should, ok := want.(bool); !ok {
			return errors.New("exists: true or false")
		} else if should && !present {
			return errors.New("is absent")
		} else if !should && present {
			return errors.New("should be absent, and is " + show(got))
		}
		return nil
	case name == "not":
		if present && matchValue(want, got, true) == nil {
			return fmt.Errorf("should not be %s, and is %s", show(want), show(got))
		}
		return nil
	case name == "oneOf" && !present:
		list, _ := want.([]any)
		for _, w := range list {
			if matchValue(w, nil, false) == nil {
				return nil
			}
		}
		return errors.New("is absent")
	case !present:
		return errors.New("is absent")
	}
	return matchers()[name](want, got)
}

// isMatcher reports whether an object is a matcher: it has members, all of them matchers' names.
func isMatcher(members map[string]any) bool {
	known := matchers()
	for name := range members {
		if _, ok := known[name]; !ok && name != "exists" && name != "not" {
			return false
		}
	}
	return len(members) > 0
}

func matchPattern(want, got any) error {
	pattern, ok := want.(string)
	s, isString := got.(string)
	if !ok {
		return errors.New("matches: a regular expression")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	if !isString || !re.MatchString(s) {
		return fmt.Errorf("should match %s, and is %s", pattern, show(got))
	}
	return nil
}

func matchContains(want, got any) error {
	switch got := got.(type) {
	case string:
		if s, ok := want.(string); ok && strings.Contains(got, s) {
			return nil
		}
	case []any:
		for _, e := range got {
			if matchValue(want, e, true) == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("should contain %s, and is %s", show(want), show(got))
}

func matchType(want, got any) error {
	is := ""
	switch g := got.(type) {
	case nil:
		is = "null"
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case json.Number:
		is = "number"
		if want == "integer" && !strings.ContainsAny(string(g), ".eE") {
			is = "integer"
		}
	case []any:
		is = "array"
	case map[string]any:
		is = "object"
	}
	if want != is {
		return fmt.Errorf("should be of type %s, and is %s", show(want), show(got))
	}
	return nil
}

func matchLength(want, got any) error {
	var length int
	switch g := got.(type) {
	case string:
		length = len(g)
	case []any:
		length = len(g)
	case map[string]any:
		length = len(g)
	default:
		return fmt.Errorf("should have a length, and is %s", show(got))
	}
	if err := matchValue(want, json.Number(strconv.Itoa(length)), true); err != nil {
		return fmt.Errorf("length: %w", err)
	}
	return nil
}

func matchBound(want, got any, words string, holds func(int) bool) error {
	c, ok := compare(got, want)
	if !ok || !holds(c) {
		return fmt.Errorf("should be %s %s, and is %s", words, show(want), show(got))
	}
	return nil
}

// compare orders two numbers, or two strings.
func compare(a, b any) (int, bool) {
	if a, ok := a.(string); ok {
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	}
	x, okX := number(a)
	y, okY := number(b)
	switch {
	case x < y:
		return -1, okX && okY
	case x > y:
		return 1, okX && okY
	}
	return 0, okX && okY
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(n), 64)
	return f, err == nil
}

func matchOneOf(want, got any) error {
	list, ok := want.([]any)
	if !ok {
		return errors.New("oneOf: a list")
	}
	for _, w := range list {
		if matchValue(w, got, true) == nil {
			return nil
		}
	}
	return fmt.Errorf("should be one of %s, and is %s", show(want), show(got))
}

func matchEach(want, got any) error {
	list, ok := got.([]any)
	if !ok {
		return fmt.Errorf("should be a list, and is %s", show(got))
	}
	for i, e := range list {
		if err := matchValue(want, e, true); err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
	}
	return nil
}

func matchAny(want, got any) error {
	list, _ := got.([]any)
	for _, e := range list {
		if matchValue(want, e, true) == nil {
			return nil
		}
	}
	return fmt.Errorf("no member is %s, of %s", show(want), show(got))
}

func matchAll(want, got any) error {
	list, ok := want.([]any)
	if !ok {
		return errors.New("all: a list of matchers")
	}
	for _, w := range list {
		if err := matchValue(w, got, true); err != nil {
			return err
		}
	}
	return nil
}

func matchHas(want, got any) error {
	paths, ok := want.(map[string]any)
	if !ok {
		return errors.New("has: an object of paths to matchers")
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		inside, present := lookUp(got, path)
		if err := matchValue(paths[path], inside, present); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// equal compares values of parseJSON: numbers by what they are.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		if strings.ContainsAny(string(a)+string(b), ".eE") {
			x, okX := number(a)
			y, okY := number(b)
			return a == b || okX && okY && x == y
		}
		return a == b || a == "-0" && b == "0" || a == "0" && b == "-0"
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	}
	return reflect.DeepEqual(a, b)
}

// show writes a value for a message, shortened.
func show(v any) string {
	b, err := writeJSON(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return clip(string(b))
}

func canonicalHeader(name string) string { return http.CanonicalHeaderKey(name) }
