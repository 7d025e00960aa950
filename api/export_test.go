package api

import "net/http"

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
