// Command genvectors writes the project's own test vectors, from fixed seeds, so that a
// second run writes the same bytes:
//
//	go run ./protocol/internal/genvectors
//
// It writes protocol/testdata/vectors in the layout of the protocol's normative vectors
// (keys.json, and a folder per vector with claim.json, canonical.txt, signature.txt and
// expected.json; no canonical.txt where the claim has no canonical form), and
// protocol/testdata/traps.json, the table of traps.
//
// The program uses nothing of the package protocol: what is signed, and every canonical
// form, is written out by hand in its tables, so that the tests compare two opinions.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"unicode/utf8"
)

func main() {
	dir := flag.String("dir", filepath.Join("protocol", "testdata"), "the folder to write to")
	flag.Parse()
	if err := run(*dir); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	vectors := filepath.Join(dir, "vectors")
	if err := os.RemoveAll(vectors); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(vectors, "keys.json"), keyEntries()); err != nil {
		return err
	}
	n := 0
	write := func(v vector) error {
		n++
		return writeVector(filepath.Join(vectors, fmt.Sprintf("%02d-%s", n, v.name)), v)
	}
	for _, v := range ordinary() {
		if err := write(v); err != nil {
			return err
		}
	}
	rows := make(map[string]bool)
	traps := traps()
	for _, v := range traps { // the first trap of each row is a vector as well
		if rows[v.row] {
			continue
		}
		rows[v.row] = true
		if err := write(v); err != nil {
			return err
		}
	}
	return writeTraps(filepath.Join(dir, "traps.json"), traps)
}

// expected is what a vector's expected.json says.
type expected struct {
	Result     string  `json:"result"`
	Code       *string `json:"code"`
	VerifyWith string  `json:"verifyWith"`
	Form       string  `json:"form,omitempty"`
	Note       string  `json:"note,omitempty"`
}

func writeVector(dir string, v vector) error {
	want := expected{Result: v.result(), VerifyWith: v.verifyWith, Form: v.signedForm(), Note: v.note}
	if v.code != "" {
		want.Code = &v.code
	}
	files := map[string][]byte{"claim.json": v.document(), "signature.txt": []byte(v.sentSig())}
	if form := v.canonical(); form != "" {
		files["canonical.txt"] = []byte(form)
	}
	for name, data := range files {
		if err := writeFile(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(dir, "expected.json"), want)
}

// trap is an entry of traps.json.
type trap struct {
	Name           string `json:"name"`
	Row            string `json:"row"` // of the table of traps
	Note           string `json:"note"`
	Document       string `json:"document,omitempty"`
	DocumentBase64 string `json:"documentBase64,omitempty"` // where the document is not UTF-8
	Key            string `json:"key"`                      // the name in keys of the one key that the domain publishes
	Form           string `json:"form,omitempty"`           // the form that was signed: text or sdk
	Canonical      string `json:"canonical,omitempty"`      // the text's form, where there is one
	Result         string `json:"result"`
	Code           string `json:"code,omitempty"`
}

func writeTraps(path string, vectors []vector) error {
	var out struct {
		Keys  map[string]keyEntry `json:"keys"`
		Traps []trap              `json:"traps"`
	}
	out.Keys = keyEntries()
	for _, v := range vectors {
		t := trap{
			Name: v.name, Row: v.row, Note: v.note, Key: v.verifyWith, Form: v.signedForm(), Canonical: v.canonical(),
			Result: v.result(), Code: v.code,
		}
		if doc := v.document(); utf8.Valid(doc) {
			t.Document = string(doc)
		} else {
			t.DocumentBase64 = base64.StdEncoding.EncodeToString(doc)
		}
		out.Traps = append(out.Traps, t)
	}
	return writeJSON(path, out)
}

func writeJSON(path string, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return writeFile(path, out.Bytes())
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // G301: test data are for everybody
		return err
	}
	return os.WriteFile(path, data, 0o644) //nolint:gosec // G306: test data are for everybody
}
