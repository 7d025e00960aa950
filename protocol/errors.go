package protocol

import (
	"fmt"
	"time"
)

// Code is the protocol's reason for a rejection. A rejected claim has exactly one.
type Code string

// The codes, in the order in which verification can meet them. The first four are
// mandatory; the last three are the verifier's policy.
const (
	InvalidSchema         Code = "INVALID_SCHEMA"
	CanonicalizationError Code = "CANONICALIZATION_ERROR"
	KeyNotFound           Code = "KEY_NOT_FOUND"
	InvalidSignature      Code = "INVALID_SIGNATURE"
	KeyExpired            Code = "KEY_EXPIRED"
	ClaimExpired          Code = "CLAIM_EXPIRED"
	DomainMismatch        Code = "DOMAIN_MISMATCH"
)

// Error is a refusal: a verdict on the input, never a passing fault.
type Error struct {
	Code    Code   // the protocol's code
	Message string // what is wrong, for the person who sent the input
	Hint    string // how to mend it; may be empty
}

// Error returns the code and the message. The hint is left to whoever shows the error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func refuse(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// UnreachableError says that a domain, or the resolver asked about it, did not
// answer. It is a passing fault: no verdict follows from it, and the caller should
// try again after RetryAfter.
type UnreachableError struct {
	Domain     string        // in lower case
	RetryAfter time.Duration // when to try again; 0 if unknown
	Err        error         // the cause
}

// Error names the domain and the cause.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the keys of %s are unreachable: %v", e.Domain, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// maxQuoted bounds, in bytes, what a message repeats of a value from outside.
const maxQuoted = 80

// quote makes a value from outside fit for a message: short, printable, in quotes.
func quote(s string) string { return fmt.Sprintf("%+q", clip(s)) }

func clip(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "..."
	}
	return s
}
