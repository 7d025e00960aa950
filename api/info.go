package api

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
	"mirnode/assertions"
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
	Submission       string             `json:"submission"`
	ProtocolVersions []int              `json:"protocolVersions"`
	ClockSkewSeconds int                `json:"clockSkewSeconds"`
	CoreTypes        []string           `json:"coreTypes"`
	Issuers          issuerPolicyAnswer `json:"issuers"`
}

// issuerPolicyAnswer is what the node asks of the issuers whose home it is.
type issuerPolicyAnswer struct {
	RequirePlan          bool `json:"requirePlan"`
	ActivityAssertions   int  `json:"activityAssertions"`
	ActivityDays         int  `json:"activityDays"`
	DomainRecheckSeconds int  `json:"domainRecheckSeconds"`
	TokenLifeSeconds     int  `json:"tokenLifeSeconds"`
	AssertionSkewSeconds int  `json:"assertionSkewSeconds"`
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
	ClaimBytes        int            `json:"claimBytes"`
	MetadataBytes     int            `json:"metadataBytes"`
	Depth             int            `json:"depth"`
	BatchClaims       int            `json:"batchClaims"`
	PageClaims        int            `json:"pageClaims"`
	LogEntries        int            `json:"logEntries"`
	FetchRecords      int            `json:"fetchRecords"`
	PayloadBytes      int            `json:"payloadBytes"`
	LookupHashes      int            `json:"lookupHashes"`
	LookupShown       int            `json:"lookupShown"`
	LookupShownOfHome int            `json:"lookupShownOfHome"`
	PageAssertions    int            `json:"pageAssertions"`
	IssuerKeys        int            `json:"issuerKeys"`
	APIKeys           int            `json:"apiKeys"`
	Budgets           []budgetAnswer `json:"budgets"`
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
			Issuers: tellPolicy(a.Policy),
		},
		Limits: limitsAnswer{
			ClaimBytes: protocol.MaxClaimBytes, MetadataBytes: protocol.MaxMetadataBytes, Depth: protocol.MaxDepth, BatchClaims: maxBatch, PageClaims: maxPage,
			LogEntries: maxEntries, FetchRecords: maxFetch,
			PayloadBytes: protocol.MaxPayloadBytes, LookupHashes: maxHashes, LookupShown: assertions.MaxShown, LookupShownOfHome: assertions.MaxShownOfHome,
			PageAssertions: maxPage, IssuerKeys: protocol.MaxIssuerKeys, APIKeys: cmp.Or(a.Policy.MaxAPIKeys, accounts.DefaultMaxAPIKeys),
			Budgets: []budgetAnswer{
				tellBudget("read", "client", a.Limits.Read), tellBudget("submit", "client", a.Limits.Submit), tellBudget("verify", "client", a.Limits.Verify),
				tellBudget("lookup", "client", a.Limits.Lookup), tellBudget("domain", "domain", a.Limits.Domain),
				tellBudget("peer", "client", a.Limits.Peer),
				tellBudget("assertion-lookup", "issuer", a.Limits.AssertionLookup), tellBudget("assertion-write", "issuer", a.Limits.AssertionWrite),
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

func tellPolicy(p accounts.Policy) issuerPolicyAnswer {
	return issuerPolicyAnswer{
		RequirePlan: p.RequirePlan, ActivityAssertions: p.ActivityAssertions, ActivityDays: p.ActivityDays,
		DomainRecheckSeconds: int(cmp.Or(p.Recheck, accounts.DefaultRecheck) / time.Second),
		TokenLifeSeconds:     int(cmp.Or(p.TokenLife, accounts.DefaultTokenLife) / time.Second),
		AssertionSkewSeconds: int(protocol.AssertionSkew / time.Second),
	}
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
