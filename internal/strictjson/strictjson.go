// Package strictjson reads JSON that leaves no room for two opinions.
//
// A document is one JSON value in the sense of RFC 8259, with white space around it
// at most. Refused are: duplicate member names at any level, nesting or a number of
// values beyond a bound, anything after the value, and a byte order mark. A string that no UTF-8 text can
// hold (an escaped lone surrogate, or bytes that are not UTF-8) is no fault of
// syntax: [Parse] yields it with a flag, so that the caller can tell it from one.
//
// [Parse] yields a small immutable tree that keeps what a signature needs: members
// in order of arrival, numbers and strings as they were spelled. [Unmarshal] and
// [Marshal] are for the usual Go values.
//
// The package wraps github.com/go-json-experiment/json, which is pinned and may
// still change, so that it is seen in one place only.
package strictjson

import (
	"errors"
	"fmt"
)

// The kinds of fault that [Parse] and [Unmarshal] tell apart. Test with errors.Is.
var (
	ErrSyntax        = errors.New("not valid JSON")
	ErrDuplicateName = errors.New("duplicate member name")
	ErrTooDeep       = errors.New("nested too deep")
	ErrTooMany       = errors.New("too many values")
	ErrTrailingData  = errors.New("data after the JSON value")
	ErrUnknownName   = errors.New("unknown member") // Unmarshal only
	ErrWrongType     = errors.New("wrong type")     // Unmarshal only
)

// Error is a fault in a document. Its text is fit for the person who sent the document.
type Error struct {
	Kind   error  // one of the Err variables of this package
	Offset int64  // byte at or after which the fault lies
	Path   string // JSON pointer (RFC 6901) to the value at fault; "" is the whole document
	Detail string // what is wrong
}

// Error tells what is wrong and where.
func (e *Error) Error() string {
	if e.Path != "" {
		return fmt.Sprintf("%s at %s (byte %d)", e.Detail, e.Path, e.Offset)
	}
	return fmt.Sprintf("%s (byte %d)", e.Detail, e.Offset)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }
