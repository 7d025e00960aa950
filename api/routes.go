package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the smallest answer, in bytes, that is worth compressing.
const minCompressed = 2048

// routes builds the public handler.
func (a *API) routes() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.UseRawPath = true // %2F is no slash (RFC 3986, 2.2): what a proxy takes for another route must be another one here
	engine.Use(a.frame)
	engine.NoRoute(a.handle(a.noRoute))
	engine.NoMethod(a.handle(a.noMethod))

	a.get(engine, "/claims/:claimId", a.read, a.getClaim)
	a.get(engine, "/claims", a.read, a.findClaims)
	a.get(engine, "/domains/:domain/keys", a.read, a.domainKeys, within(a.work.Deadline))
	a.get(engine, "/.well-known/mir.json", a.read, a.publishedKeys)
	a.get(engine, "/node", a.read, a.describeNode)
	a.get(engine, "/openapi.json", a.read, a.openAPI)
	a.get(engine, "/docs", a.read, a.docsPage)
	a.get(engine, "/docs/:file", a.read, a.docsFile)
	a.get(engine, "/healthz", nil, a.healthz)
	a.get(engine, "/readyz", nil, a.readyz, within(a.work.Deadline))
	engine.POST("/claims", a.limited(a.submit), within(a.work.Deadline), a.handle(a.submitClaim))
	engine.POST("/claims/batch", a.limited(a.submit), within(a.work.BatchDeadline+a.work.BatchBodyTime), a.handle(a.submitBatch))
	engine.POST("/verify", a.limited(a.verify), within(a.work.Deadline), a.handle(a.verifyDocument))
	a.assertionRoutes(engine)
	a.issuerRoutes(engine)
	a.federationRoutes(engine)

	a.engine = engine
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.ContentTypes([]string{"application/json", "application/x-ndjson", "application/octet-stream"}))
	if err != nil {
		return nil, err
	}
	return compressSome(engine, compress(engine)), nil
}

// assertionRoutes adds who says what about a file. A look-up of many counts against its API key's budget and no other; what is written counts against the
// client's too, since a body is read before the key is looked at.
func (a *API) assertionRoutes(engine *gin.Engine) {
	a.get(engine, "/assertions", a.read, a.lookUp)
	a.get(engine, "/assertions/lookup", a.read, a.lookUp)
	a.get(engine, "/assertions/:assertionId", a.read, a.getAssertion)
	engine.POST("/assertions/lookup", within(a.work.Deadline), a.handle(a.lookUpMany))
	engine.POST("/assertions", a.limited(a.submit), within(a.work.Deadline), a.handle(a.createAssertion))
	engine.POST("/assertions/:assertionId/revoke", a.limited(a.submit), within(a.work.Deadline), a.handle(a.revokeAssertion))
	engine.POST("/assertions/:assertionId/supersede", a.limited(a.submit), within(a.work.Deadline), a.handle(a.supersedeAssertion))
	engine.PATCH("/assertions/:assertionId", a.limited(a.submit), within(a.work.Deadline), a.handle(a.editAssertion))
}

// issuerRoutes adds what issuers do with what is their own, and what anybody may know of them.
func (a *API) issuerRoutes(engine *gin.Engine) {
	own := func(method, path string, h handlerFunc) {
		engine.Handle(method, "/issuers/:issuerId"+path, a.limited(a.submit), within(a.work.Deadline), a.handle(h))
	}
	engine.POST("/issuers", a.limited(a.submit), a.handle(a.noSignUp))
	a.get(engine, "/issuers/:issuerId", a.read, a.getIssuer)
	a.get(engine, "/issuers/:issuerId/assertions", a.read, a.listAssertions, within(a.work.Deadline))
	a.get(engine, "/issuers/:issuerId/api-keys", a.read, a.listAPIKeys)
	own(http.MethodPost, "/keys/challenge", a.challengeKey)
	own(http.MethodPost, "/keys", a.addKey)
	own(http.MethodPost, "/keys/:fingerprint/revoke", a.revokeKey)
	own(http.MethodPost, "/domain", a.startDomain)
	own(http.MethodPost, "/domain/check", a.checkDomain)
	own(http.MethodPost, "/api-keys", a.createAPIKey)
	own(http.MethodPost, "/api-keys/:keyId/rotate", a.rotateAPIKey)
	own(http.MethodDelete, "/api-keys/:keyId", a.revokeAPIKey)
}

