package cases_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mirnode/conformance/cases"
)

// pages are the project's own sources of requirements, by the first word of a section.
var pages = map[string]string{
	"Protocol": "protocol.md", "API": "api.md", "Receipts": "receipts.md", "Federation": "federation.md", "Operators": "operators.md",
}

// TestRequirementsAreQuoted holds the words of each requirement to the page that it names, so that neither changes without the other.
func TestRequirementsAreQuoted(t *testing.T) {
	texts := map[string]string{}
	for source, file := range pages {
		data, err := os.ReadFile(filepath.Join("..", "..", "docs", file))
		if err != nil {
			t.Fatal(err)
		}
		texts[source] = plainWords(string(data))
	}
	all, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, c := range all {
		source, _, _ := strings.Cut(c.Requirement.Section, ",")
		text, ours := texts[source]
		if !ours {
			continue
		}
		quoted++
		for part := range strings.SplitSeq(c.Requirement.Words, "…") {
			if !strings.Contains(text, strings.Trim(plainWords(part), " .")) {
				t.Errorf("%s: %q does not stand in docs/%s", c.ID, part, pages[source])
			}
		}
	}
	if quoted < 100 {
		t.Errorf("%d requirements are quoted from the project's pages: do the names of their sections still begin with these?", quoted)
	}
}

var link = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)

// plainWords leaves out what is there for the eye alone.
func plainWords(s string) string {
	s = link.ReplaceAllString(s, "$1")
	s = strings.NewReplacer("`", "", "*", "", `"`, "", "“", "", "”", "", `\`, "", "|", "").Replace(s)
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}
