package chaos_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mirnode/conformance/chaos"
)

// pages are where the words of requirements stand, by the page's name in front of their section.
var pages = map[string]string{
	"API": "api.md", "Protocol": "protocol.md", "Joining a federation": "federation.md", "A federation on one machine": "cluster.md",
}

// TestWordsStandWhereTheyAreSaidTo holds the quotes to the project's pages, whose tables and line breaks count as spaces.
func TestWordsStandWhereTheyAreSaidTo(t *testing.T) {
	plain := func(text string) string {
		return strings.Join(strings.Fields(strings.NewReplacer("|", " ", "`", " ", ":", " ").Replace(text)), " ")
	}
	for _, c := range chaos.Cases() {
		name, _, _ := strings.Cut(c.Requirement.Section, ",")
		page, ours := pages[name]
		if !ours {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plain(string(text)), plain(c.Requirement.Words)) {
			t.Errorf("%s: %s has no words %q", c.ID, page, c.Requirement.Words)
		}
	}
}

func TestCasesAreWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range chaos.Cases() {
		if seen[c.ID] || c.Section() != "chaos" || c.Title == "" || c.Why == "" || c.Requirement.Level == "" || strings.Contains(c.Title, "\n") {
			t.Errorf("%+v", c)
		}
		seen[c.ID] = true
	}
	if len(seen) < 10 {
		t.Errorf("there are %d cases", len(seen))
	}
}
