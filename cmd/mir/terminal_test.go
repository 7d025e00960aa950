package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain, größer, 値, 🙂":  "plain, größer, 値, 🙂",
		"\x1b[2J\x07":          `\u001b[2J\u0007`,
		"a\nACCEPT\rb\tc\x7f":  `a\u000aACCEPT\u000db\u0009c\u007f`,
		"\u009b31m":            `\u009b31m`,
		"moc\u202elive\u2066x": `moc\u202elive\u2066x`,
		"\u2028line\u2029":     `\u2028line\u2029`,
		"not\xffUTF-8\x9b31m":  "not\ufffdUTF-8\ufffd31m",
	} {
		if got := printable(text); got != want {
			t.Errorf("printable(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestPrintableLeavesNothingDangerous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		got := printable(text)
		if strings.IndexFunc(got, dangerous) >= 0 || !utf8.ValidString(got) || printable(got) != got {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
