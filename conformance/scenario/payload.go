package scenario

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"mirnode/internal/strictjson"
)

// member is one member of a payload or of a request's body.
type member struct {
	name  string
	value json.RawMessage
}

// members is a JSON object whose members have an order: what is signed is bytes, and who signs chooses how they stand.
type members []member

// text adds a member that is a string.
func (m members) text(name, value string) members {
	return append(m, member{name, strictjson.AppendString(nil, value)})
}

// changed gives the object with some members set, in the order of their names where they are new, and others taken out.
func (m members) changed(set map[string]json.RawMessage, remove []string) members {
	out := slices.DeleteFunc(slices.Clone(m), func(one member) bool { return slices.Contains(remove, one.name) })
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if at := slices.IndexFunc(out, func(one member) bool { return one.name == name }); at >= 0 {
			out[at].value = set[name]
		} else {
			out = append(out, member{name, set[name]})
		}
	}
	return out
}

// The layouts of a payload.
const (
	layoutCanonical = "canonical" // names sorted, no white space
	layoutWritten   = "written"   // as JSON.stringify writes an object: the order in which the members were set, no white space
	layoutSpaced    = "spaced"    // as people write: the same order, lines and spaces
)

// write spells the object. Values are simple: strings in the canonical spelling, all else without white space.
func (m members) write(layout string) ([]byte, error) {
	open, between, colon, end := "{", ",", ":", "}"
	switch layout {
	case layoutCanonical:
		m = slices.Clone(m)
		slices.SortFunc(m, func(a, b member) int { return cmp.Compare(a.name, b.name) })
	case layoutWritten:
	case layoutSpaced:
		open, between, colon, end = "{\n  ", ",\n  ", ": ", "\n}"
	default:
		return nil, fmt.Errorf("no layout %q: %s, %s or %s", layout, layoutCanonical, layoutWritten, layoutSpaced)
	}
	out := []byte(open)
	for i, one := range m {
		if i > 0 {
			out = append(out, between...)
		}
		out = append(strictjson.AppendString(out, one.name), colon...)
		value, err := canonicalValue(one.value)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", one.name, err)
		}
		out = append(out, value...)
	}
	return append(out, end...), nil
}

// canonicalValue writes one value: a string with the escapes that the canonical form has, anything else as it stands but for white space.
func canonicalValue(value json.RawMessage) ([]byte, error) {
	var text string
	if len(value) > 0 && value[0] == '"' {
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, fmt.Errorf("read a string: %w", err)
		}
		return strictjson.AppendString(nil, text), nil
	}
	var out bytes.Buffer
	if err := json.Compact(&out, value); err != nil {
		return nil, fmt.Errorf("read a value: %w", err)
	}
	return out.Bytes(), nil
}
