package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"mirnode/internal/nearest"
)

// maxQuery bounds a query string, in bytes: the longest sensible one is a subject, a domain, a type, two times and a cursor.
const maxQuery = 4096

// maxParameters bounds the parameters of one query: more than any route knows.
const maxParameters = 16

// parameterValues are query parameters that are all known, each at most once. A handful of them is searched faster than a map is made.
type parameterValues []parameter

type parameter struct{ name, value string }

// Get gives the value of a parameter, "" where it is not there.
func (p parameterValues) Get(name string) string {
	for i := range p {
		if p[i].name == name {
			return p[i].value
		}
	}
	return ""
}

// Has tells whether the parameter is there.
func (p parameterValues) Has(name string) bool {
	for i := range p {
		if p[i].name == name {
			return true
		}
	}
	return false
}

// parameters reads the query. A parameter that is not known, or stands twice, is refused: a filter with a slip of the pen must not answer more than was asked for.
func parameters(c *gin.Context, known []string) (parameterValues, error) {
	return parametersOf(c.Request.URL.RawQuery, known)
}

func parametersOf(rest string, known []string) (parameterValues, error) {
	if rest == "" {
		return nil, nil
	}
	if len(rest) > maxQuery {
		return nil, badRequest("shorten it", "the query is longer than %d bytes", maxQuery)
	}
	values := make(parameterValues, 0, 4)
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		p, err := readParameter(pair)
		if err != nil || len(values) == maxParameters {
			return nil, badRequest("percent-encode it", "the query cannot be read")
		}
		if !slices.Contains(known, p.name) {
			return nil, badRequest(parameterHint(p.name, known), "unknown query parameter %.60q", p.name)
		}
		if values.Has(p.name) {
			return nil, badRequest("send it once", "query parameter %q stands twice", p.name)
		}
		values = append(values, p)
	}
	return values, nil
}

// readParameter reads name=value.
func readParameter(pair string) (p parameter, err error) {
	name, value, _ := strings.Cut(pair, "=")
	if p.name, err = url.QueryUnescape(name); err != nil {
		return p, err
	}
	p.value, err = url.QueryUnescape(value) // makes no copy where nothing is escaped
	return p, err
}

// noParameters refuses every parameter.
func noParameters(c *gin.Context) error {
	_, err := parameters(c, nil)
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
