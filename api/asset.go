package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// asset is an answer that does not change while the node runs. It has a body, or a compressed body, or both.
type asset struct {
	body        []byte
	gzipped     []byte
	contentType []string
	etag        string
}

func newAsset(body []byte, contentType string) asset {
	sum := sha256.Sum256(body)
	return asset{body: body, contentType: []string{contentType}, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// serve answers with the asset, compressed where it is and the client takes that.
func (s asset) serve(c *gin.Context, cacheControl []string) {
	h := c.Writer.Header()
	h["Content-Type"] = s.contentType
	if s.gzipped == nil {
		s.write(c, s.body, s.etag, cacheControl)
		return
	}
	h["Vary"] = acceptEncoding
	if strings.Contains(c.Request.Header.Get("Accept-Encoding"), "gzip") {
		h["Content-Encoding"] = []string{"gzip"}
		s.write(c, s.gzipped, strings.TrimSuffix(s.etag, `"`)+`-gz"`, cacheControl)
		return
	}
	if s.body != nil {
		s.write(c, s.body, s.etag, cacheControl)
		return
	}
	if notModified(c, s.etag, cacheControl) {
		return
	}
	if reader, err := gzip.NewReader(bytes.NewReader(s.gzipped)); err == nil { // it is embedded: a test has read it
		_, _ = io.Copy(c.Writer, reader) //nolint:gosec // our own file; an error means that the client is gone
	}
}

func (s asset) write(c *gin.Context, body []byte, etag string, cacheControl []string) {
	if notModified(c, etag, cacheControl) {
		return
	}
	c.Writer.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(body) // an error means that the client is gone
}

// matches tells whether an If-None-Match header holds the tag (RFC 9110, 13.1.2: weak comparison, a list, or *).
func matches(header, etag string) bool {
	if header == "*" {
		return true
	}
	for candidate := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == etag {
			return true
		}
	}
	return false
}
