package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/store"
)

type checkAnswer struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitzero"`
}

type readyAnswer struct {
	Error  string        `json:"error,omitzero"`
	Hint   string        `json:"hint,omitzero"`
	Ready  bool          `json:"ready"`
	Checks []checkAnswer `json:"checks"`
}

// readyz is GET /readyz: can the node take claims now?
func (a *API) readyz(c *gin.Context) error {
	answer := a.checks.run(c.Request.Context())
	h := c.Writer.Header()
	h["Cache-Control"] = noStore
	if answer.Ready {
		return writeValue(c, http.StatusOK, answer)
	}
	h["Retry-After"] = []string{"10"}
	answer.Error, answer.Hint = "the node cannot take claims now", "reads may still work; try submissions again later"
	return writeValue(c, http.StatusServiceUnavailable, answer)
}

// readiness runs the checks of /readyz, and keeps the answers of those that cost something.
type readiness struct {
	api *API

	mu      sync.Mutex // guards what follows; held during the checks, so that one request at a time does them
	checked time.Time
	results []checkAnswer
}

const (
	// readinessAge is how long a check's answer is kept.
	readinessAge = 10 * time.Second
	// readinessTime bounds all the checks together.
	readinessTime = 5 * time.Second
)

func newReadiness(a *API) *readiness { return &readiness{api: a} }

func (r *readiness) run(ctx context.Context) readyAnswer {
	answer := readyAnswer{Ready: true, Checks: []checkAnswer{storeCheck(errors.Join(r.api.storeFault(), r.api.damage.found()))}}
	if head, ok := r.api.ownHead(); ok {
		answer.Checks = append(answer.Checks, logCheck(r.api.logState(head)))
	}
	answer.Checks = append(answer.Checks, r.others(ctx)...)
	for _, check := range answer.Checks {
		answer.Ready = answer.Ready && check.OK
	}
	return answer
}

// others runs the configured checks if their last answers are too old. They run apart from the request: one that goes away spoils nothing for the others.
func (r *readiness) others(ctx context.Context) []checkAnswer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.api.Now(); !r.checked.IsZero() && now.Sub(r.checked) < readinessAge {
		return r.results
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readinessTime)
	defer cancel()
	r.results = nil
	for _, check := range r.api.Checks {
		result := checkAnswer{Name: check.Name, OK: true}
		if err := check.Ready(ctx); err != nil {
			result.OK, result.Detail = false, err.Error()
		}
		r.results = append(r.results, result)
	}
	r.checked = r.api.Now()
	return r.results
}

// storeFault is why the store takes nothing, apart from what concerns the node's own log alone.
func (a *API) storeFault() error {
	err := a.Store.Ready()
	if errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrClosed) {
		return err
	}
	if errors.Is(err, store.ErrNotConfirmed) || errors.Is(err, store.ErrFrozen) {
		return nil
	}
	return err
}

// logCheck words the state of the node's own log.
func logCheck(state string) checkAnswer {
	switch state {
	case logFrozen:
		return checkAnswer{Name: "log", Detail: "the node's own log is frozen: GET /log/forks has the proof"}
	case logUnconfirmed:
		return checkAnswer{Name: "log", Detail: "no peer has confirmed yet where the node's own log ends"}
	}
	return checkAnswer{Name: "log", OK: true}
}

// storeCheck words the store's state for anybody: its errors may name paths, and are in the log.
func storeCheck(err error) checkAnswer {
	_, damaged := errors.AsType[*store.CorruptError](err)
	switch {
	case err == nil:
		return checkAnswer{Name: "store", OK: true}
	case damaged:
		return checkAnswer{Name: "store", Detail: "the store has found damage"}
	case errors.Is(err, store.ErrReadOnly):
		return checkAnswer{Name: "store", Detail: "the store is read-only"}
	default:
		return checkAnswer{Name: "store", Detail: "the store is not available"}
	}
}
