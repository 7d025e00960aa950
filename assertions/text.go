package assertions

import (
	"encoding/hex"
	"strconv"
	"time"

	"mirnode/internal/strictjson"
)

// Answers are put together by hand: what is stored leaves as it is, and a look-up decodes and encodes nothing that it need not.

// timeForm is how messages write times in UTC, and answers do.
const timeForm = "2006-01-02T15:04:05.000Z"

// appendString writes s as a JSON string; most are plain ASCII.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	quoted, err := strictjson.Marshal(s)
	if err != nil { // not UTF-8, which no parser of records lets pass
		return appendString(b, strconv.QuoteToASCII(s))
	}
	return append(b, quoted...)
}

// appendID writes an assertion's ID as a JSON string.
func appendID(b []byte, id [32]byte) []byte {
	b = append(b, `"assertion_`...)
	b = hex.AppendEncode(b, id[:])
	return append(b, '"')
}

// appendTime writes a time in UTC with milliseconds, always of one length. It does what time.AppendFormat does in a third of the time, and each assertion has one.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(b, '"')
	b = appendDigits(appendDigits(b, year/100), year%100)
	b = appendDigits(append(b, '-'), int(month))
	b = appendDigits(append(b, '-'), day)
	b = appendDigits(append(b, 'T'), hour)
	b = appendDigits(append(b, ':'), minute)
	b = appendDigits(append(b, ':'), second)
	millis := t.Nanosecond() / int(time.Millisecond)
	return append(appendDigits(append(b, '.', byte('0'+millis/100)), millis%100), 'Z', '"')
}

// appendDigits writes two digits.
func appendDigits(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

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
