package vectors

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// The changes of a document's spelling. Each panics where it finds nothing to change.

// chain does one change after the other.
func chain(changes ...func(string) string) func(string) string {
	return func(doc string) string {
		for _, change := range changes {
			doc = change(doc)
		}
		return doc
	}
}

// without takes a member out of the document, in which each stands on a line of its own.
func without(member string) func(string) string {
	return func(doc string) string {
		lines := strings.Split(strings.TrimSpace(doc), "\n")
		kept := lines[:1]
		for _, line := range lines[1 : len(lines)-1] {
			if !strings.HasPrefix(line, `  "`+member+`":`) {
				kept = append(kept, line)
			}
		}
		if len(kept) != len(lines)-2 {
			panic("the document has no member " + member)
		}
		kept[len(kept)-1] = strings.TrimSuffix(kept[len(kept)-1], ",")
		return strings.Join(append(kept, "}", ""), "\n")
	}
}

// valueOf puts another value in the place of a string member's; the name's case does not matter.
func valueOf(member, value string) func(string) string {
	pattern := regexp.MustCompile(`(?i)("` + member + `": )"[^"]*"`)
	return func(doc string) string {
		changed := pattern.ReplaceAllLiteralString(doc, pattern.FindStringSubmatch(doc)[1]+value)
		if changed == doc {
			panic("nothing to change: " + member)
		}
		return changed
	}
}

// paddedTo fills white space into the document until it has so many bytes, without the white space around it.
func paddedTo(size int) func(string) string {
	return func(doc string) string {
		doc = strings.TrimSpace(doc)
		return replace(`"mir": `, `"mir": `+strings.Repeat(" ", size-len(doc)))(doc)
	}
}

// sigFirst writes the members in another order.
func sigFirst(doc string) string {
	lines := strings.Split(strings.TrimSpace(doc), "\n")
	members := lines[1 : len(lines)-1]
	var turned []string
	for i := len(members) - 1; i >= 0; i-- {
		turned = append(turned, strings.TrimSuffix(members[i], ","))
	}
	return "{" + strings.Join(turned, ",") + "}"
}

func trailingComma(doc string) string {
	return strings.TrimSuffix(strings.TrimSpace(doc), "\n}") + ",\n}"
}

// utf16LE writes the document in UTF-16, little endian, with its mark.
func utf16LE(doc string) string {
	out := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(doc)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}

// escaped writes a string's first character as an escape.
func escaped(s string) string { return fmt.Sprintf(`\u%04x`, s[0]) + s[1:] }
