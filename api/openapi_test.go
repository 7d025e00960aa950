package api_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"mirnode/api"
	"mirnode/protocol"
	"mirnode/verifier"
)

func loadDocument(t *testing.T, a *api.API) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(a.OpenAPIJSON())
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestDocumentIsValidWithItsExamples(t *testing.T) {
	document := loadDocument(t, newFixture(t).api)
	if err := document.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Errorf("the document is of OpenAPI %s", document.OpenAPI)
	}
}

// The document and the handlers name the same routes, both ways.
func TestDocumentAndRoutesAreOne(t *testing.T) {
	f := newFixture(t)
	var documented []string
	for path, item := range loadDocument(t, f.api).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	parameter := regexp.MustCompile(`[:*]([A-Za-z]+)`)
	var served []string
	for _, route := range f.api.Routes() {
		served = append(served, parameter.ReplaceAllString(route, "{$1}"))
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented: %q\nserved:     %q", documented, served)
	}
}

// Every operation tells what it answers when something goes wrong, and every query parameter is refused by name when it is misspelt.
func TestDocumentIsComplete(t *testing.T) {
	for path, item := range loadDocument(t, newFixture(t).api).Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.Summary == "" || operation.OperationID == "" || len(operation.Tags) == 0 {
				t.Errorf("%s %s lacks a summary, an operationId or a tag", method, path)
			}
			for status, answer := range operation.Responses.Map() {
				if answer.Value.Headers["X-Request-Id"] == nil {
					t.Errorf("%s %s %s lacks X-Request-Id", method, path, status)
				}
				for kind, content := range answer.Value.Content {
					if kind == "application/json" && len(content.Examples) == 0 && path != "/openapi.json" {
						t.Errorf("%s %s %s has no example", method, path, status)
					}
				}
			}
			if operation.Responses.Value("500") == nil || path != "/healthz" && path != "/readyz" && operation.Responses.Value("429") == nil {
				t.Errorf("%s %s does not tell of 500 or 429", method, path)
			}
		}
	}
}

// The document's example claim is a real one: it verifies with the example key.
func TestExampleClaimVerifies(t *testing.T) {
	examples := loadDocument(t, newFixture(t).api).Components.Examples
	claim, err := json.Marshal(examples["Claim"].Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(examples["KeyDocument"].Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	document, err := protocol.ParseKeyDocument(keys)
	if err != nil || len(document.Problems) > 0 {
		t.Fatal(err, document.Problems)
	}
	verdict, err := verifier.New(verifier.StaticKeys(document.Keys...), verifier.Options{Now: (&clock{now: start}).Now}).Verify(t.Context(), claim, verifier.Policy{})
	if err != nil || !verdict.Accepted() {
		t.Errorf("%v, %s: %s", err, verdict.Code, verdict.Reason)
	}
	if kept := examples["Kept"].Value.Value.(map[string]any); kept["claimId"] != verdict.Claim.ID() {
		t.Errorf("the example's claim ID is %v, want %s", kept["claimId"], verdict.Claim.ID())
	}
}
