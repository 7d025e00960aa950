package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/protocol"
	"mirnode/store"
)

// Version says what software runs.
type Version struct {
	Version  string // as the module system knows it; "devel" for a build from a work tree
	Revision string // the commit; "" where the build does not know it
	Go       string
}

// BuildVersion reads the version out of the running program.
func BuildVersion() Version {
	v := Version{Version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Go = info.GoVersion
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

type nodeAnswer struct {
	Domain    *string        `json:"domain"`
	Network   string         `json:"network"`
	Software  softwareAnswer `json:"software"`
	Log       *logAnswer     `json:"log"`
	Peers     peeringAnswer  `json:"federation"`
	Policy    policyAnswer   `json:"policy"`
	Limits    limitsAnswer   `json:"limits"`
	Storage   storageAnswer  `json:"storage"`
	Publishes []string       `json:"publishes"`
	StartedAt time.Time      `json:"startedAt"`
	Time      time.Time      `json:"time"`
}

type softwareAnswer struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitzero"`
	Go       string `json:"go"`
}

type policyAnswer struct {
	Submission       string   `json:"submission"`
	ProtocolVersions []int    `json:"protocolVersions"`
	ClockSkewSeconds int      `json:"clockSkewSeconds"`
	CoreTypes        []string `json:"coreTypes"`
}

// logAnswer is the node's own log.
type logAnswer struct {
	Origin string `json:"origin"`
	Key    string `json:"key"`
	Size   uint64 `json:"size"`
	State  string `json:"state"`
}

type peeringAnswer struct {
	Mirrors int     `json:"mirrors"`
	Peers   int     `json:"peers"`
	Witness *string `json:"witness"`
}

type limitsAnswer struct {
	ClaimBytes    int            `json:"claimBytes"`
	MetadataBytes int            `json:"metadataBytes"`
	Depth         int            `json:"depth"`
	BatchClaims   int            `json:"batchClaims"`
	PageClaims    int            `json:"pageClaims"`
	LogEntries    int            `json:"logEntries"`
	FetchRecords  int            `json:"fetchRecords"`
	Budgets       []budgetAnswer `json:"budgets"`
}

type budgetAnswer struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"perSecond"`
	Burst     int     `json:"burst"`
	Per       string  `json:"per"`
}

type storageAnswer struct {
	Claims   uint64 `json:"claims"`
	Erased   uint64 `json:"erased"`
	ReadOnly bool   `json:"readOnly"`
}

// describeNode is GET /node.
func (a *API) describeNode(c *gin.Context) error {
	c.Writer.Header()["Cache-Control"] = noStore
	return writeValue(c, http.StatusOK, a.describe())
}

func (a *API) describe() nodeAnswer {
	stats := a.Store.Stats()
	answer := nodeAnswer{
		Network:  orDefault(a.Network, "production"),
		Software: softwareAnswer{Name: "mirnode", Version: a.Version.Version, Revision: a.Version.Revision, Go: a.Version.Go},
		Policy: policyAnswer{
			Submission:       "open: any claim that is signed with a key which its domain publishes",
			ProtocolVersions: []int{1}, ClockSkewSeconds: int(protocol.ClockSkew / time.Second), CoreTypes: protocol.CoreTypes(),
		},
		Limits: limitsAnswer{
			ClaimBytes: protocol.MaxClaimBytes, MetadataBytes: protocol.MaxMetadataBytes, Depth: protocol.MaxDepth, BatchClaims: maxBatch, PageClaims: maxPage,
			LogEntries: maxEntries, FetchRecords: maxFetch,
			Budgets: []budgetAnswer{
				tellBudget("read", "client", a.Limits.Read), tellBudget("submit", "client", a.Limits.Submit), tellBudget("verify", "client", a.Limits.Verify),
				tellBudget("lookup", "client", a.Limits.Lookup), tellBudget("domain", "domain", a.Limits.Domain),
				tellBudget("peer", "client", a.Limits.Peer),
			},
		},
		Storage:   storageAnswer{Claims: stats.Claims, Erased: stats.Erased, ReadOnly: a.storeFault() != nil},
		Publishes: append([]string{}, slices.Sorted(maps.Keys(a.published))...),
		StartedAt: a.started.UTC().Truncate(time.Millisecond),
		Time:      a.Now().UTC().Truncate(time.Millisecond),
	}
	if a.Domain != "" {
		answer.Domain = &a.Domain
	}
	answer.Log, answer.Peers = a.describeLog(), a.describePeers()
	return answer
}

// The states of a node's own log.
const (
	logOpen        = "open"
	logUnconfirmed = "unconfirmed"
	logFrozen      = "frozen"
)

func (a *API) describeLog() *logAnswer {
	head, ok := a.ownHead()
	if !ok {
		return nil
	}
	return &logAnswer{Origin: a.origin, Key: a.LogKey, Size: head.Size, State: a.logState(head)}
}

// ownHead is the head of the node's own log, where it keeps one.
func (a *API) ownHead() (store.Head, bool) {
	if a.origin == "" {
		return store.Head{}, false
	}
	return a.Store.Head(a.origin)
}

func (a *API) logState(head store.Head) string {
	switch {
	case head.Frozen:
		return logFrozen
	case errors.Is(a.Store.Ready(), store.ErrNotConfirmed):
		return logUnconfirmed
	}
	return logOpen
}

func (a *API) describePeers() peeringAnswer {
	var answer peeringAnswer
	heads, _ := a.Store.Heads(0, maxLogSeries)
	for i := range heads {
		if !heads[i].Own {
			answer.Mirrors++
		}
	}
	if a.Federation == nil {
		return answer
	}
	for _, peer := range a.peerList.now() {
		if peer.Admitted {
			answer.Peers++
		}
	}
	if a.Witness != "" {
		answer.Witness = &a.Witness
	}
	return answer
}

func tellBudget(name, per string, r Rate) budgetAnswer {
	if r.PerSecond <= 0 {
		return budgetAnswer{Name: name, Per: per}
	}
	return budgetAnswer{Name: name, PerSecond: r.PerSecond, Burst: r.Burst, Per: per}
}

// healthz is GET /healthz: the process runs and answers.
func (a *API) healthz(c *gin.Context) error {
	c.Writer.Header()["Cache-Control"] = noStore
	writeJSON(c, http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

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
