package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"mirnode/internal/nearest"
)

// maxConfigBytes bounds a configuration file.
const maxConfigBytes = 1 << 20

// Sources are where settings come from: defaults < File < Environ < Flags.
type Sources struct {
	File    string              // the path of a YAML file; "" for none
	Environ []string            // as os.Environ gives it
	Foreign []string            // MIR_* variables that belong to other commands
	Flags   map[string][]string // by Setting.Key
}

// Load reads the settings together and checks them. What is not known is an error that names the nearest known setting. Paths are
// relative to the working directory.
func Load(s Sources) (Config, error) {
	c := Default()
	if s.File != "" {
		if err := c.loadFile(s.File); err != nil {
			return c, err
		}
	}
	if err := c.loadEnviron(s.Environ, s.Foreign); err != nil {
		return c, err
	}
	for _, setting := range c.Settings() {
		values, ok := s.Flags[setting.Key]
		if !ok {
			continue
		}
		if setting.list {
			values = splitList(strings.Join(values, ","))
		} else {
			values = values[len(values)-1:]
		}
		if err := setting.set(values); err != nil {
			return c, fmt.Errorf("--%s: %w", setting.Flag(), err)
		}
	}
	return c, c.Validate()
}

// loadEnviron applies the MIR_* variables; a variable that is set to nothing counts as not set.
func (c *Config) loadEnviron(environ, foreign []string) error {
	settings := c.Settings()
	names := make([]string, len(settings))
	for i, setting := range settings {
		names[i] = setting.Env()
	}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "MIR_") || slices.Contains(foreign, name) || value == "" {
			continue
		}
		i := slices.Index(names, name)
		if i < 0 {
			return fmt.Errorf("unknown variable %s%s", name, didYouMean(name, names))
		}
		values := []string{value}
		if settings[i].list {
			values = splitList(value)
		}
		if err := settings[i].set(values); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func splitList(s string) []string {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func didYouMean(name string, known []string) string {
	if near := nearest.Name(name, known); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ": `mir node --help` lists the settings"
}

// loadFile applies a YAML file: one document of nested mappings.
func (c *Config) loadFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if len(data) > maxConfigBytes {
		return fmt.Errorf("configuration: %s is larger than %d bytes", path, maxConfigBytes)
	}
	if err := c.loadYAML(data); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (c *Config) loadYAML(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil // an empty file sets nothing
	}
	if err != nil {
		return err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is a second document in the file: put all settings into one, without a line of ---")
	}
	r := yamlReader{settings: c.Settings()}
	for _, setting := range r.settings {
		r.keys = append(r.keys, setting.Key)
	}
	return r.mapping("", document.Content[0])
}

// yamlReader walks a document along the table of settings.
type yamlReader struct {
	settings []Setting
	keys     []string
}

// maxFaults is how many faults of one group are told at once.
const maxFaults = 20

// mapping reads one group of settings, and tells all that is wrong with it.
func (r yamlReader) mapping(prefix string, n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil // "tls:" with all its lines commented out
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: %s must hold settings, as in\n  key: value", n.Line, orFile(strings.TrimSuffix(prefix, ".")))
	}
	seen := make(map[string]bool)
	var faults []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		key := prefix + name.Value
		if seen[key] {
			faults = append(faults, fmt.Errorf("line %d: %s stands twice", name.Line, key))
			continue
		}
		seen[key] = true
		if err := r.entry(key, name.Line, value); err != nil {
			faults = append(faults, err)
		}
		if len(faults) == maxFaults {
			break
		}
	}
	return errors.Join(faults...)
}

func (r yamlReader) entry(key string, line int, value *yaml.Node) error {
	if i := slices.Index(r.keys, key); i >= 0 {
		values, err := scalars(r.settings[i], value)
		if err == nil && values != nil {
			err = r.settings[i].set(values)
		}
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", line, key, err)
		}
		return nil
	}
	if slices.ContainsFunc(r.keys, func(known string) bool { return strings.HasPrefix(known, key+".") }) {
		return r.mapping(key+".", value)
	}
	return fmt.Errorf("line %d: unknown setting %s%s", line, key, didYouMean(key, r.sections()))
}

// sections are all keys and the names of the groups that they stand in.
func (r yamlReader) sections() []string {
	names := slices.Clone(r.keys)
	for _, key := range r.keys {
		if group, _, ok := strings.Cut(key, "."); ok && !slices.Contains(names, group) {
			names = append(names, group)
		}
	}
	return names
}

// scalars gives a setting's values; none for a key without a value.
func scalars(s Setting, n *yaml.Node) ([]string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, nil
	case n.Kind == yaml.ScalarNode && !s.list:
		return []string{n.Value}, nil
	case n.Kind == yaml.ScalarNode:
		return splitList(n.Value), nil
	case n.Kind == yaml.SequenceNode && s.list && !s.mapping:
		return plainItems(n)
	case n.Kind == yaml.MappingNode && s.mapping:
		return pairs(n)
	case n.Kind == yaml.AliasNode:
		return nil, fmt.Errorf("anchors and aliases are not understood here: write the value out")
	case s.mapping:
		return nil, fmt.Errorf("write a mapping, as in\n  publish:\n    shop.example: mir.json")
	case s.list:
		return nil, fmt.Errorf("write a list, as in [a, b]")
	}
	return nil, fmt.Errorf("write one value (%s)", s.Unit)
}

func plainItems(n *yaml.Node) ([]string, error) {
	items := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("write a list of plain values, as in [a, b]")
		}
		items = append(items, item.Value)
	}
	return items, nil
}

// pairs flattens a mapping to name=value; a list of values gives several pairs of one name.
func pairs(n *yaml.Node) ([]string, error) {
	var list []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		values := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			values = value.Content
		}
		for _, v := range values {
			if v.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("%s: write a file's path, or a list of public keys", name)
			}
			list = append(list, name+"="+v.Value)
		}
	}
	return list, nil
}

func orFile(s string) string {
	if s == "" {
		return "the file"
	}
	return s
}
