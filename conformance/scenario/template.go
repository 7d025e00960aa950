package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of templates.
const (
	maxTemplateDepth = 8
	maxExpanded      = 32 << 20 // bytes of one string
)

// object is something that a step made: its text, and its parts by name.
type object struct {
	text  string
	parts map[string]string
	held  any // what the verbs that made it know of it
}

// parseJSON reads JSON with its numbers as they are spelled.
func parseJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) { // More would not see a bracket
		return nil, errors.New("data after the JSON value")
	}
	return v, nil
}

// writeJSON writes a value without HTML escapes.
func writeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// expandJSON replaces the templates in all strings of a JSON text.
func (p *play) expandJSON(raw json.RawMessage) (json.RawMessage, error) {
	v, err := parseJSON(raw)
	if err != nil {
		return nil, err
	}
	if v, err = p.expandValue(v); err != nil {
		return nil, err
	}
	return writeJSON(v)
}

func (p *play) expandValue(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return p.expand(v, 0)
	case []any:
		for i := range v {
			if v[i], err = p.expandValue(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		expanded := make(map[string]any, len(v))
		for name, member := range v {
			key, err := p.expandText(name, 0)
			if err != nil {
				return nil, err
			}
			if expanded[key], err = p.expandValue(member); err != nil {
				return nil, err
			}
		}
		return expanded, nil
	}
	return v, nil
}

// expand replaces the templates in a string. A string that is one template alone gives its value as it is.
func (p *play) expand(s string, depth int) (any, error) {
	parts, err := splitTemplates(s)
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 && parts[0].template {
		return p.value(parts[0].text, depth)
	}
	var b strings.Builder
	for _, part := range parts {
		if !part.template {
			b.WriteString(part.text)
			continue
		}
		v, err := p.value(part.text, depth)
		if err != nil {
			return nil, err
		}
		t, err := textOf(v)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %w", part.text, err)
		}
		if b.WriteString(t); b.Len() > maxExpanded {
			return nil, errors.New("the text grows too long")
		}
	}
	return b.String(), nil
}

func (p *play) expandText(s string, depth int) (string, error) {
	v, err := p.expand(s, depth)
	if err != nil {
		return "", err
	}
	return textOf(v)
}

// textOf writes a value into the middle of a string: strings as they are, all else as JSON.
func textOf(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	b, err := writeJSON(v)
	return string(b), err
}

// templatePart is a piece of a string: plain text, or what stands between ${ and }.
type templatePart struct {
	text     string
	template bool
}

// splitTemplates cuts a string into plain text and templates.
func splitTemplates(s string) ([]templatePart, error) {
	var parts []templatePart
	plain := ""
	for s != "" {
		switch {
		case strings.HasPrefix(s, "$${"):
			plain, s = plain+"${", s[3:]
		case strings.HasPrefix(s, "${"):
			end := closing(s)
			if end < 0 {
				return nil, fmt.Errorf("%q: a ${ without its }", clip(s))
			}
			if plain != "" {
				parts, plain = append(parts, templatePart{text: plain}), ""
			}
			parts, s = append(parts, templatePart{s[2:end], true}), s[end+1:]
		default:
			next := strings.IndexByte(s[1:], '$') + 1
			if next == 0 {
				next = len(s)
			}
			plain, s = plain+s[:next], s[next:]
		}
	}
	if plain != "" || len(parts) == 0 {
		parts = append(parts, templatePart{text: plain})
	}
	return parts, nil
}

// closing finds the } that ends the ${ at the start of s.
func closing(s string) int {
	open := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{': // one of a template in this one, or of JSON
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// value gives what a template stands for.
func (p *play) value(name string, depth int) (any, error) {
	if depth >= maxTemplateDepth {
		return nil, errors.New("templates stand too deep in each other")
	}
	name, err := p.expandText(name, depth+1)
	if err != nil {
		return nil, err
	}
	kind, of, has := strings.Cut(name, ":")
	if has {
		if f, ok := functions()[kind]; ok {
			v, err := f(p, of)
			if err != nil {
				return nil, fmt.Errorf("${%s}: %w", clip(name), err)
			}
			return v, nil
		}
	}
	switch {
	case name == "unique":
		return p.unique, nil
	case name == "suffix":
		return p.world.Suffix, nil
	case name == "unix":
		return json.Number(strconv.FormatInt(p.world.Now().Unix(), 10)), nil
	case isNow(name):
		return p.instant(name)
	}
	return p.saved(name)
}

// checkTemplates finds templates that no run could replace: without an end, or with an unknown function before their colon.
func checkTemplates(raw json.RawMessage) error {
	v, err := parseJSON(raw)
	if err != nil {
		return err
	}
	return walkStrings(v, func(s string) error { return checkTemplate(s, 0) })
}

func checkTemplate(s string, depth int) error {
	parts, err := splitTemplates(s)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if !part.template {
			continue
		}
		if depth >= maxTemplateDepth {
			return errors.New("templates stand too deep in each other")
		}
		if kind, _, has := strings.Cut(part.text, ":"); has {
			if _, known := functions()[kind]; !known {
				var all []string
				for name := range functions() {
					all = append(all, name)
				}
				return unknown("template", kind, all)
			}
		}
		if err := checkTemplate(part.text, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func walkStrings(v any, visit func(string) error) error {
	switch v := v.(type) {
	case string:
		return visit(v)
	case []any:
		for _, e := range v {
			if err := walkStrings(e, visit); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, e := range v {
			if err := errors.Join(visit(name), walkStrings(e, visit)); err != nil {
				return err
			}
		}
	}
	return nil
}

// clip shortens a text from outside for a message.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
