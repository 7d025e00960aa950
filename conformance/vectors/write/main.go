// Command write writes the generated cases of verdicts and of signers to conformance/cases, one file each, and a sample of them in the layout
// of the protocol's public draft. A second run writes the same bytes:
//
//	go generate ./conformance/vectors
//
// Files that it wrote before and would not write any more are told of, not removed: a case may have been added by hand.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"mirnode/conformance/cases"
	"mirnode/conformance/vectors"
)

func main() {
	dir := flag.String("dir", filepath.Join("..", "cases"), "the folder of the cases")
	sample := flag.String("sample", filepath.Join("testdata", "layout"), "the folder of the sample")
	flag.Parse()
	all, err := vectors.Generate(vectors.Options{})
	if err == nil {
		err = errors.Join(run(*dir, all), vectors.WriteSample(*sample, all))
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(dir string, all []cases.Case) error {
	known := make(map[string]bool)
	for i := range all {
		known[all[i].ID] = true
		data, err := vectors.Encode(&all[i])
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(all[i].ID)+".json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // G301: cases are for everybody
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // G306: cases are for everybody
			return err
		}
	}
	fmt.Printf("%d cases\n", len(all))
	present, err := cases.Load(os.DirFS(dir))
	if err != nil {
		return err
	}
	for i := range present {
		if c := &present[i]; c.Kind != cases.KindScenario && !known[c.ID] {
			fmt.Printf("%s is not generated: it was added by hand, or its case is gone\n", c.ID)
		}
	}
	return nil
}
