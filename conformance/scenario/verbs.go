package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"mirnode/internal/strictjson"
)

// verb is what a step does.
type verb struct {
	check   func(args json.RawMessage) error // reads the members strictly, templates not replaced
	run     func(ctx context.Context, p *play, args json.RawMessage) error
	expands bool // it replaces the templates in its members itself
	answers bool // it sets play.answer, which expect and save look at
}

// verbs is the table of all verbs. One line each; what they do stands in files of their own.
func verbs() map[string]verb {
	return map[string]verb{
		"publish":      does(publish),
		"withdraw":     does(withdraw),
		"claim":        does(makeClaim),
		"request":      answers(request),
		"expectSame":   does(expectSame),
		"expectNames":  does(expectNames),
		"inside":       does(inside),
		"expectInside": does(expectInside),
		"choice":       expands(choose),
		"note":         does(note),
		"keypair":      does(makeKeypair),
		"sign":         does(signText),
		"issuer":       does(makeIssuer),
		"assertion":    does(makeAssertion),
		"revocation":   does(makeRevocation),
		"raw":          answers(raw),
		"flood":        answers(flood),
		"checkpoint":   answers(checkpoint),
		"readLog":      answers(readLog),
		"included":     answers(included),
		"receipt":      answers(receipt),
		"head":         answers(headOf),
		"consistent":   does(consistent),
		"forkProven":   does(forkProven),
		"submissions":  answers(submissions),
		"acknowledged": does(acknowledged),
		"peer":         does(playPeer),
		"asked":        answers(askedOf),
		"fault":        does(fault),
		"texts":        answers(lookUpTexts),
	}
}

// does makes a verb of a function that takes its members as an A: a pointer to a struct whose members are read strictly. Since templates stand in strings, a member
// that may hold one is a string, a text, or a json.RawMessage (any JSON).
func does[A any](run func(ctx context.Context, p *play, args *A) error) verb {
	return verb{
		check: func(raw json.RawMessage) error { return decode(raw, new(A)) },
		run: func(ctx context.Context, p *play, raw json.RawMessage) error {
			args := new(A)
			if err := decode(raw, args); err != nil {
				return err
			}
			return run(ctx, p, args)
		},
	}
}

// answers is does for a function that sets p.answer.
func answers[A any](run func(ctx context.Context, p *play, args *A) error) verb {
	v := does(run)
	v.answers = true
	return v
}

// expands is does for a function that replaces the templates in its members itself.
func expands[A any](run func(ctx context.Context, p *play, args *A) error) verb {
	v := does(run)
	v.expands = true
	return v
}

// text is a string in which a template may stand that gives a number or a boolean.
type text string

// UnmarshalJSON takes strings, numbers and booleans.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	}
	if len(b) == 0 || strings.ContainsRune("{[n", rune(b[0])) {
		return errors.New("a string, a number or a boolean")
	}
	*t = text(b)
	return nil
}

// texts is a list of texts, or one.
type texts []string

// UnmarshalJSON takes a string, or a list of strings.
func (t *texts) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(t))
	}
	var one string
	err := json.Unmarshal(b, &one)
	*t = texts{one}
	return err
}

// decode reads a value's JSON into v, strictly; an unknown member's error names the member that was likely meant.
func decode(from, v any) error {
	raw, ok := from.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = json.Marshal(from); err != nil {
			return err
		}
	}
	err := strictjson.Unmarshal(raw, v)
	var fault *strictjson.Error
	if errors.As(err, &fault) && errors.Is(err, strictjson.ErrUnknownName) {
		name := fault.Path[strings.LastIndexByte(fault.Path, '/')+1:]
		return fmt.Errorf("%s: %w", fault.Path, unknown("member", name, memberNames(reflect.TypeOf(v))))
	}
	return err
}

// memberNames are the JSON names in a type and in the structs that it holds.
func memberNames(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		if t.Elem() == t {
			return nil
		}
		return memberNames(t.Elem())
	case reflect.Struct:
		var found []string
		for f := range fieldsOf(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				found = append(found, name)
				found = append(found, memberNames(f.Type)...)
			}
		}
		return found
	default:
		return nil
	}
}

// fieldsOf gives a struct's fields.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}
