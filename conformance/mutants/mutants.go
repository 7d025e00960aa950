// Package mutants tries the suite itself: it makes programs that are wrong in one way each, and sees that the suite notices.
//
// A mutant is the project's own program with one check left out, such as that of a signature's trailing bits. Each is a patch in the folder
// patches, a text of this form, whose first line says what is skipped:
//
//	the nesting of a claim is not bounded by 32 levels
//	-- protocol/document.go --
//	text that occurs exactly once in that file
//	-- instead --
//	text that takes its place, where SKIP stands for "this mutant is meant"
//
// A patch may have several such edits. A file without "instead" is added as it stands.
//
// All patches go into one program, by `go build -overlay`: the product's own files are not touched, and carry no switch for this. The word SKIP
// becomes a look at the environment variable [Variable], which is read once when the mutated program starts, and names the mutant that it is to
// be; without it the program is right. So one build makes all the mutants, and edits of different patches may not touch each other's text.
//
// table.json says by which cases each mutant is caught. A test holds the suite to it; `make mutants` runs the whole suite against each mutant
// and writes the table anew.
package mutants

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Variable names the mutant that a mutated program is to be. It is none of the program's settings, which begin with MIR_: a cluster keeps those from its nodes.
const Variable = "CONFORMANCE_MUTANT"

//go:embed patches/*.txt
var patchFiles embed.FS

const (
	patchFolder = "patches"
	patchSuffix = ".txt"
	// instead is the name that stands above the new text of an edit.
	instead = "instead"
	// skip is the word that becomes the mutant's switch.
	skip = "SKIP"
)

// Patch is one mutant.
type Patch struct {
	Name  string // of its file, without the suffix
	Skips string // what it leaves out, in one line
	Edits []Edit // at least one
	Files []File // that it adds
}

// Edit replaces a text of a file, which must occur there exactly once.
type Edit struct{ Path, Old, New string }

// File is added to the program.
type File struct{ Path, Text string }

// Load reads all patches, sorted by name. The errors name the file at fault.
func Load() ([]Patch, error) {
	names, err := fs.Glob(patchFiles, path.Join(patchFolder, "*"+patchSuffix))
	if err != nil {
		return nil, err
	}
	patches := make([]Patch, 0, len(names))
	for _, name := range names {
		text, err := patchFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.Name = strings.TrimSuffix(path.Base(name), patchSuffix)
		patches = append(patches, p)
	}
	return patches, nil
}

// parse reads one patch.
func parse(text string) (p Patch, err error) {
	var parts []File // with "instead" as a path too
	for line := range strings.Lines(text) {
		name, marked := strings.CutPrefix(line, "-- ")
		if marked {
			name, marked = strings.CutSuffix(name, " --\n")
		}
		switch {
		case marked:
			parts = append(parts, File{Path: name})
		case parts == nil:
			p.Skips += line
		default:
			parts[len(parts)-1].Text += line
		}
	}
	p.Skips = strings.TrimSpace(p.Skips)
	for i, part := range parts {
		switch {
		case part.Path == instead && (i == 0 || parts[i-1].Path == instead):
			return p, errors.New("a text to put in without one to take out")
		case part.Path == instead:
		case i+1 < len(parts) && parts[i+1].Path == instead:
			// The line ends of the last lines are the patch's, not the text's: an edit may end in the middle of a line.
			p.Edits = append(p.Edits, Edit{part.Path, strings.TrimSuffix(part.Text, "\n"), strings.TrimSuffix(parts[i+1].Text, "\n")})
		default:
			p.Files = append(p.Files, part)
		}
	}
	switch {
	case p.Skips == "" || strings.Contains(p.Skips, "\n"):
		return p, errors.New("its first line must say what is skipped, and be the only one above the edits")
	case len(p.Edits) == 0:
		return p, errors.New("it has no edits")
	}
	for _, e := range p.Edits {
		if !strings.Contains(e.New, skip) {
			return p, fmt.Errorf("an edit of %s changes the program for everybody: it lacks %s", e.Path, skip)
		}
	}
	return p, nil
}