// federationRoutes adds what nodes ask of each other, and the logs, which anybody's tools may read.
func (a *API) federationRoutes(engine *gin.Engine) {
	for _, prefix := range []string{"/log", "/mirror/:origin"} {
		a.get(engine, prefix+"/checkpoint", a.peer, a.checkpoint)
		a.get(engine, prefix+"/tile/*tile", a.peer, a.tile, within(a.work.Deadline))
		a.get(engine, prefix+"/entries", a.peer, a.entries, within(a.work.Deadline))
	}
	a.get(engine, "/log/heads", a.peer, a.heads)
	a.get(engine, "/log/proof", a.read, a.proof, within(a.work.Deadline))
	a.get(engine, "/log/forks", a.peer, a.forks, within(a.work.Deadline))
	a.get(engine, "/peers", a.read, a.listPeers)
	a.get(engine, "/peers/descriptors", a.peer, a.descriptors)
	a.get(engine, "/.well-known/mir-node.json", a.peer, a.nodeDescriptor)
	engine.POST("/records/fetch", a.limited(a.peer), within(fetchTime), a.handle(a.fetchRecords))
	engine.POST("/hint", a.limited(a.peer), within(a.work.Deadline), a.handle(a.hint))
	engine.POST("/witness/add-checkpoint", a.limited(a.peer), within(a.work.Deadline), a.handle(a.addCheckpoint))
}

// get registers a route for GET and HEAD; net/http drops the body of an answer to HEAD. A route that waits for anything needs within before it; what reads
// the store alone is bounded by the work that it does.
func (a *API) get(engine *gin.Engine, path string, b *budget[netip.Addr], h handlerFunc, before ...gin.HandlerFunc) {
	var handlers []gin.HandlerFunc
	if b != nil {
		handlers = append(handlers, a.limited(b))
	}
	handlers = append(append(handlers, before...), a.handle(h))
	engine.GET(path, handlers...)
	engine.HEAD(path, handlers...)
}

// handle turns a handler's error into an answer.
func (a *API) handle(h handlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			a.fail(c, err)
		}
	}
}

// within gives the request a deadline.
func within(limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

// limited counts the request against the client's budget, and tells what is left of it.
func (a *API) limited(b *budget[netip.Addr]) gin.HandlerFunc {
	if b == nil {
		return func(*gin.Context) {}
	}
	return func(c *gin.Context) {
		key, now := clientKey(a.client(c)), a.Now()
		allowed, state := b.admit(key, now)
		h := c.Writer.Header()
		h["Ratelimit-Policy"] = b.policy
		h["Ratelimit"] = []string{state}
		if !allowed {
			a.fail(c, a.exhausted(b.name, b.does, b.wait(key, 1, now)))
		}
	}
}

// compressSome compresses the answers that can be big, for clients that ask for it. All others go straight to the engine.
func compressSome(plain, compressing http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !canBeBig(r.URL.Path) {
			plain.ServeHTTP(w, r)
			return
		}
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			compressing.ServeHTTP(w, r) // it sets Vary
			return
		}
		plain.ServeHTTP(w, r) // without Vary: these answers are not to be stored
	})
}

// canBeBig tells whether answers of a path are worth compressing. Tiles of hashes are not: they look like chance.
func canBeBig(path string) bool {
	switch path {
	case "/claims", "/claims/batch", "/assertions/lookup", "/records/fetch", "/log/entries", "/log/heads", "/peers", "/peers/descriptors":
		return true
	}
	if strings.HasPrefix(path, "/issuers/") {
		return strings.HasSuffix(path, "/assertions")
	}
	rest, log := strings.CutPrefix(path, "/log/")
	if !log {
		if rest, log = strings.CutPrefix(path, "/mirror/"); !log {
			return false
		}
		_, rest, _ = strings.Cut(rest, "/")
	}
	return rest == "entries" || strings.HasPrefix(rest, "tile/entries/")
}
