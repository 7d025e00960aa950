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
	// AppendLookup and AppendBatch write the answers about files. The cursor is that of an answer that was not the whole, or empty.
	AppendLookup(ctx context.Context, dst []byte, artifact [32]byte, cursor string) ([]byte, error)
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
	artifact, cursor, err := lookupQuery(c)
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return a.writeFound(c, nil, func(ctx context.Context, b []byte) ([]byte, error) {
		b, err := a.Assertions.AppendLookup(ctx, b, artifact, cursor)
		if err == nil {
			a.metrics.lookups.count(b)
		}
		return b, err
	})
}

// lookupParameters are the query parameters of GET /assertions.
var lookupParameters = []string{"hash", "cursor"}

// lookupQuery reads the parameters of a look-up; the usual query, which has the hash and nothing else, is read as it stands.
func lookupQuery(c *gin.Context) (artifact [32]byte, cursor string, err error) {
	if hash, plain := strings.CutPrefix(c.Request.URL.RawQuery, "hash="); plain {
		if artifact, plain = parseArtifact(hash); plain {
			return artifact, "", nil
		}
	}
	values, err := parameters(c, lookupParameters)
	if err != nil {
		return artifact, "", err
	}
	hash := values.Get("hash")
	if hash == "" {
		return artifact, "", badRequest("send ?hash= and the SHA-256 of the file's bytes, 64 hex digits; `mir hash FILE`, or `shasum -a 256 FILE`, tells it", "the query parameter hash is missing")
	}
	artifact, ok := parseArtifact(hash)
	if !ok {
		return artifact, "", badRequest("a hash is the SHA-256 of the file's bytes, 64 hex digits; `mir hash FILE`, or `shasum -a 256 FILE`, tells it", "hash is not a SHA-256 in hex")
	}
	return artifact, values.Get("cursor"), nil
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
	room, err := a.pages.take(c.Request.Context(), clientKey(a.client(c)), min(int64(len(artifacts))*foundReserve, manyReserve))
	if err != nil {
		return err
	}
	return a.writeFound(c, room, func(ctx context.Context, b []byte) ([]byte, error) {
		if err := a.manyLookups.enter(ctx); err != nil { // an answer may take megabytes while it is made
			return b, err
		}
		defer a.manyLookups.leave()
		return a.Assertions.AppendBatch(ctx, b, artifacts)
	})
}

const (
	// foundReserve and manyReserve are what the answer about one file, and about many, may need while it is made, in bytes: it is put together from parts that are as
	// large, and the buffers grow in steps.
	foundReserve = 2 << 20
	manyReserve  = 5 << 20
)

// writeFound answers with what build appends to a buffer that is used again. Room in the memory for pages is what a request has before it builds a large answer, and
// what is over is given back as soon as that is made; writeFound gives back the rest. Without, as for the answers about one file, which nearly all are small, room is
// taken once the answer has turned out large: where there is none left, it is dropped, and made again when there is. So whoever does not read what was asked for
// holds no more than a client's part.
func (a *API) writeFound(c *gin.Context, room *held, build func(ctx context.Context, b []byte) ([]byte, error)) (err error) {
	ctx := c.Request.Context()
	buffer := buffers.Get().(*[]byte)
	defer func() {
		if room != nil {
			room.give()
		}
		if cap(*buffer) <= maxPooled {
			buffers.Put(buffer)
		}
	}()
	if *buffer, err = build(ctx, (*buffer)[:0]); err != nil {
		return err
	}
	if room == nil && len(*buffer) > answerChunk {
		client := clientKey(a.client(c))
		if room = a.pages.try(client, int64(cap(*buffer))); room == nil {
			*buffer = nil
			if room, err = a.pages.take(ctx, client, foundReserve); err != nil {
				return err
			}
			if *buffer, err = build(ctx, nil); err != nil {
				return err
			}
		}
	}
	if room != nil {
		room.shrink(int64(cap(*buffer)))
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

const lookupTail = 1024

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
