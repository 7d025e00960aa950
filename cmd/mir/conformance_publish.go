package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/conformance/cases"
	"mirnode/conformance/vectors"
	"mirnode/protocol"
)

// zoneTTL is the life of the records in seconds: they stay the same for all runs with one seed.
const zoneTTL = 3600

func newConformancePublishCommand(s streams) *cobra.Command {
	var domain, seed, dir string
	cmd := &cobra.Command{
		Use:   "publish --domain DOMAIN --out DIR",
		Short: "Write what a tester publishes below a domain of their own, so that any node can be tested with --static",
		Long: "Writes DIR/zone.txt, the TXT records for the domain's zone, and for each name below the domain DIR/NAME/.well-known/mir.json, the document that\n" +
			"its HTTPS server must serve as application/json. DIR must be empty or not be there. Add addresses for the names, publish all of it, and run\n\n" +
			"  mir conformance --node URL --domain DOMAIN --static\n\n" +
			"The keys are made from --seed: everybody who knows the seed can sign with them, so the names must serve nothing else.",
		Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			suffix, err := protocol.ParseDomain(domain)
			if err != nil {
				return withHint(fmt.Sprintf("--domain %q: %v", domain, err), "Give a domain of your own, such as conformance.example.com.")
			}
			if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
				return withHint(fmt.Sprintf("%q is not empty", dir), "Name a new folder: what lies in this one may be published already, and made from another seed.")
			}
			seed = drawnSeed(seed, s.err)
			generated, err := vectors.Generate(vectors.Options{Suffix: suffix, Seed: seed, Now: time.Now()})
			if err != nil {
				return err
			}
			published, err := writePublication(dir, generated)
			if err != nil {
				return &exit{exitMisuse, errors.New(printable(err.Error()))}
			}
			shown := printable(dir)
			fmt.Fprintf(s.out, "%s in %s: records in %s, documents in %s\n", plural(published, "name"), shown,
				filepath.Join(shown, "zone.txt"), filepath.Join(shown, "NAME", ".well-known", "mir.json"))
			return nil
		},
	}
	cmd.Flags().StringVar(&domain, "domain", "", "the domain below which the names lie (required)")
	cmd.Flags().StringVar(&dir, "out", "", "the folder that is written (required)")
	cmd.Flags().StringVar(&seed, "seed", vectors.DefaultSeed, "what the keys are made from; give the run the same; "+randomSeed+": one that is drawn and told")
	for _, name := range []string{"domain", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag was added above
		}
	}
	return cmd
}

// writePublication writes the zone and the documents of the cases' domains, and tells how many there are.
func writePublication(dir string, generated []cases.Case) (int, error) {
	documents := map[string][]byte{}
	for i := range generated {
		if v := generated[i].Verdict; v != nil && v.Domain != "" && len(v.Keys) > 0 {
			documents[v.Domain] = v.Keys
		}
	}
	var zone strings.Builder
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		for _, record := range keyRecords(documents[name]) {
			fmt.Fprintf(&zone, "_mir-key.%s. %d IN TXT %q\n", name, zoneTTL, record)
		}
		path := filepath.Join(dir, name, ".well-known", "mir.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // it is there to be published
			return 0, err
		}
		if err := os.WriteFile(path, documents[name], 0o644); err != nil { //nolint:gosec // as above
			return 0, err
		}
	}
	return len(documents), os.WriteFile(filepath.Join(dir, "zone.txt"), []byte(zone.String()), 0o644) //nolint:gosec // as above
}

// keyRecords are the TXT records of a document's keys. One that holds no good document has none: its domain publishes over HTTPS alone.
func keyRecords(document []byte) []string {
	parsed, err := protocol.ParseKeyDocument(document)
	if err != nil {
		return nil
	}
	var records []string
	for _, key := range parsed.Keys {
		records = append(records, protocol.KeyRecord(key.Public))
	}
	return records
}
