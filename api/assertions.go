package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"mirnode/accounts"
	"mirnode/assertions"
)

// Assertions takes what issuers say about files, and answers who says what. Its methods are safe for concurrent use. Refusals are *assertions.Refusal,
// *accounts.Refusal or *protocol.Error.
type Assertions interface {
	// AppendLookup and AppendBatch write the answers about files.
	AppendLookup(ctx context.Context, dst []byte, artifact [32]byte) ([]byte, error)
	AppendBatch(ctx context.Context, dst []byte, artifacts [][32]byte) ([]byte, error)
	// AppendGet writes one assertion with its proof, AppendList a page of an issuer's. To the issuer itself they show its notes; caller may be nil.
	AppendGet(ctx context.Context, dst []byte, id [32]byte, caller *accounts.Caller) ([]byte, error)
	AppendList(ctx context.Context, dst []byte, issuerID string, limit int, cursor string, caller *accounts.Caller) ([]byte, error)

	// Verify judges what an issuer signed, and keeps nothing.
	Verify(ctx context.Context, in assertions.Signed) (assertions.Judged, error)

	// CheckPayload and CheckAssertion tell who has no business here: a payload, or an assertion, of an issuer whose home is another node.
	CheckPayload(ctx context.Context, payload []byte) error
	CheckAssertion(ctx context.Context, id [32]byte) error
	Create(ctx context.Context, caller accounts.Caller, in assertions.Submission) (*assertions.Written, error)
	Revoke(ctx context.Context, caller accounts.Caller, id [32]byte, in assertions.Signed) (*assertions.Written, error)
	Supersede(ctx context.Context, caller accounts.Caller, id [32]byte, old assertions.Signed, successor assertions.Submission) (*assertions.Written, error)
	Edit(ctx context.Context, caller accounts.Caller, id [32]byte, patch assertions.Patch) (*assertions.Written, error)
	// AppendWritten writes the answer to one of these.
	AppendWritten(ctx context.Context, dst []byte, w *assertions.Written) ([]byte, error)
}

// errNoAssertions is the answer of a node that was built without the rooms that assertions need.
var errNoAssertions = &problem{status: http.StatusNotFound, message: "this node keeps no assertions", hint: "ask another node"}

// lookUp is GET /assertions and GET /assertions/lookup.
func (a *API) lookUp(c *gin.Context) error {
	if a.Assertions == nil {
		return errNoAssertions
	}
	artifact, err := hashParameter(c)
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return a.writeFound(c, func(ctx context.Context, b []byte) ([]byte, error) {
		b, err := a.Assertions.AppendLookup(ctx, b, artifact)
		if err == nil {
			a.metrics.lookups.count(b)
		}
		return b, err
	})
}

// lookupParameters are the query parameters of GET /assertions.
var lookupParameters = []string{"hash"}

// hashParameter reads the one parameter of a look-up; the usual query, which is nothing else, is read as it stands.
func hashParameter(c *gin.Context) (artifact [32]byte, err error) {
	if hash, plain := strings.CutPrefix(c.Request.URL.RawQuery, "hash="); plain {
		if artifact, plain = parseArtifact(hash); plain {
			return artifact, nil
		}
	}
	values, err := parameters(c, lookupParameters)
	if err != nil {
		return artifact, err
	}
	hash := values.Get("hash")
	if hash == "" {
		return artifact, badRequest("send ?hash= and the SHA-256 of the file's bytes, 64 hex digits; `mir hash FILE`, or `shasum -a 256 FILE`, tells it", "the query parameter hash is missing")
	}
	artifact, ok := parseArtifact(hash)
	if !ok {
		return artifact, badRequest("a hash is the SHA-256 of the file's bytes, 64 hex digits; `mir hash FILE`, or `shasum -a 256 FILE`, tells it", "hash is not a SHA-256 in hex")
	}
	return artifact, nil
}

// lookUpMany is POST /assertions/lookup.
func (a *API) lookUpMany(c *gin.Context) error {
	if a.Assertions == nil {
		return errNoAssertions
	}
	if err := noParameters(c); err != nil {
		return err
	}
	caller, err := a.callerFor(c, accounts.ScopeLookup)
	if err != nil {
		return err
	}
	if err := a.spendIssuer(c, a.assertionLookup, &caller); err != nil {
		return err
	}
	document, err := a.readBody(c, maxLookupBody)
	if err != nil {
		return err
	}
	artifacts, err := decodeLookup(document)
	if err != nil {
		return err
	}
	a.metrics.lookups.batch.Inc()
	c.Writer.Header()["Cache-Control"] = noStore
	return a.writeFound(c, func(ctx context.Context, b []byte) ([]byte, error) {
		if err := a.manyLookups.enter(ctx); err != nil { // an answer may take megabytes while it is made
			return b, err
		}
		defer a.manyLookups.leave()
		return a.Assertions.AppendBatch(ctx, b, artifacts)
	})
}

// writeFound answers with what build appends to a buffer that is used again. An answer that is large enough to be read slowly takes its part of the memory for
// pages while it is sent; the small ones, which are nearly all, take none.
func (a *API) writeFound(c *gin.Context, build func(ctx context.Context, b []byte) ([]byte, error)) (err error) {
	ctx := c.Request.Context()
	buffer := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= maxPooled {
			buffers.Put(buffer)
		}
	}()
	if *buffer, err = build(ctx, (*buffer)[:0]); err != nil {
		return err
	}
	if len(*buffer) > answerChunk {
		room, err := a.pages.take(ctx, clientKey(a.client(c)), int64(cap(*buffer)))
		if err != nil {
			return err
		}
		defer room.give()
	}
	writeJSON(c, http.StatusOK, *buffer)
	return nil
}

// lookupMetrics count look-ups by what was found. They are made once: a look-up is too short to search for its counter.
type lookupMetrics struct{ none, found, conflict, batch prometheus.Counter }

func newLookupMetrics(of *prometheus.CounterVec) lookupMetrics {
	return lookupMetrics{none: of.WithLabelValues("none"), found: of.WithLabelValues("found"), conflict: of.WithLabelValues("conflict"), batch: of.WithLabelValues("batch")}
}

// emptyAt is where the answer to a look-up ends its list when nobody says anything: after {"artifactHash":"…","assertions":[ .
const emptyAt = len(`{"artifactHash":"","assertions":[`) + hashDigits

// conflictMark stands in an answer where there are conflicts, in the last lookupTail bytes; in the texts that issuers wrote quotes are escaped.
var conflictMark = []byte(`],"conflicts":true,"guidance":"`)

const lookupTail = 512

// count counts an answer, by its bytes: it was just written, and is not worth reading.
func (m *lookupMetrics) count(answer []byte) {
	switch {
	case len(answer) > emptyAt && answer[emptyAt] == ']':
		m.none.Inc()
	case bytes.Contains(answer[max(0, len(answer)-lookupTail):], conflictMark):
		m.conflict.Inc()
	default:
		m.found.Inc()
	}
}
