package vectors

import (
	"bytes"
	"encoding/json"

	"mirnode/conformance/cases"
)

// Encode writes a case as its file has it: indented, characters as they are, a line feed at the end.
func Encode(c *cases.Case) ([]byte, error) { return indented(c) }

// indented writes JSON for people to read.
func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return out.Bytes(), err
}
