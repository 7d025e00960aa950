package api

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/gossip/mirror"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/store"
)

const (
	defaultPage = 50
	maxPage     = 200
	// pageBytes is how many bytes of claims end a page early.
	pageBytes = 256 << 10
	// pageReserve is what a page may need while it is made, in bytes: pageBytes and one claim more, with what is told of each claim.
	pageReserve = 512 << 10
	// maxTypeBytes is longer than any type that a claim of 16 KiB is likely to have.
	maxTypeBytes = 512
)

// claimCaching lets a claim be kept for a while and no longer: it does not change, but it may be erased by law, and caches must notice.
var claimCaching = []string{"public, max-age=60, must-revalidate"}

// getClaim is GET /claims/{claimId}.
func (a *API) getClaim(c *gin.Context) error {
	if c.Param("claimId") == "batch" {
		c.Writer.Header()["Allow"] = []string{"POST"}
		return a.noMethod(c)
	}
	sigHash, err := protocol.ParseClaimID(c.Param("claimId"))
	if err != nil {
		return badRequest("a claim ID is claim_ and 64 hex digits", "this is not a claim ID")
	}
	values, err := parameters(c, getParameters)
	if err != nil {
		return err
	}
	if values.Has("domain") && !values.Has("fresh") {
		return badRequest("send it with fresh=true, or leave it out: a claim ID is enough", "domain without fresh")
	}
	fresh, err := a.freshen(c, values)
	if err != nil {
		return err
	}
	record, err := a.Store.Claim(c.Request.Context(), sigHash)
	if errors.Is(err, store.ErrNotFound) {
		hint := "check the ID; the claim may be kept by another node"
		if fresh != nil {
			hint = "the domain's home node was asked too: " + orDefault(fresh.Detail, "no more is known")
		}
		return &problem{status: http.StatusNotFound, message: "no claim with this ID is kept here", hint: hint}
	}
	if err != nil {
		return err
	}
	if fresh != nil { // the answer tells what came of it, so that a 304 would say too little
		h := c.Writer.Header()
		h["Etag"], h["Cache-Control"] = []string{recordTag(&record)}, noStore
	} else if notModified(c, recordTag(&record), claimCaching) {
		return nil
	}
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) { return appendStored(b, &record, fresh), nil })
}

// getParameters are the query parameters of GET /claims/{claimId}.
var getParameters = []string{"fresh", "domain"}

// recordTag names one node's answer for one claim: its ingestedAt is part of the answer, and so are the logs in which it stands.
func recordTag(r *store.Record) string {
	tag := make([]byte, 0, 48)
	tag = append(tag, '"')
	tag = hex.AppendEncode(tag, r.RecordHash[:8])
	tag = append(tag, '-')
	tag = strconv.AppendInt(tag, r.IngestedAt.UnixMilli(), 36)
	tag = append(tag, '-')
	tag = strconv.AppendInt(tag, int64(len(r.Places)), 36)
	return string(append(tag, '"'))
}

// findParameters are the query parameters of GET /claims.
var findParameters = []string{"subject", "domain", "type", "after", "before", "limit", "cursor", "fresh"}

// findClaims is GET /claims.
func (a *API) findClaims(c *gin.Context) error {
	values, err := parameters(c, findParameters)
	if err != nil {
		return err
	}
	query, err := findQuery(values)
	if err != nil {
		return err
	}
	fresh, err := a.freshen(c, values)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	room, err := a.pages.take(ctx, clientKey(a.client(c)), pageReserve)
	if err != nil {
		return err
	}
	defer room.give()
	c.Writer.Header()["Cache-Control"] = noStore
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) {
		b, err := a.appendPage(ctx, b, query, fresh)
		room.shrink(int64(cap(b)))
		return b, err
	})
}

// appendPage writes one page as the store shows it.
func (a *API) appendPage(ctx context.Context, b []byte, query store.Query, fresh *mirror.Fresh) ([]byte, error) {
	b = append(b, `{"claims":[`...)
	first := len(b)
	cursor, err := a.Store.Visit(ctx, query, func(r *store.Record) {
		if len(b) > first {
			b = append(b, ',')
		}
		b = appendStored(b, r, nil)
	})
	if errors.Is(err, store.ErrInvalid) {
		err = badRequest("send the nextCursor of the page before, with the same filters", "the cursor does not belong to this query")
	}
	b = append(b, `],"nextCursor":`...)
	if cursor == "" {
		b = append(b, "null"...)
	} else {
		b = strictjson.AppendString(b, cursor)
	}
	return append(appendFresh(b, fresh), '}'), err
}

func findQuery(values parameterValues) (query store.Query, err error) {
	query = store.Query{Subject: strings.ToLower(values.Get("subject")), Type: values.Get("type"), Cursor: values.Get("cursor"), Bytes: pageBytes}
	if !values.Has("subject") && !values.Has("domain") {
		return query, badRequest("name whose claims you want: ?subject= or ?domain=", "a node does not list everything that it holds")
	}
	if values.Has("subject") && !isHash(query.Subject) {
		return query, badRequest("a subject is 64 hex digits; `mir subject` makes one from your domain and an ID", "the subject is not a hash")
	}
	if values.Has("domain") {
		if query.Domain, err = domainOf(values.Get("domain")); err != nil {
			return query, err
		}
	}
	if values.Has("type") && (len(query.Type) > maxTypeBytes || !protocol.IsType(query.Type)) {
		return query, badRequest("as in mir.transaction.completed, or shop.example:review.submitted", "this is not a claim type")
	}
	if query.After, err = timeParameter(values, "after"); err != nil {
		return query, err
	}
	if query.Before, err = timeParameter(values, "before"); err != nil {
		return query, err
	}
	if values.Has("after") && values.Has("before") && !query.After.Before(query.Before) {
		return query, badRequest("after is the earlier bound, before the later one", "no time is after %s and before %s", values.Get("after"), values.Get("before"))
	}
	query.Limit, err = pageSize(values)
	return query, err
}

func pageSize(values parameterValues) (int, error) {
	if !values.Has("limit") {
		return defaultPage, nil
	}
	limit, err := strconv.Atoi(values.Get("limit"))
	if err != nil || limit < 1 || limit > maxPage {
		return 0, badRequest("limit is a number from 1 to "+strconv.Itoa(maxPage), "limit is out of bounds")
	}
	return limit, nil
}

func timeParameter(values parameterValues, name string) (time.Time, error) {
	if !values.Has(name) {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, values.Get(name))
	if err != nil {
		return t, badRequest("as in "+name+"=2026-02-16T15:30:00Z; in a URL + is written %2B", "%s is not a time with a zone (RFC 3339)", name)
	}
	if t.UTC().Year() <= 1 {
		return t, badRequest("leave "+name+" out to have no bound", "%s is a time before the year 2", name)
	}
	return t, nil
}

// domainOf reads a domain that a client named.
func domainOf(s string) (string, error) {
	domain, err := protocol.ParseDomain(s)
	if err == nil {
		return domain, nil
	}
	message, hint := "this is not a domain", "as in shop.example: letters, digits and hyphens, no IP address, no dot at the end"
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		message, hint = refusal.Message, orDefault(refusal.Hint, hint)
	}
	return "", &problem{status: http.StatusBadRequest, message: message, hint: hint}
}

func isHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
