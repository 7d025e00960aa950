package protocol

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"mirnode/internal/strictjson"
)

// byCodePoint orders members as the protocol's text says. The bytes of UTF-8 sort like
// its code points.
func byCodePoint(a, b *strictjson.Member) int { return strings.Compare(a.Name.Text, b.Name.Text) }

// byJavaScript orders members as the SDK does: it sorts by UTF-16 units, and then
// JavaScript moves what looks like an array index ahead, in numeric order.
func byJavaScript(a, b *strictjson.Member) int {
	i, aIndex := arrayIndex(a.Name.Text)
	j, bIndex := arrayIndex(b.Name.Text)
	switch {
	case aIndex && bIndex:
		return cmp.Compare(i, j)
	case aIndex:
		return -1
	case bIndex:
		return 1
	default:
		return compareUTF16(a.Name.Text, b.Name.Text)
	}
}

// arrayIndex reports whether a name is an array index (ECMA-262 section 6.1.7): an
// integer from 0 to 2^32-2 without leading zeros.
func arrayIndex(name string) (uint64, bool) {
	const most = 1<<32 - 2
	if name == "" || !isDigit(name[0]) || name[0] == '0' && len(name) > 1 || len(name) > len("4294967294") {
		return 0, false
	}
	n := uint64(0)
	for i := range len(name) { // strconv would make an error for each name that is none, and sorting asks often
		if !isDigit(name[i]) {
			return 0, false
		}
		n = n*10 + uint64(name[i]-'0')
	}
	return n, n <= most
}

// compareUTF16 compares UTF-8 strings by the UTF-16 units that they would have. That
// differs from the order of code points only where one above U+FFFF, which is written
// with surrogates from D800 on, meets one from U+E000 to U+FFFF.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		r, n := utf8.DecodeRuneInString(a)
		s, m := utf8.DecodeRuneInString(b)
		if r != s {
			if (r > 0xFFFF) != (s > 0xFFFF) && min(r, s) >= 0xE000 {
				return cmp.Compare(s, r)
			}
			return cmp.Compare(r, s)
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

// sortsAlike reports whether a name surely has the same place in both orders.
func sortsAlike(name string) bool {
	if name != "" && isDigit(name[0]) {
		return false
	}
	for i := range len(name) {
		if name[i] >= 0xEE { // the first byte of U+E000 and up
			return false
		}
	}
	return true
}
