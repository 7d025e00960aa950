package protocol

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// validText reports whether s is 1 to most characters, none of them a control character but line breaks and tabs, nor one that turns text.
func validText(s string, most int) bool {
	return validChars(s, most, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

// validLine reports whether s is 1 to most characters, none of them a control character or one that turns text.
func validLine(s string, most int) bool { return validChars(s, most, unicode.IsControl) }

func validChars(s string, most int, bad func(rune) bool) bool {
	return s != "" && len(s) <= most*utf8.UTFMax && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, bad) && !turnsText(s)
}

// validMediaType takes type/subtype, both names of RFC 6838 section 4.2.
func validMediaType(s string) bool {
	kind, sub, ok := strings.Cut(s, "/")
	return ok && validMediaName(kind) && validMediaName(sub)
}

func validMediaName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && (i == 0 || !strings.ContainsRune("!#$&-^_.+", rune(c))) {
			return false
		}
	}
	return s != "" && len(s) <= maxMediaName
}
