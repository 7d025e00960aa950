package assertions

import (
	"fmt"

	"mirnode/protocol"
)

// Kind says what a refusal is about, as HTTP's statuses do.
type Kind int

// The kinds of refusal.
const (
	Invalid   Kind = iota + 1 // 400: what was sent cannot be taken
	Forbidden                 // 403: not by this caller, or not on this node
	NotFound                  // 404: no such assertion or issuer
)

// Refusal is a verdict on what a client asked for. Its texts are for that client. What a parser refuses is a *[protocol.Error] instead, and
// what an issuer's standing does not allow a refusal of package accounts.
type Refusal struct {
	Kind    Kind
	Code    protocol.Code // empty where the protocol has none
	Message string        // what is wrong
	Hint    string        // how to mend it
}

// Error returns the message. The hint is left to whoever shows the error.
func (r *Refusal) Error() string { return r.Message }

func invalid(hint, format string, args ...any) error {
	return &Refusal{Kind: Invalid, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func forbidden(hint, format string, args ...any) error {
	return &Refusal{Kind: Forbidden, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func notFound(hint, format string, args ...any) error {
	return &Refusal{Kind: NotFound, Message: fmt.Sprintf(format, args...), Hint: hint}
}
