package vectors

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"mirnode/conformance/cases"
)

// Options say for whom cases are made. Empty fields stand for the defaults.
type Options struct {
	Suffix string    // the domain below which the cases' domains lie, in lower case
	Seed   string    // makes the keys
	Now    time.Time // for live cases; the zero time is DefaultNow
}

// DefaultNow is the instant for which the live cases among the shipped files are made.
func DefaultNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// Generate returns all cases of verdicts and of signers, sorted by ID. The same options give the same cases, byte for byte. The error
// names the first case that does not pass its own check, which a strange suffix can bring about.
func Generate(opts Options) ([]cases.Case, error) {
	opts.Suffix, opts.Seed = or(opts.Suffix, DefaultSuffix), or(opts.Seed, DefaultSeed)
	if opts.Now.IsZero() {
		opts.Now = DefaultNow()
	}
	if len(opts.Suffix) > maxSuffix {
		return nil, fmt.Errorf("the suffix %s has %d octets; with more than %d the cases' domains would be too long", opts.Suffix, len(opts.Suffix), maxSuffix)
	}
	m := &maker{opts}
	var all []cases.Case
	for _, section := range []struct {
		name    string
		vectors []vector
	}{
		{"claim-schema", m.claimSchema()}, {"canonical", m.canonicalForms()}, {"signature", m.signatures()}, {"keys", m.keySelection()}, {"time", m.times()},
	} {
		for i := range section.vectors {
			all = append(all, m.made(section.name, &section.vectors[i]))
		}
	}
	all = append(all, m.signerCases()...)
	slices.SortFunc(all, func(a, b cases.Case) int { return cmp.Compare(a.ID, b.ID) })
	for i := range all {
		if err := all[i].Check(); err != nil {
			return nil, fmt.Errorf("case %s: %w", all[i].ID, err)
		}
		if i > 0 && all[i].ID == all[i-1].ID {
			return nil, fmt.Errorf("there are two cases %s", all[i].ID)
		}
	}
	return all, nil
}

// maxSuffix bounds a suffix, in octets: with the longest label of a case before it, and _mir-key., it is still a DNS name.
const maxSuffix = 160
