package api

import (
	"errors"
	"net/http"
)

// Routes lists the public routes as "METHOD /path/:parameter", HEAD left out.
func (a *API) Routes() []string {
	var routes []string
	for _, r := range a.engine.Routes() {
		if r.Method != http.MethodHead {
			routes = append(routes, r.Method+" "+r.Path)
		}
	}
	return routes
}

// OpenAPIJSON is the document as it is served.
func (a *API) OpenAPIJSON() []byte { return a.documents.openAPI.body }

// SplitBatch cuts a body into its items, for the fuzz test.
var SplitBatch = newSplitter

// Next gives the splitter's next item.
func (s *splitter) Next() ([]byte, bool, error) { return s.next() }

// AppendDocument writes a document as a JSON string, for the fuzz test.
func AppendDocument(b []byte, document string) []byte { return appendDocument(b, document) }

// ParseHints reads the body of a hint, for the fuzz test.
var ParseHints = parseHints

// ParseArtifact reads a file's hash.
func ParseArtifact(s string) ([32]byte, bool) { return parseArtifact(s) }

// DecodeLookup and DecodeSubmission read bodies, for the fuzz tests.
var (
	DecodeLookup     = decodeLookup
	DecodeSubmission = decodeSubmission
)

// Decoders are those of the other bodies, without what they give.
var Decoders = map[string]func(body []byte) error{
	"submission":     func(b []byte) error { _, err := decodeSubmission(b); return err },
	"revocation":     func(b []byte) error { _, err := decodeRevocation(b); return err },
	"supersession":   func(b []byte) error { _, _, err := decodeSupersession(b); return err },
	"new key":        func(b []byte) error { _, err := decodeNewKey(b); return err },
	"key revocation": func(b []byte) error { _, err := decodeKeyRevocation(b); return err },
	"domain":         func(b []byte) error { _, err := decodeDomain(b); return err },
	"API key":        func(b []byte) error { _, err := decodeNewAPIKey(b); return err },
}

// Problem tells what is answered to an error that a handler gives; ok is false where it is no answer of its own.
func Problem(err error) (status int, message, hint string, ok bool) {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		return 0, "", "", false
	}
	return p.status, p.message, p.hint, true
}
