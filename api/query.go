package api

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"mirnode/internal/nearest"
)

// maxQuery bounds a query string, in bytes: the longest sensible one is a subject, a domain, a type, two times and a cursor.
const maxQuery = 4096

// parameterValues are query parameters that are all known, each at most once.
type parameterValues struct{ url.Values }

// parameters reads the query. A parameter that is not known, or stands twice, is refused: a filter with a slip of the pen must not answer more than was asked for.
func parameters(c *gin.Context, known []string) (parameterValues, error) {
	raw := c.Request.URL.RawQuery
	if raw == "" {
		return parameterValues{}, nil
	}
	if len(raw) > maxQuery {
		return parameterValues{}, badRequest("shorten it", "the query is longer than %d bytes", maxQuery)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return parameterValues{}, badRequest("percent-encode it", "the query cannot be read")
	}
	for name, list := range values {
		if !contained(known, name) {
			return parameterValues{}, badRequest(parameterHint(name, known), "unknown query parameter %.60q", name)
		}
		if len(list) > 1 {
			return parameterValues{}, badRequest("send it once", "query parameter %q stands %d times", name, len(list))
		}
	}
	return parameterValues{values}, nil
}

// onlyParameters refuses every parameter that is not known.
func onlyParameters(c *gin.Context, known []string) error {
	_, err := parameters(c, known)
	return err
}

func parameterHint(name string, known []string) string {
	if len(known) == 0 {
		return "this route has no query parameters"
	}
	if near := nearest.Name(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "this route knows " + strings.Join(known, ", ")
}

func contained(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
