package report

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// visible makes a text of somebody else's harmless wherever it is shown: on a terminal, in a page, in an XML file. What does something instead of being shown is
// written as \u and four hex digits, bytes that are no UTF-8 as \x and two. Line breaks and tabs stay.
func visible(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return acts(r) && r != '\n' && r != '\t' }) < 0 {
		return text
	}
	b := make([]byte, 0, len(text)+64)
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, '\\', 'x')
			b = hex.AppendEncode(b, []byte(text[:1]))
		case acts(r) && r != '\n' && r != '\t':
			b = append(b, escape(r)...)
		default:
			b = utf8.AppendRune(b, r)
		}
		text = text[size:]
	}
	return string(b)
}

// Visible makes a text of somebody else's harmless, as in the reports: for what is shown beside them. Line breaks and tabs stay. It may be called by several goroutines at once.
func Visible(text string) string { return visible(text) }

// visibleLine is visible on one line.
func visibleLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(visible(text))
}

// acts tells the characters that do something to what shows them: controls (C0, DEL, C1), the line and paragraph separators, the bidirectional
// controls and all other invisible format characters (Unicode category Cf), and the two code points that XML forbids.
func acts(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == '\ufffe' || r == '\uffff'
}

// escape writes a character as JSON does, so that in JSON a string stays the same by it.
func escape(r rune) string {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// shown is what is shown of a text of somebody else's: visible, and at most so many bytes and lines of it. What is cut is said.
func shown(text string, mostBytes, mostLines int) string {
	return excerpt(visible(clip(text, mostBytes+1)), mostBytes, mostLines)
}

// clip cuts a text before it is looked at: making it visible never makes it shorter by more than a line break's carriage return, and a hostile text may be long.
func clip(text string, most int) string {
	if 2*most < len(text) {
		return text[:2*most]
	}
	return text
}

// excerpt cuts a visible text to so many bytes and lines, at a character, and says so.
func excerpt(text string, mostBytes, mostLines int) string {
	cut := false
	if len(text) > mostBytes {
		for mostBytes > 0 && !utf8.RuneStart(text[mostBytes]) {
			mostBytes--
		}
		text, cut = text[:mostBytes], true
	}
	for i, lines := 0, 0; i < len(text); i++ {
		if text[i] != '\n' {
			continue
		}
		if lines++; lines == mostLines && i < len(text)-1 {
			text, cut = text[:i], true
		}
	}
	if cut {
		return text + " … (cut)"
	}
	return text
}
