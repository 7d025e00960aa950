package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/store"
)

// publishedCaching is how long others may keep a key document: long enough to spare us, short enough for a rotation.
var publishedCaching = []string{"public, max-age=3600"}

// domainKeys is GET /domains/{domain}/keys. A report that is not in the cache costs the client a look-up.
func (a *API) domainKeys(c *gin.Context) error {
	values, err := parameters(c, []string{"history"})
	if err != nil {
		return err
	}
	domain, err := domainOf(c.Param("domain"))
	if err != nil {
		return err
	}
	history, next, err := a.Store.Observations(c.Request.Context(), domain, maxHistory, values.Get("history"))
	if errors.Is(err, store.ErrInvalid) {
		return badRequest("send the historyNext of the answer before, for the same domain", "history is not a cursor of this domain")
	}
	if err != nil {
		return err
	}
	report, err := a.reportOn(c, domain)
	if err != nil {
		return err
	}
	body, err := json.Marshal(report) // the report has its own form, the same that `mir domain check --json` prints
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h["Cache-Control"] = noStore
	h["Age"] = []string{strconv.FormatInt(max(0, int64(a.Now().Sub(report.FetchedAt)/time.Second)), 10)}
	body = appendHistory(body[:len(body)-1], history, next) // into the report's object
	writeJSON(c, http.StatusOK, append(body, '}'))
	return nil
}

// reportOn gets a report. It costs the client a look-up, which is given back when the report was in the cache.
func (a *API) reportOn(c *gin.Context, domain string) (*discovery.Report, error) {
	client, now := clientKey(a.client(c)), a.Now()
	giveBack, ok := a.lookup.borrow(client, now)
	if !ok {
		return nil, a.exhausted(a.lookup.name, a.lookup.does, a.lookup.wait(client, 1, now))
	}
	ctx := c.Request.Context()
	if err := a.lookups.enter(ctx); err != nil {
		return nil, err
	}
	defer a.lookups.leave()
	report, err := a.Keys.Keys(ctx, domain)
	if err == nil && report.FetchedAt.Before(now) {
		giveBack()
	}
	return report, err
}

// publishedKeys is GET /.well-known/mir.json: the key document of the domain that the Host header names.
func (a *API) publishedKeys(c *gin.Context) error {
	host := c.Request.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	document, ok := a.published[strings.ToLower(host)]
	if !ok {
		return &problem{status: http.StatusNotFound, message: "this node publishes no keys for the host of this request", hint: "ask the domain itself; GET /node lists what is published here"}
	}
	document.serve(c, publishedCaching)
	return nil
}

// publishedAssets makes the well-known documents of the node's domains.
func publishedAssets(documents map[string]protocol.KeyDocument) (map[string]asset, error) {
	assets := make(map[string]asset, len(documents))
	for domain, document := range documents {
		if len(document.Keys) == 0 {
			return nil, fmt.Errorf("publish: %s has no keys", domain)
		}
		assets[strings.ToLower(domain)] = newAsset(document.JSON(), "application/json")
	}
	return assets, nil
}
