package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/store"
)

// problem is an error as it is answered. What stands in it is for the client; the inside of an error stays in the log.
type problem struct {
	status     int
	message    string
	hint       string
	code       protocol.Code // "" where the protocol has none
	retryAfter time.Duration // 0 for no Retry-After
	reason     string        // of an erasure
	erasedAt   time.Time
	cause      error // what it comes from, for the handlers; not answered
}

func (p *problem) Error() string { return p.message }

// Unwrap returns the cause, which may be nil.
func (p *problem) Unwrap() error { return p.cause }

// badRequest is a fault of the request, told in our own words.
func badRequest(hint, format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...), hint: hint}
}

// problems is the one table from errors to answers; the first that fits counts.
var problems = []func(err error) *problem{
	as(func(e *problem) *problem { return e }),
	as(func(e *protocol.Error) *problem {
		return &problem{status: http.StatusBadRequest, message: e.Message, hint: orDefault(e.Hint, "mend the document, sign it again, and submit it again"), code: e.Code}
	}),
	as(refusedByAssertions),
	as(refusedByAccounts),
	as(func(e *protocol.UnreachableError) *problem {
		wait := max(time.Second, e.RetryAfter)
		return &problem{status: http.StatusServiceUnavailable, retryAfter: wait,
			message: fmt.Sprintf("the keys of %s cannot be looked up now", e.Domain),
			hint:    "this is a passing fault and no verdict; send the same request again later"}
	}),
	as(func(e *store.ErasedError) *problem {
		return &problem{status: http.StatusGone, message: "this claim was erased", hint: "it will not come back; the reason says why", reason: e.Reason, erasedAt: e.At}
	}),
	is(store.ErrNotFound, problem{status: http.StatusNotFound, message: "nothing with this ID is kept here", hint: "check the ID; another node may have it"}),
	is(store.ErrReadOnly, problem{status: http.StatusServiceUnavailable, retryAfter: 30 * time.Second, message: "the node is read-only now",
		hint: "look-ups still work; send the same request again later, or to another node"}),
	is(store.ErrNotConfirmed, problem{status: http.StatusServiceUnavailable, retryAfter: 5 * time.Second, message: "the node takes nothing new yet: it asks its peers where its own log ends",
		hint: "look-ups work; send the same request again, or to another node. It goes on by itself as soon as a peer answers"}),
	is(store.ErrFrozen, problem{status: http.StatusServiceUnavailable, retryAfter: 5 * time.Minute, message: "the node's log is frozen: its peers have proof that it shows two histories",
		hint: "look-ups work; send the same request to another node. The operator has to start a new log (origin.epoch); GET /log/forks has the proof"}),
	is(store.ErrFull, problem{status: http.StatusServiceUnavailable, retryAfter: time.Hour, message: "the node keeps as much of this as it may",
		hint: "look-ups work; leave out what is the node's alone, such as a note, or ask its operator"}),
	is(store.ErrClosed, problem{status: http.StatusServiceUnavailable, retryAfter: 5 * time.Second, message: "the node is stopping", hint: "send the same request again later, or to another node"}),
	as(func(e *http.MaxBytesError) *problem {
		return &problem{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the body is larger than %d bytes", e.Limit), hint: "send less at a time"}
	}),
	is(os.ErrDeadlineExceeded, problem{status: http.StatusRequestTimeout, message: "the body did not arrive in time", hint: "send the whole body at once"}),
	is(errBusy, problem{status: http.StatusServiceUnavailable, retryAfter: time.Second, message: "the node is busy", hint: "send the same request again"}),
	is(context.DeadlineExceeded, problem{status: http.StatusServiceUnavailable, retryAfter: 5 * time.Second, message: "the node did not finish in time", hint: "send the same request again"}),
	is(context.Canceled, problem{status: http.StatusServiceUnavailable, retryAfter: 5 * time.Second, message: "the node is stopping, or you went away", hint: "send the same request again"}),
}

// refusedByAssertions answers what the rules for assertions say no to.
func refusedByAssertions(e *assertions.Refusal) *problem {
	p := &problem{message: e.Message, hint: orDefault(e.Hint, "mend the request, and send it again"), code: e.Code}
	switch e.Kind {
	case assertions.Forbidden:
		p.status = http.StatusForbidden
	case assertions.NotFound:
		p.status = http.StatusNotFound
	default:
		p.status = http.StatusBadRequest
	}
	return p
}

// accountStatuses are the statuses that say what a refusal of accounts says.
var accountStatuses = map[accounts.Kind]int{
	accounts.Invalid: http.StatusBadRequest, accounts.Unauthenticated: http.StatusUnauthorized, accounts.PaymentRequired: http.StatusPaymentRequired,
	accounts.Forbidden: http.StatusForbidden, accounts.NotFound: http.StatusNotFound, accounts.TooMany: http.StatusTooManyRequests,
}

// refusedByAccounts answers what an issuer's standing, or its API key, does not allow.
func refusedByAccounts(e *accounts.Refusal) *problem {
	status, ok := accountStatuses[e.Kind]
	if !ok {
		status = http.StatusBadRequest
	}
	return &problem{status: status, message: e.Message, hint: orDefault(e.Hint, "mend the request, and send it again"), retryAfter: e.RetryAfter}
}

// as makes a rule for an error type.
func as[E error](answer func(E) *problem) func(error) *problem {
	return func(err error) *problem {
		var e E
		if errors.As(err, &e) {
			return answer(e)
		}
		return nil
	}
}

// is makes a rule for one error value.
func is(target error, p problem) func(error) *problem {
	return func(err error) *problem {
		if errors.Is(err, target) {
			return &p
		}
		return nil
	}
}

// problemOf finds the answer to an error. An error that no rule knows is a fault of the node: it is logged, and the client gets the request's ID.
func (a *API) problemOf(ctx context.Context, requestID string, err error) *problem {
	for _, rule := range problems {
		if p := rule(err); p != nil {
			return p
		}
	}
	if damage, ok := errors.AsType[*store.CorruptError](err); ok {
		a.damage.note(damage)
	}
	a.Logger.ErrorContext(ctx, "request failed", "request", requestID, "error", err)
	return serverFault(requestID)
}

func serverFault(requestID string) *problem {
	return &problem{status: http.StatusInternalServerError, message: "the node failed", hint: "try again; if it stays, tell the operator the request ID " + requestID}
}

// exhausted is the answer of a budget that is used up.
func (a *API) exhausted(class, does string, wait time.Duration) *problem {
	a.metrics.limited(class)
	return &problem{status: http.StatusTooManyRequests, retryAfter: wait, message: "the budget for " + does + " is used up",
		hint: fmt.Sprintf("send the request again in %d s; GET /node lists the limits", seconds(wait))}
}

// fail answers with an error and ends the handlers' chain.
func (a *API) fail(c *gin.Context, err error) {
	p := a.problemOf(c.Request.Context(), requestID(c), err)
	c.Abort()
	if c.Writer.Written() {
		return // too late for an answer of its own
	}
	h := c.Writer.Header()
	h.Del("Etag")
	h["Cache-Control"] = noStore
	if p.retryAfter > 0 {
		h["Retry-After"] = []string{strconv.FormatInt(seconds(p.retryAfter), 10)}
	}
	writeJSON(c, p.status, p.appendTo(nil))
}

// appendTo writes the error as JSON.
func (p *problem) appendTo(b []byte) []byte {
	return append(p.appendMembers(append(b, '{')), '}')
}

// appendMembers writes the members alone.
func (p *problem) appendMembers(b []byte) []byte {
	b = strictjson.AppendString(append(b, `"error":`...), p.message)
	b = strictjson.AppendString(append(b, `,"hint":`...), p.hint)
	if p.code != "" {
		b = strictjson.AppendString(append(b, `,"code":`...), string(p.code))
	}
	if !p.erasedAt.IsZero() {
		b = strictjson.AppendString(append(b, `,"reason":`...), p.reason)
		b = strictjson.AppendTime(append(b, `,"erasedAt":`...), p.erasedAt)
	}
	return b
}

// seconds rounds up to whole seconds.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
