package vectors

import (
	"cmp"
	"crypto/ed25519"
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
	m, err := newMaker(opts)
	if err != nil {
		return nil, err
	}
	var all []cases.Case
	for _, section := range []string{"claim-schema", "canonical", "signature", "keys", "time"} {
		vectors := m.vectors(section)
		for i := range vectors {
			all = append(all, m.made(section, &vectors[i]))
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

func newMaker(opts Options) (*maker, error) {
	opts.Suffix, opts.Seed = or(opts.Suffix, DefaultSuffix), or(opts.Seed, DefaultSeed)
	if opts.Now.IsZero() {
		opts.Now = DefaultNow()
	}
	if len(opts.Suffix) > maxSuffix {
		return nil, fmt.Errorf("the suffix %s has %d octets; with more than %d the cases' domains would be too long", opts.Suffix, len(opts.Suffix), maxSuffix)
	}
	return &maker{Options: opts, keysByName: make(map[string]ed25519.PrivateKey)}, nil
}

// vectors returns the vectors of a section of verdicts, or none.
func (m *maker) vectors(section string) []vector {
	switch section {
	case "claim-schema":
		return m.claimSchema()
	case "canonical":
		return m.canonicalForms()
	case "signature":
		return m.signatures()
	case "keys":
		return m.keySelection()
	case "time":
		return m.times()
	}
	return nil
}

// Remake returns the cases with those among them that are generated made for other options. It leaves the slice alone.
func Remake(all []cases.Case, opts Options) ([]cases.Case, error) {
	generated, err := Generate(opts)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]cases.Case, len(generated))
	for _, c := range generated {
		byID[c.ID] = c
	}
	out := slices.Clone(all)
	for i := range out {
		if made, ok := byID[out[i].ID]; ok {
			out[i] = made
		}
	}
	return out, nil
}
