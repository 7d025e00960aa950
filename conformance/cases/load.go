package cases

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"mirnode/internal/strictjson"
)

//go:embed */*.json
var files embed.FS

// MaxFile bounds a case file, in bytes: the largest hold a claim beyond every size that the protocol allows.
const MaxFile = 4 << 20

// validID is the form of an ID: a section and a name.
var validID = regexp.MustCompile(`^[a-z0-9-]+/[a-z0-9-]+$`)

// Embedded gives the cases that come with the program, sorted by ID. The caller owns them.
func Embedded() ([]Case, error) { return Load(files) }

// Files gives the case files themselves, SECTION/NAME.json.
func Files() fs.FS { return files }

// Load reads and checks the cases of fsys: all SECTION/NAME.json, sorted by ID. The error joins what is wrong with each file, and names the file.
func Load(fsys fs.FS) ([]Case, error) {
	names, err := fs.Glob(fsys, "*/*.json")
	if err != nil {
		return nil, err
	}
	var loaded []Case
	var wrong []error
	for _, name := range names {
		c, err := read(fsys, name)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("case %s: %w", name, err))
			continue
		}
		loaded = append(loaded, *c)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	slices.SortFunc(loaded, func(a, b Case) int { return cmp.Compare(a.ID, b.ID) })
	return loaded, nil
}

func read(fsys fs.FS, name string) (*Case, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("larger than %d bytes", MaxFile)
	}
	c, err := Parse(data)
	if err != nil {
		return nil, err
	}
	if want := strings.TrimSuffix(path.Clean(name), ".json"); c.ID != want {
		return nil, fmt.Errorf("its id is %q, and its path says %q", c.ID, want)
	}
	return c, nil
}

// Parse reads one case file and checks it. Unknown members are refused.
func Parse(data []byte) (*Case, error) {
	var c Case
	if err := strictjson.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &c, nil
}

// Check tells what is wrong with a case: all of it, in one error.
func (c *Case) Check() error {
	var wrong []error
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	demand(validID.MatchString(c.ID), "id %q is not of the form section/name in lower-case letters, digits and hyphens", c.ID)
	demand(slices.Contains(Sections(), c.Section()), "section %q is none of %s", c.Section(), strings.Join(Sections(), ", "))
	demand(c.Title != "" && !strings.Contains(c.Title, "\n"), "title must be one line")
	demand(c.Why != "", "why is missing")
	demand(c.Requirement.Words != "", "requirement.words is missing")
	demand(c.Requirement.Section != "", "requirement.section is missing")
	demand(slices.Contains(Levels(), c.Requirement.Level), "requirement.level %q is none of MUST, SHOULD, MAY", c.Requirement.Level)
	for _, need := range c.Needs {
		demand(slices.Contains(Needs(), need), "needs: %q is unknown", need)
	}
	demand((c.Verdict != nil) == (c.Kind == KindVerdict), "verdict belongs to the kind %q", KindVerdict)
	demand((c.Signer != nil) == (c.Kind == KindSigner), "signer belongs to the kind %q", KindSigner)
	demand((len(c.Steps) > 0) == (c.Kind == KindScenario), "steps belong to the kind %q", KindScenario)
	switch {
	case c.Kind == KindVerdict && c.Verdict != nil:
		wrong = append(wrong, c.checkVerdict()...)
	case c.Kind == KindSigner && c.Signer != nil:
		wrong = append(wrong, c.checkSigner()...)
	case c.Kind != KindVerdict && c.Kind != KindSigner && c.Kind != KindScenario:
		demand(false, "kind %q is none of verdict, signer, scenario", c.Kind)
	}
	return errors.Join(wrong...)
}

func (c *Case) checkVerdict() (wrong []error) {
	v := c.Verdict
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("verdict: "+format, args...))
		}
	}
	demand(v.Claim == "" || len(v.ClaimBase64) == 0, "claim and claimBase64 exclude each other")
	demand(len(v.Keys) > 0, "keys is missing")
	demand(v.Form == "" || v.Form == "text" || v.Form == "sdk", "form %q is neither text nor sdk", v.Form)
	demand(!v.Live || v.Now != nil, "a live case must say for which now its claim was made")
	demand(v.Expect.Result == Accept || v.Expect.Result == Reject, "expect.result %q is neither ACCEPT nor REJECT", v.Expect.Result)
	demand((v.Expect.Result == Reject) == c.Refused, "expect.result is %s, and refused is %t", v.Expect.Result, c.Refused)
	demand(v.Expect.Result != Reject || len(v.Expect.Codes) > 0, "expect.codes is missing")
	demand(v.Expect.Result != Accept || len(v.Expect.Codes) == 0, "expect.codes belongs to REJECT")
	if v.Options != nil && v.Options.MaxAge != "" {
		age, err := time.ParseDuration(v.Options.MaxAge)
		demand(err == nil && age > 0, "options.maxAge %q is no length of time, such as 24h", v.Options.MaxAge)
	}
	return wrong
}

func (c *Case) checkSigner() (wrong []error) {
	s := c.Signer
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("signer: "+format, args...))
		}
	}
	demand(len(s.Key) > 0, "key is missing")
	demand(s.Expect.Result == Sign || s.Expect.Result == Refuse, "expect.result %q is neither SIGN nor REFUSE", s.Expect.Result)
	demand((s.Expect.Result == Refuse) == c.Refused, "expect.result is %s, and refused is %t", s.Expect.Result, c.Refused)
	demand(s.Expect.Result != Refuse || s.Expect.Canonical == "", "expect.canonical belongs to SIGN")
	return wrong
}
