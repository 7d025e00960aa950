package vectors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"mirnode/conformance/cases"
)

const (
	// maxLayoutFile bounds each file of a folder of vectors, in bytes.
	maxLayoutFile = 1 << 20
	// maxLayoutVectors bounds the vectors of one folder.
	maxLayoutVectors = 10_000
)

// ReadLayout turns test vectors in the layout of the protocol's public draft into cases, sorted as they lie in the folder: a case for each
// verdict of each vector. The ID is signature/draft-FOLDER, or SECTION/draft-NAME where the folder's name begins with a section's, as
// [WriteLayout] has it. A domain may publish other keys in one of these cases than in another: they are for verifiers that are handed the
// keys. The error names the file that is wrong.
func ReadLayout(fsys fs.FS) ([]cases.Case, error) {
	var keys map[string]json.RawMessage
	if err := readJSON(fsys, "keys.json", &keys); err != nil {
		return nil, err
	}
	folders, err := fs.Glob(fsys, "*/claim.json")
	if err != nil {
		return nil, err
	}
	if len(folders) == 0 || len(folders) > maxLayoutVectors {
		return nil, fmt.Errorf("there are %d folders with a claim.json; 1 to %d are expected", len(folders), maxLayoutVectors)
	}
	var all []cases.Case
	var wrong []error
	for _, claim := range folders {
		read, err := readVector(fsys, path.Dir(claim), keys)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("vector %s: %w", path.Dir(claim), err))
		}
		all = append(all, read...)
	}
	return all, errors.Join(wrong...)
}

// readVector reads one folder.
func readVector(fsys fs.FS, folder string, keys map[string]json.RawMessage) ([]cases.Case, error) {
	claim, err := readFile(fsys, path.Join(folder, "claim.json"))
	if err != nil {
		return nil, err
	}
	form, err := readFile(fsys, path.Join(folder, "canonical.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	sig, err := readFile(fsys, path.Join(folder, "signature.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if have := strings.TrimSpace(string(sig)); have != "" && sigOf(claim) != "" && have != strings.TrimSpace(sigOf(claim)) {
		return nil, errors.New("signature.txt is not the sig of claim.json")
	}
	verdicts, err := readExpected(fsys, path.Join(folder, "expected.json"))
	if err != nil {
		return nil, err
	}
	var all []cases.Case
	for _, want := range verdicts {
		entry, known := keys[want.VerifyWith]
		if !known {
			return nil, fmt.Errorf("expected.json: keys.json has no key %q", want.VerifyWith)
		}
		c := layoutCase(folder, want, entry)
		c.Verdict.Canonical = strings.TrimSuffix(string(form), "\n")
		c.Verdict.Domain = domainOf(claim)
		if utf8.Valid(claim) {
			c.Verdict.Claim = string(claim)
		} else {
			c.Verdict.ClaimBase64 = claim
		}
		if len(verdicts) > 1 {
			c.ID += "-" + slug(want.VerifyWith)
		}
		if err := c.Check(); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// layoutCase makes the case of one verdict, but for its claim.
func layoutCase(folder string, want expected, entry json.RawMessage) cases.Case {
	codes := want.Codes
	if len(codes) == 0 && want.Code != nil && want.Result == cases.Reject {
		codes = []string{*want.Code}
	}
	level := cases.Level(or(string(want.Level), string(cases.Must)))
	var key struct{ Expires *string }
	if want.Level == "" && json.Unmarshal(entry, &key) == nil && key.Expires != nil {
		level = cases.Should // what becomes of a key's end is the verifier's policy
	}
	said := strings.TrimSpace(want.Result + " " + strings.Join(codes, " or "))
	return cases.Case{
		ID: layoutID(folder), Kind: cases.KindVerdict, Refused: want.Result == cases.Reject,
		Title:       fmt.Sprintf("the vector %s, verified with %s", folder, want.VerifyWith),
		Requirement: cases.Requirement{Words: fmt.Sprintf("verifyWith %s: %s", want.VerifyWith, said), Level: level, Section: "Test vectors, " + folder},
		Why:         or(want.Note, "Whoever differs from the test vectors that everybody shares differs from everybody."),
		Verdict: &cases.VerdictInput{
			Keys: slices.Concat([]byte(`{"keys":[`), entry, []byte(`]}`)), Form: want.Form, Expect: cases.Verdict{Result: want.Result, Codes: codes},
		},
	}
}

// layoutID makes a case's ID of a folder's name.
func layoutID(folder string) string {
	for _, section := range cases.Sections() {
		if name, ok := strings.CutPrefix(folder, section+"-"); ok {
			return section + "/draft-" + slug(name)
		}
	}
	return "signature/draft-" + slug(folder)
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

func slug(s string) string {
	return strings.Trim(notInID.ReplaceAllString(strings.ToLower(s), "-"), "-")
}

// readExpected reads one verdict, or one for each of several keys, in the order of the keys' names.
func readExpected(fsys fs.FS, name string) ([]expected, error) {
	var one expected
	if err := readJSON(fsys, name, &one); err != nil {
		return nil, err
	}
	if one.VerifyWith != "" {
		return []expected{one}, nil
	}
	var members map[string]json.RawMessage
	if err := readJSON(fsys, name, &members); err != nil {
		return nil, err
	}
	var all []expected
	for _, member := range slices.Sorted(maps.Keys(members)) {
		key, ok := strings.CutPrefix(member, "verifyWith_")
		if !ok {
			continue
		}
		want := expected{Note: one.Note}
		if err := json.Unmarshal(members[member], &want); err != nil {
			return nil, fmt.Errorf("expected.json: %s: %w", member, err)
		}
		want.VerifyWith = key
		all = append(all, want)
	}
	if len(all) == 0 {
		return nil, errors.New("expected.json says neither verifyWith nor verifyWith_NAME")
	}
	return all, nil
}

// domainOf returns a claim's domain in lower case, or "" where it has none that can be read.
func domainOf(claim []byte) string {
	var c struct{ Domain any }
	_ = json.Unmarshal(claim, &c)
	domain, _ := c.Domain.(string)
	return strings.ToLower(domain)
}

func readJSON(fsys fs.FS, name string, v any) error {
	data, err := readFile(fsys, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path.Base(name), err)
	}
	return nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxLayoutFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxLayoutFile {
		return nil, fmt.Errorf("%s has more than %d bytes", path.Base(name), maxLayoutFile)
	}
	return data, nil
}
