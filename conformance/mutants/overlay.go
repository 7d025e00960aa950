package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// switchPackage is the package that the overlay adds: it knows which mutant the program is.
const switchPackage = "internal/mutant"

var skipWord = regexp.MustCompile(`\b` + skip + `\b`)

// Build makes the program that can be each of the patches' mutants, in dir, and returns its path. root is the folder of the project's go.mod.
func Build(ctx context.Context, root, dir string, patches []Patch) (string, error) {
	files, err := apply(root, patches)
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		at := filepath.Join(dir, fmt.Sprintf("overlay-%d.go", i))
		if err := os.WriteFile(at, []byte(files[name]), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, filepath.FromSlash(name))] = at
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(at, list, 0o600); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "mir-mutant")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", at, "-o", program, "./cmd/mir") //nolint:gosec // the paths are the caller's own
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the mutants: %w\n%s", err, out)
	}
	return program, nil
}

// apply gives the content of each file that differs from the product's, by its path below root.
func apply(root string, patches []Patch) (map[string]string, error) {
	type cut struct {
		from, to int
		text, by string
	}
	cuts := make(map[string][]cut)
	sources := make(map[string]string)
	files := make(map[string]string)
	var faults []error
	for _, p := range patches {
		for _, f := range p.Files {
			if _, there := files[f.Path]; there {
				faults = append(faults, fmt.Errorf("%s: another patch adds %s too", p.Name, f.Path))
			}
			files[f.Path] = f.Text
		}
		for _, e := range p.Edits {
			if _, read := sources[e.Path]; !read {
				text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.Path)))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.Name, err)
				}
				sources[e.Path] = string(text)
			}
			if n := strings.Count(sources[e.Path], e.Old); n != 1 {
				faults = append(faults, fmt.Errorf("%s: its text occurs %d times in %s, and must once: %.80q", p.Name, n, e.Path, e.Old))
				continue
			}
			from := strings.Index(sources[e.Path], e.Old)
			text := skipWord.ReplaceAllString(e.New, fmt.Sprintf("mutant.Is(%q)", p.Name))
			cuts[e.Path] = append(cuts[e.Path], cut{from, from + len(e.Old), text, p.Name})
		}
	}
	for name, list := range cuts {
		slices.SortFunc(list, func(a, b cut) int { return b.from - a.from }) // from the end, so that what is before stays where it is
		text := sources[name]
		for i, c := range list {
			if i > 0 && c.to > list[i-1].from {
				faults = append(faults, fmt.Errorf("%s and %s touch the same text of %s", c.by, list[i-1].by, name))
				continue
			}
			text = text[:c.from] + c.text + text[c.to:]
		}
		files[name] = packageLine.ReplaceAllString(text, "$0; import \"mirnode/"+switchPackage+"\"")
	}
	files[switchPackage+"/mutant.go"] = switchSource(patches)
	return files, errors.Join(faults...)
}

// packageLine is the package clause, behind which the import of the switch goes, on the same line: so faults are told with the product's line numbers.
var packageLine = regexp.MustCompile(`(?m)^package \w+`)

// switchSource is the package that the overlay adds. A name that is no mutant's ends the program: else a slip of the pen would look like a mutant that nobody catches.
func switchSource(patches []Patch) string {
	var names strings.Builder
	for _, p := range patches {
		fmt.Fprintf(&names, "\t%q: true,\n", p.Name)
	}
	return fmt.Sprintf(`// Package mutant tells which mutant of itself the program is.
package mutant

import "os"

var name = os.Getenv(%q)

var names = map[string]bool{
	"": true,
%s}

var known = func() bool {
	if !names[name] {
		panic("no mutant is called " + name)
	}
	return true
}()

// Is reports whether the program is this mutant.
func Is(mutant string) bool { return known && name == mutant }
`, Variable, names.String())
}
