package api

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/store"
)

const (
	// maxOperatorBody bounds a body on the operator's listener, in bytes.
	maxOperatorBody = 4 << 10
	// maxReason bounds the reason of an erasure, in bytes.
	maxReason = min(store.MaxReasonBytes, protocol.MaxErasureReason)
)

// operatorRoutes builds the handler of the operator's listener. Who reaches it may do everything that it does; a browser must not be made to reach it.
func (a *API) operatorRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /admin/status", a.operatorHandle(a.status))
	mux.HandleFunc("POST /admin/claims/{claimId}/erase", a.operatorHandle(a.erase))
	mux.HandleFunc("POST /admin/domains/{domain}/forget", a.operatorHandle(a.forget))
	mux.HandleFunc("POST /admin/peers/{domain}/retry", a.operatorHandle(a.peerOrder(a.retryPeer)))
	mux.HandleFunc("POST /admin/peers/{domain}/block", a.operatorHandle(a.peerOrder(a.blockPeer)))
	mux.HandleFunc("POST /admin/peers/{domain}/unblock", a.operatorHandle(a.peerOrder(a.unblockPeer)))
	a.operatorIssuers(mux)
	mux.HandleFunc("/", a.operatorHandle(func(*http.Request) (any, error) {
		return nil, &problem{status: http.StatusNotFound, message: "there is no such operator route",
			hint: "GET /metrics, /debug/pprof/, /admin/status; POST /admin/claims/{id}/erase, /admin/domains/{domain}/forget, /admin/peers/{domain}/retry, …/block, …/unblock; " +
				"GET and POST /admin/issuers, GET /admin/issuers/{id}, POST …/status, …/plan, …/api-keys, …/domain/recheck, DELETE …/api-keys/{keyId}"}
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Content-Security-Policy"] = strictCSP
		h["X-Content-Type-Options"] = noSniff
		h["Cache-Control"] = noStore
		if err := refuseBrowser(r); err != nil {
			a.operatorFail(w, r, err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// refuseBrowser refuses what a page in the operator's browser could send: requests of another origin, requests for a name that a stranger has pointed
// at the loopback address (DNS rebinding), and orders in a form that pages may send anywhere.
func refuseBrowser(r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); r.Header.Get("Origin") != "" || site != "" && site != "none" && site != "same-origin" {
		return &problem{status: http.StatusForbidden, message: "the operator's routes do not answer web pages", hint: "use curl, or a program on this machine"}
	}
	if !operatorHost(r) {
		return &problem{status: http.StatusForbidden, message: "the operator's routes do not answer to this host name", hint: "name the address, or localhost"}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); mustBeJSON(r) && (err != nil || kind != "application/json") {
		return &problem{status: http.StatusUnsupportedMediaType, message: "the order is not labelled as JSON", hint: "send Content-Type: application/json"}
	}
	return nil
}

// mustBeJSON tells whether an order must be labelled as JSON. A page of another origin may send none such; nor a DELETE, whatever its label, which has a body seldom.
func mustBeJSON(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	case http.MethodDelete:
		return r.ContentLength != 0
	}
	return true
}

// operatorHost tells whether the Host header is one that a page of a stranger cannot have: localhost or a loopback address, or any address where the listener
// is one that other machines reach. No page gets at a unix socket.
func operatorHost(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local != nil && local.Network() == "unix" {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return false
	}
	tcp, ok := local.(*net.TCPAddr)
	return address.Unmap().IsLoopback() || ok && !tcp.IP.IsLoopback()
}

// operatorHandle answers with a handler's value, or its error.
func (a *API) operatorHandle(h func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := h(r)
		if err != nil {
			a.operatorFail(w, r, err)
			return
		}
		body, err := strictjson.Marshal(value)
		if err != nil {
			a.operatorFail(w, r, err)
			return
		}
		w.Header()["Content-Type"] = jsonType
		_, _ = w.Write(append(body, '\n')) // an error means that the client is gone
	}
}

func (a *API) operatorFail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.problemOf(r.Context(), newRequestID(), err)
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(p.status)
	_, _ = w.Write(append(p.appendTo(nil), '\n')) //nolint:gosec // JSON, labelled so, with nosniff; an error means that the client is gone
}

// status is GET /admin/status.
func (a *API) status(r *http.Request) (any, error) {
	ready, stored := a.checks.run(r.Context()), a.Store.Stats()
	keys := a.Keys.Stats()
	return map[string]any{
		"node":          a.describe(),
		"ready":         ready.Ready,
		"checks":        ready.Checks,
		"uptimeSeconds": int64(a.Now().Sub(a.started) / time.Second),
		"keys": map[string]any{
			"lookups": keys.Lookups, "hits": keys.Hits, "negativeHits": keys.NegativeHits, "refetches": keys.Refetches, "budgetRefusals": keys.BudgetRefusals,
			"busyRefusals": keys.BusyRefusals, "inFlight": keys.InFlight, "cachedDomains": keys.CachedDomains, "cachedNegatives": keys.CachedNegatives,
		},
		"store": map[string]any{
			"lastSeq": stored.LastSeq, "logBytes": stored.LogBytes, "indexBytes": stored.IndexBytes, "claimsToIndex": stored.ActiveClaims + stored.MergingClaims,
			"commits": stored.Commits, "committedClaims": stored.CommittedClaims, "queueLength": stored.QueueLength,
			"lastMergeSeconds": stored.LastMerge.Seconds(), "slowedSeconds": stored.Slowed.Seconds(),
		},
		"logs":  a.logStatuses(),
		"peers": a.peerStatuses(),
	}, nil
}

type erasure struct {
	Reason string `json:"reason"`
}

// erase is POST /admin/claims/{id}/erase.
func (a *API) erase(r *http.Request) (any, error) {
	sigHash, err := protocol.ParseClaimID(r.PathValue("claimId"))
	if err != nil {
		return nil, badRequest("a claim ID is claim_ and 64 hex digits", "this is not a claim ID")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxOperatorBody))
	if err != nil {
		return nil, bodyError(err)
	}
	var order erasure
	if err := strictjson.Unmarshal(body, &order); err != nil {
		return nil, badRequest(`send {"reason":"…"}`, "%v", err)
	}
	if order.Reason == "" || len(order.Reason) > maxReason {
		return nil, badRequest("the reason stays, and everybody who asks for the claim sees it", "reason must have 1 to %d bytes", maxReason)
	}
	notice, err := a.erasureNotice(r.Context(), sigHash, order.Reason)
	if err != nil {
		return nil, err
	}
	if err := a.Store.EraseClaim(r.Context(), sigHash, order.Reason, notice); err != nil {
		return nil, err
	}
	id := "claim_" + hex.EncodeToString(sigHash[:])
	a.Logger.WarnContext(r.Context(), "claim erased", "claim", id, "reason", order.Reason)
	return map[string]string{"erased": id}, nil
}

// erasureNotice signs what other nodes are told of an erasure; nil for a node without a log.
func (a *API) erasureNotice(ctx context.Context, sigHash [32]byte, reason string) (*protocol.Erasure, error) {
	if a.SignErasure == nil || a.origin == "" {
		return nil, nil
	}
	record, err := a.Store.Claim(ctx, sigHash)
	if err != nil {
		return nil, err
	}
	claim, err := protocol.ParseClaim(record.Raw)
	if err != nil {
		return nil, err
	}
	notice, err := a.SignErasure(protocol.ErasureDraft{
		Node: a.Domain, Network: a.Origin.Network, Record: record.RecordHash, ClaimDomain: claim.Host(), Reason: reason, ErasedAt: a.Now(),
	})
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return nil, badRequest("the notice to other nodes holds the reason: plain text on one line", "the reason cannot be told to other nodes: %s", refusal.Message)
	}
	return notice, err
}

// forget is POST /admin/domains/{domain}/forget: the domain's keys are looked up afresh the next time.
func (a *API) forget(r *http.Request) (any, error) {
	domain, err := domainOf(r.PathValue("domain"))
	if err != nil {
		return nil, err
	}
	a.Keys.Forget(domain)
	return map[string]string{"forgotten": domain}, nil
}
