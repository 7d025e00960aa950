package api

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/gossip/mirror"
	"mirnode/internal/strictjson"
	"mirnode/store"
)

// Answers that hold claims are put together by hand, because a claim must leave as it came, byte for byte: JSON encoders compact and escape what they are given.

// formText is the form of a record whose provenance names none.
const formText = "text"

// maxPooled is the largest buffer, in bytes, that is kept for the next answer.
const maxPooled = 1 << 20

var (
	buffers  = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

// writeJSON answers with a body that is JSON already.
func writeJSON(c *gin.Context, status int, body []byte) { writeBody(c, status, jsonType, body) }

func writeBody(c *gin.Context, status int, contentType []string, body []byte) {
	h := c.Writer.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.Writer.WriteHeader(status)
	writeAll(c, body)
}

const (
	// answerChunk and chunkTime are the rate at which a client has to read a large answer; a small one has the server's time for all of a request.
	answerChunk = 64 << 10
	chunkTime   = 10 * time.Second
)

// writeAll writes a body. A large one holds memory until it is gone, so that it must go on going: each chunk in its time.
func writeAll(c *gin.Context, body []byte) {
	if len(body) <= answerChunk {
		_, _ = c.Writer.Write(body) // an error means that the client is gone
		return
	}
	_ = writePiece(c, body)
}

// writePiece writes a part of an answer, each chunk in its time. An error means that the client is gone, or too slow.
func writePiece(c *gin.Context, piece []byte) error {
	for len(piece) > 0 {
		if err := setWriteDeadline(c, time.Now().Add(chunkTime)); err != nil {
			return err
		}
		n, err := c.Writer.Write(piece[:min(len(piece), answerChunk)])
		if err != nil {
			return err
		}
		piece = piece[n:]
	}
	return nil
}

// writeBuilt answers with what build appends to a buffer that is used again; after its error nothing is written.
func writeBuilt(c *gin.Context, status int, build func(b []byte) ([]byte, error)) error {
	return writeBuiltAs(c, status, jsonType, build)
}

func writeBuiltAs(c *gin.Context, status int, contentType []string, build func(b []byte) ([]byte, error)) (err error) {
	buffer := buffers.Get().(*[]byte)
	if *buffer, err = build((*buffer)[:0]); err == nil {
		writeBody(c, status, contentType, *buffer)
	}
	if cap(*buffer) <= maxPooled {
		buffers.Put(buffer)
	}
	return err
}

// writeValue answers with a value as JSON.
func writeValue(c *gin.Context, status int, v any) error {
	body, err := strictjson.Marshal(v)
	if err != nil {
		return err
	}
	writeJSON(c, status, body)
	return nil
}

// appendStored writes one record with its claim.
func appendStored(b []byte, r *store.Record, fresh *mirror.Fresh) []byte {
	b = append(b, '{')
	b = appendIdentity(b, r)
	b = append(b, `,"ageAtIngestSeconds":`...)
	b = strconv.AppendInt(b, secondsBetween(r.ClaimedAt, r.IngestedAt), 10)
	b = append(b, ',')
	b = appendVerified(b, &r.Provenance)
	b = appendPlaces(b, r.Places)
	b = appendFresh(b, fresh)
	b = append(b, `,"claim":`...)
	b = append(b, r.Raw...)
	return append(b, '}')
}

// secondsBetween is the time from a to b in whole seconds, cut toward zero. A time.Duration ends at 292 years, and claims may be older.
func secondsBetween(a, b time.Time) int64 {
	seconds, rest := b.Unix()-a.Unix(), b.Nanosecond()-a.Nanosecond()
	switch {
	case seconds > 0 && rest < 0:
		seconds--
	case seconds < 0 && rest > 0:
		seconds++
	}
	return seconds
}

// appendPlaces writes the logs in which a record stands.
func appendPlaces(b []byte, places []store.Place) []byte {
	b = append(b, `,"places":[`...)
	for i := range places {
		if i > 0 {
			b = append(b, ',')
		}
		b = strictjson.AppendString(append(b, `{"log":`...), places[i].Origin)
		b = strconv.AppendUint(append(b, `,"index":`...), places[i].Index, 10)
		b = strictjson.AppendTime(append(b, `,"ingestedAt":`...), places[i].IngestedAt)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendSubmitted writes the members of an answer to a submission. index is the name of the member for the place in the log.
func appendSubmitted(b []byte, k *kept, index string) []byte {
	b = appendIdentity(b, &k.record)
	b = append(b, `,"duplicate":`...)
	b = strconv.AppendBool(b, k.duplicate)
	b = append(b, ',')
	b = appendVerified(b, &k.record.Provenance)
	if k.receipt == nil {
		return b
	}
	b = strictjson.AppendString(append(b, `,"origin":`...), originOf(k.receipt))
	b = append(append(append(b, `,"`...), index...), `":`...)
	b = strconv.AppendUint(b, k.receipt.Index, 10)
	if !k.bare {
		b = appendDocument(append(b, `,"receipt":`...), k.receipt.Marshal())
	}
	return b
}

func appendIdentity(b []byte, r *store.Record) []byte {
	b = append(b, `"claimId":"claim_`...)
	hash := len(b)
	b = hex.AppendEncode(b, r.SigHash[:])
	b = append(b, `","sigHash":"`...)
	b = append(b, b[hash:hash+2*len(r.SigHash)]...)
	b = append(b, `","ingestedAt":`...)
	return strictjson.AppendTime(b, r.IngestedAt)
}

func appendVerified(b []byte, p *store.Provenance) []byte {
	if len(p.Quorum) == 0 {
		b = append(b, `"verified":{"by":"discovery","channels":[`...)
	} else {
		b = append(b, `"verified":{"by":"quorum","observers":[`...)
		b = appendStrings(b, p.Quorum)
		b = append(b, `],"channels":[`...)
	}
	b = appendStrings(b, p.Channels)
	b = append(b, `],"dnssec":`...)
	b = strconv.AppendBool(b, p.DNSSEC)
	b = append(b, `,"form":`...)
	b = strictjson.AppendString(b, orDefault(p.Form, formText))
	b = append(b, `,"flags":[`...)
	b = appendStrings(b, p.Flags)
	return append(b, "]}"...)
}

func appendStrings[S ~string](b []byte, list []S) []byte {
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strictjson.AppendString(b, string(s))
	}
	return b
}

// notModified answers 304 when the client holds what has this tag. It sets the tag and how long the answer may be kept.
func notModified(c *gin.Context, etag string, cacheControl []string) bool {
	h := c.Writer.Header()
	h["Etag"] = []string{etag}
	h["Cache-Control"] = cacheControl
	if match := c.Request.Header.Get("If-None-Match"); match == "" || !matches(match, etag) {
		return false
	}
	c.Status(http.StatusNotModified)
	c.Writer.WriteHeaderNow()
	return true
}
