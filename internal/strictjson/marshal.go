package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal decodes one JSON value into v, which must be a non-nil pointer. Names are
// matched with their case. Unknown members, duplicates, text that is not UTF-8 and
// trailing data are refused, and so is null where v points to a struct: it would pass
// for one without members. The error is an [*Error] whose text names the member.
func Unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		if reflect.TypeOf(v).Elem().Kind() == reflect.Struct && string(bytes.Trim(data, " \t\r\n")) == "null" {
			return &Error{Kind: ErrWrongType, Detail: "found null, want an object"}
		}
		return nil
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		e := &Error{Kind: ErrSyntax, Offset: syntactic.ByteOffset, Path: string(syntactic.JSONPointer)}
		e.Detail = "not valid JSON: " + syntactic.Err.Error()
		if errors.Is(syntactic, jsontext.ErrDuplicateName) {
			e.Kind, e.Detail = ErrDuplicateName, "a member stands twice in one object"
		}
		return e
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return fromSemantic(semantic)
	}
	return &Error{Kind: ErrSyntax, Detail: "not valid JSON: " + err.Error()}
}

func fromSemantic(err *json.SemanticError) *Error {
	e := &Error{Kind: ErrWrongType, Offset: err.ByteOffset, Path: string(err.JSONPointer)}
	switch {
	case errors.Is(err, json.ErrUnknownName):
		e.Kind, e.Detail = ErrUnknownName, "unknown member "+clip(err.JSONPointer.LastToken())
	case err.Err != nil:
		e.Detail = "the value is not acceptable: " + err.Err.Error()
	default:
		e.Detail = fmt.Sprintf("found %s, want %s", kindOf(err.JSONKind), wanted(err.GoType))
	}
	return e
}

func kindOf(k jsontext.Kind) Kind {
	switch k {
	case 't', 'f':
		return Bool
	default:
		return Kind(k)
	}
}

// wanted says in JSON's words what a Go type takes.
func wanted(t reflect.Type) string {
	if t == nil {
		return "another type"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "an integer"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "another type"
	}
}

// Marshal encodes v without white space, without HTML escapes, and with the members of
// maps sorted, so that equal values give equal bytes.
func Marshal(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true))
}
