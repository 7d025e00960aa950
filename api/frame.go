package api

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// The headers that every answer carries. The slices are shared: nobody appends to them.
var (
	strictCSP    = []string{"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	noSniff      = []string{"nosniff"}
	noReferrer   = []string{"no-referrer"}
	anyOrigin    = []string{"*"}
	exposed      = []string{"ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"}
	allowHeaders = []string{"Accept, Content-Type, If-None-Match, X-Api-Key"}
	maxAge       = []string{"86400"}

	acceptEncoding = []string{"Accept-Encoding"}
)

// frame stands around every request: an ID, the headers, a way out of panics, the log and the metrics.
func (a *API) frame(c *gin.Context) {
	start := time.Now()
	id := newRequestID()
	h := c.Writer.Header()
	h["X-Request-Id"] = []string{id}
	h["Content-Security-Policy"] = strictCSP
	h["X-Content-Type-Options"] = noSniff
	h["Referrer-Policy"] = noReferrer
	h["Access-Control-Allow-Origin"] = anyOrigin
	if c.Request.ProtoMajor == 1 && len(c.Request.TransferEncoding) > 0 {
		// It may have had a Content-Length too, which net/http has taken out: what follows on the connection is then not to be trusted (RFC 9112 section 6.1).
		h["Connection"] = []string{"close"}
	}
	if c.Request.Header.Get("Origin") != "" {
		h["Access-Control-Expose-Headers"] = exposed
	}
	a.metrics.inFlight.Inc()
	defer func() {
		if fault := recover(); fault != nil {
			a.recovered(c, id, fault)
		}
		took := time.Since(start)
		a.metrics.answered(c, took)
		a.logRequest(c, id, took)
	}()
	c.Next()
}

// recovered answers a request whose handler panicked. http.ErrAbortHandler goes on, as net/http wants it.
func (a *API) recovered(c *gin.Context, id string, fault any) {
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(fault)
	}
	a.Logger.ErrorContext(c.Request.Context(), "handler panicked", "request", id, "route", c.FullPath(), "panic", fault, "stack", string(debug.Stack()))
	if c.Writer.Written() {
		panic(http.ErrAbortHandler) // half an answer is out: close the connection, so that nobody takes it for a whole one
	}
	a.fail(c, serverFault(id))
}

// logRequest writes one line a request: never a body, a query, or a path parameter's value.
func (a *API) logRequest(c *gin.Context, id string, took time.Duration) {
	status := c.Writer.Status()
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	ctx := c.Request.Context()
	if a.Requests == LogNone || a.Requests == LogErrors && level == slog.LevelInfo || !a.Logger.Enabled(ctx, level) {
		return
	}
	attributes := make([]slog.Attr, 0, 7)
	attributes = append(attributes,
		slog.String("request", id),
		slog.String("method", methodLabel(c.Request.Method)),
		slog.String("route", routeLabel(c)),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.Int("bytes", max(0, c.Writer.Size())))
	if a.LogClients {
		attributes = append(attributes, slog.String("client", a.client(c).String()))
	}
	a.Logger.LogAttrs(ctx, level, "request", attributes...)
}

// client is the address that the request came from.
func (a *API) client(c *gin.Context) netip.Addr {
	return clientAddress(c.Request, a.TrustedProxies)
}

// requestID is the ID that frame gave the request, out of the header that tells it.
func requestID(c *gin.Context) string { return c.Writer.Header().Get("X-Request-Id") }

// newRequestID gives 16 hex digits. It names a request in the log and is no secret.
func newRequestID() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64()) //nolint:gosec // it is a name, and nobody gains by guessing it
	return hex.EncodeToString(b[:])
}

// routeLabel is the route's pattern; what is no route has one label for all.
func routeLabel(c *gin.Context) string {
	if path := c.FullPath(); path != "" {
		return path
	}
	return "none"
}

// methodLabel keeps made-up methods out of logs and metrics.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}

// noRoute answers what is no route. Who opens the node's address in a browser is led to something to read.
func (a *API) noRoute(c *gin.Context) error {
	if method := c.Request.Method; c.Request.URL.Path == "/" && (method == http.MethodGet || method == http.MethodHead) {
		c.Redirect(http.StatusFound, "/docs")
		return nil
	}
	return &problem{status: http.StatusNotFound, message: "there is no such route", hint: "the routes are at /openapi.json, and to read at /docs"}
}

// noMethod answers a method that a route does not have; gin has set Allow. OPTIONS is answered for every route: a browser's preflight, or anybody's question.
func (a *API) noMethod(c *gin.Context) error {
	h := c.Writer.Header()
	h.Set("Allow", h.Get("Allow")+", OPTIONS")
	if c.Request.Method != http.MethodOptions {
		return &problem{status: http.StatusMethodNotAllowed, message: "this route does not answer " + methodLabel(c.Request.Method), hint: "use one of " + h.Get("Allow")}
	}
	h["Access-Control-Allow-Methods"] = []string{strings.TrimSuffix(h.Get("Allow"), ", OPTIONS")}
	h["Access-Control-Allow-Headers"] = allowHeaders
	h["Access-Control-Max-Age"] = maxAge
	c.Writer.WriteHeader(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}
