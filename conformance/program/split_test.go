package program_test

import (
	"slices"
	"strings"
	"testing"

	"mirnode/conformance/program"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"a":                       {"a"},
		"  a\tb \n c ":            {"a", "b", "c"},
		`a 'b c' "d e"`:           {"a", "b c", "d e"},
		`a '' ""`:                 {"a", "", ""},
		`a b'c'"d"e`:              {"a", "bcde"},
		`a b\ c \'d\' \\`:         {"a", "b c", "'d'", `\`},
		`a "b \"c\" \\ \d \$e"`:   {"a", `b "c" \ \d $e`},
		`a 'b\c"d'`:               {"a", `b\c"d`},
		`a $HOME *.go | b > c; d`: {"a", "$HOME", "*.go", "|", "b", ">", "c;", "d"},
		"a \\\nb 'c\\\nd'":        {"a", "b", "c\\\nd"},
		"a \"b\\\nc\"":            {"a", "bc"},
		"node verify.js {keys}":   {"node", "verify.js", "{keys}"},
		"é 'ü ö'":                 {"é", "ü ö"},
	} {
		got, err := program.Split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
}

// FuzzSplit: words that are put in single quotes come back as they were.
func FuzzSplit(f *testing.F) {
	f.Add(`a 'b c' "d\"e" f\ g`)
	f.Add("a\\\nb")
	f.Fuzz(func(t *testing.T, line string) {
		words, err := program.Split(line)
		if err != nil {
			return
		}
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		again, err := program.Split(strings.Join(quoted, " "))
		if len(strings.Join(quoted, " ")) <= program.MaxCommand && (err != nil || !slices.Equal(words, again)) {
			t.Errorf("%q: %q, then %q (%v)", line, words, again, err)
		}
	})
}
