package vectors

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mirnode/conformance/cases"
)

// expected is what a vector's expected.json says: one verdict with a named key. In the public draft it may also hold one verdict a key, in
// members verifyWith_NAME.
type expected struct {
	Result     string   `json:"result"`
	Code       *string  `json:"code"`
	Codes      []string `json:"codes,omitempty"` // where several are right: all of them, Code first
	VerifyWith string   `json:"verifyWith"`
	Form       string   `json:"form,omitempty"`
	// Level is how much is demanded, where it is not a MUST: of a MAY either verdict is right.
	Level cases.Level `json:"level,omitempty"`
	Note  string      `json:"note,omitempty"`
}

// WriteLayout writes the verdicts among the cases to a folder in the layout of the protocol's public draft, and returns how many there
// are: keys.json with the named keys, and a folder a case, SECTION-NAME, with claim.json, canonical.txt and signature.txt where there is
// such a thing, and expected.json. The layout knows one verdict of one key on one claim: live cases, cases with options, and those that are
// about the key document itself are left out.
func WriteLayout(dir string, all []cases.Case) (int, error) {
	return writeLayout(dir, all, func(c *cases.Case) string { return strings.ReplaceAll(c.ID, "/", "-") })
}

func writeLayout(dir string, all []cases.Case, folder func(*cases.Case) string) (int, error) {
	names := namedEntries{named: make(map[string]entry), names: make(map[string]string)}
	written := 0
	for i := range all {
		c := &all[i]
		key, ok := names.of(c)
		if !ok {
			continue
		}
		written++
		if err := writeVector(filepath.Join(dir, folder(c)), c, key); err != nil {
			return written, err
		}
	}
	keys, err := indented(names.named)
	if err == nil {
		err = os.MkdirAll(dir, 0o755) //nolint:gosec // G301: vectors are for everybody
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "keys.json"), keys, 0o644) //nolint:gosec // G306: vectors are for everybody
	}
	return written, err
}

// namedEntries gives the keys of the cases their names in keys.json.
type namedEntries struct {
	named map[string]entry
	names map[string]string // by the entry as JSON
}

// of returns the name of the key with which the case's claim is judged, or false where the layout cannot hold the case.
func (n *namedEntries) of(c *cases.Case) (string, bool) {
	if c.Verdict == nil || c.Verdict.Live || c.Verdict.Options != nil {
		return "", false
	}
	entries, ok := plainEntries(c.Verdict.Keys)
	if !ok || len(entries) == 0 {
		return "", false
	}
	var claim struct{ KeyFingerprint any }
	_ = json.Unmarshal(c.Verdict.Bytes(), &claim) // a document that is no claim is judged with the first key
	at := max(0, slices.IndexFunc(entries, func(e entry) bool { return e.Fingerprint == claim.KeyFingerprint }))
	chosen := entries[at]
	encoded, err := json.Marshal(chosen)
	if err != nil {
		panic(err) // strings alone always encode
	}
	name, known := n.names[string(encoded)]
	if !known {
		label, _, _ := strings.Cut(or(c.Verdict.Domain, "shop"), ".")
		name = label
		for i := 2; n.named[name].Pub != ""; i++ {
			name = fmt.Sprintf("%s-%d", label, i)
		}
		n.names[string(encoded)], n.named[name] = name, chosen
	}
	return name, true
}

// plainEntries reads a key document that holds nothing out of the ordinary.
func plainEntries(doc json.RawMessage) ([]entry, bool) {
	var d struct {
		Keys []entry `json:"keys"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(doc)))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&d) != nil {
		return nil, false
	}
	for _, e := range d.Keys {
		public, err := base64.RawURLEncoding.Strict().DecodeString(e.Pub)
		if err != nil || len(public) != 32 || Fingerprint(public) != e.Fingerprint || e.Alg != "Ed25519" {
			return nil, false
		}
	}
	return d.Keys, true
}

func writeVector(dir string, c *cases.Case, key string) error {
	v := c.Verdict
	want := expected{Result: v.Expect.Result, VerifyWith: key, Form: v.Form, Note: c.Title}
	if len(v.Expect.Codes) > 0 {
		want.Code = &v.Expect.Codes[0]
	}
	if c.Requirement.Level != cases.Must {
		want.Level = c.Requirement.Level
	}
	if len(v.Expect.Codes) > 1 {
		want.Codes = v.Expect.Codes
	}
	files := map[string][]byte{"claim.json": v.Bytes()}
	if v.Canonical != "" {
		files["canonical.txt"] = []byte(v.Canonical)
	}
	if sig := sigOf(v.Bytes()); sig != "" {
		files["signature.txt"] = []byte(sig)
	}
	verdict, err := indented(want)
	if err != nil {
		return err
	}
	files["expected.json"] = verdict
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: vectors are for everybody
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil { //nolint:gosec // G306: vectors are for everybody
			return err
		}
	}
	return nil
}

// sigOf returns a claim's sig, or "" where there is none to be read.
func sigOf(claim []byte) string {
	var c struct{ Sig any }
	_ = json.Unmarshal(claim, &c)
	sig, _ := c.Sig.(string)
	return sig
}
