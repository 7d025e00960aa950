package node

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"mirnode/protocol"
)

// Published names, for each domain (in lower case), what is served at its /.well-known/mir.json: the path of one mir.json file, or public keys
// (43 base64url characters each).
type Published map[string][]string

// String writes DOMAIN=VALUE,… in the domains' order.
func (p Published) String() string {
	var list []string
	for _, domain := range slices.Sorted(maps.Keys(p)) {
		for _, value := range p[domain] {
			list = append(list, domain+"="+value)
		}
	}
	return strings.Join(list, ",")
}

func (p Published) set(entries []string) error {
	clear(p)
	for _, entry := range entries {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || value == "" {
			return fmt.Errorf("%q: write DOMAIN=FILE, as in shop.example=mir.json", entry)
		}
		domain, err := protocol.ParseDomain(name)
		if err != nil {
			return fmt.Errorf("%q is no domain: write it like shop.example", name)
		}
		p[domain] = append(p[domain], value)
	}
	return nil
}

// documents reads the files and the keys.
func (p Published) documents() (map[string]protocol.KeyDocument, error) {
	documents := make(map[string]protocol.KeyDocument, len(p))
	var faults []error
	for _, domain := range slices.Sorted(maps.Keys(p)) {
		document, err := publishedDocument(p[domain])
		if err != nil {
			faults = append(faults, fmt.Errorf("publish: %s: %w", domain, err))
		}
		documents[domain] = document
	}
	return documents, errors.Join(faults...)
}

func publishedDocument(values []string) (protocol.KeyDocument, error) {
	var document protocol.KeyDocument
	for _, value := range values {
		public, err := protocol.ParsePublicKey(value)
		if err == nil {
			document.Keys = append(document.Keys, protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)})
			continue
		}
		if len(values) > 1 {
			return document, fmt.Errorf("%q is no public key: %w", value, err)
		}
		return publishedFile(value)
	}
	return document, nil
}

func publishedFile(path string) (protocol.KeyDocument, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return protocol.KeyDocument{}, fmt.Errorf("neither a public key nor a file that can be read: %w", err)
	}
	document, err := protocol.ParseKeyDocument(data)
	if err != nil {
		return document, fmt.Errorf("%s: %w", path, err)
	}
	if len(document.Problems) > 0 {
		return document, fmt.Errorf("%s: %s", path, strings.Join(document.Problems, "; "))
	}
	if len(document.Keys) == 0 {
		return document, fmt.Errorf("%s holds no keys: make one with `mir key new`", path)
	}
	return document, nil
}
