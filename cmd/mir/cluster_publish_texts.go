package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/cluster"
)

// publishedTexts are the values of --txt NAME=VALUE, by full name.
func (f *clusterPublishFlags) publishedTexts(domain string) (map[string][]string, error) {
	texts := map[string][]string{}
	for _, text := range f.texts {
		name, value, given := strings.Cut(text, "=")
		if !given || value == "" {
			return nil, fmt.Errorf("--txt %q: it is NAME=VALUE; `mir cluster unpublish %s --txt NAME` withdraws what is there", text, domain)
		}
		name, err := cluster.TextName(domain, name)
		if err != nil {
			return nil, fmt.Errorf("--txt: %w", err)
		}
		texts[name] = append(texts[name], value)
	}
	return texts, nil
}

// withdrawTexts carries out unpublish --txt.
func (f *clusterPublishFlags) withdrawTexts(cmd *cobra.Command, s streams, domain string) error {
	return updatePublished(cmd, s, f.dir, domain, "withdrawn", func(p *cluster.Published, domain string) error {
		d := p.Domains[domain]
		if d == nil {
			return fmt.Errorf("%s: %w", domain, cluster.ErrNotPublished)
		}
		for _, text := range f.texts {
			name, value, one := strings.Cut(text, "=")
			name, err := cluster.TextName(domain, name)
			if err != nil {
				return fmt.Errorf("--txt: %w", err)
			}
			if err := withdrawText(d, name, value, one); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		return nil
	})
}

func withdrawText(d *cluster.Domain, name, value string, one bool) error {
	if one {
		return d.RemoveText(name, value)
	}
	if len(d.Texts[name]) == 0 {
		return cluster.ErrNotPublished
	}
	d.SetText(name)
	return nil
}
