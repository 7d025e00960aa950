package vectors

import (
	"encoding/json"
	"errors"
	"fmt"
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
	// maxLayoutVectors bounds the vectors of one folder, and what else may lie beside them.
	maxLayoutVectors = 10_000
	// maxVerdicts bounds the verdicts of one vector: one a key.
	maxVerdicts = 64
	// maxCodes bounds the codes of one verdict: there are fewer in the protocol.
	maxCodes = 16
	// maxWrong bounds the vectors of which an error tells.
	maxWrong = 20
)

// ReadLayout turns test vectors in the layout of the protocol's public draft into cases, sorted as they lie in the folder: a case for each
// verdict of each vector. The ID is signature/draft-FOLDER, or SECTION/draft-NAME where the folder's name begins with a section's, as
// [WriteLayout] has it. A domain may publish other keys in one of these cases than in another: they are for verifiers that are handed the
// keys. The vectors may be a stranger's: all files together have 64 MiB at most, and symbolic links, pipes and whatever else is no regular
// file are refused. Hand over [os.Root.FS], so that nothing outside the folder is read whatever changes meanwhile. The error names the file
// that is wrong, so that it can be shown on a terminal.
func ReadLayout(fsys fs.FS) ([]cases.Case, error) {
	l := &layout{fsys: fsys, left: maxLayout}
	folders, err := l.vectors()
	if err != nil {
		return nil, err
	}
	if err := l.readKeys(); err != nil {
		return nil, err
	}
	var all []cases.Case
	var wrong []string
	for _, folder := range folders {
		read, err := l.vector(folder)
		if errors.Is(err, errTooMuch) {
			return nil, err
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("vector %s: %v", printable(folder, maxName), err))
		}
		if len(wrong) == maxWrong {
			wrong = append(wrong, "the vectors behind it were not looked at")
			break
		}
		all = append(all, read...)
	}
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	if len(all) > maxLayoutVectors {
		return nil, fmt.Errorf("there are %d verdicts; at most %d are allowed", len(all), maxLayoutVectors)
	}
	return all, nil
}

// vector reads one folder.
func (l *layout) vector(folder string) ([]cases.Case, error) {
	claim, err := l.read(path.Join(folder, "claim.json"))
	if err != nil {
		return nil, err
	}
	form, err := l.read(path.Join(folder, "canonical.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	sig, err := l.read(path.Join(folder, "signature.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if have, is := strings.TrimSpace(string(sig)), strings.TrimSpace(sigOf(claim)); have != "" && is != "" && have != is {
		return nil, errors.New("signature.txt is not the sig of claim.json")
	}
	verdicts, err := l.expected(path.Join(folder, "expected.json"))
	if err != nil {
		return nil, err
	}
	in := cases.VerdictInput{Canonical: strings.TrimSuffix(string(form), "\n"), Domain: domainOf(claim)}
	if utf8.Valid(claim) {
		in.Claim = string(claim)
	} else {
		in.ClaimBase64 = claim
	}
	var all []cases.Case
	for _, want := range verdicts {
		key, known := l.keys[want.VerifyWith]
		if !known {
			return nil, fmt.Errorf("expected.json: keys.json has no key %q", printable(want.VerifyWith, maxName))
		}
		c := layoutCase(folder, want, key, in)
		if len(verdicts) > 1 {
			c.ID += "-" + slug(want.VerifyWith)
		}
		if err := c.Check(); err != nil {
			return nil, fmt.Errorf("expected.json: %s", printable(err.Error(), maxNote))
		}
		all = append(all, c)
	}
	return all, nil
}

// layoutCase makes the case of one verdict on a claim.
func layoutCase(folder string, want expected, key layoutKey, in cases.VerdictInput) cases.Case {
	codes := want.Codes
	if len(codes) == 0 && want.Code != nil && want.Result == cases.Reject {
		codes = []string{*want.Code}
	}
	level := cases.Level(or(string(want.Level), string(cases.Must)))
	if want.Level == "" && key.expires {
		level = cases.Should // what becomes of a key's end is the verifier's policy
	}
	in.Keys, in.Form, in.Expect = key.document, want.Form, cases.Verdict{Result: want.Result, Codes: codes}
	folderShown, keyShown := printable(folder, maxName), printable(want.VerifyWith, maxName)
	said := strings.TrimSpace(want.Result + " " + strings.Join(codes, " or "))
	return cases.Case{
		ID: layoutID(folder), Kind: cases.KindVerdict, Refused: want.Result == cases.Reject,
		Title: fmt.Sprintf("the vector %s, verified with %s", folderShown, keyShown),
		Requirement: cases.Requirement{
			Words: printable(fmt.Sprintf("verifyWith %s: %s", keyShown, said), maxNote), Level: level, Section: "Test vectors, " + folderShown,
		},
		Why:     or(printable(oneLine(want.Note), maxNote), "Whoever differs from the test vectors that everybody shares differs from everybody."),
		Verdict: &in,
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

// expected reads one verdict, or one for each of several keys, in the order of the keys' names.
func (l *layout) expected(name string) ([]expected, error) {
	data, err := l.read(name)
	if err != nil {
		return nil, err
	}
	var one expected
	if err := json.Unmarshal(data, &one); err != nil {
		return nil, fmt.Errorf("expected.json: %w", err)
	}
	if one.VerifyWith != "" {
		return bounded([]expected{one})
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("expected.json: %w", err)
	}
	var all []expected
	for _, member := range slices.Sorted(maps.Keys(members)) {
		key, ok := strings.CutPrefix(member, "verifyWith_")
		if !ok {
			continue
		}
		if len(all) == maxVerdicts {
			return nil, fmt.Errorf("expected.json: there are more than %d members verifyWith_NAME", maxVerdicts)
		}
		want := expected{Note: one.Note}
		if err := json.Unmarshal(members[member], &want); err != nil {
			return nil, fmt.Errorf("expected.json: %s: %w", printable(member, maxName), err)
		}
		want.VerifyWith = key
		all = append(all, want)
	}
	if len(all) == 0 {
		return nil, errors.New("expected.json says neither verifyWith nor verifyWith_NAME")
	}
	return bounded(all)
}

// bounded returns the verdicts, or what is too much in one of them.
func bounded(all []expected) ([]expected, error) {
	for _, want := range all {
		if len(want.Codes) > maxCodes {
			return nil, fmt.Errorf("expected.json: there are %d codes; at most %d are allowed", len(want.Codes), maxCodes)
		}
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
