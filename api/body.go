package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/protocol"
	"mirnode/translog"
)

const (
	// bodySlack is what white space around a claim may add to its body, in bytes.
	bodySlack = 1 << 10
	// maxClaimBody bounds a body that is one claim.
	maxClaimBody = protocol.MaxClaimBytes + bodySlack
	// maxBatch is the number of claims in one batch.
	maxBatch = 1000
	// maxBatchBytes bounds the body of a batch.
	maxBatchBytes = maxBatch * (protocol.MaxClaimBytes + 2)
)

// readClaimBody reads a body that is one claim.
func (a *API) readClaimBody(c *gin.Context) ([]byte, error) { return a.readBody(c, maxClaimBody) }

// readBody reads a body of at most so many bytes.
func (a *API) readBody(c *gin.Context, limit int64) ([]byte, error) {
	body, err := openBody(c, limit, a.work.BodyTime)
	if err != nil {
		return nil, err
	}
	size := c.Request.ContentLength
	if size < 0 {
		size = 1024
	}
	buffer := make([]byte, 0, size+1) // ContentLength is within the bound here
	for {
		n, err := body.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if err == io.EOF {
			return buffer, bodyEnded(c)
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
	}
}

// openBody checks a request's body by its labels before a byte of it is read, and bounds its size and the time that it may take.
func openBody(c *gin.Context, limit int64, within time.Duration) (io.Reader, error) {
	if err := checkMediaType(c.Request.Header); err != nil {
		return nil, err
	}
	if c.Request.ContentLength > limit {
		c.Writer.Header()["Connection"] = []string{"close"} // what is left of the body is not worth reading
		return nil, tooLarge(limit)
	}
	if err := setReadDeadline(c, time.Now().Add(within)); err != nil {
		return nil, err
	}
	return http.MaxBytesReader(c.Writer, c.Request.Body, limit), nil
}

const (
	// steadyChunk and steadyTime are the rate at which a batch has to arrive: it holds one of few places meanwhile.
	steadyChunk = 64 << 10
	steadyTime  = 5 * time.Second
)

// steady reads a body that must keep on coming: the next chunk, or the end, each in its time, and all of it by until.
type steady struct {
	in    io.Reader
	c     *gin.Context
	until time.Time
	left  int // bytes of the present chunk that are to come
}

func (s *steady) Read(p []byte) (int, error) {
	if s.left <= 0 {
		deadline := time.Now().Add(steadyTime)
		if deadline.After(s.until) {
			deadline = s.until
		}
		if err := setReadDeadline(s.c, deadline); err != nil {
			return 0, err
		}
		s.left = steadyChunk
	}
	n, err := s.in.Read(p)
	s.left -= n
	return n, err
}

// bodyEnded lifts the body's deadline: net/http would take its passing for a client that went away, and cancel the request.
func bodyEnded(c *gin.Context) error { return setReadDeadline(c, time.Time{}) }

func setReadDeadline(c *gin.Context, t time.Time) error {
	return whereSupported(http.NewResponseController(c.Writer).SetReadDeadline(t))
}

// setWriteDeadline replaces the server's deadline for the whole of a request and its answer.
func setWriteDeadline(c *gin.Context, t time.Time) error {
	return whereSupported(http.NewResponseController(c.Writer).SetWriteDeadline(t))
}

// whereSupported makes nothing of a connection that has no deadlines, such as a test's recorder.
func whereSupported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// checkMediaType lets pass what may be JSON: no label, a JSON type, text, and the label that curl sets by itself.
func checkMediaType(h http.Header) error {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &problem{status: http.StatusUnsupportedMediaType, message: fmt.Sprintf("the body is compressed (%.40q)", coding), hint: "send it as it is"}
	}
	label := h.Get("Content-Type")
	switch label {
	case "", "application/json", "application/x-ndjson":
		return nil
	}
	kind, parameters, err := mime.ParseMediaType(label)
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &problem{status: http.StatusUnsupportedMediaType, message: fmt.Sprintf("the body is labelled as %.40q text", charset), hint: "send JSON in UTF-8"}
	}
	switch {
	case err == nil && (strings.HasSuffix(kind, "json") || strings.HasPrefix(kind, "text/")):
	case err == nil && (kind == "application/x-www-form-urlencoded" || kind == "application/octet-stream" || kind == "application/jsonl"):
	default:
		return &problem{status: http.StatusUnsupportedMediaType, message: fmt.Sprintf("the body is labelled %.60q", label), hint: "send JSON with Content-Type: application/json"}
	}
	return nil
}

// bodyError tells a client's faults in sending a body from ours.
func bodyError(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("send the whole body", "the body ended early")
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &problem{status: http.StatusRequestTimeout, message: "the body did not arrive in time", hint: "send the whole body at once"}
	}
	return badRequest("send the request again", "the body could not be read")
}

func tooLarge(limit int64) error {
	switch limit {
	case maxBatchBytes:
		return &problem{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the batch is larger than %d bytes", limit), hint: "send fewer claims at a time"}
	case maxClaimBody:
		return &problem{status: http.StatusRequestEntityTooLarge, code: protocol.InvalidSchema,
			message: fmt.Sprintf("the claim is larger than %d bytes", protocol.MaxClaimBytes), hint: "put less into metadata"}
	case translog.MaxReceiptBytes:
		return &problem{status: http.StatusRequestEntityTooLarge, code: protocol.InvalidSchema, hint: "put less into metadata",
			message: fmt.Sprintf("the body is larger than a claim may be (%d bytes), and than a receipt (%d bytes)", protocol.MaxClaimBytes, limit)}
	}
	return &problem{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the body is larger than %d bytes", limit), hint: "send less at a time"}
}
