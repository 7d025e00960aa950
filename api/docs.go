package api

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"net/http"
	"path"

	"github.com/gin-gonic/gin"
	swaggerui "github.com/swaggest/swgui/v5/static"
	"go.yaml.in/yaml/v3"

	"mirnode/internal/strictjson"
)

//go:embed openapi.yaml
var openAPISource []byte

//go:embed docsui
var docsUI embed.FS

var (
	// docsCSP lets the page run its own scripts and ask this node; Swagger UI sets style attributes and inlines small pictures.
	docsCSP = []string{"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	// documentCaching makes clients ask again with the ETag, which costs little and is right after every change of version.
	documentCaching = []string{"public, no-cache"}
)

// documents are the API's description and the page that shows it.
type documents struct {
	openAPI asset
	page    asset
	files   map[string]asset // by name under /docs/
}

// loadDocuments reads what is embedded.
func loadDocuments() (*documents, error) {
	description, err := openAPIJSON(openAPISource)
	if err != nil {
		return nil, err
	}
	d := &documents{openAPI: newAsset(description, "application/json"), files: make(map[string]asset)}
	if d.openAPI.gzipped, err = compressed(description); err != nil {
		return nil, err
	}
	page, err := docsUI.ReadFile("docsui/index.html")
	if err != nil {
		return nil, err
	}
	d.page = newAsset(page, "text/html; charset=utf-8")
	for _, name := range []string{"docs.js", "docs.css"} {
		body, err := docsUI.ReadFile("docsui/" + name)
		if err != nil {
			return nil, err
		}
		d.files[name] = newAsset(body, contentTypes[path.Ext(name)])
	}
	for _, name := range []string{"swagger-ui-bundle.js.gz", "swagger-ui.css.gz", "favicon-16x16.png", "favicon-32x32.png"} {
		if err := d.addSwaggerUI(name); err != nil {
			return nil, err
		}
	}
	return d, nil
}

var contentTypes = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".png": "image/png"}

// addSwaggerUI adds a file of Swagger UI, which its module embeds compressed.
func (d *documents) addSwaggerUI(name string) error {
	stored, err := swaggerui.FS.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading Swagger UI: %w", err)
	}
	if path.Ext(name) != ".gz" {
		d.files[name] = newAsset(stored, contentTypes[path.Ext(name)])
		return nil
	}
	name = name[:len(name)-len(".gz")]
	file := newAsset(stored, contentTypes[path.Ext(name)])
	file.body, file.gzipped = nil, stored // hardly any client wants it plain; it is unpacked for those
	d.files[name] = file
	return nil
}

func compressed(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

// openAPIJSON turns the document as it is written into the document as it is served.
func openAPIJSON(source []byte) ([]byte, error) {
	var document any
	if err := yaml.Unmarshal(source, &document); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	description, err := strictjson.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return description, nil
}

// openAPI is GET /openapi.json.
func (a *API) openAPI(c *gin.Context) error {
	a.documents.openAPI.serve(c, documentCaching)
	return nil
}

// docsPage is GET /docs.
func (a *API) docsPage(c *gin.Context) error {
	c.Writer.Header()["Content-Security-Policy"] = docsCSP
	a.documents.page.serve(c, documentCaching)
	return nil
}

// docsFile is GET /docs/{file}.
func (a *API) docsFile(c *gin.Context) error {
	file, ok := a.documents.files[c.Param("file")]
	if !ok {
		return &problem{status: http.StatusNotFound, message: "there is no such file", hint: "the page is at /docs"}
	}
	file.serve(c, documentCaching)
	return nil
}
