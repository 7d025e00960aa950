package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mirnode/internal/nearest"
	"mirnode/internal/strictjson"
)

// shape is what a body's object may hold, each name at most once. What has no place in it is refused by name, and a number of values is set before any of
// them costs memory: see [readShape].
type shape []slot

// slot is one member of a shape.
type slot struct {
	name     string
	required bool
	// take keeps the value; where names it in an error. Null never comes here: it is as if the member were left out, unless nulls is set.
	take  func(v strictjson.Value, where string) error
	nulls bool
}

// readShape reads a body that is one object of a shape. hint shows what such a body looks like, for errors that have no better one. The error is a *problem;
// what it comes from is an *strictjson.Error where the body is no good JSON.
func readShape(document []byte, limits strictjson.Limits, hint string, s shape) error {
	v, err := strictjson.Parse(document, limits)
	if err != nil {
		if errors.Is(err, strictjson.ErrDuplicateName) {
			hint = "name each member once"
		}
		return &problem{status: http.StatusBadRequest, message: err.Error(), hint: hint, cause: err}
	}
	if v.Kind() != strictjson.Object {
		return badRequest(hint, "the body is %s, must be an object", v.Kind())
	}
	return s.read(v, "", hint)
}

// read reads an object; where is its name in the body, "" for the body itself.
func (s shape) read(v strictjson.Value, where, hint string) error {
	for i := range v.Len() {
		m := v.Member(i)
		p := s.slot(m.Name)
		if p == nil {
			return s.unknown(m.Name.Text, where)
		}
		if m.Value.Kind() == strictjson.Null && !p.nulls {
			continue
		}
		if err := p.take(m.Value, memberOf(where, p.name)); err != nil {
			return err
		}
	}
	for i := range s {
		if !s[i].required {
			continue
		}
		if m, ok := v.Lookup(s[i].name); !ok || m.Kind() == strictjson.Null {
			return badRequest(hint, "%s is missing", memberOf(where, s[i].name))
		}
	}
	return nil
}

func (s shape) slot(name strictjson.Name) *slot {
	for i := range s {
		if s[i].name == name.Text && !name.Bad {
			return &s[i]
		}
	}
	return nil
}

// unknown refuses a member by its name, and names the one that was meant.
func (s shape) unknown(name, where string) error {
	known := make([]string, len(s))
	for i := range s {
		known[i] = s[i].name
	}
	hint := "what may stand here: " + strings.Join(known, ", ")
	if len(known) == 0 {
		hint = "send an empty object, or no body"
	} else if near := nearest.Name(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	if where != "" {
		return badRequest(hint, "unknown member %.60q in %s", name, where)
	}
	return badRequest(hint, "unknown member %.60q", name)
}

// memberOf is a member's name as errors write it: "revocation.signature".
func memberOf(where, name string) string {
	if where == "" {
		return name
	}
	return where + "." + name
}

// needs refuses a value of another kind.
func needs(v strictjson.Value, kind strictjson.Kind, where string) error {
	if v.Kind() != kind {
		return badRequest("send "+kind.String(), "%s is %s, must be %s", where, v.Kind(), kind)
	}
	if v.Bad() {
		return badRequest("send text in UTF-8, without lone surrogates", "%s is not text", where)
	}
	return nil
}

// takeText takes a string.
func takeText(to *string) func(strictjson.Value, string) error {
	return func(v strictjson.Value, where string) error {
		*to = v.Text()
		return needs(v, strictjson.String, where)
	}
}

// takeTexts takes a list of strings, at most so many.
func takeTexts(to *[]string, most int) func(strictjson.Value, string) error {
	return func(v strictjson.Value, where string) error {
		if err := needs(v, strictjson.Array, where); err != nil {
			return err
		}
		if v.Len() > most {
			return badRequest(fmt.Sprintf("send at most %d", most), "%s has %d items, must have at most %d", where, v.Len(), most)
		}
		*to = make([]string, v.Len())
		for i := range *to {
			item := v.Element(i)
			if err := needs(item, strictjson.String, fmt.Sprintf("%s[%d]", where, i)); err != nil {
				return err
			}
			(*to)[i] = item.Text()
		}
		return nil
	}
}

// takeSize takes a whole number from 0 to 2^53-1, which every JSON reader has exactly.
func takeSize(to **uint64) func(strictjson.Value, string) error {
	const most = 1<<53 - 1
	return func(v strictjson.Value, where string) error {
		if err := needs(v, strictjson.Number, where); err != nil {
			return err
		}
		n, err := strconv.ParseUint(v.Literal(), 10, 64)
		if err != nil || n > most {
			return badRequest("send a whole number of bytes", "%s is not a whole number from 0 to %d", where, uint64(most))
		}
		*to = &n
		return nil
	}
}

// takeTime takes a time.
func takeTime(to *time.Time) func(strictjson.Value, string) error {
	return func(v strictjson.Value, where string) (err error) {
		if err := needs(v, strictjson.String, where); err != nil {
			return err
		}
		if *to, err = time.Parse(time.RFC3339, v.Text()); err != nil {
			return badRequest("as in 2026-02-16T15:30:00Z", "%s is not a time with a zone (RFC 3339)", where)
		}
		return nil
	}
}
