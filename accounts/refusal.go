package accounts

import (
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
)

// Kind says what sort of answer a [Refusal] is.
type Kind int

// The kinds, with the status of HTTP that says the same.
const (
	Invalid         Kind = iota + 1 // 400: the input is wrong, or does not fit what is there
	Unauthenticated                 // 401: no API key, or none that is good
	PaymentRequired                 // 402: the operator asks for a plan
	Forbidden                       // 403: not with this badge, not with this API key, not at this node
	NotFound                        // 404: no such issuer, key or API key
	TooMany                         // 429: later; RetryAfter says when
)

// Refusal is an answer of this node's rules: a verdict on the call, never a fault of the node. Whoever made the call may read all of it.
type Refusal struct {
	Kind       Kind
	Message    string        // what is wrong
	Hint       string        // how to mend it; may be empty
	RetryAfter time.Duration // of TooMany; otherwise 0
}

// Error returns the message. The hint is left to whoever shows the error.
func (r *Refusal) Error() string { return r.Message }

func refuse(kind Kind, hint, format string, args ...any) *Refusal {
	return &Refusal{Kind: kind, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// refusal makes the protocol's verdict on an input a Refusal, and leaves other errors as they are.
func refusal(err error) error {
	var verdict *protocol.Error
	if errors.As(err, &verdict) {
		return &Refusal{Kind: Invalid, Message: verdict.Message, Hint: verdict.Hint}
	}
	return err
}

// maxShown bounds, in bytes, what a message repeats of a value from outside.
const maxShown = 80

// shown makes a value from outside fit for a message: short, printable, in quotes.
func shown(s string) string {
	if len(s) > maxShown {
		s = s[:maxShown] + "..."
	}
	return fmt.Sprintf("%+q", s)
}
