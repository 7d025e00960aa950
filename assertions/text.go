package assertions

import (
	"encoding/hex"
)

// Answers are put together by hand: what is stored leaves as it is, and a look-up decodes and encodes nothing that it need not.

// timeForm is how messages write times in UTC, and answers do.
const timeForm = "2006-01-02T15:04:05.000Z"

// appendID writes an assertion's ID as a JSON string.
func appendID(b []byte, id [32]byte) []byte {
	b = append(b, `"assertion_`...)
	b = hex.AppendEncode(b, id[:])
	return append(b, '"')
}

// memberOf finds a member's literal in a canonical object (docs/protocol.md): no white space, names sorted and without escapes, and, before
// the member that is asked for, values that are strings or numbers. It returns nil where there is no such member.
func memberOf(object []byte, name string) []byte {
	for at := 1; at < len(object) && object[at] == '"'; at++ {
		nameEnd := stringEnd(object, at)
		valueEnd := nameEnd + 1 // past the colon
		if valueEnd >= len(object) {
			return nil // cut off: no object that a parser made
		}
		found := string(object[at+1:nameEnd-1]) == name
		valueAt := valueEnd
		if object[valueAt] == '"' {
			valueEnd = stringEnd(object, valueAt)
		} else {
			for valueEnd < len(object) && object[valueEnd] != ',' && object[valueEnd] != '}' {
				valueEnd++
			}
		}
		if found {
			return object[valueAt:valueEnd]
		}
		at = valueEnd
	}
	return nil
}

// stringEnd is the place behind the string that starts at a place.
func stringEnd(b []byte, at int) int {
	for at++; at < len(b); at++ {
		switch b[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(b)
}
