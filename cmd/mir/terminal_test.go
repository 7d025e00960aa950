package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"mirnode/cluster"
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

// TestDomainsWordsAreHarmless lets a domain publish escape sequences wherever it can.
func TestDomainsWordsAreHarmless(t *testing.T) {
	internet := newNames(t)
	const escapes = `x\027[2J\194\155\049m\226\128\174\010ACCEPT` // as a zone file writes ESC, CSI in UTF-8, RLO and a line break
	document := `{"keys":[{"pub":"x\u001b[2J\nACCEPT\u009b1m` + "\u202e" + `","fingerprint":"\u009b","alg":"\u001b[31m"},{"\u001b":1}]}`
	var output string
	for _, contentType := range []string{"application/json", "text/\u009b1m"} {
		internet.publish("bad.test", func(d *cluster.Domain) {
			d.Records = []string{`_mir-key TXT "mir-key=` + escapes + `"`, `_mir-key TXT "` + escapes + `"`, `@ TXT "mir-key=` + escapes + `"`}
			d.Document = &cluster.Document{Status: 200, ContentType: contentType, Body: document}
		})
		_, said := internet.check("bad.test")
		output += said
	}
	if !strings.Contains(output, "mir-key=x") || !strings.Contains(output, "text/") {
		t.Errorf("nothing of it was shown:\n%s", output)
	}
	for line := range strings.Lines(output) {
		if line = strings.TrimSuffix(line, "\n"); printable(line) != line || strings.HasPrefix(line, "ACCEPT") {
			t.Errorf("%q", line)
		}
	}
}
